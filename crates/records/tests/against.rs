//! A challenger by turns with the record that it has to beat.
#![allow(clippy::unwrap_used)] // helpers of tests

mod common;
mod verifying;

use std::fs;

use blueberry_records::verify::*;
use blueberry_rules::{Answer, Metric};
use blueberry_runlog::Event;
use verifying::{Place, QUICK, SEEDS, a_fifth_faster, says, silent};

#[test]
fn a_challenger_that_is_no_faster_here_takes_no_record() {
    let place = Place::new();
    let request = place.request(true, Sandbox::None);
    // It claims 6 s and the record 8 s, each on its author's machine; on this one both are the same but for noise.
    place.provide(&place.plan(&request), |role, seed| {
        let noise = if (role == Role::Challenger) == (seed % 2 == 0) {
            0.01
        } else {
            0.0
        };
        QUICK * (1.0 + noise)
    });
    let verification = silent(&request).unwrap();
    assert_eq!(verification.outcome, Outcome::Verified, "{verification:#?}");
    let record = verification
        .comparison
        .as_ref()
        .map(|comparison| comparison.record.as_str());
    assert!(
        record.is_some() && verification.short_of() == record,
        "{verification:#?}"
    );
    match says(&verification, "beats-record") {
        Some(Answer::Fail { evidence, .. }) => assert!(evidence.contains("not better"), "{evidence}"),
        other => panic!("{other:?}"),
    }
}

/// A record may not log better figures when it runs beside a challenger.
#[test]
fn a_record_whose_own_log_breaks_a_rule_is_nothing_to_compare_with() {
    let place = Place::new();
    let request = place.request(true, Sandbox::None);
    let plan = place.plan(&request);
    place.provide(&plan, a_fifth_faster);
    let turns = plan.turns();
    let turn = turns.iter().rfind(|turn| turn.role == Role::Record).unwrap();
    place.spoil(&plan, *turn, QUICK, |draft| {
        for event in &mut draft.events {
            if let Event::End(end) = event {
                end.at.train_s *= 0.5;
            }
        }
    });
    let verification = silent(&request).unwrap();
    assert_eq!(verification.outcome, Outcome::Undecided, "{verification:#?}");
    assert!(
        verification.findings.iter().any(|found| {
            found.answer.words().contains("a sound run of the record")
                && found.run.as_ref().is_some_and(|run| run.contains("-record-"))
        }),
        "{verification:#?}"
    );
}

#[test]
fn a_record_in_force_that_cannot_be_built_says_nothing_of_the_challenger() {
    let mut place = Place::new();
    place.record.source.commit = "0".repeat(40);
    let verification = silent(&place.request(true, Sandbox::None)).unwrap();
    assert_eq!(verification.outcome, Outcome::Undecided);
    let answer = says(&verification, "verify-builds").unwrap();
    assert!(
        answer.words().contains("does not have commit 000000"),
        "{answer:?}"
    );
}

#[test]
fn a_failed_run_of_the_record_leaves_it_undecided() {
    let place = Place::new();
    let request = place.request(true, Sandbox::None);
    place.provide(&place.plan(&request), a_fifth_faster);
    fs::remove_file(place.dir.path().join(format!("data/record-{}.jsonl", SEEDS[1]))).unwrap();
    let verification = silent(&request).unwrap();
    assert_eq!(verification.outcome, Outcome::Undecided, "{verification:#?}");
    assert!(verification.comparison.is_none());
}

/// Losses are compared by their means where pairs are missing, and a mean that is no lower is no broken rule.
#[test]
fn a_failed_run_of_the_record_does_not_reject_who_is_no_better() {
    let mut place = Place::new();
    place.categories.list[0].metric = Metric::ValLoss;
    let request = place.request(true, Sandbox::None);
    place.provide(&place.plan(&request), |_, _| QUICK);
    fs::remove_file(place.dir.path().join(format!("data/record-{}.jsonl", SEEDS[1]))).unwrap();
    let verification = silent(&request).unwrap();
    let answer = says(&verification, "beats-record").unwrap();
    assert!(matches!(answer, Answer::Fail { .. }), "{answer:?}");
    assert_eq!(verification.outcome, Outcome::Undecided, "{verification:#?}");
}

#[test]
fn longer_evaluations_than_the_records_are_looked_at() {
    let place = Place::new();
    let request = place.request(true, Sandbox::None);
    let plan = place.plan(&request);
    place.provide(&plan, a_fifth_faster);
    let quick = silent(&request).unwrap();
    assert!(
        quick.holds.iter().any(|rule| rule == "beats-record") && quick.beat().is_some(),
        "{quick:#?}"
    );
    assert_eq!(says(&quick, "verify-evaluations"), None);
    let slow = Request {
        work: place.dir.path().join("another"),
        ..request
    };
    place.spoil(&plan, plan.turns()[0], 0.8 * QUICK, |draft| {
        draft.eval_at(512).seconds = 6.0;
    });
    let verification = silent(&slow).unwrap();
    let answer = says(&verification, "verify-evaluations").unwrap();
    assert!(
        matches!(answer, Answer::CannotTell { .. }) && answer.words().contains("they took 6.00 s"),
        "{answer:?}"
    );
}

#[test]
fn seeds_that_do_not_pair_off_are_refused() {
    let place = Place::new();
    let mut request = place.request(true, Sandbox::None);
    for (seeds, words) in [
        (vec![1, 2, 3], "even number"),
        (vec![1, 2, 3, 3], "comes twice"),
        (vec![1, 2], "asks for more runs"),
    ] {
        request.options.seeds = seeds;
        let error = silent(&request).unwrap_err().to_string();
        assert!(error.contains(words), "{error}");
    }
    request.options.seeds = Vec::new();
    let plan = place.plan(&request);
    assert_eq!(plan.turns().len(), 8);
    assert_ne!(plan.seeds, place.plan(&request).seeds, "drawn afresh");
}

#[test]
fn the_record_that_stands_is_not_left_out() {
    let place = Place::new();
    let mut request = place.request(false, Sandbox::None);
    place.provide(&place.plan(&request), |_, _| QUICK);
    let alone = silent(&request).unwrap();
    assert_eq!(alone.outcome, Outcome::Verified, "{alone:#?}");
    request.judge.standing = Some(&place.record.side.id);
    let verification = silent(&request).unwrap();
    assert_eq!(verification.outcome, Outcome::Undecided, "{verification:#?}");
    let answer = says(&verification, "verify-standing-record").unwrap();
    assert!(answer.words().contains(&place.record.side.id), "{answer:?}");
}
