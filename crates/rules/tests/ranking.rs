//! Ranks, progression, flags, and the leaderboard's text.

mod common;

use blueberry_rules::*;
use common::*;

fn ranks(entries: &[Entry]) -> Vec<(usize, String)> {
    let ranked = rank(&categories().list[0], entries);
    ranked
        .iter()
        .map(|ranked| (ranked.rank, ranked.entry.author.clone()))
        .collect()
}

fn named(ranks: &[(usize, &str)]) -> Vec<(usize, String)> {
    ranks
        .iter()
        .map(|&(rank, name)| (rank, name.to_owned()))
        .collect()
}

/// Has an entry have run beside another, and be better.
fn beat(entries: &mut [Entry], winner: usize, loser: usize) {
    entries[winner].beat = Some(entries[loser].id.clone());
}

#[test]
fn ties_share_a_rank() {
    let entries = [
        entry("dora", "2026-11-04", &[9.0]),
        entry("carol", "2026-11-03", &[8.04]),
        entry("bob", "2026-11-02", &[7.96]),
        entry("alice", "2026-11-01", &[7.0]),
    ];
    assert_eq!(
        ranks(&entries),
        named(&[(1, "alice"), (2, "bob"), (2, "carol"), (4, "dora")])
    );
}

#[test]
fn only_verified_entries_and_the_best_of_each_author_have_ranks() {
    let mut entries = vec![
        entry("alice", "2026-11-01", &[9.0]),
        entry("alice", "2026-11-02", &[8.0]),
        entry("bob", "2026-11-03", &[7.0]),
    ];
    beat(&mut entries, 1, 0);
    entries[2].status = RecordStatus::Pending;
    assert_eq!(ranks(&entries), named(&[(1, "alice")]));
    assert_eq!(rank(&categories().list[0], &entries)[0].entry.date, "2026-11-02");
}

/// The claim says 750 ms, the verifier measured 164 ms, and the other way round.
#[test]
fn the_verifiers_figure_stands() {
    let mut entries = [
        entry("alice", "2026-11-01", &[0.164]),
        entry("bob", "2026-11-02", &[0.75]),
    ];
    entries[0].claimed = figures(&[0.75]);
    entries[1].claimed = figures(&[0.1]);
    assert_eq!((entries[0].mean(), entries[1].mean()), (Some(0.164), Some(0.75)));
    assert_eq!(ranks(&entries), named(&[(1, "alice"), (2, "bob")]));
}

#[test]
fn equal_figures_are_told_apart_by_benchmarks() {
    let mut category = categories().list[0].clone();
    category.benchmarks = vec![asked_benchmark("hellaswag", Pin::Any)];
    let mut entries = [
        entry("alice", "2026-11-01", &[8.0]),
        entry("bob", "2026-11-02", &[8.0]),
    ];
    beat(&mut entries, 1, 0);
    for (entry, result) in entries.iter_mut().zip([0.30, 0.31]) {
        entry
            .verified
            .as_mut()
            .unwrap()
            .benchmarks
            .insert("hellaswag".into(), result);
    }
    let ranked = rank(&category, &entries);
    assert_eq!((ranked[0].entry.author.as_str(), ranked[1].rank), ("bob", 2));
}

#[test]
fn a_benchmark_that_is_missing_is_the_worst() {
    let mut category = categories().list[0].clone();
    category.benchmarks = ["hard", "easy"]
        .map(|name| asked_benchmark(name, Pin::Any))
        .into();
    let mut entries = [
        entry("alice", "2026-11-01", &[8.0]),
        entry("bob", "2026-11-02", &[8.0]),
    ];
    beat(&mut entries, 1, 0);
    let mut results = |index: usize, list: &[(&str, f64)]| {
        let list = list.iter().map(|&(name, result)| (name.to_owned(), result));
        entries[index].verified.as_mut().unwrap().benchmarks = list.collect();
    };
    results(0, &[("easy", 0.8)]);
    results(1, &[("easy", 0.8), ("hard", 0.3)]);
    assert_eq!(rank(&category, &entries)[0].entry.author, "bob");
}

#[test]
fn the_progression_is_what_was_a_record_when_it_came() {
    let mut entries = [
        entry("carol", "2026-11-03", &[8.5]),
        entry("alice", "2026-11-01", &[9.0]),
        entry("bob", "2026-11-02", &[8.0]),
        entry("dora", "2026-11-04", &[7.0]),
    ];
    beat(&mut entries, 2, 1);
    beat(&mut entries, 3, 2);
    let category = &categories().list[0];
    let authors: Vec<_> = progression(category, &entries)
        .iter()
        .map(|entry| &entry.author)
        .collect();
    assert_eq!(authors, ["alice", "bob", "dora"]);
    assert_eq!(record(category, &entries).unwrap().author, "dora");
}

#[test]
fn the_ledger_says_who_was_first_whatever_an_authors_clock_said() {
    let mut entries = [
        entry("alice", "2026-11-01", &[9.0]),
        // Faster and later, with the clock set back.
        entry("bob", "2026-01-01", &[8.0]),
    ];
    for (number, entry) in (1..).zip(&mut entries) {
        entry.submission = Some(number);
        entry.verification = Some(number + 2);
        entry.verified_on = Some("2026-11-05".into());
        entry.recipe = "same".into();
    }
    beat(&mut entries, 1, 0);
    let category = &categories().list[0];
    let authors: Vec<_> = progression(category, &entries)
        .iter()
        .map(|entry| &entry.author)
        .collect();
    assert_eq!(authors, ["alice", "bob"]);
    let again = Flag::SameRecipe {
        record: entries[0].id.clone(),
    };
    assert_eq!(flags(&entries), [(&*entries[1].id, vec![again])].into());
}

#[test]
fn what_fell_short_of_a_record_shares_its_rank_at_best() {
    let mut entries = [
        entry("alice", "2026-11-01", &[8.0]),
        // Faster by its mean, but not by runs beside the record.
        entry("bob", "2026-11-02", &[7.9]),
        entry("carol", "2026-11-03", &[8.5]),
    ];
    for late in [1, 2] {
        entries[late].short_of = Some(entries[0].id.clone());
    }
    let category = &categories().list[0];
    let holder = |entries: &[Entry]| record(category, entries).map(|entry| entry.author.clone());
    assert_eq!(ranks(&entries), named(&[(1, "alice"), (1, "bob"), (3, "carol")]));
    assert_eq!(progression(category, &entries).len(), 1);
    assert_eq!(holder(&entries).as_deref(), Some("alice"));
    // A record that was revoked holds nobody back.
    entries[0].status = RecordStatus::Revoked;
    assert_eq!(ranks(&entries), named(&[(1, "bob"), (2, "carol")]));
    assert_eq!(holder(&entries).as_deref(), Some("bob"));
}

/// Two beat the record that stood when they came; the second was never held against the first.
#[test]
fn a_record_falls_only_to_what_ran_beside_it() {
    let mut entries = [
        entry("alice", "2026-11-01", &[9.0]),
        entry("bob", "2026-11-02", &[8.0]),
        entry("carol", "2026-11-03", &[7.0]),
    ];
    beat(&mut entries, 1, 0);
    beat(&mut entries, 2, 0);
    let (categories, ledger) = (categories(), Ledger::default());
    let category = &categories.list[0];
    assert_eq!(record(category, &entries).unwrap().author, "bob");
    assert_eq!(ranks(&entries), named(&[(1, "bob"), (1, "carol"), (3, "alice")]));
    let page = leaderboard_markdown(&board(&categories, &entries, &ledger));
    let says = format!("verified; not compared with {} |", entries[1].id);
    assert!(page.contains(&says), "{page}");
    // Once it has run beside that one it takes the record.
    beat(&mut entries, 2, 1);
    assert_eq!(record(category, &entries).unwrap().author, "carol");
    let page = leaderboard_markdown(&board(&categories, &entries, &ledger));
    assert!(!page.contains("not compared"), "{page}");
    // And keeps it when that one counts no more.
    entries[1].status = RecordStatus::Revoked;
    assert_eq!(record(category, &entries).unwrap().author, "carol");
}

/// The record ran at 9.0 s; since a new driver it takes 9.4 s, and beside it the next one 9.2 s.
#[test]
fn what_beat_the_record_beside_it_takes_it_whatever_another_day_says() {
    let mut entries = [
        entry("alice", "2026-11-01", &[9.0]),
        entry("bob", "2026-11-02", &[9.2]),
        entry("carol", "2026-11-03", &[8.9]),
        entry("dora", "2026-11-04", &[9.1]),
    ];
    beat(&mut entries, 1, 0);
    // No better than the record that stands, whose measure is not the day of its own figure.
    entries[2].short_of = Some(entries[1].id.clone());
    let (categories, ledger) = (categories(), Ledger::default());
    let category = &categories.list[0];
    assert_eq!(ranks(&entries[..2]), named(&[(1, "bob"), (2, "alice")]));
    assert_eq!(
        ranks(&entries),
        named(&[(1, "bob"), (1, "carol"), (3, "alice"), (4, "dora")])
    );
    let authors: Vec<_> = progression(category, &entries)
        .iter()
        .map(|entry| &entry.author)
        .collect();
    assert_eq!(authors, ["alice", "bob"]);
    let page = leaderboard_markdown(&board(&categories, &entries, &ledger));
    assert!(page.contains("| 1 | bob | 9.2 |"), "{page}");
    let why = format!("verified; better than {} in runs beside it |", entries[0].id);
    assert_eq!(page.matches(&why).count(), 1, "{page}");
    // Nobody has to be told so of a figure that is better anyway.
    entries[1].verified = Some(figures(&[8.8]));
    let page = leaderboard_markdown(&board(&categories, &entries, &ledger));
    assert!(!page.contains("in runs beside it |"), "{page}");
}

#[test]
fn the_seeds_are_those_of_the_figure_that_stands() {
    let (categories, ledger) = (categories(), Ledger::default());
    let mut entries = [entry("alice", "2026-11-01", &[8.0, 8.2])];
    entries[0].seeds = vec![1, 2, 3];
    let page = leaderboard_markdown(&board(&categories, &entries, &ledger));
    assert!(page.contains("| 151.0M (?) | 2 | Example GPU |"), "{page}");
}

#[test]
fn a_revoked_parent_flags_what_was_built_on_it() {
    let mut entries = vec![
        entry("alice", "2026-11-01", &[9.0]),
        entry("bob", "2026-11-02", &[8.0]),
        entry("carol", "2026-11-03", &[7.0]),
        entry("dora", "2026-11-04", &[6.0]),
    ];
    entries[1].parent = Some(entries[0].id.clone());
    entries[2].parent = Some(entries[1].id.clone());
    entries[3].parent = Some("small/nowhere".into());
    assert_eq!(
        flags(&entries).keys().copied().collect::<Vec<_>>(),
        ["small/2026-11-04-dora"]
    );
    entries[0].status = RecordStatus::Revoked;
    let flags = flags(&entries);
    let revoked = vec![Flag::BuiltOnRevoked {
        record: entries[0].id.clone(),
    }];
    assert_eq!(
        (&flags["small/2026-11-02-bob"], &flags["small/2026-11-03-carol"]),
        (&revoked, &revoked)
    );
    assert_eq!(
        flags["small/2026-11-04-dora"],
        [Flag::UnknownParent {
            record: "small/nowhere".into()
        }]
    );
}

#[test]
fn a_chain_of_parents_that_bites_its_tail_ends() {
    let mut entries = vec![
        entry("alice", "2026-11-01", &[9.0]),
        entry("bob", "2026-11-02", &[8.0]),
    ];
    entries[0].parent = Some(entries[1].id.clone());
    entries[1].parent = Some(entries[0].id.clone());
    assert!(flags(&entries).is_empty());
}

#[test]
fn a_record_twice_under_two_names_is_found() {
    let mut entries = vec![
        entry("alice", "2026-11-01", &[9.0]),
        entry("bob", "2026-11-02", &[9.0]),
    ];
    entries[1].logs = entries[0].logs.clone();
    let flags = flags(&entries);
    assert_eq!(flags.len(), 1);
    assert_eq!(
        flags["small/2026-11-02-bob"],
        [Flag::SameLogs {
            record: entries[0].id.clone()
        }]
    );
}

fn board<'a>(categories: &'a Categories, entries: &'a [Entry], ledger: &'a Ledger) -> Leaderboard<'a> {
    Leaderboard {
        categories,
        entries,
        ledger,
    }
}

#[test]
fn the_same_records_in_any_order_give_the_same_bytes() {
    let (categories, ledger) = (categories(), Ledger::default());
    let mut entries = vec![
        entry("alice", "2026-11-01", &[9.0, 9.2]),
        entry("bob", "2026-11-02", &[8.0, 8.1]),
        entry("carol", "2026-11-02", &[8.0, 8.1]),
        entry("bob", "2026-11-03", &[8.4]),
    ];
    entries[2].status = RecordStatus::Pending;
    let before = board(&categories, &entries, &ledger);
    let (page, json) = (leaderboard_markdown(&before), leaderboard_json(&before).unwrap());
    entries.reverse();
    let after = board(&categories, &entries, &ledger);
    assert_eq!(
        (leaderboard_markdown(&after), leaderboard_json(&after).unwrap()),
        (page, json)
    );
}

#[test]
fn the_page_shows_ranks_intervals_and_status() {
    let (categories, ledger) = (categories(), Ledger::default());
    let mut entries = vec![
        entry("alice", "2026-11-01", &[8.0, 8.2]),
        entry("bob", "2026-11-02", &[9.0]),
    ];
    entries[1].status = RecordStatus::Rejected;
    let page = leaderboard_markdown(&board(&categories, &entries, &ledger));
    // Half the interval: 12.706 * 0.1414 / sqrt 2 = 1.27.
    let row = "| 1 | alice | 8.1 ± 1.3 | 9.5 | 2.0 | 2.670 | 151.0M (?) | 2 | Example GPU | verified | 2026-11-01 | [alice's";
    assert!(page.contains(row), "{page}");
    assert!(page.contains("| rejected | 2026-11-02 |"), "{page}");
}

#[test]
fn an_empty_official_board_is_honest_and_names_the_reference() {
    let (categories, ledger) = (Categories::official(), Ledger::default());
    let page = leaderboard_markdown(&board(&categories, &[], &ledger));
    assert_eq!(page.matches("no record yet").count(), 4);
    assert_eq!(page.matches("| unverified |").count(), 4);
    assert!(page.contains("143,480,704 to 158,583,936 parameters"), "{page}");
    for table in page.split("\n\n").filter(|part| part.starts_with('|')) {
        let widths: std::collections::BTreeSet<_> =
            table.lines().map(|row| row.matches('|').count()).collect();
        assert_eq!(widths.len(), 1, "{table}");
    }
}

#[test]
fn strangers_texts_cannot_break_the_page() {
    let (categories, ledger) = (categories(), Ledger::default());
    let mut entries = vec![entry("a|b\n# c", "2026-11-01", &[8.0])];
    entries[0].title = "<img src=x> [x](javascript:1) @all `".into();
    entries[0].link = Some("javascript:alert(1)".into());
    let page = leaderboard_markdown(&board(&categories, &entries, &ledger));
    assert!(page.contains(r"a\|b \# c"), "{page}");
    for bad in ["<img", "[x](", "alert", "@all", "\n# c"] {
        assert!(!page.contains(bad), "{bad}: {page}");
    }
}

#[test]
fn strangers_texts_make_no_links() {
    let (categories, ledger) = (categories(), Ledger::default());
    let mut entries = vec![entry("alice", "2026-11-01", &[8.0])];
    entries[0].title = "https://evil.example WWW.evil.example GH-12 a://b".into();
    let page = leaderboard_markdown(&board(&categories, &entries, &ledger));
    assert!(page.contains("evil.example"), "{page}");
    for link in ["https://", "WWW.evil", "GH-12", "a://"] {
        assert!(!page.contains(link), "{link}: {page}");
    }
}

#[test]
fn the_page_says_where_the_ledger_was() {
    let categories = categories();
    let mut ledger = Ledger::default();
    let head = |ledger: &Ledger| page_head(&leaderboard_markdown(&board(&categories, &[], ledger))).unwrap();
    for entries in [0, 1, 2] {
        let found = head(&ledger);
        assert_eq!(
            (found.ledger_entries, found.ledger_sha256.as_str()),
            (entries, ledger.head())
        );
        ledger
            .append(happening(&format!("small/{entries}"), Kind::Submission))
            .unwrap();
    }
    assert_eq!(page_head("# Leaderboard"), None);
}

#[test]
fn the_leaderboard_for_programs_has_ranks_and_flags() {
    let (categories, ledger) = (categories(), Ledger::default());
    let mut entries = vec![entry("alice", "2026-11-01", &[8.0])];
    entries[0].parent = Some("small/nowhere".into());
    let json = leaderboard_json(&board(&categories, &entries, &ledger)).unwrap();
    let value: serde_json::Value = serde_json::from_str(&json).unwrap();
    let part = &value["categories"][0];
    assert_eq!(
        (&part["record"], &part["ranked"][0]["rank"]),
        (&"small/2026-11-01-alice".into(), &1.into())
    );
    assert_eq!(part["ranked"][0]["flags"][0]["flag"], "unknown-parent");
}
