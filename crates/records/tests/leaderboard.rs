//! The leaderboard is made from the records to the byte, and what changes behind its back shows.
#![allow(clippy::unwrap_used)] // helpers of tests

#[path = "common/board.rs"]
mod board;
#[path = "common/claim.rs"]
mod claim;
mod common;

use std::fs;
use std::path::Path;

use blueberry_records::Outcome;
use blueberry_records::leaderboard::{Decision, LeaderboardArgs, leaderboard, standing};
use blueberry_records::verify::Comparison;
use blueberry_rules::{Answer, Finding, Happening, Kind, Ledger};
use board::*;
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

#[test]
fn the_record_that_stands_is_what_has_to_be_beaten() {
    let dir = Dir::new();
    let (submitted, record) = submitted(&dir);
    let categories = categories();
    let find = |records: &str, except: &str| {
        standing(
            &dir.path().join(records),
            &categories,
            &categories.list[0],
            except,
        )
    };
    let id = format!("small/{}", record.file_name().unwrap().to_string_lossy());
    assert_eq!(
        find("records", "small/other").unwrap(),
        None,
        "submitted, not verified"
    );
    verify(&dir, &submitted, &record, "verified");
    assert_eq!(find("records", "small/other").unwrap(), None, "not in the ledger");
    make(&args(&dir)).unwrap();
    assert_eq!(find("records", "small/other").unwrap().as_ref(), Some(&id));
    assert_eq!(
        find("records", &id).unwrap(),
        None,
        "a record has not to beat itself"
    );
    assert!(find("none", &id).is_err(), "a slip is no empty folder");
    // A key that is taken off the list takes its verdicts with it, and the ledger does not hide that.
    dir.write("records/verifiers", b"");
    let error = find("records", "small/other").unwrap_err().to_string();
    assert!(error.contains("verification.toml"), "{error}");
}

#[test]
fn the_ledger_says_which_rules_a_rejected_record_broke() {
    let dir = Dir::new();
    let (submitted, record) = submitted(&dir);
    verify(&dir, &submitted, &record, "rejected");
    let mut verification = unsigned(&submitted, &record, "rejected");
    let found = |rule: &str, answer: Answer| Finding {
        rule: rule.into(),
        run: None,
        answer,
    };
    let fail = || Answer::Fail {
        evidence: "shown".into(),
        line: None,
    };
    let missing = Answer::CannotTell {
        missing: "a scan".into(),
    };
    verification.findings = vec![
        found("verify-clock", fail()),
        found("beats-record", fail()),
        found("verify-clock", fail()),
        found("leak-scan", missing),
    ];
    put(&verification, &record, &signer(&dir, 7));
    make(&args(&dir)).unwrap();
    let ledger = fs::read_to_string(dir.path().join("records/ledger.jsonl")).unwrap();
    let last = ledger.lines().last().unwrap();
    assert!(
        last.contains("\"rejected\"") && last.contains("\"beats-record, verify-clock\""),
        "{last}"
    );
}

#[test]
fn a_verified_entry_that_is_no_record_says_of_which() {
    let dir = Dir::new();
    let (submitted, record) = submitted(&dir);
    verify(&dir, &submitted, &record, "verified");
    let mut verification = unsigned(&submitted, &record, "verified");
    verification.comparison = Some(Comparison {
        record: "small/old".into(),
        source: verification.source.clone(),
        pairs: 4,
        record_mean: 8.0,
        difference: 0.01,
        interval: None,
        test: None,
    });
    verification.findings = vec![Finding {
        rule: "beats-record".into(),
        run: None,
        answer: Answer::Fail {
            evidence: "not better".into(),
            line: None,
        },
    }];
    put(&verification, &record, &signer(&dir, 7));
    make(&args(&dir)).unwrap();
    let page = page(&dir);
    assert!(page.contains("| 1 | alice |"), "{page}");
    assert!(
        page.contains("verified; not shown to be better than small/old"),
        "{page}"
    );
}

#[test]
fn the_page_says_what_was_built_on_a_record_that_was_revoked() {
    let dir = Dir::new();
    let (submitted, parent) = submitted(&dir);
    let mut built_on = submitted.clone();
    (built_on.out, built_on.title) = (dir.path().join("elsewhere"), Some("Built on".into()));
    assert_eq!(try_submit(&built_on).0.unwrap(), Outcome::Yes);
    let child = parent.with_file_name("2026-09-21-built-on");
    fs::rename(
        record_dir(&built_on).with_file_name("2026-09-21-built-on"),
        &child,
    )
    .unwrap();
    let text = fs::read_to_string(child.join("record.toml")).unwrap();
    let text = format!("parent = \"small/2026-09-21-muon-wide\"\n{text}");
    fs::write(child.join("record.toml"), text).unwrap();
    verify(&dir, &submitted, &parent, "verified");
    make(&args(&dir)).unwrap();
    assert!(!page(&dir).contains("which was revoked"), "{}", page(&dir));
    let revoke = LeaderboardArgs {
        happening: Some(Decision {
            kind: Kind::Revoked,
            record: "small/2026-09-21-muon-wide".into(),
            by: "sponsor".into(),
            reason: "validation data among the training data".into(),
            date: "2026-10-01".into(),
        }),
        ..args(&dir)
    };
    make(&revoke).unwrap();
    let says = "built on small/2026-09-21-muon-wide, which was revoked";
    let rows = page(&dir);
    let row = rows.lines().find(|row| row.contains("Built on")).unwrap();
    assert!(row.contains(says), "{rows}");
    assert_eq!(rows.matches(says).count(), 1, "{rows}");
}

#[test]
fn a_record_is_pending_then_verified_then_revoked() {
    let dir = Dir::new();
    let (submitted, record) = submitted(&dir);
    let mut args = args(&dir);
    let check = LeaderboardArgs {
        check: true,
        ..args.clone()
    };
    assert_eq!(make(&check).unwrap(), Outcome::No, "nothing was made yet");
    assert_eq!(make(&args).unwrap(), Outcome::Yes);
    assert_eq!(make(&check).unwrap(), Outcome::Yes);
    assert!(page(&dir).contains("pending"), "{}", page(&dir));
    verify(&dir, &submitted, &record, "verified");
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
    assert!(!progression.exists(), "no record is left to show");
    let after = fs::read_to_string(dir.path().join("records/ledger.jsonl")).unwrap();
    assert!(after.starts_with(&ledger), "the ledger only grows");
}

#[test]
fn what_breaks_rules_as_it_is_is_rejected_without_a_run() {
    let dir = Dir::new();
    let (submitted, record) = submitted(&dir);
    let mut args = args(&dir);
    make(&args).unwrap();
    let decide = |kind| Decision {
        kind,
        record: "small/2026-09-21-muon-wide".into(),
        by: "sponsor".into(),
        reason: "loss-bar".into(),
        date: "2026-10-01".into(),
    };
    args.happening = Some(decide(Kind::Rejected));
    make(&args).unwrap();
    assert!(page(&dir).contains("rejected"), "{}", page(&dir));
    args.happening = None;
    assert_eq!(make(&args).unwrap(), Outcome::Yes, "again, with nothing new");
    // After an appeal a verifier runs it.
    args.happening = Some(decide(Kind::Appeal));
    make(&args).unwrap();
    args.happening = None;
    verify(&dir, &submitted, &record, "verified");
    make(&args).unwrap();
    assert!(page(&dir).contains("| 1 | alice |"), "{}", page(&dir));
}

/// Changes a record's folder or the ledger.
type Edit = fn(&Path, &Path);

#[test]
fn changed_or_deleted_records_and_ledgers_are_refused() {
    let edits: [(&str, Edit); 12] = [
        ("is of another `record.toml`", |record, _| {
            edit(&record.join("record.toml"), "alice", "mallory")
        }),
        // The signature of what was changed does not hold, so nobody verified it.
        ("verification.toml is not the one", |record, _| {
            edit(&record.join("verification.toml"), "sponsor", "nobody")
        }),
        ("its folder is gone", |record, _| {
            fs::remove_dir_all(record).unwrap()
        }),
        ("ledger line 1", |_, ledger| edit(ledger, "alice", "mallory")),
        // The verdict is cut off: a whole chain, but not the one that was published.
        ("never was at", |_, ledger| cut(ledger)),
        // A ledger that says of a verdict what its document does not, or of a submission what the record does not.
        ("verification.toml is not the one", |record, ledger| {
            rewrite(record, ledger, 2)
        }),
        ("record.toml is not the one", |record, ledger| {
            rewrite(record, ledger, 1)
        }),
        // The cut ledger again, with one of the pages that say so gone.
        ("leaderboard.json` is not", |record, ledger| {
            cut(ledger);
            fs::remove_file(record.join("../../../leaderboard.json")).unwrap();
        }),
        ("never was at", |record, ledger| {
            cut(ledger);
            let json = r#"{"ledger_entries": 0, "ledger_sha256": "HEAD"}"#;
            let json = json.replace("HEAD", Ledger::default().head());
            fs::write(record.join("../../../leaderboard.json"), json).unwrap();
        }),
        ("README.md is not the one", |record, _| {
            edit(&record.join("README.md"), "Say here", "Buy here")
        }),
        ("runs/seed-2.jsonl.zst` is not the log", |record, _| {
            let log = fs::read(record.join("runs/seed-1.jsonl.zst")).unwrap();
            fs::write(record.join("runs/seed-2.jsonl.zst"), log).unwrap();
        }),
        ("ledger line 1", |_, ledger| {
            let text = fs::read_to_string(ledger).unwrap();
            fs::write(ledger, text.split_once('\n').unwrap().1).unwrap();
        }),
    ];
    for (problem, edit) in edits {
        let dir = Dir::new();
        let (submitted, record) = submitted(&dir);
        verify(&dir, &submitted, &record, "verified");
        make(&args(&dir)).unwrap();
        edit(&record, &dir.path().join("records/ledger.jsonl"));
        let error = make(&args(&dir)).unwrap_err().to_string();
        assert!(error.contains(problem), "{problem}: {error}");
    }
}

/// Cuts the last entry off a ledger of two.
fn cut(ledger: &Path) {
    let text = fs::read_to_string(ledger).unwrap();
    fs::write(ledger, text.split_once('\n').unwrap().0.to_owned() + "\n").unwrap();
}

/// Makes a whole chain in which an entry is by somebody else, and removes what would show that it is another.
fn rewrite(record: &Path, ledger: &Path, number: u64) {
    let text = fs::read_to_string(ledger).unwrap();
    let mut other = Ledger::default();
    let mut lines = String::new();
    for entry in Ledger::parse(&text).unwrap().entries() {
        let mut what: Happening = entry.what.clone();
        if entry.number == number {
            what.by = "nobody".into();
        }
        lines += &other.append(what).unwrap();
    }
    fs::write(ledger, lines).unwrap();
    for page in ["leaderboard.json", "LEADERBOARD.md"] {
        fs::remove_file(record.join("../../..").join(page)).unwrap();
    }
}

/// Of ledgers from before READMEs were in them.
#[test]
fn a_ledger_that_names_no_readme_is_read() {
    let dir = Dir::new();
    let (_, record) = submitted(&dir);
    make(&args(&dir)).unwrap();
    let path = dir.path().join("records/ledger.jsonl");
    let text = fs::read_to_string(&path).unwrap();
    assert!(text.contains("readme_sha256"), "{text}");
    let mut older = Ledger::default();
    let mut what = Ledger::parse(&text).unwrap().entries()[0].what.clone();
    what.readme_sha256 = None;
    let line = older.append(what).unwrap();
    assert!(!line.contains("readme_sha256"), "{line}");
    fs::write(&path, line).unwrap();
    for page in ["leaderboard.json", "LEADERBOARD.md"] {
        fs::remove_file(dir.path().join(page)).unwrap();
    }
    edit(&record.join("README.md"), "Say here", "It is here");
    make(&args(&dir)).unwrap();
}

#[test]
#[cfg(unix)]
fn a_strangers_link_is_not_followed() {
    let dir = Dir::new();
    submitted(&dir);
    make(&args(&dir)).unwrap();
    let page = dir.path().join("LEADERBOARD.md");
    let text = fs::read_to_string(&page).unwrap();
    let outside = dir.write("outside.md", text.as_bytes());
    let picture = dir.path().join("records/small/progression.svg");
    std::os::unix::fs::symlink("/dev/zero", &picture).unwrap();
    let check = LeaderboardArgs {
        check: true,
        ..args(&dir)
    };
    assert_eq!(make(&check).unwrap(), Outcome::No, "and it comes to an end");
    make(&args(&dir)).unwrap();
    assert!(
        fs::symlink_metadata(&picture).is_err(),
        "the link itself is removed"
    );
    fs::remove_file(&page).unwrap();
    std::os::unix::fs::symlink(&outside, &page).unwrap();
    let error = make(&check).unwrap_err().to_string();
    assert!(error.contains("is a link"), "{error}");
}

/// Both are new at once; whose clock was set back is not the first.
#[test]
fn verdicts_that_are_new_at_once_are_in_the_order_of_the_verifiers_days() {
    let dir = Dir::new();
    let (submitted, first) = submitted(&dir);
    let mut ahead = submitted.clone();
    (ahead.out, ahead.title) = (dir.path().join("elsewhere"), Some("Ahead".into()));
    assert_eq!(try_submit(&ahead).0.unwrap(), Outcome::Yes);
    let second = first.with_file_name("2026-10-05-ahead");
    fs::rename(ahead.out.join("small/2026-09-21-ahead"), &second).unwrap();
    edit(
        &second.join("record.toml"),
        "date = \"2026-09-21\"",
        "date = \"2026-10-05\"",
    );
    verify(&dir, &submitted, &first, "verified");
    for (record, date) in [(&first, "2026-10-01"), (&second, "2026-09-30")] {
        let mut verification = unsigned(&submitted, record, "verified");
        verification.date = date.into();
        put(&verification, record, &signer(&dir, 7));
    }
    make(&args(&dir)).unwrap();
    let text = fs::read_to_string(dir.path().join("records/ledger.jsonl")).unwrap();
    let ledger = Ledger::parse(&text).unwrap();
    let order = ledger
        .entries()
        .iter()
        .map(|entry| (entry.what.kind, entry.what.date.as_str()));
    assert_eq!(
        order.collect::<Vec<_>>(),
        [
            (Kind::Submission, "2026-09-21"),
            (Kind::Submission, "2026-10-05"),
            (Kind::Verified, "2026-09-30"),
            (Kind::Verified, "2026-10-01"),
        ]
    );
}

fn edit(path: &Path, from: &str, to: &str) {
    let text = fs::read_to_string(path).unwrap();
    assert!(text.contains(from));
    fs::write(path, text.replace(from, to)).unwrap();
}

/// Else a slip would leave a page without records beside it.
#[test]
fn a_folder_of_something_else_is_not_taken_for_records() {
    let dir = Dir::new();
    dir.write("runs/mine-1/run.jsonl", b"{}");
    let args = LeaderboardArgs {
        records: dir.path().join("runs"),
        ..LeaderboardArgs::default()
    };
    let error = make(&args).unwrap_err().to_string();
    assert!(
        error.contains("has neither a ledger nor a record") && error.contains("--records"),
        "{error}"
    );
    assert!(!dir.path().join("LEADERBOARD.md").exists());
    dir.write("new/verifiers", b"");
    make(&LeaderboardArgs {
        records: dir.path().join("new"),
        ..args
    })
    .unwrap();
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
    assert_eq!(
        fs::read(args.records.join("ledger.jsonl")).unwrap(),
        b"",
        "the page links to it"
    );
}
