//! What a verifier saw itself, against what a log says: exit code, clock, machine, data, source, and where it lies.
#![allow(clippy::unwrap_used)] // helpers of tests

mod common;
mod verifying;

use std::fs;

use blueberry_records::verify::*;
use blueberry_rules::{Pin, PinnedCount};

use verifying::{Place, QUICK, SEEDS, a_fifth_faster, assert_fails, sandbox, says, silent};

#[test]
fn a_log_with_more_time_than_the_program_took_is_rejected() {
    let place = Place::new();
    let request = place.request(false, Sandbox::None);
    place.provide(&place.plan(&request), |_, seed| {
        if seed == SEEDS[2] { 100.0 } else { QUICK }
    });
    assert_fails(&silent(&request).unwrap(), "verify-clock", "more than the");
}

#[test]
fn a_run_that_says_it_was_interrupted_is_rejected() {
    let place = Place::new();
    let request = place.request(false, Sandbox::None);
    let plan = place.plan(&request);
    place.provide(&plan, |_, _| QUICK);
    place.spoil(&plan, plan.turns()[1], QUICK, |draft| {
        let resume = common::Draft::interrupted(1).resume().clone();
        draft.events.insert(1, blueberry_runlog::Event::Resume(resume));
    });
    let verification = silent(&request).unwrap();
    assert_fails(&verification, "verify-never-interrupted", "it was down for 6.0 s");
}

#[test]
fn hours_off_the_logs_clock_are_rejected() {
    let place = Place::new();
    let mut request = place.request(false, Sandbox::None);
    request.options.conditions.unclocked_limit_s = 1;
    place.act(Role::Challenger, "sleep_ms 1200");
    place.provide(&place.plan(&request), |_, _| QUICK);
    assert_fails(
        &silent(&request).unwrap(),
        "verify-clock",
        "on no clock of its log",
    );
}

#[test]
fn a_long_warm_up_is_rejected() {
    let place = Place::new();
    let mut request = place.request(false, Sandbox::None);
    request.options.conditions.warm_up_limit_s = 0;
    place.provide(&place.plan(&request), |_, _| QUICK);
    assert_fails(&silent(&request).unwrap(), "verify-warm-up", "off the clock");
}

#[test]
fn more_time_off_the_clock_than_the_records_run_beside_it_is_looked_at() {
    let place = Place::new();
    let mut request = place.request(true, Sandbox::None);
    // Well within the limits of a run alone, and well beyond a twentieth of them, which is two seconds: a busy machine keeps
    // a program waiting, too.
    request.options.conditions.unclocked_limit_s = 35;
    request.options.conditions.warm_up_limit_s = 5;
    place.act(Role::Challenger, "sleep_ms 5000");
    place.provide(&place.plan(&request), a_fifth_faster);
    let verification = silent(&request).unwrap();
    // More kernels take longer to compile: that alone breaks no rule.
    assert_eq!(verification.outcome, Outcome::Undecided, "{verification:#?}");
    let answer = says(&verification, "verify-clock").unwrap();
    assert!(answer.words().contains("somebody has to look at"), "{answer:?}");
}

#[test]
fn a_whole_log_of_a_program_that_failed_is_rejected() {
    let place = Place::new();
    let request = place.request(false, Sandbox::None);
    place.act(Role::Challenger, "exit 7");
    place.provide(&place.plan(&request), |_, _| QUICK);
    assert_fails(
        &silent(&request).unwrap(),
        "verify-ends-well",
        "ended with exit status: 7",
    );
}

#[test]
fn a_failure_of_the_records_program_says_nothing_of_the_challenger() {
    let place = Place::new();
    let request = place.request(true, Sandbox::None);
    place.act(Role::Record, "exit 7");
    place.provide(&place.plan(&request), a_fifth_faster);
    let verification = silent(&request).unwrap();
    assert_eq!(verification.outcome, Outcome::Undecided, "{verification:#?}");
}

#[test]
fn a_log_of_another_machine_or_data_is_rejected() {
    let mut place = Place::new();
    place.host.gpus = ["Another GPU".to_owned()].into();
    let data = blueberry_runlog::DataDigests {
        train_tokens: 1,
        ..common::Draft::valid(1).run.data
    };
    let mut request = place.request(false, Sandbox::None);
    request.judge.data = Some(&data);
    place.provide(&place.plan(&request), |_, _| QUICK);
    let verification = silent(&request).unwrap();
    assert_fails(&verification, "verify-machine", "this machine has: Another GPU");
    assert_fails(&verification, "verify-data", "training tokens");
    assert_eq!(verification.host, place.host);
}

/// A program may have been given other data than its log names, as the built-in corpus.
#[test]
fn without_the_verifiers_data_nobody_can_tell_on_which_it_ran() {
    let mut place = Place::new();
    let verify = |place: &Place, work: &str| {
        let mut request = place.request(false, Sandbox::None);
        request.work = place.dir.path().join(work);
        request.judge.data = None;
        place.provide(&place.plan(&request), |_, _| QUICK);
        silent(&request).unwrap()
    };
    let verification = verify(&place, "asking");
    assert_eq!(verification.outcome, Outcome::Undecided, "{verification:#?}");
    let answer = says(&verification, "verify-data").unwrap();
    assert!(answer.words().contains("--data"), "{answer:?}");
    let error = refuse_no_data(&place.categories.list[0], false).unwrap_err();
    assert!(
        error.to_string().contains("`small` asks for certain data"),
        "{error}"
    );
    refuse_no_data(&place.categories.list[0], true).unwrap();
    // Every one of the pins asks.
    let category = &mut place.categories.list[0];
    category.train_tokens = PinnedCount::ANY;
    for pins in [[0, 1], [1, 2], [2, 0]] {
        let mut some = category.clone();
        let mut all = [&mut some.manifest, &mut some.validation, &mut some.tokenizer];
        pins.into_iter().for_each(|pin| *all[pin] = Pin::Any);
        refuse_no_data(&some, false).unwrap_err();
    }
    (category.manifest, category.validation, category.tokenizer) = (Pin::Any, Pin::Any, Pin::Any);
    refuse_no_data(category, false).unwrap();
    let verification = verify(&place, "any");
    assert_eq!(says(&verification, "verify-data"), None, "{verification:#?}");
}

#[test]
fn no_link_of_a_stranger_leads_the_verifier_out() {
    let Some(sandbox) = sandbox() else { return };
    let place = Place::new();
    let victim = place.dir.write("authorized_keys", b"a key");
    let mut request = place.request(false, sandbox);
    request.options.conditions = request.options.conditions.with_probe();
    place.act(Role::Challenger, &format!("links {}", victim.display()));
    place.provide(&place.plan(&request), |_, _| QUICK);
    let verification = silent(&request).unwrap();
    assert_eq!(verification.outcome, Outcome::Verified, "{verification:#?}");
    // Its probe tried to change the log: it is as it was.
    assert_eq!(silent(&request).unwrap().runs, verification.runs);
    write(&verification, &request.work, &place.challenger.folder, None).unwrap();
    assert_eq!(fs::read_to_string(&victim).unwrap(), "a key");
}

#[test]
fn a_link_in_place_of_a_log_is_no_log() {
    let place = Place::new();
    let request = place.request(false, Sandbox::None);
    place.act(Role::Challenger, "log link");
    place.provide(&place.plan(&request), |_, _| QUICK);
    assert_fails(&silent(&request).unwrap(), "verify-leaves-a-log", "no log");
}

#[test]
fn a_log_of_another_source_is_rejected() {
    let place = Place::new();
    let request = place.request(false, Sandbox::None);
    let mut plan = place.plan(&request);
    plan.challenger.source_sha256 = common::digest('9');
    place.provide(&plan, |_, _| QUICK);
    assert_fails(&silent(&request).unwrap(), "verify-same-source", "999999");
}
