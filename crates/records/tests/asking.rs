//! A model that is asked for logits by the verifier, whatever its program says of it.
#![allow(clippy::unwrap_used)] // helpers of tests

mod common;
mod verifying;

use blueberry_records::verify::*;
use verifying::{Place, QUICK, SEEDS, assert_fails, sandbox, says, silent};

/// A validation set in which every token follows from the one before, as the trainer of these tests knows.
fn validation() -> Vec<u16> {
    (0..2000).map(|at: u32| (at * 7 % 64) as u16).collect()
}

/// The verification of a trainer whose model is `model`.
fn asked(model: &str, validation: &[u16], sandbox: Sandbox) -> (Place, Verification) {
    let place = Place::new();
    let mut request = place.request(false, sandbox);
    request.options.conditions = request.options.conditions.with_probe();
    request.validation = Some(validation);
    place.act(Role::Challenger, &format!("model {model}"));
    place.provide(&place.plan(&request), |_, _| QUICK);
    let verification = silent(&request).unwrap();
    // Who goes on, as to sign, has nothing of the stranger's run again.
    let mut told = Vec::new();
    let again = verify(&request, &mut |progress| told.push(progress)).unwrap();
    assert_eq!(
        (again.outcome, &again.findings),
        (verification.outcome, &verification.findings)
    );
    assert!(
        matches!(told[..], [Progress::GoesOn { done: 4, of: 4 }]),
        "{told:?}"
    );
    drop(request);
    (place, verification)
}

fn words(verification: &Verification, rule: &str) -> String {
    let answer = says(verification, rule).unwrap_or_else(|| panic!("{rule} in {verification:#?}"));
    answer.words().to_owned()
}

#[test]
fn a_model_as_good_as_its_log_is_verified() {
    let Some(sandbox) = sandbox() else { return };
    let (place, verification) = asked("good", &validation(), sandbox);
    assert_eq!(verification.outcome, Outcome::Verified, "{verification:#?}");
    assert!(
        verification.holds.iter().any(|rule| rule == "probe"),
        "{verification:#?}"
    );
    let run = place.dir.path().join("work/runs");
    let left = |name: &str| walk(&run).iter().any(|path| path.ends_with(name));
    assert!(
        left("asked-0.json") && left("asked-1.json"),
        "what was asked is kept: {:?}",
        walk(&run)
    );
    assert!(!left("logits.bin"), "the answers, which are large, are not");
}

#[test]
fn a_log_of_losses_that_the_model_does_not_reach_is_rejected() {
    let (_place, verification) = asked("knows-little", &validation(), Sandbox::None);
    // ln 64.
    assert_fails(&verification, "probe", "is 4.1589");
    assert_fails(&verification, "probe", "the log says 2.");
}

#[test]
fn a_model_that_sees_ahead_is_rejected_whatever_its_program_says() {
    let (_place, verification) = asked("sees-ahead", &validation(), Sandbox::None);
    assert_fails(&verification, "probe", "when later tokens were others");
}

#[test]
fn a_program_that_gives_no_logits_leaves_it_undecided() {
    let (_place, verification) = asked("gives-little", &validation(), Sandbox::None);
    assert_eq!(verification.outcome, Outcome::Undecided, "{verification:#?}");
    assert!(words(&verification, "verify-probes").contains("did not give them"));
}

#[test]
fn a_model_that_does_not_go_with_the_set_cannot_be_asked() {
    let (_place, verification) = asked("good", &[64; 2000], Sandbox::None);
    assert_eq!(verification.outcome, Outcome::Undecided, "{verification:#?}");
    assert!(words(&verification, "verify-probes").contains("go with the set"));
}

#[test]
fn the_loss_is_held_against_the_log_of_the_run_that_was_asked_and_no_other() {
    let place = Place::new();
    let validation = validation();
    let mut request = place.request(false, Sandbox::None);
    request.options.conditions = request.options.conditions.with_probe();
    request.validation = Some(&validation);
    place.provide(&place.plan(&request), |_, _| QUICK);
    let last = SEEDS.last().unwrap();
    std::fs::remove_file(place.dir.path().join(format!("data/challenger-{last}.jsonl"))).unwrap();
    let verification = silent(&request).unwrap();
    assert!(words(&verification, "probe").contains("in the log of the run whose model was asked"));
}

/// Every file below a folder.
fn walk(dir: &std::path::Path) -> Vec<std::path::PathBuf> {
    let entries = std::fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path());
    entries
        .flat_map(|path| if path.is_dir() { walk(&path) } else { vec![path] })
        .collect()
}
