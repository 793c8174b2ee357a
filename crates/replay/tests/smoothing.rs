//! Smoothing never looks ahead.

mod common;

use blueberry_replay::{Axis, Curve, Metric, Smoother};
use blueberry_runlog::Limits;
use blueberry_runlog::import::Follow;
use common::{Chance, trained};
use proptest::prelude::*;

fn losses(chance: &mut Chance, count: usize) -> Vec<f64> {
    let loss = |row: usize, noise: f64| {
        if noise > 0.98 {
            f64::NAN
        } else {
            10.0 / (1.0 + row as f64 * 0.01) + noise
        }
    };
    (0..count).map(|row| loss(row, chance.unit())).collect()
}

fn bits(values: &[f64]) -> Vec<u64> {
    values.iter().map(|value| value.to_bits()).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..Default::default() })]

    #[test]
    fn cutting_the_end_changes_no_value_before(seed: u64, count in 1usize..500, span in 0.0..1e6f64, cut in 0usize..500) {
        let losses = losses(&mut Chance::new(seed), count);
        let kept = cut.min(count);
        let smooth = |losses: &[f64]| {
            let run = trained(losses);
            Curve::new(&run, &Metric::TrainLoss, span).map(|curve| curve.smoothed().to_vec())
        };
        let whole = smooth(&losses).unwrap();
        let part = smooth(&losses[..kept]).unwrap();
        prop_assert_eq!(bits(&whole[..kept]), bits(&part));
    }

    #[test]
    fn the_average_is_the_weighted_mean_of_what_lies_before(seed: u64, span in 1.0..50_000.0f64) {
        let losses = losses(&mut Chance::new(seed), 60);
        let positions: Vec<f64> = (0..60).map(|row| 1000.0 * f64::from(row)).collect();
        let smoothed = Smoother::all(span, &positions, &losses);
        for row in 0..60 {
            if losses[row].is_nan() {
                prop_assert!(smoothed[row].is_nan());
                continue;
            }
            let weighted = (0..=row).filter(|&before| losses[before].is_finite()).map(|before| {
                let weight = (-(positions[row] - positions[before]) / span).exp();
                (weight, weight * losses[before])
            });
            let (weight, sum) = weighted.fold((0.0, 0.0), |sum, term| (sum.0 + term.0, sum.1 + term.1));
            prop_assert!((smoothed[row] - sum / weight).abs() < 1e-9, "row {}", row);
        }
    }
}

#[test]
fn it_depends_on_distance_and_not_on_how_often_is_logged() {
    let at = |step: f64, count: u32| -> Vec<f64> { (0..count).map(|row| step * f64::from(row)).collect() };
    let ramp = |positions: &[f64]| -> Vec<f64> { positions.iter().map(|at| at / 1e4).collect() };
    let (fine, coarse) = (at(10.0, 10_001), at(100.0, 1001));
    let fine = Smoother::all(2e4, &fine, &ramp(&fine));
    let coarse = Smoother::all(2e4, &coarse, &ramp(&coarse));
    assert!(
        (fine[10_000] - coarse[1000]).abs() < 0.01,
        "{} {}",
        fine[10_000],
        coarse[1000]
    );
}

#[test]
fn no_span_changes_nothing() {
    let losses = [5.0, 4.0, f64::INFINITY, 3.0];
    for span in [0.0, -1.0, f64::NAN] {
        let smoothed = Smoother::all(span, &[0.0, 1.0, 2.0, 3.0], &losses);
        assert_eq!((smoothed[0], smoothed[1], smoothed[3]), (5.0, 4.0, 3.0));
        assert!(smoothed[2].is_nan());
    }
}

/// A followed log, with a kill in the middle: the curve that grew is the curve made anew.
#[test]
fn a_curve_that_grew_is_the_curve_made_anew() {
    let small = include_str!("../../runlog/tests/small.jsonl");
    let first = small.lines().next().unwrap();
    let step = |step: u32, loss: f64| {
        format!(
            "{{\"event\":\"step\",\"step\":{step},\"tokens\":{},\"train_s\":{step},\"wall_s\":{step},\"loss\":{loss},\
             \"lr\":0.1,\"lr_adamw\":0.1,\"grad_norm\":1,\"tokens_per_s\":1,\"data_wait_s\":0}}\n",
            1000 * step
        )
    };
    let resume = "{\"event\":\"resume\",\"step\":50,\"tokens\":50000,\"train_s\":100,\"wall_s\":100,\"from_step\":50,\
                  \"from_sha256\":\"a\",\"torn_bytes\":0,\"downtime_s\":1}\n";
    let mut lines = vec![format!("{first}\n")];
    lines.extend((1..=100).map(|row| step(row, 10.0 / f64::from(row))));
    lines.push(resume.to_owned());
    lines.extend((51..=150).map(|row| step(row, 20.0 / f64::from(row)).replace("_s\":", "_s\":1")));
    let mut follow = Follow::new("x", &Limits::default());
    let mut grown: Option<Curve> = None;
    for line in lines {
        follow.push(line.as_bytes()).unwrap();
        match &mut grown {
            Some(curve) => assert!(curve.append(follow.run(), &Metric::TrainLoss)),
            None => grown = Curve::new(follow.run(), &Metric::TrainLoss, 5000.0),
        }
    }
    assert!(follow.problems().is_empty(), "{:?}", follow.problems());
    let (grown, anew) = (
        grown.unwrap(),
        Curve::new(follow.run(), &Metric::TrainLoss, 5000.0).unwrap(),
    );
    assert_eq!(grown.smoothed().len(), 150);
    assert_eq!(bits(grown.smoothed()), bits(anew.smoothed()));
    let (positions, values) = follow.run().series(&Metric::TrainLoss, Axis::Step).unwrap();
    let edges: Vec<f64> = (0..=10).map(|edge| 15.0 * f64::from(edge)).collect();
    assert_eq!(
        grown.raw_buckets(positions, values, &edges),
        anew.raw_buckets(positions, values, &edges)
    );
}
