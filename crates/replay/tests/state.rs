//! The state of a race, ticks, numbers for people, settings compared.

mod common;

use blueberry_replay::{Axis, Metric, Phase, Race, Scale, Settings, Span, differences, format, ticks};
use blueberry_runlog::Limits;
use blueberry_runlog::import::import;
use common::trained;
use proptest::prelude::*;

#[test]
fn the_state_of_an_own_log() {
    let small = include_bytes!("../../runlog/tests/small.jsonl");
    let run = import("x", &small[..], &Limits::default())
        .unwrap()
        .runs
        .remove(0);
    let race = Race::new(vec![run], Settings::default());
    assert_eq!(race.length(), 3072.0);
    let standing = |at: f64| race.state(at).runs.remove(0);
    assert_eq!(standing(0.0).phase, Phase::NotStarted);
    let middle = standing(2500.0);
    assert_eq!((middle.phase, middle.position.step), (Phase::Running, Some(2.0)));
    assert_eq!((middle.val_loss, middle.sample), (None, None));
    let end = standing(3072.0);
    assert_eq!(
        (end.phase, end.val_loss, end.sample),
        (Phase::Finished, Some(3.25), Some(0))
    );
}

#[test]
fn a_run_without_the_axis_says_so() {
    let state = Race::new(
        vec![trained(&[5.0])],
        Settings {
            axis: Axis::WallS,
            ..Settings::default()
        },
    )
    .state(1.0);
    assert_eq!(state.runs[0].phase, Phase::NoAxis);
}

#[test]
fn only_differing_settings_are_listed() {
    let config = |text: &str| serde_json::from_str::<serde_json::Map<_, _>>(text).unwrap();
    let a =
        config(r#"{"seed": 1, "optim": {"lr": 0.02, "name": "muon"}, "list": [1, 2], "only": {"a": {}}}"#);
    let b = config(r#"{"seed": 1, "optim": {"lr": 0.03, "name": "muon"}, "list": [1, 2]}"#);
    let found = differences(&[&a, &b]);
    let found: Vec<_> = found.iter().map(|d| (&d.key[..], d.values.clone())).collect();
    let some = |text: &str| Some(text.to_owned());
    assert_eq!(
        found,
        [
            ("only.a", vec![some("{}"), None]),
            ("optim.lr", vec![some("0.02"), some("0.03")])
        ]
    );
}

proptest! {
    #[test]
    fn ticks_ascend_within_any_span(from in any::<f64>(), to in any::<f64>(), count in 0usize..50, log: bool, time: bool) {
        let span = Span::new(from, to, if log { Scale::Log } else { Scale::Linear });
        prop_assert!(span.from < span.to);
        let ticks = ticks(&span, count, time);
        prop_assert!(ticks.len() <= 1000 && ticks.is_sorted());
        let slack = (span.to - span.from) * 1e-6;
        prop_assert!(ticks.iter().all(|tick| (span.from - slack..=span.to + slack).contains(tick)), "{ticks:?} {span:?}");
    }

    #[test]
    fn any_number_has_words(value in any::<f64>()) {
        for metric in Metric::KNOWN {
            prop_assert!(!format::value(&metric, value).is_empty());
        }
        for axis in Axis::ALL {
            prop_assert!(!format::position(axis, value).is_empty());
        }
    }
}

#[test]
fn ticks_are_round() {
    let linear = |from, to| ticks(&Span::new(from, to, Scale::Linear), 5, false);
    assert_eq!(linear(0.0, 1.0), [0.0, 0.2, 0.4, 0.6, 0.8, 1.0]);
    assert_eq!(linear(2.9, 3.4), [2.9, 3.0, 3.1, 3.2, 3.3, 3.4]);
    assert_eq!(linear(0.0, 1e8), [0.0, 2e7, 4e7, 6e7, 8e7, 1e8]);
    let log = ticks(&Span::new(1e-4, 1.0, Scale::Log), 5, false);
    assert_eq!(log, [1e-4, 1e-3, 1e-2, 1e-1, 1.0]);
    let few = ticks(&Span::new(1.0, 20.0, Scale::Log), 5, false);
    assert_eq!(few, [1.0, 2.0, 5.0, 10.0, 20.0]);
    let time = ticks(&Span::new(0.0, 4000.0, Scale::Linear), 5, true);
    assert_eq!(time, [0.0, 900.0, 1800.0, 2700.0, 3600.0]);
}

#[test]
fn numbers_as_people_read_them() {
    let durations = [0.25, 42.13, 59.96, 303.0, 3723.4, -75.0].map(format::duration);
    assert_eq!(
        durations,
        ["0.25 s", "42.1 s", "1:00", "5:03", "1:02:03", "-1:15"]
    );
    let counts = [0.0, 512.0, 16_384.0, 100_007_936.0, 999_999.0, 1.25e9].map(format::count);
    assert_eq!(counts, ["0", "512", "16.4k", "100M", "1M", "1.25B"]);
    assert_eq!(format::value(&Metric::ValLoss, 3.27814), "3.2781");
    assert_eq!(format::value(&Metric::Mfu, 0.4213), "42.1 %");
    assert_eq!(
        format::value(&Metric::MemoryBytes, 1.5 * 1024f64.powi(3)),
        "1.5 GiB"
    );
    assert_eq!(format::value(&Metric::Lr, 0.000_015), "1.500e-5");
    assert_eq!(format::value(&Metric::TrainLoss, f64::NAN), "not a number");
}

#[test]
fn bars_are_sorted_and_sound() {
    let mut settings = Settings::default();
    assert!(settings.set_bars(&[4.0, 6.0, 4.0]));
    assert_eq!(settings.bars, [6.0, 4.0]);
    for wrong in [&[][..], &[f64::NAN], &[0.0], &[1.0; 33]] {
        assert!(!settings.set_bars(wrong));
    }
    assert_eq!(settings.bars, [6.0, 4.0]);
}
