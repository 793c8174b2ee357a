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
#[path = "../../runlog/examples/fuzzing/mod.rs"]
mod fuzzing;

use std::fs;
use std::io::{BufReader, Read};

use blueberry_records::config::{config_text, says};
use blueberry_records::logs::LogReader;
use blueberry_records::record::Record;
use blueberry_records::scan::parse_scan;
use blueberry_records::verify::{Verification, check_lock, count_saved};
use blueberry_records::{LogLimits, readme, sign};
use blueberry_rules::{
    Case, Categories, Declared, Facts, Happening, Kind, Leaderboard, Ledger, Probe, Summary, judge,
    leaderboard_json, leaderboard_markdown, page_head, published_head,
};
use blueberry_runlog::decompress;
use fuzzing::Target;

const TARGETS: [Target; 17] = [
    Target::new("log", log, log_seeds),
    Target::new("packed", packed, packed_seeds),
    Target::new("judge", judged, log_seeds),
    Target::new("attempts", attempts, || {
        vec![common::attempts_text().into_bytes()]
    }),
    Target::new("categories", categories, || {
        vec![common::categories_text().into_bytes()]
    }),
    Target::new("ledger", ledger, ledger_seeds),
    Target::new("record", record, || vec![RECORD.as_bytes().to_vec()]),
    Target::new("readme", readme_table, readme_seeds),
    Target::new("signature", signature, signature_seeds),
    Target::new("verification", verification, || {
        vec![VERIFICATION.as_bytes().to_vec()]
    }),
    Target::new("config", config, || {
        config_text(&common::config(1))
            .map(String::into_bytes)
            .into_iter()
            .collect()
    }),
    Target::new("lock", lock, || vec![LOCK.as_bytes().to_vec()]),
    Target::new("scan", scan, || vec![SCAN.as_bytes().to_vec()]),
    Target::new("verifiers", verifiers, || {
        vec![format!("# who may verify\nsponsor {KEY}\n").into_bytes()]
    }),
    Target::new("pages", pages, page_seeds),
    Target::new("picture", picture, picture_seeds),
    Target::new(
        "weights",
        |bytes| _ = count_saved(bytes),
        || vec![WEIGHTS.to_vec()],
    ),
];

/// A header of 98 bytes, padded as the format asks.
const WEIGHTS: &[u8] = b"\x62\0\0\0\0\0\0\0{\"a\":{\"dtype\":\"F32\",\"shape\":[2,3],\"data_offsets\":[0,24]},\"__metadata__\":{\"by\":\"x\"}}                ";

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

fn verification(bytes: &[u8]) {
    text(bytes, |text| {
        if let Ok(verification) = Verification::parse(text) {
            drop((
                verification.logs().count(),
                verification.beat(),
                verification.to_text(),
            ));
        }
    });
}

fn config(bytes: &[u8]) {
    text(bytes, |text| {
        let _ = says(text, &common::config(1));
    });
}

fn lock(bytes: &[u8]) {
    text(bytes, |text| drop(check_lock(text)));
}

/// A scan's report, and a probe's answer, which is JSON of a few numbers too.
fn scan(bytes: &[u8]) {
    text(bytes, |text| {
        drop(parse_scan(text));
        drop(serde_json::from_str::<Probe>(text));
    });
}

fn verifiers(bytes: &[u8]) {
    text(bytes, |text| drop(sign::is_listed(text, KEY)));
}

/// `leaderboard.json` and LEADERBOARD.md, as far as they are read.
fn pages(bytes: &[u8]) {
    text(bytes, |text| {
        drop(published_head(text));
        drop(page_head(text));
    });
}

fn picture(bytes: &[u8]) {
    drop(blueberry_records::curve::pixels(bytes));
}

fn picture_seeds() -> Vec<Vec<u8>> {
    let categories = common::categories();
    let picture = blueberry_records::curve::loss_curve("t", &categories.list[0], &common::claim_runs());
    blueberry_records::curve::png(&picture).into_iter().collect()
}

fn page_seeds() -> Vec<Vec<u8>> {
    let (categories, mut ledger) = (common::categories(), Ledger::default());
    let entries = [common::entry("alice", "2026-11-25", &[8.0, 8.1])];
    let mut seeds = Vec::new();
    for kind in [Kind::Submission, Kind::Verified] {
        drop(ledger.append(happening(kind)));
        let board = Leaderboard {
            categories: &categories,
            entries: &entries,
            ledger: &ledger,
        };
        seeds.push(leaderboard_markdown(&board).into_bytes());
        seeds.extend(leaderboard_json(&board).map(String::into_bytes));
    }
    seeds
}

fn log_seeds() -> Vec<Vec<u8>> {
    vec![common::small_log(), common::log_of(2)]
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
        text += &ledger.append(happening(kind)).unwrap_or_default();
    }
    vec![text.into_bytes()]
}

fn happening(kind: Kind) -> Happening {
    Happening {
        date: "2026-11-25".into(),
        record: "dash/2026-11-25-a".into(),
        by: "alice".into(),
        kind,
        document_sha256: Some(common::digest('a')),
        readme_sha256: Some(common::digest('b')),
        reason: "for tests".into(),
    }
}

fn readme_seeds() -> Vec<Vec<u8>> {
    let categories = common::categories();
    let summary = Summary::of(&categories.list[0], &common::claim_runs());
    vec![readme::table(&summary).into_bytes()]
}

/// The key and signature of a throw-away key.
fn signature_seeds() -> Vec<Vec<u8>> {
    let signature = "-----BEGIN SSH SIGNATURE-----\nU1NIU0lHAAAAAQAAADMAAAALc3NoLWVkMjU1MTkAAAAgmL1t/FmbnAXFiUAXK7a1vqTHxs8d\n\
                     TRauNDFIHa5MHBUAAAAQYmx1ZWJlcnJ5LXJlY29yZAAAAAAAAAAGc2hhNTEyAAAAUwAAAAtz\n-----END SSH SIGNATURE-----\n";
    vec![format!("{KEY}\n\n{signature}").into_bytes()]
}

const KEY: &str = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJi9bfxZm5wFxYlAFyu2tb6kx8bPHU0WrjQxSB2uTBwV";

const LOCK: &str = r#"version = 4

[[package]]
name = "serde"
version = "1.0.229"
source = "registry+https://github.com/rust-lang/crates.io-index"
checksum = "2222222222222222222222222222222222222222222222222222222222222222"
dependencies = ["serde_derive"]

[[package]]
name = "blueberry"
version = "0.1.0"
"#;

const SCAN: &str = r#"{"manifest_sha256": "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
"overlapping_windows": 7, "covered_targets": 70, "more": [],
"places": [{"file": "train_000000.bin", "offset": 7, "tokens": 70, "validation_offset": 3}],
"worst_probability_sum": 1.0, "worst_future_influence": 0.0}"#;

const VERIFICATION: &str = r#"format = 1
record = "small/2026-09-21-muon-wide"
record_sha256 = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
category = "small"
outcome = "verified"
verifier = "sponsor"
date = "2026-09-30"
sandbox = "bubblewrap 0.8.0"
interruptions = 0
holds = ["beats-record"]
[terms]
unclocked_limit_s = 300
warm_up_limit_s = 300
seeds_drawn = true
official_category = false
category_sha256 = "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"
[source]
commit = "0123456789abcdef0123456789abcdef01234567"
sha256 = "dddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddd"
[comparison]
record = "small/2026-09-20-old"
pairs = 4
record_mean = 8.0
difference = -0.5
interval = [-0.6, -0.4]
source = { commit = "0123456789abcdef0123456789abcdef01234567", sha256 = "dd" }
[[findings]]
rule = "leak-scan"
answer = "cannot-tell"
missing = "a scan"
[[runs]]
role = "challenger"
seed = 101
ended = "exit status: 0"
seconds = 9.0
figure = 7.5
log_sha256 = "cccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccc"
"#;

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

fn main() -> std::process::ExitCode {
    fuzzing::run(&TARGETS)
}
