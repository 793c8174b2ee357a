//! What fuzzers of parsers share: damage to real inputs, a count of the memory that a parser holds, and the loop.
//!
//! Inputs are changed in bits, bytes, numbers, lines and brackets, spliced and repeated in parts. A panic ends the fuzzer
//! with the input in `fuzz-<parser>.bin`; so does a parser that holds more than [`MOST_BYTES`].

use std::alloc::{GlobalAlloc, Layout, System};
use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::time::{Duration, Instant};

/// More than this held by one parser is a failure.
pub const MOST_BYTES: usize = 1_000_000_000;

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
pub struct Target {
    /// What the command line calls it.
    pub name: &'static str,
    /// Reads an input; it may refuse it.
    pub parse: fn(&[u8]),
    /// Inputs that it takes.
    pub seeds: fn() -> Vec<Vec<u8>>,
    /// Done to an input after the damage, so that what protects it holds again; mostly nothing.
    pub mend: fn(&mut [u8]),
}

impl Target {
    /// A parser of inputs without a checksum.
    pub const fn new(name: &'static str, parse: fn(&[u8]), seeds: fn() -> Vec<Vec<u8>>) -> Self {
        Self {
            name,
            parse,
            seeds,
            mend: |_| {},
        }
    }
}

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
const ODD: [&str; 27] = [
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
    "nan",
    "-inf",
    ",",
    ":",
    "\r\n",
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
pub fn fuzz(target: &Target, time: Duration, seed: u64) -> bool {
    let seeds = (target.seeds)();
    let mut dice = Dice(seed);
    let (start, mut inputs, mut slowest) = (Instant::now(), 0_u64, Duration::ZERO);
    let mut peak = 0;
    while start.elapsed() < time {
        let mut input = mutated(&seeds, &mut dice);
        (target.mend)(&mut input);
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

/// The folder of this process, for parsers that read files.
#[allow(dead_code)] // not every fuzzer has such
pub fn folder() -> PathBuf {
    std::env::temp_dir().join(format!("blueberry-fuzz-{}", std::process::id()))
}

/// [`run`], with a [`folder`] that is gone afterwards.
#[allow(dead_code)] // as above
pub fn run_with_folder(targets: &[Target]) -> ExitCode {
    if let Err(error) = fs::create_dir_all(folder()) {
        println!("{}: {error}", folder().display());
        return ExitCode::FAILURE;
    }
    let code = run(targets);
    let _ = fs::remove_dir_all(folder());
    code
}

/// Feeds the parsers that the command line names: `SECONDS [PARSER [SEED]]`. Fails where one of them did.
pub fn run(targets: &[Target]) -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let seconds = arguments.first().and_then(|text| text.parse().ok()).unwrap_or(10);
    let only = arguments.get(1).filter(|only| *only != "all");
    let seed = arguments.get(2).and_then(|text| text.parse().ok()).unwrap_or(1);
    let chosen = targets
        .iter()
        .filter(|target| only.is_none_or(|only| only == target.name));
    let failed = chosen
        .filter(|target| !fuzz(target, Duration::from_secs(seconds), seed))
        .count();
    if let Some(bytes) = peak_resident_bytes() {
        println!("most memory of the whole process: {:.1} MB", bytes as f64 / 1e6);
    }
    ExitCode::from(u8::from(failed > 0))
}

/// The most that this process ever had in memory, where the system says.
fn peak_resident_bytes() -> Option<u64> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    Some(line.split_whitespace().next()?.parse::<u64>().ok()? * 1024)
}
