//! Feeds damaged and hostile bytes to every parser of strangers' files, and counts memory.
//!
//! ```sh
//! cargo run --release -p blueberry-records --example fuzz -- 600            # ten minutes for each parser
//! cargo run --release -p blueberry-records --example fuzz -- 60 ledger 7    # one minute, one parser, another seed
//! ```
//!
//! It begins with real inputs and changes bits, bytes, numbers, lines and brackets, splices inputs, repeats parts of them
//! and packs them. A panic ends it with the input in `fuzz-<parser>.bin`; so does a parser that holds more than 1 GB.

#[path = "../tests/common/mod.rs"]
mod common;

use std::alloc::{GlobalAlloc, Layout, System};
use std::fs;
use std::io::{BufReader, Read};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::time::{Duration, Instant};

use blueberry_records::config::config_text;
use blueberry_records::logs::LogReader;
use blueberry_records::record::Record;
use blueberry_records::{LogLimits, readme, sign};
use blueberry_rules::{Case, Categories, Declared, Facts, Happening, Kind, Ledger, Summary, judge};
use blueberry_runlog::decompress;

/// More than this held by one parser is a failure.
const MOST_BYTES: usize = 1_000_000_000;

/// Counts what is held.
struct Counting;

static HELD: AtomicUsize = AtomicUsize::new(0);
static PEAK: AtomicUsize = AtomicUsize::new(0);

// SAFETY: every call goes to the system's allocator unchanged; only counters are kept beside it.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let held = HELD.fetch_add(layout.size(), Relaxed) + layout.size();
        PEAK.fetch_max(held, Relaxed);
        // SAFETY: the caller's layout, as it came.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        HELD.fetch_sub(layout.size(), Relaxed);
        // SAFETY: the caller's pointer and layout, as they came.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// A parser with inputs that it takes.
struct Target {
    name: &'static str,
    parse: fn(&[u8]),
    seeds: fn() -> Vec<Vec<u8>>,
}

const TARGETS: [Target; 9] = [
    Target {
        name: "log",
        parse: log,
        seeds: log_seeds,
    },
    Target {
        name: "packed",
        parse: packed,
        seeds: packed_seeds,
    },
    Target {
        name: "judge",
        parse: judged,
        seeds: log_seeds,
    },
    Target {
        name: "attempts",
        parse: attempts,
        seeds: || vec![common::attempts_text().into_bytes()],
    },
    Target {
        name: "categories",
        parse: categories,
        seeds: || vec![common::CATEGORIES.as_bytes().to_vec()],
    },
    Target {
        name: "ledger",
        parse: ledger,
        seeds: ledger_seeds,
    },
    Target {
        name: "record",
        parse: record,
        seeds: || vec![RECORD.as_bytes().to_vec()],
    },
    Target {
        name: "readme",
        parse: readme_table,
        seeds: readme_seeds,
    },
    Target {
        name: "signature",
        parse: signature,
        seeds: signature_seeds,
    },
];

fn text(bytes: &[u8], parse: impl FnOnce(&str)) {
    if let Ok(text) = std::str::from_utf8(bytes) {
        parse(text);
    }
}

/// The whole way of a log's file: unpacked, metered, read.
fn log(bytes: &[u8]) {
    let path = std::env::temp_dir().join(format!("blueberry-fuzz-{}", std::process::id()));
    if fs::write(&path, bytes).is_ok() {
        drop(LogReader::new(&LogLimits::default()).read(&path, "log"));
    }
}

fn packed(bytes: &[u8]) {
    if let Ok(mut unpacked) = decompress(BufReader::new(bytes), 256 << 20) {
        let mut buffer = vec![0; 1 << 16];
        while unpacked.read(&mut buffer).is_ok_and(|got| got > 0) {}
    }
}

/// Every rule over a log, and the curve of it.
fn judged(bytes: &[u8]) {
    let Ok(log) = blueberry_runlog::read(bytes, &blueberry_runlog::Limits::default()) else {
        return;
    };
    drop(config_text(&log.run.config));
    let runs = [blueberry_rules::LoggedRun {
        name: "a".into(),
        sha256: common::digest('a'),
        log,
    }];
    for categories in [common::categories(), Categories::official()] {
        for category in &categories.list {
            let facts = Facts::default();
            let plausibility = categories.plausibility.as_ref();
            drop(judge(&Case {
                category,
                plausibility,
                runs: &runs,
                facts: &facts,
            }));
        }
        let picture = blueberry_records::curve::loss_curve("t", &categories.list[0], &runs);
        drop(blueberry_records::curve::svg(&picture));
    }
}

fn attempts(bytes: &[u8]) {
    text(bytes, |text| drop(Declared::parse(text)));
}

fn categories(bytes: &[u8]) {
    text(bytes, |text| drop(Categories::parse(text)));
}

fn ledger(bytes: &[u8]) {
    text(bytes, |text| drop(Ledger::parse(text)));
}

fn record(bytes: &[u8]) {
    text(bytes, |text| drop(Record::parse(text)));
}

fn readme_table(bytes: &[u8]) {
    text(bytes, |text| {
        let claims = readme::claims(text);
        let (categories, runs) = (common::categories(), []);
        let facts = Facts {
            claims,
            ..Facts::default()
        };
        drop(judge(&Case {
            category: &categories.list[0],
            plausibility: None,
            runs: &runs,
            facts: &facts,
        }));
    });
}

/// Key, text and signature, parted by the first blank line.
fn signature(bytes: &[u8]) {
    text(bytes, |text| {
        let (key, signature) = text.split_once("\n\n").unwrap_or((text, text));
        drop(sign::verify(key, b"text", signature));
    });
}

fn log_seeds() -> Vec<Vec<u8>> {
    vec![common::small_log(), common::log_of(12)]
}

fn packed_seeds() -> Vec<Vec<u8>> {
    let log = common::small_log();
    [1, 19]
        .iter()
        .filter_map(|&level| zstd::encode_all(log.as_slice(), level).ok())
        .chain(gzip())
        .collect()
}

/// A stored and a fixed-code block, RFC 1951 and 1952.
fn gzip() -> Vec<Vec<u8>> {
    let head = [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3];
    let stored = [
        &head[..],
        &[1, 1, 0, 0xfe, 0xff, b'a', 0x43, 0xbe, 0xb7, 0xe8, 1, 0, 0, 0],
    ]
    .concat();
    let fixed = [&head[..], &[0x4b, 0x04, 0x00, 0x43, 0xbe, 0xb7, 0xe8, 1, 0, 0, 0]].concat();
    vec![stored, fixed]
}

fn ledger_seeds() -> Vec<Vec<u8>> {
    let mut ledger = Ledger::default();
    let mut text = String::new();
    for kind in [Kind::Submission, Kind::Verified, Kind::Revoked] {
        let what = Happening {
            date: "2026-11-25".into(),
            record: "dash/2026-11-25-a".into(),
            by: "alice".into(),
            kind,
            document_sha256: Some(common::digest('a')),
            reason: "for tests".into(),
        };
        text += &ledger.append(what).unwrap_or_default();
    }
    vec![text.into_bytes()]
}

fn readme_seeds() -> Vec<Vec<u8>> {
    let categories = common::categories();
    let summary = Summary::of(&categories.list[0], &common::claim_runs());
    vec![readme::table(&summary).into_bytes()]
}

/// The key and signature of a throw-away key.
fn signature_seeds() -> Vec<Vec<u8>> {
    let key = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJi9bfxZm5wFxYlAFyu2tb6kx8bPHU0WrjQxSB2uTBwV";
    let signature = "-----BEGIN SSH SIGNATURE-----\nU1NIU0lHAAAAAQAAADMAAAALc3NoLWVkMjU1MTkAAAAgmL1t/FmbnAXFiUAXK7a1vqTHxs8d\n\
                     TRauNDFIHa5MHBUAAAAQYmx1ZWJlcnJ5LXJlY29yZAAAAAAAAAAGc2hhNTEyAAAAUwAAAAtz\n-----END SSH SIGNATURE-----\n";
    vec![format!("{key}\n\n{signature}").into_bytes()]
}

const RECORD: &str = r#"format = 1
category = "small"
title = "Muon, wide"
author = "alice"
date = "2026-09-21"
parent = "small/2026-09-20-a"
config_sha256 = "eeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeee"
curve = 1
[source]
commit = "0123456789abcdef0123456789abcdef01234567"
sha256 = "dddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddd"
[figures]
train_s = "16.035"
[[runs]]
file = "runs/seed-11.jsonl.zst"
seed = 11
sha256 = "1111111111111111111111111111111111111111111111111111111111111111"
[files]
"config.toml" = "2222222222222222222222222222222222222222222222222222222222222222"
"#;

/// Steele, Lea and Flood, "Fast splittable pseudorandom number generators".
struct Dice(u64);

impl Dice {
    fn below(&mut self, count: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((z ^ (z >> 31)) % count.max(1) as u64) as usize
    }
}

/// Texts that break things.
const ODD: [&str; 22] = [
    "-1",
    "0",
    "1e308",
    "1e999",
    "18446744073709551615",
    "18446744073709551616",
    "9223372036854775807",
    "NaN",
    "\"NaN\"",
    "\"Infinity\"",
    "null",
    "[]",
    "{}",
    "\"\"",
    "true",
    "\u{0}",
    "\u{fffd}",
    "../..",
    "\n",
    "\"",
    "[[",
    "{\"event\":\"resume\"}",
];

fn mutated(seeds: &[Vec<u8>], dice: &mut Dice) -> Vec<u8> {
    let mut bytes = seeds[dice.below(seeds.len())].clone();
    for _ in 0..=dice.below(6) {
        mutate(&mut bytes, seeds, dice);
        if bytes.is_empty() {
            break;
        }
    }
    bytes
}

fn mutate(bytes: &mut Vec<u8>, seeds: &[Vec<u8>], dice: &mut Dice) {
    let at = dice.below(bytes.len());
    let to = at + dice.below((bytes.len() - at).min(64));
    match dice.below(10) {
        0 => bytes[at] ^= 1 << dice.below(8),
        1 => bytes[at] = dice.below(256) as u8,
        2 => bytes.truncate(at),
        3 => drop(bytes.drain(at..to)),
        4 => drop(bytes.splice(at..at, bytes[at..to].to_vec())),
        5 => drop(bytes.splice(at..to, ODD[dice.below(ODD.len())].bytes())),
        6 => number(bytes, at, dice),
        7 => lines(bytes, dice),
        8 => {
            let other = &seeds[dice.below(seeds.len())];
            bytes.truncate(at);
            bytes.extend_from_slice(&other[dice.below(other.len())..]);
        }
        _ => {
            // Deep or long.
            let part = [&b"["[..], b"{\"a\":", b"0,", b"#", b"\n", b"|"][dice.below(6)];
            drop(bytes.splice(at..at, part.repeat(1 << dice.below(16))));
        }
    }
}

/// Another number where the next one stands.
fn number(bytes: &mut Vec<u8>, at: usize, dice: &mut Dice) {
    let is_part = |byte: &u8| byte.is_ascii_digit() || b".-+e".contains(byte);
    let Some(begin) = bytes[at..]
        .iter()
        .position(u8::is_ascii_digit)
        .map(|more| at + more)
    else {
        return;
    };
    let end = bytes[begin..]
        .iter()
        .position(|byte| !is_part(byte))
        .map_or(bytes.len(), |more| begin + more);
    drop(bytes.splice(begin..end, ODD[dice.below(8)].bytes()));
}

/// Drops, doubles or swaps lines.
fn lines(bytes: &mut Vec<u8>, dice: &mut Dice) {
    let mut lines: Vec<Vec<u8>> = bytes
        .split_inclusive(|&byte| byte == b'\n')
        .map(<[u8]>::to_vec)
        .collect();
    let (at, other) = (dice.below(lines.len()), dice.below(lines.len()));
    match dice.below(3) {
        0 => drop(lines.remove(at)),
        1 => lines.insert(other, lines[at].clone()),
        _ => lines.swap(at, other),
    }
    *bytes = lines.concat();
}

/// Feeds a parser for so long; `false` where it failed.
fn fuzz(target: &Target, time: Duration, seed: u64) -> bool {
    let seeds = (target.seeds)();
    let mut dice = Dice(seed);
    let (start, mut inputs, mut slowest) = (Instant::now(), 0_u64, Duration::ZERO);
    let mut peak = 0;
    while start.elapsed() < time {
        let input = mutated(&seeds, &mut dice);
        let held = HELD.load(Relaxed);
        PEAK.store(held, Relaxed);
        let begin = Instant::now();
        let survived = catch_unwind(AssertUnwindSafe(|| (target.parse)(&input))).is_ok();
        slowest = slowest.max(begin.elapsed());
        peak = peak.max(PEAK.load(Relaxed).saturating_sub(held));
        inputs += 1;
        if !survived || peak > MOST_BYTES {
            let file = format!("fuzz-{}.bin", target.name);
            println!(
                "{}: failed after {inputs} inputs, peak {peak} bytes; the input is in {file}",
                target.name
            );
            if let Err(error) = fs::write(&file, input) {
                println!("{file}: {error}");
            }
            return false;
        }
    }
    println!(
        "{:<11} {inputs:>10} inputs in {:.0} s, none panicked; most memory {:.1} MB, slowest {:.0} ms",
        target.name,
        start.elapsed().as_secs_f64(),
        peak as f64 / 1e6,
        slowest.as_secs_f64() * 1e3
    );
    true
}

fn main() -> std::process::ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let seconds = arguments.first().and_then(|text| text.parse().ok()).unwrap_or(10);
    let only = arguments.get(1);
    let seed = arguments.get(2).and_then(|text| text.parse().ok()).unwrap_or(1);
    let chosen = TARGETS
        .iter()
        .filter(|target| only.is_none_or(|only| only == target.name));
    let failed = chosen
        .filter(|target| !fuzz(target, Duration::from_secs(seconds), seed))
        .count();
    std::process::ExitCode::from(u8::from(failed > 0))
}
