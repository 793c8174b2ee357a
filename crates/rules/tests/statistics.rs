//! The tests of means against numbers worked out by hand or printed in tables.

use blueberry_rules::stats::{self, Sample, StatsError};
use blueberry_rules::{Figure, Pair, PairsError, challenger_is_below};

fn close(a: f64, b: f64) -> bool {
    (a - b).abs() < 1e-3
}

#[test]
fn mean_spread_and_interval() {
    let sample = Sample::of(&[1.0, 2.0, 3.0, 4.0]).unwrap();
    // Squares 2.25 + 0.25 + 0.25 + 2.25 = 5, over 3.
    assert!(close(sample.mean, 2.5) && close(sample.sd.unwrap(), (5.0_f64 / 3.0).sqrt()));
    // t(3, 0.975) = 3.182; 3.182 * 1.291 / 2 = 2.054.
    let (low, high) = sample.interval(0.95).unwrap();
    assert!(close(low, 0.446) && close(high, 4.554), "{low} {high}");
}

#[test]
fn the_one_sided_test_against_a_table() {
    // t(2, 0.99) = 6.965: a mean that lies 6.965 standard errors below the bar has p = 0.01.
    let error = 1.0 / 3.0_f64.sqrt();
    let test = stats::below(&[-1.0, 0.0, 1.0], 6.965 * error).unwrap();
    assert!(close(test.p, 0.01) && close(test.t, -6.965), "{test:?}");
    assert!(stats::below(&[-1.0, 0.0, 1.0], 7.1 * error).unwrap().is_below());
    assert!(!stats::below(&[-1.0, 0.0, 1.0], 6.8 * error).unwrap().is_below());
    // Above the bar the other tail is no evidence.
    assert!(stats::below(&[-1.0, 0.0, 1.0], -7.1 * error).unwrap().p > 0.98);
}

#[test]
fn welchs_test_by_hand() {
    // Standard errors squared 1/3 and 4/3: t = -5 / sqrt(5/3), df = (5/3)^2 / ((1/9 + 16/9) / 2) = 2.941.
    let test = stats::below_other(&[1.0, 2.0, 3.0], &[5.0, 7.0, 9.0]).unwrap();
    assert!(
        close(test.t, -5.0 / (5.0_f64 / 3.0).sqrt()) && close(test.df, 2.941),
        "{test:?}"
    );
}

#[test]
fn what_cannot_be_told_is_said() {
    assert_eq!(stats::below(&[1.0], 2.0), Err(StatsError::TooFew { n: 1 }));
    assert_eq!(stats::below(&[], 2.0), Err(StatsError::TooFew { n: 0 }));
    assert_eq!(stats::below(&[1.0, 1.0], 2.0), Err(StatsError::NoSpread { n: 2 }));
    assert_eq!(stats::below(&[1.0, f64::NAN], 2.0), Err(StatsError::NotFinite));
    assert_eq!(
        stats::below_other(&[1.0, 2.0], &[3.0]),
        Err(StatsError::TooFew { n: 1 })
    );
    let one = Figure::of(&[3.5]).unwrap();
    assert_eq!((one.sd, one.interval, one.text(2)), (None, None, "3.50".into()));
    assert_eq!(Figure::of(&[]), None);
}

/// As of a machine that steps its clock by tenths of a second.
#[test]
fn identical_values_that_are_not_lower_are_not_below() {
    let is_above = |test: Result<stats::TTest, StatsError>, df: f64| {
        let test = test.unwrap();
        assert_eq!((test.p, test.df), (1.0, df));
        assert!(!test.is_below());
    };
    is_above(stats::below(&[2.0, 2.0], 2.0), 1.0);
    is_above(stats::below(&[2.5, 2.5, 2.5], 2.0), 2.0);
    is_above(stats::below_other(&[2.0, 2.0], &[2.0, 2.0]), 2.0);
    // How far below is no chance, nobody can tell without a spread.
    let error = stats::below_other(&[1.0, 1.0], &[2.0, 2.0]);
    assert_eq!(error, Err(StatsError::NoSpread { n: 4 }));
    let pair = |challenger_first| Pair {
        challenger: 8.0,
        record: 8.0,
        challenger_first,
    };
    let pairs = [true, false, true, false].map(pair);
    is_above(Ok(challenger_is_below(&pairs).unwrap()), 3.0);
}

#[test]
fn a_steady_drift_cancels_over_pairs_of_both_orders() {
    // Equal programs on a machine that slows by 1 s a run: A B B A A B B A.
    let pair = |challenger, record, challenger_first| Pair {
        challenger,
        record,
        challenger_first,
    };
    let pairs = [
        pair(10.0, 11.0, true),
        pair(13.0, 12.0, false),
        pair(14.0, 15.0, true),
        pair(17.0, 16.0, false),
    ];
    let test = challenger_is_below(&pairs).unwrap();
    assert!(close(test.t, 0.0) && close(test.p, 0.5), "{test:?}");
    let error = challenger_is_below(&pairs[..3]).unwrap_err();
    assert_eq!(
        error,
        PairsError::Unbalanced {
            challenger: 2,
            record: 1
        }
    );
}
