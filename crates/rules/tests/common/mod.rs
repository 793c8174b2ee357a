//! A small submission that breaks no rule, and ways to spoil it. The unit tests of the rules use it too.
#![allow(dead_code, unused_imports)] // each test file uses a part

mod draft;

pub use draft::{Draft, hex};

use blueberry_rules::*;
use blueberry_runlog::{Limits, read};

/// What the small logs are for: 1,020 targets in steps of 64, everything pinned.
pub fn categories() -> Categories {
    let text = format!(
        r#"
        [plausibility]
        efficiency = 30.0
        reference = [[8_200_000, 5.359], [16_400_000, 4.582]]

        [[category]]
        id = "small"
        name = "Small"
        metric = "train-s"
        parameters = {{ least = 1_000, most = 3_000 }}
        tokens = 1_020
        loss_below = 3.0
        time = {{ seconds = 20, inclusive = true }}
        validation = "{}"
        validation_targets = 128
        validation_seq_len = 32
        tokenizer = "{}"
        manifest = "{}"
        train_tokens = 5_000
        seeds = 3
        "#,
        hex('b'),
        hex('c'),
        hex('a')
    );
    Categories::parse(&text).expect("valid")
}

/// A submission under judgement.
pub struct Submission {
    pub categories: Categories,
    pub runs: Vec<LoggedRun>,
    pub facts: Facts,
}

impl Submission {
    /// Three runs of one recipe, declared; breaks no rule.
    pub fn valid() -> Self {
        Self::of(&[1, 2, 3].map(Draft::valid))
    }

    /// The valid submission, its first run altered and then sealed as if it had been written so.
    pub fn with(alter: impl FnOnce(&mut Draft)) -> Self {
        let mut drafts = [1, 2, 3].map(Draft::valid);
        alter(&mut drafts[0]);
        Self::of(&drafts)
    }

    pub fn of(drafts: &[Draft]) -> Self {
        let named = |(index, draft): (usize, &Draft)| logged(&format!("run-{}", index + 1), &draft.bytes());
        Self {
            categories: categories(),
            runs: drafts.iter().enumerate().map(named).collect(),
            facts: Facts {
                attempts: Some(declared(&[1, 2, 3])),
                ..Facts::default()
            },
        }
    }

    pub fn category(&mut self) -> &mut Category {
        &mut self.categories.list[0]
    }

    pub fn judge(&self) -> Verdict {
        judge(&Case {
            category: &self.categories.list[0],
            plausibility: self.categories.plausibility.as_ref(),
            runs: &self.runs,
            facts: &self.facts,
        })
    }

    /// What a rule answers, of the first run where it is about runs.
    pub fn answer(&self, rule: &str) -> Answer {
        let findings = self.judge().findings;
        findings
            .into_iter()
            .find(|finding| finding.rule == rule)
            .expect("a rule")
            .answer
    }

    #[track_caller]
    pub fn passes(&self, rule: &str) {
        let answer = self.answer(rule);
        assert!(matches!(answer, Answer::Pass { .. }), "{answer:?}");
    }

    #[track_caller]
    pub fn fails(&self, rule: &str, words: &str) {
        let answer = self.answer(rule);
        assert!(
            matches!(answer, Answer::Fail { .. }) && answer.words().contains(words),
            "{answer:?}"
        );
        assert_eq!(self.judge().status, Status::Ineligible);
    }

    /// That it fails at this line of the log.
    #[track_caller]
    pub fn fails_at(&self, rule: &str, line: u64, words: &str) {
        self.fails(rule, words);
        assert!(
            matches!(self.answer(rule), Answer::Fail { line: Some(at), .. } if at == line),
            "{:?}",
            self.answer(rule)
        );
    }

    #[track_caller]
    pub fn cannot_tell(&self, rule: &str, words: &str) {
        let answer = self.answer(rule);
        assert!(
            matches!(answer, Answer::CannotTell { .. }) && answer.words().contains(words),
            "{answer:?}"
        );
    }

    #[track_caller]
    pub fn does_not_apply(&self, rule: &str) {
        let answer = self.answer(rule);
        assert!(matches!(answer, Answer::NotApplicable { .. }), "{answer:?}");
    }
}

/// Reads a log.
pub fn logged(name: &str, bytes: &[u8]) -> LoggedRun {
    LoggedRun {
        name: name.to_owned(),
        sha256: sha256(bytes),
        log: read(bytes, &Limits::default()).expect("valid"),
    }
}

/// The attempts file of the small recipe.
pub fn declared(seeds: &[u64]) -> Declared {
    declared_for(&draft::config(0), seeds)
}

pub fn declared_for(config: &serde_json::Value, seeds: &[u64]) -> Declared {
    let attempts = Attempts {
        category: "small".into(),
        config_sha256: config_sha256(config),
        seeds: seeds.to_vec(),
        public_key: None,
        note: String::new(),
    };
    Declared::parse(&attempts.to_text().expect("valid")).expect("valid")
}

/// A benchmark that a category asks for.
pub fn asked_benchmark(name: &str, sha256: Pin) -> AskedBenchmark {
    AskedBenchmark {
        name: name.to_owned(),
        sha256,
    }
}

/// An entry of the leaderboard, verified with these figures a run.
pub fn entry(author: &str, date: &str, values: &[f64]) -> Entry {
    Entry {
        short_of: None,
        beat: None,
        looked_at: Vec::new(),
        submission: None,
        verification: None,
        verified_on: None,
        recipe: String::new(),
        id: format!("small/{date}-{author}"),
        category: "small".into(),
        author: author.into(),
        title: format!("{author}'s kernels"),
        date: date.into(),
        status: RecordStatus::Verified,
        claimed: figures(values),
        verified: Some(figures(values)),
        seeds: (1..=values.len() as u64).collect(),
        logs: vec![sha256(format!("{author}{date}").as_bytes())],
        parent: None,
        link: Some(format!("records/small/{date}-{author}")),
    }
}

pub fn figures(values: &[f64]) -> Figures {
    let means = [
        ("wall_s", 9.5),
        ("warmup_s", 2.0),
        ("val_loss", 2.67),
        ("parameters", 151_032_320.0),
    ];
    Figures {
        figure: Figure::of(values),
        hardware: "Example GPU".into(),
        means: means
            .into_iter()
            .map(|(name, mean)| (name.to_owned(), mean))
            .collect(),
        benchmarks: Default::default(),
    }
}

/// Something that happened to a record.
pub fn happening(record: &str, kind: Kind) -> Happening {
    Happening {
        date: "2026-11-25".into(),
        record: record.into(),
        by: "alice".into(),
        kind,
        document_sha256: Some(sha256(record.as_bytes())),
        readme_sha256: None,
        reason: "rates: 164 ms".into(),
    }
}
