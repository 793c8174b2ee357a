//! Feeds damaged and hostile bytes to every importer of logs, and counts memory.
//!
//! ```sh
//! cargo run --release -p blueberry-runlog --example fuzz_import -- 600        # ten minutes for each format
//! cargo run --release -p blueberry-runlog --example fuzz_import -- 60 csv 7   # one minute, one format, another seed
//! ```
//!
//! Each input is imported whole, and what is left of it must be sound: positions that never fall, columns of one length,
//! few problems. Own logs are also read in pieces, and in parts as the workers of the page read them, which must give the
//! same. The seeds are small texts of every format and,
//! where this machine has them (`BLUEBERRY_ASSETS`), the first lines of real logs.

#[path = "../tests/assets/mod.rs"]
mod assets;
#[path = "../tests/common/mod.rs"]
mod common;
mod fuzzing;

use blueberry_runlog::import::{Axis, Follow, Imported, Metric, RunData, import};
use blueberry_runlog::{Limits, import::ImportError};
use blueberry_steps::{Part, Piece};
use fuzzing::Target;

/// What a page reads at most, and less: an input is some kilobytes.
const LIMITS: Limits = Limits {
    line_bytes: 1 << 20,
    lines: 1_000_000,
    bytes: 64 << 20,
};
/// Bytes of a real log that serve as a seed.
const SEED_BYTES: usize = 3000;

const TARGETS: [Target; 7] = [
    Target::new("own", own, || vec![common::log()]),
    Target::new("parts", parts, || vec![common::log()]),
    Target::new("modded", whole, modded_seeds),
    Target::new("llmc", whole, llmc_seeds),
    Target::new("reference", whole, reference_seeds),
    Target::new("csv", whole, csv_seeds),
    Target {
        name: "tensorboard",
        parse: whole,
        seeds: tensorboard_seeds,
        mend: mend_records,
    },
];

fn main() -> std::process::ExitCode {
    fuzzing::run(&TARGETS)
}

fn whole(bytes: &[u8]) {
    if let Ok(imported) = import("x", bytes, &LIMITS) {
        check(&imported);
    }
}

/// Whole and in pieces.
fn own(bytes: &[u8]) {
    let imported = import("x", bytes, &LIMITS);
    if let Ok(imported) = &imported {
        check(imported);
    }
    // What has a zero in it is refused as binary before it is read.
    if !bytes.starts_with(b"{\"event\":\"run\"") || bytes.contains(&0) {
        return;
    }
    let mut follow = Follow::new("x", &LIMITS);
    let pushed: Result<(), ImportError> = bytes.chunks(61).try_for_each(|piece| follow.push(piece));
    let pieces = pushed.and_then(|()| follow.finish());
    // By their words: NaN is not equal to itself.
    assert_eq!(
        format!("{:?}", imported.map_err(|error| error.to_string())),
        format!("{:?}", pieces.map_err(|error| error.to_string())),
        "in pieces it is another log"
    );
}

/// In parts of a length that the input chooses: as the whole. Then with pieces that are none of its own.
fn parts(bytes: &[u8]) {
    let length = 1 + bytes.iter().fold(0, |sum, &byte| sum + usize::from(byte)) % 700;
    let (first, rest) = bytes.split_at(length.min(bytes.len()));
    let mut parts: Vec<Part> = rest.chunks(length).map(Part::read).collect();
    let mut whole = Follow::new("x", &LIMITS);
    let mut follow = whole.clone();
    let read = follow
        .push(first)
        .and_then(|()| parts.iter().try_for_each(|part| follow.push_part(part)));
    let pushed = whole.push(bytes);
    assert_eq!(pushed.is_err(), read.is_err(), "{pushed:?} {read:?}");
    if pushed.is_ok() {
        let said = [&whole, &follow].map(|log| format!("{:?} {:?}", log.run(), log.problems()));
        assert_eq!(said[0], said[1], "in parts it is another log");
    }
    if let Some(part) = parts.pop() {
        damaged(part, first, whole);
    }
}

/// Numbers that no reader sends are refused, or what comes of them is sound.
fn damaged(mut part: Part, numbers: &[u8], mut log: Follow) {
    let numbers: Vec<u32> = numbers.iter().map(|&byte| u32::from(byte)).collect();
    for (piece, change) in part.pieces.iter_mut().zip(numbers.chunks_exact(Piece::NUMBERS)) {
        let mut told = piece.encode();
        for (number, change) in told.iter_mut().zip(change) {
            *number ^= change;
        }
        *piece = Piece::decode(told);
    }
    if log.push_part(&part).is_ok() {
        check_run(log.run());
    }
}

/// What every import promises.
fn check(imported: &Imported) {
    assert!(!imported.runs.is_empty() && imported.problems.len() <= 201);
    for problem in &imported.problems {
        assert!(problem.to_string().len() < 1000, "a problem is said in few words");
    }
    imported.runs.iter().for_each(check_run);
}

fn check_run(run: &RunData) {
    let mut seen: Vec<&Metric> = Vec::new();
    for table in &run.tables {
        for positions in Axis::ALL.into_iter().filter_map(|axis| table.axis(axis)) {
            assert_eq!(positions.len(), table.rows());
            assert!(positions.iter().all(|position| position.is_finite()) && positions.is_sorted());
        }
        for column in table.columns() {
            assert_eq!(column.values.len(), table.rows());
            assert!(
                !seen.contains(&&column.metric),
                "{:?} stands in two tables",
                column.metric
            );
            seen.push(&column.metric);
        }
    }
}

/// These texts, and the begin of a real log where it is there.
fn seeds(texts: &[&str], logs: &[&str]) -> Vec<Vec<u8>> {
    let real = logs.iter().filter_map(|name| assets::log(name));
    let real = real.map(|mut log| {
        log.truncate(SEED_BYTES);
        log
    });
    let texts = texts.iter().map(|text| text.as_bytes().to_vec());
    texts.chain(real).collect()
}

fn modded_seeds() -> Vec<Vec<u8>> {
    let text = "step:0/2 val_loss:10.9 train_time:0ms step_avg:nanms\nstep:1/2 train_loss:9 train_time:90ms\n\
                step:2/2 val_loss:3.28 train_time:180ms step_avg:90.0ms\npeak memory consumption: 31 MiB\n";
    let mut seeds = seeds(
        &[text],
        &["modded_2024-06-06_AdamW.log", "modded_2024-10-10_Muon.nosrc.txt"],
    );
    // Of the real ones the numbers stand at the end.
    let lines = assets::log("modded_2026-07-17_baseline_1.nosrc.txt");
    seeds.extend(lines.map(|log| log[log.len().saturating_sub(SEED_BYTES)..].to_vec()));
    seeds
}

fn llmc_seeds() -> Vec<Vec<u8>> {
    let text = "s:0 tel:11.0\ns:0 trl:11.0 lr:0.1 norm:15.3\ns:1 trl:10.0\ns:250 eval:0.25\n";
    seeds(&[text], &["modded_2024-10-13_llmc_main.log"])
}

fn reference_seeds() -> Vec<Vec<u8>> {
    let text = r#"{"history": {"steps": [0, 5], "val_losses": [3, NaN], "elapsed_times": [0.5, 1], "x": [1, 2]},
        "active_training_time_seconds": 60, "actual_steps": 5, "tokens_seen": 80, "train_tokens": 80}"#;
    let mut seeds = seeds(&[text], &[]);
    // Cut short it is no JSON.
    seeds.extend(assets::log("8M_RTX4090_Xeon8473C.json").filter(|log| log.len() < 100_000));
    seeds
}

fn csv_seeds() -> Vec<Vec<u8>> {
    let texts = [
        "Step,a - loss,b - loss\n1,\"2\",3\n2,1.5,\n",
        "run,step,metric,value\na,1,loss,2\nb,1,loss,3\n",
        "step;loss;_runtime\n1;2,5;3\n2;2,25;4\n",
        "step,train/loss,val/loss,_timestamp\n1,2,,1790000000\n1,,3,1790000001\n",
    ];
    seeds(&texts, &["trackio_example_wandb_export.csv"])
}

/// A scalar, a tensor and an empty event as records.
fn tensorboard_seeds() -> Vec<Vec<u8>> {
    let mut text = Vec::new();
    let events: [&[u8]; 4] = [
        b"\x09\0\0\0\0\0\0\xf0\x3f\x1a\x0dbrain.Event:2",
        b"\x09\0\0\0\0\0\0\0\x40\x10\x01\x2a\x0d\x0a\x0b\x0a\x04loss\x15\0\0\x40\x40",
        b"\x09\0\0\0\0\0\0\x08\x40\x10\x02\x2a\x13\x0a\x11\x0a\x04loss\x42\x09\x08\x01\x22\x04\0\0\x80\x3f\x12\0",
        b"",
    ];
    for event in events {
        text.extend((event.len() as u64).to_le_bytes());
        text.extend([0; 4]);
        text.extend(event);
        text.extend([0; 4]);
    }
    mend_records(&mut text);
    let mut all = seeds(&[], &["strict_run_1.tfevents"]);
    all.push(text);
    all
}

/// Gives every record that still has its frame the checksums of its new content: else nothing behind them is ever reached.
/// Every eighth input stays as it is.
fn mend_records(bytes: &mut [u8]) {
    if bytes.iter().fold(0u8, |sum, byte| sum.wrapping_add(*byte)) % 8 == 0 {
        return;
    }
    let mut at = 0;
    while let Some(length) = bytes.get(at..at + 8).and_then(|length| length.try_into().ok()) {
        let sum = masked_crc(&bytes[at..at + 8]).to_le_bytes();
        let Some(place) = bytes.get_mut(at + 8..at + 12) else {
            return;
        };
        place.copy_from_slice(&sum);
        let (begin, length) = (at + 12, u64::from_le_bytes(length));
        let Some(end) = usize::try_from(length)
            .ok()
            .and_then(|length| begin.checked_add(length))
        else {
            return;
        };
        let Some(content) = bytes.get(begin..end) else {
            return;
        };
        let sum = masked_crc(content).to_le_bytes();
        let Some(place) = bytes.get_mut(end..end + 4) else {
            return;
        };
        place.copy_from_slice(&sum);
        at = end + 4;
    }
}

/// CRC-32C, masked as TFRecord files have it; bit by bit.
fn masked_crc(bytes: &[u8]) -> u32 {
    let mut sum = !0u32;
    for byte in bytes {
        sum ^= u32::from(*byte);
        for _ in 0..8 {
            sum = if sum & 1 == 1 {
                (sum >> 1) ^ 0x82f6_3b78
            } else {
                sum >> 1
            };
        }
    }
    (!sum).rotate_right(15).wrapping_add(0xa282_ead8)
}
