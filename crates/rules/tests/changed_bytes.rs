//! One changed byte is always found, and nothing unchanged is refused.

mod common;

use std::sync::OnceLock;

use blueberry_rules::*;
use blueberry_runlog::{Limits, read};
use common::*;
use proptest::prelude::*;

fn valid() -> &'static [Vec<u8>; 3] {
    static LOGS: OnceLock<[Vec<u8>; 3]> = OnceLock::new();
    LOGS.get_or_init(|| [1, 2, 3].map(|seed| Draft::valid(seed).bytes()))
}

/// The verdict with the first log replaced; `None` where that is no log any more.
fn judged(first: &[u8]) -> Option<Verdict> {
    let log = read(first, &Limits::default()).ok()?;
    let mut submission = Submission::valid();
    submission.runs[0] = LoggedRun {
        name: "changed".into(),
        sha256: sha256(first),
        log,
    };
    Some(submission.judge())
}

fn found(first: &[u8]) -> bool {
    judged(first).is_none_or(|verdict| verdict.status == Status::Ineligible)
}

/// Every line of a log is sealed, and a seal has nothing of its own, so that its own bytes, the last ones of the
/// log among them, cannot change either: there are no unsealed bytes in a log that is eligible.
fn changed(bytes: &[u8], place: usize, by: u8) -> Vec<u8> {
    let mut changed = bytes.to_vec();
    let place = place % bytes.len();
    changed[place] ^= by;
    changed
}

/// Settings with the digit at this byte changed; `None` where they are the same, or no JSON any more.
fn with_digit(config: &serde_json::Value, place: usize, digit: u8) -> Option<serde_json::Value> {
    let mut text = config.to_string().into_bytes();
    text[place] = digit;
    let changed = serde_json::from_slice(&text).ok()?;
    (changed != *config).then_some(changed)
}

/// An attempts file, its digest in each log.
fn attempts_text() -> String {
    declared(&[1, 2, 3]).attempts().to_text().expect("a text")
}

fn ledger_text() -> String {
    let mut ledger = Ledger::default();
    let mut text = String::new();
    for (record, kind) in [
        ("small/a", Kind::Submission),
        ("small/b", Kind::Submission),
        ("small/a", Kind::Verified),
        ("small/b", Kind::Rejected),
        ("small/b", Kind::Appeal),
        ("small/a", Kind::Revoked),
    ] {
        text += &ledger.append(happening(record, kind)).expect("possible");
    }
    text
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 128, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn one_changed_byte_of_a_log_is_found(place in any::<usize>(), by in 1_u8..) {
        prop_assert!(found(&changed(&valid()[0], place, by)));
    }

    #[test]
    fn one_changed_digit_of_a_log_is_found(place in any::<usize>(), digit in b'0'..=b'9') {
        let log = &valid()[0];
        let digits: Vec<usize> = (0..log.len()).filter(|&at| log[at].is_ascii_digit()).collect();
        let at = digits[place % digits.len()];
        prop_assume!(log[at] != digit);
        let mut changed = log.clone();
        changed[at] = digit;
        prop_assert!(found(&changed));
    }

    #[test]
    fn a_log_cut_anywhere_is_found(place in any::<usize>()) {
        let log = &valid()[0];
        prop_assert!(found(&log[..place % log.len()]));
    }

    #[test]
    fn one_changed_byte_of_the_attempts_is_found(place in any::<usize>(), by in 1_u8..) {
        let text = attempts_text();
        let changed = changed(text.as_bytes(), place, by);
        let declared = String::from_utf8(changed).ok().and_then(|text| Declared::parse(&text).ok());
        if let Some(declared) = declared {
            let mut submission = Submission::valid();
            submission.facts.attempts = Some(declared);
            prop_assert_eq!(submission.judge().status, Status::Ineligible);
        }
    }

    #[test]
    fn one_changed_byte_of_the_ledger_is_found(place in any::<usize>(), by in 1_u8..) {
        let changed = changed(ledger_text().as_bytes(), place, by);
        prop_assert!(String::from_utf8(changed).ok().is_none_or(|text| Ledger::parse(&text).is_err()));
    }

    /// A figure of a result that differs in any shown digit is not the log's.
    #[test]
    fn one_changed_digit_of_a_claim_is_found(place in any::<usize>(), digit in b'0'..=b'9') {
        let mut submission = Submission::valid();
        let mean = submission.judge().summary.figures()["val_loss"].mean;
        let mut text = format!("{mean:.4}").into_bytes();
        let digits: Vec<usize> = (0..text.len()).filter(|&at| text[at] != b'.').collect();
        let at = digits[place % digits.len()];
        prop_assume!(text[at] != digit);
        text[at] = digit;
        let text = String::from_utf8(text).unwrap();
        submission.facts.claims =
            vec![Claim { place: "record.toml:9".into(), run: None, name: "val_loss".into(), text }];
        prop_assert_eq!(submission.judge().status, Status::Ineligible);
    }

    #[test]
    fn no_unaltered_log_is_refused(seed in 0..i64::MAX as u64, resumed in any::<bool>()) {
        let seeds = [seed, seed ^ 1, seed ^ 2];
        let declared = declared(&seeds);
        let make = if resumed { Draft::interrupted } else { Draft::valid };
        let drafts = seeds.map(|seed| {
            // The losses of the small logs grow with the seed; any number is a seed.
            let mut draft = make(seed % 16);
            (draft.run.seed, draft.run.config["seed"]) = (seed, seed.into());
            draft.run.attempts_sha256 = Some(declared.sha256().to_owned());
            draft
        });
        let mut submission = Submission::of(&drafts);
        submission.facts.attempts = Some(declared);
        let verdict = submission.judge();
        prop_assert_eq!(verdict.status, Status::Eligible, "{}", render(&verdict));
    }
}

#[test]
fn what_the_properties_change_is_eligible_unchanged() {
    assert_eq!(judged(&valid()[0]).unwrap().status, Status::Eligible);
    assert_eq!(Ledger::parse(&ledger_text()).unwrap().entries().len(), 6);
    assert_eq!(Declared::parse(&attempts_text()).unwrap(), declared(&[1, 2, 3]));
}

/// A setting that was changed in all logs alike, or in the first alone, and sealed again is not what was declared.
#[test]
fn one_changed_digit_of_the_settings_is_found_wherever_it_stands() {
    let drafts = [1, 2, 3].map(Draft::valid);
    let text = drafts[0].run.config.to_string();
    let places = (0..text.len()).filter(|&at| text.as_bytes()[at].is_ascii_digit());
    for (place, digit) in places.flat_map(|place| (b'0'..=b'9').map(move |digit| (place, digit))) {
        for altered in [1, 3] {
            let mut drafts = drafts.clone();
            let mut changed = false;
            for draft in &mut drafts[..altered] {
                if let Some(config) = with_digit(&draft.run.config, place, digit) {
                    (draft.run.config, changed) = (config, true);
                }
            }
            let verdict = Submission::of(&drafts).judge();
            let config = &drafts[0].run.config;
            assert_eq!(verdict.status == Status::Ineligible, changed, "{config}");
        }
    }
}
