//! What must hold of a run's folder whatever happened to its process.

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};

use blueberry_runlog::{End, RunLog};
use serde_json::Value;
use sha2::{Digest, Sha256};

/// The checkpoints of the run in `dir`, oldest first; panics at one that is not whole.
pub fn whole_checkpoints(dir: &Path) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(dir.join("checkpoints")) else {
        return Vec::new();
    };
    let paths = entries.map(|entry| entry.expect("an entry").path());
    let mut found: Vec<PathBuf> = paths.filter(|path| name(path).starts_with("step-")).collect();
    found.sort();
    found.iter().for_each(|path| assert_whole(path));
    found
}

fn assert_whole(checkpoint: &Path) {
    let shown = checkpoint.display();
    let state = fs::read(checkpoint.join("state.json")).unwrap_or_else(|error| panic!("{shown}: {error}"));
    let state: Value = serde_json::from_slice(&state).unwrap_or_else(|error| panic!("{shown}: {error}"));
    let files = state["files"].as_object().expect("digests by name");
    assert_eq!(files.len(), 2, "{shown}: {files:?}");
    for (file, digest) in files {
        let bytes = fs::read(checkpoint.join(file)).unwrap_or_else(|error| panic!("{shown}/{file}: {error}"));
        assert_eq!(digest, &format!("{:x}", Sha256::digest(bytes)), "{shown}/{file}");
    }
}

/// Names in `dir`, sorted; none where there is no such folder.
pub fn names_in(dir: &Path) -> Vec<String> {
    let Ok(entries) = fs::read_dir(dir) else {
        return Vec::new();
    };
    let mut names: Vec<String> = entries
        .map(|entry| name(&entry.expect("an entry").path()))
        .collect();
    names.sort();
    names
}

fn name(path: &Path) -> String {
    path.file_name().expect("a name").to_string_lossy().into_owned()
}

/// The end of a run; panics where it has none.
pub fn end(log: &RunLog) -> &End {
    log.end().expect("the run has an end")
}

/// Neither clock ever runs backwards.
pub fn assert_clocks_rise(log: &RunLog) {
    let times = log
        .lines
        .iter()
        .filter_map(|line| Some((line.number, line.event.at()?)));
    let times: Vec<_> = times.collect();
    for pair in times.windows(2) {
        let ((_, before), (line, after)) = (pair[0], pair[1]);
        assert!(
            before.train_s <= after.train_s && before.wall_s <= after.wall_s,
            "line {line}: {pair:?}"
        );
    }
}

/// Whatever `log` says of a step or an evaluation, `calm`, the log of an undisturbed run, says too, to the last
/// bit.
pub fn assert_same_course(log: &RunLog, calm: &RunLog) {
    let steps = calm
        .steps()
        .map(|step| (step.at.step, (step.loss.to_bits(), step.grad_norm.to_bits())));
    let steps: HashMap<u64, _> = steps.collect();
    for step in log.steps() {
        let found = (step.loss.to_bits(), step.grad_norm.to_bits());
        assert_eq!(
            Some(&found),
            steps.get(&step.at.step),
            "step {}, loss {}",
            step.at.step,
            step.loss
        );
    }
    let evals = calm
        .evals()
        .map(|eval| (eval.at.tokens, (eval.val_loss.to_bits(), &eval.ledger)));
    let evals: HashMap<u64, _> = evals.collect();
    for eval in log.evals() {
        let found = (eval.val_loss.to_bits(), &eval.ledger);
        assert_eq!(
            Some(&found),
            evals.get(&eval.at.tokens),
            "evaluation at {} tokens",
            eval.at.tokens
        );
    }
}

/// `log` comes to the same end as `calm`, which is complete: every step, the final loss and the ledger.
pub fn assert_same_end(log: &RunLog, calm: &RunLog) {
    assert_same_course(log, calm);
    let (found, expected) = (end(log), end(calm));
    assert_eq!(found.status, expected.status);
    assert_eq!(
        (found.at.step, found.at.tokens),
        (expected.at.step, expected.at.tokens)
    );
    assert_eq!(
        found.val_loss.map(f64::to_bits),
        expected.val_loss.map(f64::to_bits)
    );
    assert!(found.val_loss.is_some_and(f64::is_finite));
    assert_eq!(found.ledger, expected.ledger);
    let last = |log: &RunLog| log.steps().last().map(|step| step.loss.to_bits());
    assert_eq!(last(log), last(calm));
}
