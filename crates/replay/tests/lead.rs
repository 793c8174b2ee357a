//! The lead against brute force: at every position, who has the lowest last loss.

mod common;

use blueberry_replay::{Axis, Lead, LeadChange, Metric, RunData};
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

/// Who leads behind every evaluation.
fn leaders(runs: &[Vec<Eval>]) -> Vec<(f64, Option<usize>)> {
    let mut positions: Vec<f64> = runs.iter().flatten().map(|eval| eval.0).collect();
    positions.sort_by(f64::total_cmp);
    let mut led = None;
    let lead = positions.into_iter().map(|at| {
        led = leader(runs, at, led);
        (at, led)
    });
    lead.collect()
}

/// Where one run leads after another one, whatever was between.
fn brute_force(leaders: &[(f64, Option<usize>)]) -> Vec<LeadChange> {
    let known: Vec<(f64, usize)> = leaders
        .iter()
        .filter_map(|(at, leader)| Some((*at, (*leader)?)))
        .collect();
    let pairs = known.windows(2).filter(|pair| pair[0].1 != pair[1].1);
    pairs
        .map(|pair| LeadChange {
            at: pair[1].0,
            from: pair[0].1,
            to: pair[1].1,
        })
        .collect()
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
        let leaders = leaders(&runs);
        for &(at, leader) in &leaders {
            assert_eq!(lead.at(at), leader, "seed {seed} at {at}");
        }
        let expected = brute_force(&leaders);
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
fn nobody_takes_the_lead_from_nobody() {
    let lead = |runs: &[&[f64]]| {
        let evals = |losses: &&[f64]| -> Vec<Eval> {
            let at = |(place, &loss): (usize, &f64)| (place as f64, place as f64, loss);
            losses.iter().enumerate().map(at).collect()
        };
        let runs: Vec<RunData> = runs
            .iter()
            .map(|losses| evaluated("run", &evals(losses)))
            .collect();
        Lead::new(&runs, &Metric::ValLoss, Axis::Tokens)
    };
    let alone = lead(&[&[5.0, f64::NAN, 4.0, f64::NAN, 3.0]]);
    assert_eq!(alone.changes(), []);
    assert_eq!([0.0, 1.0, 2.0].map(|at| alone.at(at)), [Some(0), None, Some(0)]);
    let over_a_gap = lead(&[&[5.0, f64::NAN, f64::NAN], &[6.0, f64::NAN, 4.0]]);
    let change = LeadChange {
        at: 2.0,
        from: 0,
        to: 1,
    };
    assert_eq!(over_a_gap.changes(), [change]);
}
