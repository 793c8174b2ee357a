//! A run whose numbers run away says so and keeps what was good.

mod common;

use std::path::Path;

use blueberry_runlog::{EndStatus, RunLog};
use common::checks::{end, whole_checkpoints};
use common::{finish, place, read_log, train};

/// Trains until it diverges, saving after every step.
fn diverge(dir: &Path, settings: &[&str]) -> RunLog {
    let settings = [
        settings,
        &["schedule={kind='constant'}", "checkpoint.every_tokens=64"],
    ]
    .concat();
    let finished = finish(train(dir, &settings)).expect_code(1);
    assert!(
        finished.stdout.contains("the run diverged at step"),
        "{finished:#?}"
    );
    let log = read_log(dir);
    // The data of a step that failed is not counted.
    let consumed = end(&log).ledger.as_ref().map(|ledger| ledger.tokens);
    assert_eq!(consumed, Some(end(&log).at.tokens));
    assert_eq!(
        (end(&log).status, log.seals.unsealed_lines),
        (EndStatus::Diverged, 0)
    );
    log
}

/// The reason names the step, a parameter, and what was not a number: in the step itself, or in the weights that it left,
/// which are looked at before they are saved, and where a validation loss is none.
fn assert_reason(log: &RunLog) {
    let reason = end(log).reason.as_deref().expect("a reason");
    let done = end(log).at.step;
    let in_step = reason.strip_prefix(&format!("at step {}, ", done + 1));
    let in_weights = reason.strip_prefix(&format!("at step {done}, the norm of the updated `"));
    let of_gradients = [
        "the gradient of `",
        "the gradients of `",
        "every gradient, from that of `",
    ];
    let names = |what: &str| of_gradients.iter().any(|words| what.starts_with(words));
    assert!(in_step.is_some_and(names) || in_weights.is_some(), "{reason}");
    assert!(
        ["NaN", "inf"].iter().any(|value| reason.ends_with(value)),
        "{reason}"
    );
}

#[test]
fn an_absurd_learning_rate_diverges() {
    let place = place();
    let dir = place.path().join("run");
    let log = diverge(&dir, &["optim.muon.lr=1e30", "optim.adamw.lr=1e30"]);
    assert_reason(&log);
    // The weights are spoilt by the first step, so none is worth keeping.
    assert!(whole_checkpoints(&dir).is_empty());
    assert!(log.steps().all(|step| step.loss.is_finite()));
}

#[test]
fn checkpoints_before_the_divergence_are_kept() {
    let place = place();
    let dir = place.path().join("run");
    // The decay multiplies every hidden matrix by 1 - 0.01 * 1e6, about -1e4, in each step: f32 ends at 1e38,
    // which takes several steps.
    let settings = ["optim.muon.lr=0.01", "optim.muon.weight_decay=1e6"];
    let log = diverge(&dir, &settings);
    assert_reason(&log);
    assert!(
        end(&log).at.step >= 3,
        "diverged after {} steps",
        end(&log).at.step
    );
    // The last step's own weights are what diverged.
    let newest = format!("step-{:08}", end(&log).at.step - 1);
    let kept = whole_checkpoints(&dir);
    assert_eq!(kept.len(), 2);
    assert!(kept[1].ends_with(newest), "{kept:?}");
}

#[test]
fn weights_that_the_last_step_spoilt_are_no_completed_run() {
    let place = place();
    let dir = place.path().join("run");
    // Beyond f32, so that no weight is a number after the one step that there is.
    let settings = ["optim.muon.lr=1e300", "optim.adamw.lr=1e300", "train.tokens=64"];
    assert_reason(&diverge(&dir, &settings));
}

#[test]
fn a_validation_loss_that_is_no_number_is_traced_to_its_weights() {
    let place = place();
    let dir = place.path().join("run");
    let settings = [
        "optim.muon.lr=1e300",
        "optim.adamw.lr=1e300",
        "eval.every_tokens=64",
    ];
    assert_reason(&diverge(&dir, &settings));
}
