//! What comes before a run: declared seeds, and the request for a sponsored run.

mod common;

use std::fs;

use blueberry_records::Outcome;
use blueberry_records::attempts::{AttemptsArgs, attempts};
use blueberry_records::propose::{ProposeArgs, propose};
use blueberry_rules::{Declared, config_sha256};
use common::*;

fn attempts_args(dir: &Dir, seeds: &[u64]) -> AttemptsArgs {
    AttemptsArgs {
        key: None,
        category: "small".into(),
        // Seed and device are no part of the recipe.
        config: config(99),
        seeds: seeds.to_vec(),
        note: String::new(),
        out: dir.path().join("attempts.toml"),
        categories: Some(dir.write_categories()),
    }
}

#[test]
fn declared_seeds_are_the_ones_that_the_judge_reads() {
    let dir = Dir::new();
    let args = attempts_args(&dir, &[3, 1, 2]);
    let mut said = Vec::new();
    assert_eq!(attempts(&args, &mut said).unwrap(), Outcome::Yes);
    let text = fs::read_to_string(&args.out).unwrap();
    assert_eq!(text, attempts_text());
    let declared = Declared::parse(&text).unwrap();
    assert_eq!(declared.attempts().config_sha256, config_sha256(&config(1)));
    assert!(
        String::from_utf8(said).unwrap().contains(declared.sha256()),
        "the digest is said"
    );
    assert!(
        attempts(&args, &mut Vec::new())
            .unwrap_err()
            .to_string()
            .contains("not overwritten")
    );
}

/// Who made a slip learns it before twenty minutes a seed, not after.
#[test]
fn seeds_of_a_recipe_that_cannot_be_eligible_are_not_declared() {
    type Change = fn(&mut serde_json::Value);
    let cases: [(Change, &str); 3] = [
        (
            |c| c["train"]["tokens"] = 10_000.into(),
            "`train.tokens` is 10000",
        ),
        (|c| c["model"]["n_layers"] = 9.into(), "parameters; allowed are"),
        (
            |c| c["train"] = serde_json::json!({"tokens": 1_000_000, "seq_len": 1, "micro_batch": 1}),
            "logs of it have 3000000 lines",
        ),
    ];
    for (change, words) in cases {
        let dir = Dir::new();
        let mut args = attempts_args(&dir, &SEEDS);
        change(&mut args.config);
        let mut said = Vec::new();
        assert_eq!(attempts(&args, &mut said).unwrap(), Outcome::No);
        let said = String::from_utf8(said).unwrap();
        assert!(
            said.contains("no run of this recipe can be eligible in `small`"),
            "{said}"
        );
        assert!(said.contains(words), "{words}: {said}");
        assert!(!args.out.exists());
    }
}

#[test]
fn a_key_is_declared_without_its_comment_and_only_one_that_can_sign() {
    let dir = Dir::new();
    let key = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAILM+rvN+ot98qgEN796jTiQfZfG1KaT0PtFDJ/XFSqti";
    let mut args = attempts_args(&dir, &[1, 2, 3]);
    args.key = Some(dir.write("id.pub", format!("{key} alice@example.org\n").as_bytes()));
    let mut said = Vec::new();
    assert_eq!(attempts(&args, &mut said).unwrap(), Outcome::Yes);
    let said = String::from_utf8(said).unwrap();
    assert!(said.contains("submit --sign") && said.contains(key), "{said}");
    let declared = Declared::parse(&fs::read_to_string(&args.out).unwrap()).unwrap();
    assert_eq!(declared.attempts().public_key.as_deref(), Some(key));
    for bad in [
        format!("{key} a\n{key} b\n"),
        "ssh-rsa AAAA".into(),
        String::new(),
    ] {
        args.out = dir.path().join("other.toml");
        args.key = Some(dir.write("bad.pub", bad.as_bytes()));
        let refused = attempts(&args, &mut Vec::new()).unwrap_err().to_string();
        assert!(refused.contains("name the `.pub` file"), "{refused}");
        assert!(!args.out.exists());
    }
}

#[test]
fn too_few_or_doubled_seeds_are_not_declared() {
    for seeds in [&[1, 2][..], &[1, 2, 3, 3]] {
        let dir = Dir::new();
        let args = attempts_args(&dir, seeds);
        assert_eq!(attempts(&args, &mut Vec::new()).unwrap(), Outcome::No);
        assert!(!args.out.exists());
    }
    let dir = Dir::new();
    let mut args = attempts_args(&dir, &SEEDS);
    args.category = "none".into();
    assert!(
        attempts(&args, &mut Vec::new())
            .unwrap_err()
            .to_string()
            .contains("there are: small")
    );
}

#[test]
fn a_proposal_holds_size_cost_and_what_was_seen() {
    let dir = Dir::new();
    let run = dir.write("run.jsonl", &small_log());
    let mut args = ProposeArgs {
        category: "small".into(),
        config: config(1),
        run: run.clone(),
        baseline: None,
        categories: Some(dir.write_categories()),
    };
    let say = |args: &ProposeArgs| {
        let mut said = Vec::new();
        assert_eq!(propose(args, &mut said).unwrap(), Outcome::Yes);
        String::from_utf8(said).unwrap()
    };
    let said = say(&args);
    for part in [
        "for tests",
        "3 runs with different seeds",
        "1020 targets a run",
        "| 256 |",
        "d_model = 8",
        "Example GPU",
        "commit `",
        "propose --baseline RUN",
    ] {
        assert!(said.contains(part), "{part}: {said}");
    }
    args.baseline = Some(run);
    let said = say(&args);
    for part in [
        "| without the idea |",
        "| +0.0000 |",
        "## The same without the idea",
    ] {
        assert!(said.contains(part), "{part}: {said}");
    }
    assert!(!said.contains("--baseline"), "{said}");
    // Losses on other text are not compared.
    let mut other = Draft::valid(SEEDS[0]);
    other.run.data.validation_sha256 = digest('9');
    args.baseline = Some(dir.write("other.jsonl", &other.bytes()));
    let said = say(&args);
    assert!(
        said.contains("not compared") && !said.contains("| without the idea |"),
        "{said}"
    );
}
