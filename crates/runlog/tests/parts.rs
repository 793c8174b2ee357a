//! A log that is read in parts, by whoever, is the log that is read in one.
#![allow(clippy::unwrap_used)] // helpers of tests

mod common;

use std::fmt::Write as _;

use blueberry_runlog::import::{Follow, ImportError};
use blueberry_runlog::{Event, Limits};
use blueberry_steps::{Part, Piece};
use proptest::prelude::*;

/// The log, cut into these parts, each read apart.
fn in_parts(log: &[u8], ends: &[usize], limits: &Limits) -> Result<Follow, ImportError> {
    let mut follow = Follow::new("x", limits);
    let mut from = 0;
    for &end in ends.iter().chain([&log.len()]) {
        follow.push_part(&Part::read(&log[from..end]))?;
        from = end;
    }
    Ok(follow)
}

fn in_one(log: &[u8], limits: &Limits) -> Result<Follow, ImportError> {
    let mut follow = Follow::new("x", limits);
    follow.push(log)?;
    Ok(follow)
}

/// What was read, NaN being itself.
fn said(follow: &Follow) -> String {
    format!(
        "{:?} {:?} {} {}",
        follow.run(),
        follow.problems(),
        follow.lines(),
        follow.whole_bytes()
    )
}

/// A line of a log that goes on, mostly: by how many steps, and its text with `@` for the step.
fn line() -> impl Strategy<Value = (u64, String)> {
    let events = prop::sample::select(vec![
        "step",
        "step",
        "step",
        "step",
        "step",
        "eval",
        "note",
        "step\",\"x\":\"\\n",
    ]);
    let ahead = prop::sample::select(vec![1u64, 1, 1, 1, 1, 2, 0]);
    let times = prop::sample::select(vec!["0.5", "0.5", "0.5", "1.5", "\"NaN\""]);
    let tails = prop::sample::select(vec![
        "}\n",
        "}\n",
        ",\"mfu\":0.4}\n",
        ",\"memory_bytes\":9}\n",
        ",\"mfu\":0.4,\"memory_bytes\":9}\n",
        ",\"remark\":\"x\"}\n",
        ",\"remark\":[1]}\n",
        "\n",
    ]);
    (events, ahead, times, tails).prop_map(|(event, ahead, time, tail)| {
        let own = match event {
            "eval" => {
                "\"val_loss\":3.5,\"targets\":1,\"seconds\":1,\"ledger\":{\"tokens\":1,\"sha256\":\"a\"}"
            }
            "note" => "\"kind\":\"y\",\"text\":\"y\"",
            _ => {
                "\"loss\":4.5,\"lr\":0.02,\"lr_adamw\":3e-4,\"grad_norm\":1.5,\"tokens_per_s\":28,\"data_wait_s\":0.0"
            }
        };
        let at = format!("\"step\":@,\"tokens\":@,\"train_s\":{time},\"wall_s\":2.5");
        (ahead, format!("{{\"event\":\"{event}\",{at},{own}{tail}"))
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, failure_persistence: None, ..Default::default() })]

    #[test]
    fn however_it_is_cut(
        lines in prop::collection::vec(line(), 0..30),
        cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..6),
    ) {
        let mut log = String::from_utf8(common::after_run("")).unwrap();
        let mut step = 0;
        for (ahead, line) in lines {
            step += ahead;
            log.push_str(&line.replace('@', &step.to_string()));
        }
        let mut ends: Vec<usize> = cuts.iter().map(|cut| cut.index(log.len())).collect();
        ends.sort_unstable();
        let limits = Limits::default();
        let (one, parts) = (in_one(log.as_bytes(), &limits).unwrap(), in_parts(log.as_bytes(), &ends, &limits).unwrap());
        prop_assert_eq!(said(&parts), said(&one), "{}", log);
        prop_assert_eq!(format!("{:?}", parts.finish()), format!("{:?}", one.finish()));
    }
}

fn steps(rows: u64) -> Vec<u8> {
    let mut log = String::from_utf8(common::after_run("")).unwrap();
    for step in 1..=rows {
        let event: Event = common::step(step, 5.0);
        writeln!(log, "{}", serde_json::to_string(&event).unwrap()).unwrap();
    }
    log.into_bytes()
}

#[test]
fn rows_that_follow_are_taken_as_columns() {
    let log = steps(50);
    let part = Part::read(&log);
    assert!(matches!(
        part.pieces[..],
        [Piece::Text { .. }, Piece::Steps { rows: 50, .. }]
    ));
    let follow = in_parts(&log, &[], &Limits::default()).unwrap();
    assert_eq!(follow.run().tables[0].rows(), 50);
    assert_eq!(said(&follow), said(&in_one(&log, &Limits::default()).unwrap()));
}

#[test]
fn what_is_expected_of_a_log_changes_nothing_of_it() {
    let log = steps(50);
    for bytes in [0, 1, log.len() as u64, u64::MAX] {
        let mut follow = in_one(
            &log,
            &Limits {
                lines: 1000,
                ..Limits::default()
            },
        )
        .unwrap();
        follow.expect(bytes);
        assert_eq!(
            said(&follow),
            said(&in_one(&log, &Limits::default()).unwrap()),
            "{bytes}"
        );
    }
}

#[test]
fn limits_hold_for_parts_too() {
    let log = steps(50);
    for limits in [
        Limits {
            lines: 20,
            ..Limits::default()
        },
        Limits {
            bytes: log.len() as u64 - 1,
            ..Limits::default()
        },
        Limits {
            line_bytes: 20,
            ..Limits::default()
        },
    ] {
        for read in [in_one(&log, &limits), in_parts(&log, &[log.len() / 2], &limits)] {
            assert!(
                matches!(read, Err(ImportError::Limit { .. })),
                "{limits:?}: {read:?}"
            );
        }
    }
}

#[test]
fn a_part_that_is_not_what_it_says_is_refused() {
    let good = Part::read(&steps(5));
    let mut short = good.clone();
    short.columns.pop();
    let mut cut = good.clone();
    cut.text.clear();
    let mut none = good.clone();
    none.pieces[1] = Piece::Steps {
        rows: 0,
        bytes: 0,
        longest: 0,
        has_mfu: true,
        has_memory: true,
    };
    for part in [short, cut, none] {
        let mut follow = Follow::new("x", &Limits::default());
        assert!(matches!(
            follow.push_part(&part),
            Err(ImportError::Unknown { .. })
        ));
    }
    // Steps ahead of the first line.
    let mut follow = Follow::new("x", &Limits::default());
    let ahead = Part {
        pieces: good.pieces[1..].to_vec(),
        ..good
    };
    assert!(matches!(
        follow.push_part(&ahead),
        Err(ImportError::Line { line: 1, .. })
    ));
}
