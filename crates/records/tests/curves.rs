//! Pictures: the same bytes for the same logs, and no panic whatever the logs say.
#![allow(clippy::unwrap_used)] // helpers of tests

mod common;

use blueberry_records::curve::{VERSION, loss_curve, pixels, png, progression_picture, svg};
use blueberry_rules::LoggedRun;
use blueberry_runlog::{Event, Limits, read};
use common::*;

/// When this fails because the drawing was changed on purpose, raise [`VERSION`] and put the new pictures here: records
/// that the old version drew are then no longer compared with what this one draws.
#[test]
fn the_drawing_is_that_of_its_version() {
    let picture = loss_curve("Muon, <wide>", &categories().list[0], &claim_runs());
    assert_eq!(VERSION, 1);
    assert_eq!(svg(&picture).unwrap(), include_str!("curve.svg"));
    let drawn = png(&picture).unwrap();
    let expected = include_bytes!("curve.png");
    // Not by `assert_eq`, which would print a million numbers.
    let (drawn, expected) = (pixels(&drawn).unwrap(), pixels(expected).unwrap());
    assert!(
        drawn == expected,
        "{} pixels differ from curve.png",
        differing(&drawn, &expected)
    );
}

fn differing(ours: &[u8], others: &[u8]) -> usize {
    let pixels = ours.chunks(3).zip(others.chunks(3));
    pixels.filter(|(ours, others)| ours != others).count()
}

/// A log whose steps have these losses.
fn with_losses(losses: &[f64]) -> LoggedRun {
    let mut draft = Draft::valid(1);
    let mut next = losses.iter();
    draft.events.retain_mut(|event| match event {
        Event::Step(step) => next.next().is_some_and(|loss| {
            step.loss = *loss;
            true
        }),
        Event::Eval(eval) => {
            eval.val_loss = f64::NAN;
            true
        }
        _ => true,
    });
    let bytes = draft.bytes();
    LoggedRun {
        name: "odd".into(),
        sha256: digest('a'),
        log: read(bytes.as_slice(), &Limits::default()).unwrap(),
    }
}

#[test]
fn odd_losses_and_empty_logs_are_drawn() {
    let category = &categories().list[0];
    let odd: [&[f64]; 6] = [
        &[],
        &[f64::NAN, f64::INFINITY, f64::NEG_INFINITY],
        &[f64::MAX, f64::MIN, 0.0],
        &[3.0],
        &[f64::MIN_POSITIVE, 1e-300],
        &[2.0, f64::NAN, 3.0],
    ];
    for losses in odd {
        let picture = loss_curve("", category, &[with_losses(losses)]);
        assert!(svg(&picture).unwrap().ends_with("</svg>\n"), "{losses:?}");
        assert!(png(&picture).unwrap().starts_with(b"\x89PNG"), "{losses:?}");
    }
    assert!(svg(&loss_curve("", category, &[])).unwrap().starts_with("<svg"));
    assert!(
        svg(&progression_picture(category, &[]))
            .unwrap()
            .starts_with("<svg")
    );
}

#[test]
fn the_record_over_time_goes_by_the_days_of_verifiers() {
    let mut entries = [
        entry("alice", "2026-11-09", &[9.0]),
        entry("bob", "2026-01-01", &[8.0]),
    ];
    entries[1].beat = Some(entries[0].id.clone());
    for (number, entry) in (1..).zip(&mut entries) {
        entry.verification = Some(number);
        entry.verified_on = Some(format!("2026-12-0{number}"));
    }
    let picture = svg(&progression_picture(&categories().list[0], &entries)).unwrap();
    assert!(
        picture.contains("2026-12-01") && picture.contains("2026-12-02"),
        "{picture}"
    );
    assert!(
        !picture.contains("2026-11-09") && !picture.contains("2026-01-01"),
        "{picture}"
    );
}

#[test]
fn markup_in_a_title_is_text() {
    let picture = loss_curve("<script>&\"", &categories().list[0], &claim_runs());
    let svg = svg(&picture).unwrap();
    assert!(svg.contains("&lt;script&gt;&amp;&quot;") && !svg.contains("<script"));
}
