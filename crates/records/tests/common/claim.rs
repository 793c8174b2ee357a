//! Submitting and checking the claim of [`super`].
#![allow(dead_code)] // each test file uses a part

use std::path::{Path, PathBuf};

use blueberry_records::check::{CheckArgs, check};
use blueberry_records::submit::{SubmitArgs, submit};
use blueberry_records::{CommandError, Outcome};
use serde_json::Value;

use super::{Dir, write_claim};

/// What submits the claim in `dir` into `dir/records`.
pub fn submit_args(dir: &Dir) -> SubmitArgs {
    let (runs, attempts) = write_claim(dir);
    SubmitArgs {
        runs,
        category: "small".into(),
        author: "alice".into(),
        title: Some("Muon, wide".into()),
        attempts: Some(attempts),
        out: dir.path().join("records"),
        repository: dir.path().to_owned(),
        categories: Some(dir.write_categories()),
        ..SubmitArgs::default()
    }
}

/// The folder of the record that these arguments make.
pub fn record_dir(args: &SubmitArgs) -> PathBuf {
    args.out.join("small/2026-09-21-muon-wide")
}

/// Submits, and gives the answer with what was said.
pub fn try_submit(args: &SubmitArgs) -> (Result<Outcome, CommandError>, String) {
    let mut said = Vec::new();
    let outcome = submit(args, &mut said);
    (outcome, String::from_utf8(said).expect("text"))
}

/// A claim that was submitted.
pub fn submitted(dir: &Dir) -> (SubmitArgs, PathBuf) {
    let args = submit_args(dir);
    let (outcome, said) = try_submit(&args);
    assert_eq!(outcome.expect("submitted"), Outcome::Yes, "{said}");
    let record = record_dir(&args);
    assert!(record.is_dir(), "{said}");
    for command in ["blueberry leaderboard", "git add records", "gh pr create"] {
        assert!(said.contains(command), "nothing about {command:?} in {said}");
    }
    (args, record)
}

/// Checks paths, and gives the answer with what was said.
pub fn try_check(
    dir: &Dir,
    paths: &[&Path],
    attempts: Option<&Path>,
) -> (Result<Outcome, CommandError>, String) {
    let args = CheckArgs {
        paths: paths.iter().map(|path| path.to_path_buf()).collect(),
        categories: Some(dir.path().join("categories.toml")),
        attempts: attempts.map(Path::to_owned),
        ..CheckArgs::default()
    };
    let mut said = Vec::new();
    let outcome = check(&args, &mut said);
    (outcome, String::from_utf8(said).expect("text"))
}

/// The ids of the rules that a record breaks.
pub fn broken_rules(dir: &Dir, record: &Path) -> Result<Vec<String>, CommandError> {
    let args = CheckArgs {
        paths: vec![record.to_owned()],
        categories: Some(dir.path().join("categories.toml")),
        json: true,
        ..CheckArgs::default()
    };
    let mut said = Vec::new();
    check(&args, &mut said)?;
    let judged: Value = serde_json::from_slice(&said).expect("JSON");
    let findings = judged[0]["verdict"]["findings"]
        .as_array()
        .expect("findings")
        .clone();
    let failed = findings.iter().filter(|finding| finding["answer"] == "fail");
    Ok(failed
        .map(|finding| finding["rule"].as_str().expect("a rule").to_owned())
        .collect())
}
