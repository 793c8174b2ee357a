//! The lead against brute force: at every position, who has the lowest last loss.

mod common;

use blueberry_replay::{Axis, Lead, LeadChange, Metric, Race, RunData, Settings};
use common::{Chance, Eval, evaluated, learning};

fn leader(runs: &[Vec<Eval>], at: f64, led: Option<usize>) -> Option<usize> {
    let value = |run: usize| {
        let last = runs[run].iter().rfind(|eval| eval.0 <= at);
        last.map(|eval| eval.2).filter(|loss| !loss.is_nan())
    };
    let lowest = (0..runs.len()).filter_map(value).min_by(f64::total_cmp)?;
    led.filter(|&run| value(run) == Some(lowest))
        .or_else(|| (0..runs.len()).find(|&run| value(run) == Some(lowest)))
}

fn brute_force(runs: &[Vec<Eval>]) -> Vec<LeadChange> {
    let mut positions: Vec<f64> = runs.iter().flatten().map(|eval| eval.0).collect();
    positions.sort_by(f64::total_cmp);
    let mut changes = Vec::new();
    let mut from = None;
    for at in positions {
        let to = leader(runs, at, from);
        if to != from {
            changes.push(LeadChange { at, from, to });
            from = to;
        }
    }
    changes
}

#[test]
fn lead_changes_equal_brute_force() {
    let mut seen = 0;
    for seed in 0..200 {
        let mut chance = Chance::new(seed);
        let mut runs: Vec<Vec<Eval>> = (0..1 + chance.below(6)).map(|_| learning(&mut chance)).collect();
        for eval in runs.iter_mut().flatten() {
            // Ties happen, and some evaluations stand where no other run has one.
            eval.2 = (eval.2 * 4.0).round() / 4.0;
            eval.0 += if seed % 2 == 0 {
                0.0
            } else {
                (chance.unit() * 1e5).floor()
            };
        }
        let data: Vec<RunData> = runs.iter().map(|evals| evaluated("run", evals)).collect();
        let lead = Lead::new(&data, &Metric::ValLoss, Axis::Tokens);
        let expected = brute_force(&runs);
        assert_eq!(lead.changes(), expected, "seed {seed}");
        seen += expected.len();
        let at = chance.between(0.0, 6e7);
        assert_eq!(
            lead.until(at),
            expected
                .iter()
                .copied()
                .filter(|c| c.at <= at)
                .collect::<Vec<_>>()
        );
    }
    assert!(seen > 500, "only {seen} changes were looked at");
}

#[test]
fn ranks_are_those_of_a_competition() {
    let losses = [4.0, 3.0, 3.0, 5.0, f64::NAN];
    let runs = losses
        .iter()
        .map(|&loss| evaluated("run", &[(1.0, 1.0, loss)]))
        .collect();
    let state = Race::new(runs, Settings::default()).state(2.0);
    let ranks: Vec<_> = state.runs.iter().map(|run| run.rank).collect();
    assert_eq!(ranks, [Some(3), Some(1), Some(1), Some(4), None]);
    assert_eq!(state.leader, Some(1));
}
