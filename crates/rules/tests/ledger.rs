//! The ledger: what shows, and what may happen to a record.

mod common;

use blueberry_rules::*;
use common::happening;

fn ledger(events: &[(&str, Kind)]) -> (Ledger, String) {
    let mut ledger = Ledger::default();
    let lines = events
        .iter()
        .map(|&(record, kind)| ledger.append(happening(record, kind)).expect("possible"));
    let text = lines.collect();
    (ledger, text)
}

const STORY: [(&str, Kind); 5] = [
    ("dash/a", Kind::Submission),
    ("dash/b", Kind::Submission),
    ("dash/a", Kind::Verified),
    ("dash/b", Kind::Rejected),
    ("dash/a", Kind::Revoked),
];

#[test]
fn a_ledger_is_read_as_it_was_written() {
    let (written, text) = ledger(&STORY);
    let read = Ledger::parse(&text).unwrap();
    assert_eq!(read, written);
    assert_eq!(read.statuses()["dash/a"], RecordStatus::Revoked);
    assert_eq!(read.statuses()["dash/b"], RecordStatus::Rejected);
    assert_eq!(Ledger::parse("").unwrap().head(), "0".repeat(64));
}

#[test]
fn deleted_doubled_and_moved_entries_show() {
    let (_, text) = ledger(&STORY);
    let lines: Vec<_> = text.split_inclusive('\n').collect();
    for place in 0..lines.len() - 1 {
        let (mut deleted, mut doubled, mut moved) = (lines.clone(), lines.clone(), lines.clone());
        deleted.remove(place);
        doubled.insert(place, lines[place]);
        moved.swap(place, place + 1);
        for edited in [deleted, doubled, moved] {
            assert!(Ledger::parse(&edited.concat()).is_err(), "{place}");
        }
    }
}

#[test]
fn entries_cut_off_the_end_show_against_the_published_head() {
    let (whole, text) = ledger(&STORY);
    let cut = text.split_inclusive('\n').take(4).collect::<String>();
    let cut = Ledger::parse(&cut).unwrap();
    let error = cut
        .goes_on_from(whole.entries().len(), whole.head())
        .unwrap_err()
        .to_string();
    assert!(error.contains("after 4 entries"), "{error}");
    whole.goes_on_from(whole.entries().len(), whole.head()).unwrap();
    whole.goes_on_from(cut.entries().len(), cut.head()).unwrap();
    whole.goes_on_from(0, Ledger::default().head()).unwrap();
}

#[test]
fn a_ledger_rewritten_from_some_entry_on_shows_against_the_published_head() {
    let (whole, _) = ledger(&STORY);
    let mut other = STORY;
    other[3] = ("dash/b", Kind::Verified);
    let (rewritten, text) = ledger(&other);
    assert_eq!(Ledger::parse(&text).unwrap(), rewritten);
    assert!(
        rewritten
            .goes_on_from(whole.entries().len(), whole.head())
            .is_err()
    );
}

#[test]
fn only_what_can_happen_is_written() {
    for (story, kind, problem) in [
        (&STORY[..0], Kind::Verified, "never submitted"),
        (&STORY[..1], Kind::Submission, "submitted before"),
        (&STORY[..1], Kind::Revoked, "nothing to revoke"),
        (&STORY[..1], Kind::Appeal, "waits for a verdict"),
        (&STORY[..3], Kind::Rejected, "after an appeal"),
    ] {
        let (mut ledger, _) = ledger(story);
        let error = ledger.append(happening("dash/a", kind)).unwrap_err().to_string();
        assert!(error.contains(problem), "{error}");
    }
}

#[test]
fn an_appeal_opens_a_verdict_again() {
    let (mut ledger, _) = ledger(&STORY);
    ledger.append(happening("dash/b", Kind::Appeal)).unwrap();
    assert_eq!(ledger.statuses()["dash/b"], RecordStatus::Pending);
    ledger.append(happening("dash/b", Kind::Verified)).unwrap();
    assert_eq!(ledger.statuses()["dash/b"], RecordStatus::Verified);
}

#[test]
fn lines_that_are_no_entries_are_named() {
    let (_, text) = ledger(&STORY[..1]);
    for (bad, words) in [
        ("{}\n".to_owned(), "line 2: missing field"),
        ("[1]\n".to_owned(), "line 2: invalid"),
        (text.trim_end().to_owned(), "does not end in a newline"),
        ("\u{0}\n".to_owned(), "line 2"),
    ] {
        let error = Ledger::parse(&format!("{text}{bad}")).unwrap_err().to_string();
        assert!(error.contains(words), "{error}");
    }
}
