//! Seals: what they cover, and that a log in parts is the log in one.

mod common;

use blueberry_runlog::*;
use common::*;
use sha2::{Digest, Sha256};

/// Whether a reader of the log sees that it is not as it was written.
fn shows(log: &[u8]) -> bool {
    match read_all(log) {
        Err(_) => true,
        Ok(log) => log.seals.broken.is_some() || log.torn.is_some() || log.seals.unsealed_lines > 0,
    }
}

#[test]
fn a_whole_log_is_sealed() {
    let log = read_all(&log()).unwrap();
    let lines = 1 + log.lines.len() as u64;
    assert_eq!(
        log.seals,
        SealReport {
            sealed_lines: lines,
            unsealed_lines: 0,
            broken: None
        }
    );
}

/// The digests by the text of the format, without this crate's chain.
#[test]
fn digests_are_those_of_the_format() {
    let bytes = log();
    let (mut previous, mut since, mut seals) = ([0_u8; 32].to_vec(), Vec::new(), 0);
    for line in bytes.split_inclusive(|&byte| byte == b'\n') {
        let value: serde_json::Value = serde_json::from_slice(line).unwrap();
        if value["event"] == "seal" {
            let digest = Sha256::digest([previous, since].concat());
            assert_eq!(value["sha256"], format!("{digest:x}"));
            (previous, since, seals) = (digest.to_vec(), Vec::new(), seals + 1);
        } else {
            since.extend(line);
        }
    }
    assert_eq!((seals, since.len()), (4, 0));
}

#[test]
fn a_change_of_any_byte_shows() {
    let whole = log();
    assert!(!shows(&whole));
    for place in 0..whole.len() {
        let mut log = whole.clone();
        log[place] ^= 1;
        assert!(shows(&log), "byte {place}: {}", String::from_utf8_lossy(&log));
    }
}

#[test]
fn a_line_removed_doubled_or_moved_shows() {
    let whole = log();
    let lines: Vec<_> = whole.split_inclusive(|&byte| byte == b'\n').collect();
    for place in 1..lines.len() {
        let (mut removed, mut doubled, mut moved) = (lines.clone(), lines.clone(), lines.clone());
        removed.remove(place);
        assert!(shows(&removed.concat()), "without line {place}");
        moved.swap(place - 1, place);
        assert!(shows(&moved.concat()), "line {place} one up");
        doubled.insert(place, lines[place]);
        assert!(shows(&doubled.concat()), "line {place} twice");
    }
}

#[test]
fn a_seal_has_nothing_of_its_own() {
    let log = String::from_utf8(log()).unwrap();
    for (was, is) in [
        (r#""lines":5"#, r#""lines":6"#),
        (r#""lines":5"#, r#""lines":5,"weather":"warm""#),
        (
            r#""tokens":3072,"train_s":1.5,"wall_s":1.6,"lines":5"#,
            r#""tokens":3072,"train_s":1.5,"wall_s":1.7,"lines":5"#,
        ),
    ] {
        assert!(log.contains(was), "{was}");
        let seals = read_all(log.replacen(was, is, 1).as_bytes()).unwrap().seals;
        assert!(seals.broken.is_some(), "{is}");
    }
}

#[test]
fn the_first_broken_seal_is_named() {
    let log = String::from_utf8(log())
        .unwrap()
        .replace("no subgroups", "no subgroupz");
    let log = read_all(log.as_bytes()).unwrap();
    let broken = log.seals.broken.as_ref().unwrap();
    // 1 run, 4 events, seal; 4 events with the note, seal on line 11.
    assert_eq!((broken.line, log.seals.sealed_lines), (11, 6));
    assert_eq!(log.seals.unsealed_lines, 1 + log.lines.len() as u64 - 6);
    assert_ne!(broken.expected.sha256, broken.found.sha256);
    assert!(broken.to_string().starts_with("line 11: the seal does not match"));
}

#[test]
fn a_log_written_in_parts_is_the_log_written_in_one() {
    let whole = log();
    for cut in 0..=events().len() {
        let mut writer = Writer::new(Vec::new(), &run()).unwrap();
        for (index, event) in events().iter().enumerate() {
            if index == cut {
                let part = writer.into_output();
                let chain = read_all(&part).unwrap().chain;
                writer = Writer::resume(part, chain);
            }
            writer.write(event).unwrap();
            if index % 4 == 3 {
                writer.seal().unwrap();
            }
        }
        writer.finish(end(EndStatus::Completed)).unwrap();
        assert_eq!(writer.into_output(), whole, "cut before event {cut}");
    }
}

#[test]
fn a_seal_over_nothing_is_not_written() {
    let mut writer = Writer::new(Vec::new(), &run()).unwrap();
    writer.seal().unwrap();
    let once = writer.output().len();
    writer.seal().unwrap();
    assert_eq!(writer.output().len(), once);
    assert_eq!(read_all(&writer.into_output()).unwrap().seals.sealed_lines, 2);
}

#[test]
fn a_header_that_is_not_a_number_can_be_sealed() {
    let mut writer = Writer::new(Vec::new(), &run()).unwrap();
    let at = At {
        train_s: f64::NAN,
        ..at(1)
    };
    let warmup = Warmup {
        at,
        seconds: 1.0,
        extra: Extra::new(),
    };
    writer.write(&Event::Warmup(warmup)).unwrap();
    writer.seal().unwrap();
    assert_eq!(read_all(&writer.into_output()).unwrap().seals.broken, None);
}
