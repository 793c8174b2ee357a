//! The leaderboard is made from the records to the byte, and what changes behind its back shows.
#![allow(clippy::unwrap_used)] // helpers of tests

#[path = "common/claim.rs"]
mod claim;
mod common;

use std::fs;
use std::path::Path;

use blueberry_records::leaderboard::{Decision, LeaderboardArgs, leaderboard};
use blueberry_records::{CommandError, Outcome};
use blueberry_rules::{Kind, Summary};
use claim::*;
use common::*;

/// The project's own pages, beside its (so far empty) records.
#[test]
fn the_projects_leaderboard_is_up_to_date() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let args = LeaderboardArgs {
        records: root.join("records"),
        check: true,
        ..LeaderboardArgs::default()
    };
    let mut said = Vec::new();
    let outcome = leaderboard(&args, &mut said).unwrap();
    assert_eq!(outcome, Outcome::Yes, "{}", String::from_utf8_lossy(&said));
}

fn args(dir: &Dir) -> LeaderboardArgs {
    LeaderboardArgs {
        records: dir.path().join("records"),
        categories: Some(dir.path().join("categories.toml")),
        ..LeaderboardArgs::default()
    }
}

fn make(args: &LeaderboardArgs) -> Result<Outcome, CommandError> {
    leaderboard(args, &mut Vec::new())
}

fn page(dir: &Dir) -> String {
    fs::read_to_string(dir.path().join("LEADERBOARD.md")).unwrap()
}

/// What a verifier's program would leave, as far as the leaderboard reads it.
fn verify(record: &Path, outcome: &str) {
    let summary = Summary::of(&categories().list[0], &claim_runs());
    let mut table = toml::Table::new();
    for (name, value) in [
        ("outcome", outcome),
        ("verifier", "sponsor"),
        ("date", "2026-09-30"),
    ] {
        table.insert(name.into(), value.into());
    }
    table.insert("challenger".into(), toml::Value::try_from(&summary).unwrap());
    fs::write(record.join("verification.toml"), toml::to_string(&table).unwrap()).unwrap();
}

#[test]
fn a_record_is_pending_then_verified_then_revoked() {
    let dir = Dir::new();
    let (_, record) = submitted(&dir);
    let mut args = args(&dir);
    let check = LeaderboardArgs {
        check: true,
        ..args.clone()
    };
    assert_eq!(make(&check).unwrap(), Outcome::No, "nothing was made yet");
    assert_eq!(make(&args).unwrap(), Outcome::Yes);
    assert_eq!(make(&check).unwrap(), Outcome::Yes);
    assert!(page(&dir).contains("pending"), "{}", page(&dir));
    verify(&record, "verified");
    assert_eq!(
        make(&check).unwrap(),
        Outcome::No,
        "a verdict makes the page stale"
    );
    make(&args).unwrap();
    assert!(
        page(&dir).contains("| 1 | alice |") && page(&dir).contains("verified"),
        "{}",
        page(&dir)
    );
    let progression = dir.path().join("records/small/progression.svg");
    assert!(fs::read_to_string(&progression).unwrap().starts_with("<svg"));
    let ledger = fs::read_to_string(dir.path().join("records/ledger.jsonl")).unwrap();
    assert_eq!(ledger.lines().count(), 2);
    args.happening = Some(Decision {
        kind: Kind::Revoked,
        record: "small/2026-09-21-muon-wide".into(),
        by: "sponsor".into(),
        reason: "validation data among the training data".into(),
        date: "2026-10-01".into(),
    });
    make(&args).unwrap();
    assert!(
        page(&dir).contains("revoked") && !page(&dir).contains("| 1 | alice |"),
        "{}",
        page(&dir)
    );
    let after = fs::read_to_string(dir.path().join("records/ledger.jsonl")).unwrap();
    assert!(after.starts_with(&ledger), "the ledger only grows");
}

#[test]
fn changed_or_deleted_records_and_ledgers_are_refused() {
    let edits: [(&str, fn(&Path, &Path)); 5] = [
        ("record.toml is not the one", |record, _| {
            edit(&record.join("record.toml"), "alice", "mallory")
        }),
        ("verification.toml is not the one", |record, _| {
            edit(&record.join("verification.toml"), "sponsor", "nobody")
        }),
        ("its folder is gone", |record, _| {
            fs::remove_dir_all(record).unwrap()
        }),
        ("ledger line 1", |_, ledger| edit(ledger, "alice", "mallory")),
        ("ledger line 1", |_, ledger| {
            let text = fs::read_to_string(ledger).unwrap();
            fs::write(ledger, text.split_once('\n').unwrap().1).unwrap();
        }),
    ];
    for (problem, edit) in edits {
        let dir = Dir::new();
        let (_, record) = submitted(&dir);
        verify(&record, "verified");
        make(&args(&dir)).unwrap();
        edit(&record, &dir.path().join("records/ledger.jsonl"));
        let error = make(&args(&dir)).unwrap_err().to_string();
        assert!(error.contains(problem), "{problem}: {error}");
    }
}

fn edit(path: &Path, from: &str, to: &str) {
    let text = fs::read_to_string(path).unwrap();
    assert!(text.contains(from));
    fs::write(path, text.replace(from, to)).unwrap();
}

#[test]
fn without_records_the_page_is_empty_and_honest() {
    let dir = Dir::new();
    let args = LeaderboardArgs {
        records: dir.path().join("records"),
        ..LeaderboardArgs::default()
    };
    make(&args).unwrap();
    assert!(
        page(&dir).contains("no record yet") && page(&dir).contains("reference"),
        "{}",
        page(&dir)
    );
    assert!(!args.records.join("ledger.jsonl").exists());
}
