//! The table of rules, the categories, and the verdict as text and JSON.

mod common;

use std::collections::BTreeSet;

use blueberry_rules::*;
use common::*;

#[test]
fn rules_have_ids_of_their_own_and_a_sentence() {
    let mut ids = BTreeSet::new();
    for rule in RULES {
        assert!(ids.insert(rule.id), "{} twice", rule.id);
        assert!(
            rule.id.chars().all(|c| c.is_ascii_lowercase() || c == '-'),
            "{}",
            rule.id
        );
        assert!(rule.text.ends_with('.') && rule.text.len() > 20, "{}", rule.text);
    }
}

#[test]
fn the_official_categories_are_the_challenges() {
    let categories = Categories::official();
    let ids: Vec<_> = categories
        .list
        .iter()
        .map(|category| category.id.as_str())
        .collect();
    assert_eq!(ids, ["dash", "lowest-loss", "glitchless", "marathon"]);
    let dash = categories.get("dash").unwrap();
    // 151,032,320 parameters, 5 % either way.
    assert_eq!(
        dash.parameters,
        Some(Band {
            least: 143_480_704,
            most: 158_583_936
        })
    );
    assert_eq!((dash.metric, dash.loss_below), (Metric::TrainS, Some(4.5)));
    assert_eq!(dash.tokens, Some(Tokens::Count(100_000_000)));
    let limit = |id: &str| categories.get(id).unwrap().time.unwrap();
    assert!(!limit("lowest-loss").allows(1_200.0) && limit("lowest-loss").allows(1_199.9));
    assert!(limit("glitchless").allows(14_400.0) && !limit("marathon").allows(14_400.1));
    let marathon = categories.get("marathon").unwrap();
    assert_eq!(marathon.tokens, Some(Tokens::WholeDataset(WholeDataset::Word)));
    assert_eq!(marathon.train_tokens, PinnedCount::UNPINNED);
    for category in &categories.list {
        assert_eq!(category.validation_seq_len, Some(2_048), "{}", category.id);
    }
}

#[test]
fn until_digests_are_pinned_no_official_run_is_eligible() {
    for category in Categories::official().list {
        let mut submission = Submission::valid();
        submission.categories.list[0] = category;
        submission.cannot_tell("validation-set", "not fixed yet");
        assert_ne!(submission.judge().status, Status::Eligible);
    }
}

#[test]
fn categories_that_make_no_sense_are_refused() {
    let text = |field: &str, value: &str| {
        let mut toml = include_str!("../src/categories.toml").to_owned();
        let line = toml
            .lines()
            .find(|line| line.starts_with(field))
            .unwrap()
            .to_owned();
        toml = toml.replacen(&line, &format!("{field} = {value}"), 1);
        Categories::parse(&toml).unwrap_err().to_string()
    };
    assert!(text("id", "\"../dash\"").contains("an id is"));
    assert!(text("id", "\"marathon\"").contains("twice"));
    assert!(text("seeds", "0").contains("at least one run"));
    assert!(text("loss_below", "nan").contains("loss_below"));
    assert!(text("validation", "\"abc\"").contains("64 lower-case hex digits"));
    assert!(text("train_tokens", "\"many\"").contains("a count is a number"));
    for share in ["-0.001", "1.0", "nan"] {
        assert!(text("overlap_at_most", share).contains("a share of the validation targets"));
    }
    assert!(text("metric", "\"speed\"").contains("unknown variant"));
    assert!(
        Categories::parse(&" ".repeat(2 << 20))
            .unwrap_err()
            .to_string()
            .contains("at most")
    );
}

#[test]
fn the_whole_of_a_data_set_of_any_size_means_nothing() {
    let text = include_str!("../src/categories.toml").replace("train_tokens = \"unpinned\"", "");
    let refused = Categories::parse(&text).unwrap_err().to_string();
    assert!(
        refused.contains("`marathon`") && refused.contains("needs train_tokens"),
        "{refused}"
    );
}

#[test]
fn categories_survive_toml() {
    for categories in [Categories::official(), categories()] {
        let text = toml::to_string(&categories).unwrap();
        assert_eq!(Categories::parse(&text).unwrap(), categories, "{text}");
    }
}

#[test]
fn a_verdict_survives_json() {
    for submission in [
        Submission::valid(),
        Submission::with(|draft| drop(draft.events.pop())),
    ] {
        let verdict = submission.judge();
        let json = serde_json::to_string(&verdict).unwrap();
        assert_eq!(serde_json::from_str::<Verdict>(&json).unwrap(), verdict, "{json}");
    }
}

#[test]
fn the_table_names_rule_run_line_and_verdict() {
    let table = render(&Submission::with(|draft| draft.step(7).loss = 0.0).judge());
    let last = table.lines().take_while(|line| !line.is_empty()).last().unwrap();
    assert!(last.starts_with("FAIL") && last.contains("losses"), "{table}");
    assert!(last.contains("run-1, line 14: loss is 0"), "{table}");
    assert!(table.contains("small: ineligible, 1 answer(s) say no"), "{table}");
}

#[test]
fn what_every_rule_asks_is_a_line() {
    let text = render_rules();
    assert_eq!(text.lines().count(), RULES.len());
    for rule in RULES {
        let line = text
            .lines()
            .find(|line| line.split_whitespace().next() == Some(rule.id));
        assert!(line.is_some_and(|line| line.ends_with(rule.text)), "{}", rule.id);
    }
}

#[test]
fn a_strangers_text_cannot_steer_a_terminal() {
    let table = render(&Submission::with(|draft| draft.run.hardware.driver = "\u{1b}[2J".into()).judge());
    assert!(!table.contains('\u{1b}'), "{table}");
}

#[test]
fn the_recipes_digest_leaves_out_seed_machine_and_place() {
    let base = serde_json::json!({"seed": 1, "device": "a", "preset": "p", "data": {"dir": "x"}, "b": 1.5, "a": [1]});
    let moved = serde_json::json!({"a": [1], "b": 1.5, "seed": 2, "device": "b", "preset": "q"});
    let other = serde_json::json!({"a": [1], "b": 1.25, "seed": 1});
    assert_eq!(config_sha256(&base), config_sha256(&moved));
    assert_ne!(config_sha256(&base), config_sha256(&other));
}

#[test]
fn attempts_that_cannot_be_written_or_read_are_refused() {
    let mut attempts = declared(&[1]).attempts().clone();
    attempts.seeds = vec![u64::MAX];
    assert!(
        attempts
            .to_text()
            .unwrap_err()
            .to_string()
            .contains("choose a smaller one")
    );
    assert!(Declared::parse("seeds = [-1]").is_err());
    assert!(
        Declared::parse(&"#".repeat(1 << 17))
            .unwrap_err()
            .to_string()
            .contains("at most")
    );
}
