//! Whose verification counts on the leaderboard, and by which terms.
#![allow(clippy::unwrap_used)] // helpers of tests

#[path = "common/board.rs"]
mod board;
#[path = "common/claim.rs"]
mod claim;
mod common;

use std::fs;
use std::path::Path;

use blueberry_records::leaderboard::standing;
use blueberry_records::verify::{Terms, Verification};
use blueberry_rules::{Answer, Finding};
use board::*;
use claim::*;
use common::*;

/// Changes the terms of a verification.
type Bend = fn(&mut Option<Terms>);

#[test]
fn what_a_verifier_looked_at_is_said() {
    let dir = Dir::new();
    let (submitted, record) = submitted(&dir);
    verify(&dir, &submitted, &record, "verified");
    let mut verification = unsigned(&submitted, &record, "verified");
    verification.reviews = vec!["eval-time=nothing but the loss".parse().unwrap()];
    put(&verification, &record, &signer(&dir, 7));
    make(&args(&dir)).unwrap();
    let page = page(&dir);
    assert!(page.contains("| verified; eval-time looked at |"), "{page}");
}

#[test]
fn only_a_listed_verifier_is_heard() {
    let dir = Dir::new();
    let (submitted, record) = submitted(&dir);
    verify(&dir, &submitted, &record, "verified");
    let good = unsigned(&submitted, &record, "verified");
    // By a stranger's key, without a signature, with a signature of something else, without a sandbox.
    put(&good, &record, &signer(&dir, 8));
    let stranger = made(&dir);
    let signature = fs::read(record.join("verification.toml.sig")).unwrap();
    put(&good, &record, &signer(&dir, 7));
    fs::remove_file(record.join("verification.toml.sig")).unwrap();
    let unsigned = made(&dir);
    fs::write(record.join("verification.toml.sig"), signature).unwrap();
    let forged = made(&dir);
    let bare = Verification {
        sandbox: "none".into(),
        ..good.clone()
    };
    put(&bare, &record, &signer(&dir, 7));
    let bare = made(&dir);
    for (page, why) in [
        (stranger, "not in the list of verifiers"),
        (unsigned, "it is not signed"),
        (forged, "its signature does not hold"),
        (bare, "without a sandbox"),
    ] {
        assert!(page.contains(why) && page.contains("pending"), "{why}: {page}");
        assert!(!page.contains("| 1 | alice |"), "{why}: {page}");
    }
    put(&good, &record, &signer(&dir, 7));
    assert!(made(&dir).contains("| 1 | alice |"));
}

#[test]
fn what_was_judged_by_other_terms_than_the_boards_does_not_count() {
    let dir = Dir::new();
    let (submitted, record) = submitted(&dir);
    verify(&dir, &submitted, &record, "verified");
    let good = unsigned(&submitted, &record, "verified");
    let rejected = unsigned(&submitted, &record, "rejected");
    let both: [(&str, Bend); 3] = [
        ("does not say by which terms", |terms| *terms = None),
        ("other terms than `small` has", |terms| {
            terms.as_mut().unwrap().category_sha256 = digest('0')
        }),
        ("its verifier chose the seeds", |terms| {
            terms.as_mut().unwrap().seeds_drawn = false
        }),
    ];
    let milder: [(&str, Bend); 2] = [
        (
            "301 s off its log's clock, where the leaderboard allows 300 s",
            |terms| terms.as_mut().unwrap().unclocked_limit_s = 301,
        ),
        (
            "301 s in its warm-up, where the leaderboard allows 300 s",
            |terms| terms.as_mut().unwrap().warm_up_limit_s = 301,
        ),
    ];
    let stricter: [(&str, Bend); 2] = [
        (
            "299 s off its log's clock, where the leaderboard allows 300 s",
            |terms| terms.as_mut().unwrap().unclocked_limit_s = 299,
        ),
        (
            "299 s in its warm-up, where the leaderboard allows 300 s",
            |terms| terms.as_mut().unwrap().warm_up_limit_s = 299,
        ),
    ];
    let verified = both.iter().chain(&milder).map(|bend| (&good, bend));
    let cases = verified.chain(both.iter().chain(&stricter).map(|bend| (&rejected, bend)));
    for (outcome, (why, bend)) in cases {
        let mut bent = outcome.clone();
        bend(&mut bent.terms);
        put(&bent, &record, &signer(&dir, 7));
        let said = made(&dir);
        assert!(
            said.contains("does not count") && said.contains(why),
            "{why}: {said}"
        );
        assert!(
            said.contains("| pending |") && !said.contains("| 1 | alice |"),
            "{why}: {said}"
        );
    }
    let mut without = rejected.clone();
    without.sandbox = "none".into();
    let mut given = rejected.clone();
    given.findings.push(Finding {
        rule: "verify-builds".into(),
        run: None,
        answer: Answer::CannotTell {
            missing: "a program was given".into(),
        },
    });
    for (bent, why) in [
        (without, "without a sandbox"),
        (given, "not shown to be its source"),
    ] {
        put(&bent, &record, &signer(&dir, 7));
        let page = made(&dir);
        assert!(
            page.contains(why) && page.contains("| pending |"),
            "{why}: {page}"
        );
    }
    // Shorter limits are the verifier's to choose who lets it pass.
    let mut strict = good;
    strict.terms.as_mut().unwrap().warm_up_limit_s = 299;
    put(&strict, &record, &signer(&dir, 7));
    make(&args(&dir)).unwrap();
    assert!(page(&dir).contains("| 1 | alice |"), "{}", page(&dir));
}

#[test]
fn a_verdict_that_stands_stays_when_the_category_changes() {
    let dir = Dir::new();
    let (submitted, record) = submitted(&dir);
    verify(&dir, &submitted, &record, "verified");
    make(&args(&dir)).unwrap();
    let mut later = categories();
    later.list[0].loss_below = Some(2.9);
    dir.write("categories.toml", toml::to_string(&later).unwrap().as_bytes());
    make(&args(&dir)).unwrap();
    assert!(page(&dir).contains("| 1 | alice |"), "{}", page(&dir));
    assert!(page(&dir).contains("loss under 2.9"), "{}", page(&dir));
}

#[test]
fn a_verification_that_its_logs_do_not_bear_out_is_refused() {
    type Tamper = fn(&mut Verification, &Path);
    let tampers: [(&str, Tamper); 4] = [
        ("is of `small/another`", |verification, _| {
            verification.record = "small/another".into()
        }),
        ("is not the log", |verification, _| {
            verification.runs[1].log_sha256 = Some(digest('e'))
        }),
        ("are not those of its logs", |verification, _| {
            verification
                .challenger
                .as_mut()
                .unwrap()
                .figure
                .as_mut()
                .unwrap()
                .mean *= 0.9;
        }),
        ("00-challenger-101", |_, record| {
            fs::remove_file(record.join("verification/00-challenger-101.jsonl.zst")).unwrap();
        }),
    ];
    for (problem, tamper) in tampers {
        let dir = Dir::new();
        let (submitted, record) = submitted(&dir);
        verify(&dir, &submitted, &record, "verified");
        let mut verification = unsigned(&submitted, &record, "verified");
        tamper(&mut verification, &record);
        put(&verification, &record, &signer(&dir, 7));
        let error = make(&args(&dir)).unwrap_err().to_string();
        assert!(error.contains(problem), "{problem}: {error}");
    }
}

#[test]
fn every_digit_of_a_verification_counts() {
    let dir = Dir::new();
    let (submitted, record) = submitted(&dir);
    verify(&dir, &submitted, &record, "verified");
    make(&args(&dir)).unwrap();
    let (records, categories) = (dir.path().join("records"), categories());
    let standing = || standing(&records, &categories, &categories.list[0], "small/other");
    assert!(standing().unwrap().is_some());
    let path = record.join("verification.toml");
    let original = fs::read_to_string(&path).unwrap();
    for (line, changed) in changed_digits(&original) {
        fs::write(&path, changed).unwrap();
        assert!(standing().is_err(), "changed behind `{line}` and not found");
    }
}
