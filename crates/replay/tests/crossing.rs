//! Which evaluation is the first under a loss: the one that the judge counts.

mod common;

use blueberry_replay::{Axis, Metric, Position, RunData, crossings};
use blueberry_runlog::import::Table;
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
