//! Which evaluation is the first under a loss: the one that the judge counts, also of those that were done again.

mod common;

use blueberry_replay::{Axis, Metric, Position, RunData, Segments, crossings};
use blueberry_runlog::Limits;
use blueberry_runlog::import::{Table, import};
use common::{Eval, evaluated};
use serde_json::json;

/// Tokens at which each bar was crossed.
fn crossed(run: &RunData, bars: &[f64]) -> Vec<Option<f64>> {
    let found = crossings(run, bars);
    found
        .iter()
        .map(|crossing| crossing.as_ref()?.at.tokens)
        .collect()
}

/// A run of steps of 300 targets with these evaluations, due every 1,000 targets and behind 3,000.
fn scheduled(evals: &[Eval]) -> RunData {
    let mut run = evaluated("own", evals);
    let settings = json!({ "eval": { "every_tokens": 1000 }, "train": { "tokens": 3000 } });
    run.config = settings.as_object().expect("an object").clone();
    let mut steps = Table::new(&[Axis::Tokens], &[Metric::TrainLoss]);
    for step in 1..=10 {
        let at = Position {
            tokens: Some(300.0 * f64::from(step)),
            ..Position::default()
        };
        steps
            .push(&at, [(&Metric::TrainLoss, 5.0)])
            .expect("rows in order");
    }
    run.tables.push(steps);
    run
}

#[test]
fn a_loss_at_the_bar_is_not_under_it() {
    let run = evaluated(
        "x",
        &[
            (1.0, 1.0, 5.0),
            (2.0, 2.0, 4.999),
            (3.0, 3.0, f64::NAN),
            (4.0, 4.0, 3.0),
        ],
    );
    assert_eq!(crossed(&run, &[6.0, 5.0, 3.0]), [Some(1.0), Some(2.0), None]);
}

#[test]
fn an_evaluation_that_is_not_due_does_not_count() {
    // Due behind the steps that reach 1,000, 2,000 and 3,000 targets: 1,200, 2,100 and 3,000.
    let run = scheduled(&[
        (900.0, 1.0, 2.0),
        (1200.0, 2.0, 4.0),
        (1500.0, 3.0, 2.0),
        (2100.0, 4.0, 3.5),
        (3000.0, 5.0, 2.5),
    ]);
    assert_eq!(
        crossed(&run, &[5.0, 3.6, 3.0]),
        [Some(1200.0), Some(2100.0), Some(3000.0)]
    );
}

#[test]
fn the_end_is_due_whatever_the_multiple() {
    let mut run = scheduled(&[(2700.0, 1.0, 2.0), (3000.0, 2.0, 2.5)]);
    let settings = json!({ "eval": { "every_tokens": 100_000 }, "train": { "tokens": 3000 } });
    run.config = settings.as_object().expect("an object").clone();
    assert_eq!(crossed(&run, &[3.0]), [Some(3000.0)]);
}

#[test]
fn without_a_schedule_every_evaluation_counts() {
    for settings in [
        json!({}),
        json!({ "eval": { "every_tokens": 0 }, "train": { "tokens": 3000 } }),
        json!({ "eval": 1 }),
    ] {
        let mut run = scheduled(&[(900.0, 1.0, 2.0)]);
        run.config = settings.as_object().expect("an object").clone();
        assert_eq!(crossed(&run, &[3.0]), [Some(900.0)], "{settings}");
    }
}

/// An own log of one evaluation each 1,000 targets: (`eval`, step, loss) and (`resume`, step, anything). Every event takes
/// ten seconds, and a step has 500 targets.
fn own(events: &[(&str, u32, f64)]) -> RunData {
    let small = include_str!("../../runlog/tests/small.jsonl");
    let mut first: serde_json::Value =
        serde_json::from_str(small.lines().next().expect("a line")).expect("JSON");
    first["config"] = json!({ "eval": { "every_tokens": 1000 }, "train": { "tokens": 9000 } });
    let mut log = format!("{first}\n");
    let mut from = 0;
    for (line, &(event, step, loss)) in events.iter().enumerate() {
        let seconds = 10.0 * (line + 1) as f64;
        let mut add = |event: &str, step: u32, more: serde_json::Value| {
            let mut all = json!({ "event": event, "step": step, "tokens": 500 * step, "train_s": seconds, "wall_s": seconds });
            all.as_object_mut()
                .expect("an object")
                .extend(more.as_object().expect("an object").clone());
            log += &format!("{all}\n");
        };
        if event == "resume" {
            add(
                event,
                step,
                json!({ "from_step": step, "from_sha256": "ff", "torn_bytes": 0, "downtime_s": 9.0 }),
            );
        } else {
            for step in from + 1..=step {
                add(
                    "step",
                    step,
                    json!({ "loss": loss, "lr": 0.1, "lr_adamw": 0.1, "grad_norm": 1.0, "tokens_per_s": 50.0, "data_wait_s": 0.0 }),
                );
            }
            add(
                event,
                step,
                json!({ "val_loss": loss, "targets": 9, "seconds": 1.0, "ledger": { "tokens": 500 * step, "sha256": "ee" } }),
            );
        }
        from = step;
    }
    let imported = import("x", log.as_bytes(), &Limits::default()).expect("a log");
    assert!(imported.problems.is_empty(), "{:?}", imported.problems);
    imported.runs.into_iter().next().expect("a run")
}

/// Seconds at which each bar was crossed.
fn crossed_at(run: &RunData, bars: &[f64]) -> Vec<Option<f64>> {
    let found = crossings(run, bars);
    found
        .iter()
        .map(|crossing| crossing.as_ref()?.at.train_s)
        .collect()
}

#[test]
fn an_evaluation_that_was_done_again_counts_the_first_time() {
    let again = own(&[
        ("eval", 2, 6.0),
        ("eval", 4, 3.5),
        ("resume", 2, 0.0),
        ("eval", 4, 3.6),
        ("eval", 6, 2.9),
    ]);
    assert_eq!(
        crossed_at(&again, &[5.0, 3.55, 3.0]),
        [Some(20.0), Some(20.0), Some(50.0)]
    );
    // Never reached again, and what is behind a bar that only the first try got under.
    let ends = own(&[
        ("eval", 2, 6.0),
        ("eval", 4, 3.5),
        ("resume", 2, 0.0),
        ("eval", 4, 5.5),
    ]);
    assert_eq!(
        crossed_at(&ends, &[7.0, 5.0, 3.0]),
        [Some(10.0), Some(20.0), None]
    );
    // Twice, each time from further back: the order is the log's.
    let twice = own(&[
        ("eval", 2, 6.0),
        ("eval", 4, 5.0),
        ("resume", 2, 0.0),
        ("eval", 4, 4.0),
        ("resume", 0, 0.0),
        ("eval", 2, 3.0),
        ("eval", 4, 2.0),
    ]);
    assert_eq!(
        crossed_at(&twice, &[5.5, 4.5, 3.5, 2.5]),
        [Some(20.0), Some(40.0), Some(60.0), Some(70.0)]
    );
    // In targets it went back between two of them, which is no segment; in seconds it never does.
    let found = crossings(&twice, &[5.5, 4.5, 3.5, 2.5]);
    let lengths = |axis| {
        let segments = Segments::new(4, [found.as_slice()].into_iter(), axis);
        let found: Vec<_> = found.iter().map(Option::as_ref).collect();
        let length = |bar| segments.segment(&found, bar).map(|segment| segment.length);
        (0..4).map(length).collect::<Vec<_>>()
    };
    assert_eq!(lengths(Axis::TrainS), [20.0, 20.0, 20.0, 10.0].map(Some));
    let targets = lengths(Axis::Tokens);
    assert_eq!(
        targets.iter().filter(|length| length.is_none()).count(),
        1,
        "{targets:?}"
    );
    assert!(
        targets.iter().flatten().all(|&length| length >= 0.0),
        "{targets:?}"
    );
}

#[test]
fn what_was_not_due_the_first_time_does_not_count() {
    // Step 3 ends between two multiples of 1,000 targets.
    let run = own(&[
        ("eval", 2, 6.0),
        ("eval", 3, 3.0),
        ("resume", 2, 0.0),
        ("eval", 4, 4.0),
    ]);
    assert_eq!(crossed_at(&run, &[5.0, 3.5]), [Some(40.0), None]);
}
