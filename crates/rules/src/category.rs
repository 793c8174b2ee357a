//! Categories as data.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::{Pin, PinnedCount, Plausibility};

/// The longest text of categories that is read, in bytes.
const MAX_BYTES: usize = 1 << 20;

/// The categories of a challenge, in the order of its leaderboard.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Categories {
    /// Losses that are too good to be believed at once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub plausibility: Option<Plausibility>,
    /// The categories.
    #[serde(rename = "category")]
    pub list: Vec<Category>,
}

/// What a category asks of a run, and what it ranks on. What it does not name it does not ask.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Category {
    /// Its name in paths and on the command line.
    pub id: String,
    /// Its name for people.
    pub name: String,
    /// What it ranks on; less is better.
    pub metric: Metric,
    /// Parameters that the model may have.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parameters: Option<Band>,
    /// Targets that a run consumes, rounded up to whole steps.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tokens: Option<Tokens>,
    /// The validation loss that must be undercut: at the end, or for [`Metric::WallSToLoss`] at some
    /// scheduled evaluation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub loss_below: Option<f64>,
    /// The limit on `wall_s`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub time: Option<TimeLimit>,
    /// Digest of the validation targets.
    pub validation: Pin,
    /// Targets of every evaluation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub validation_targets: Option<u64>,
    /// Tokens of every validation sequence: what the model sees before a target.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub validation_seq_len: Option<u64>,
    /// Digest of the tokeniser.
    pub tokenizer: Pin,
    /// Tokens that the tokeniser knows; guessing among them is what an untrained model does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub vocabulary: Option<u64>,
    /// Digest of the data's manifest.
    pub manifest: Pin,
    /// Training targets in the data.
    #[serde(default = "PinnedCount::any", skip_serializing_if = "PinnedCount::is_any")]
    pub train_tokens: PinnedCount,
    /// Share of the validation targets that a scan may find among the training data.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub overlap_at_most: f64,
    /// How often the training data may be seen.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_passes: Option<u64>,
    /// Benchmarks whose results the log must have.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub benchmarks: Vec<AskedBenchmark>,
    /// Runs with different seeds that a submission needs.
    pub seeds: usize,
    /// The device on which times count, as its driver names it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hardware: Option<String>,
    /// Whether losses are held against [`Categories::plausibility`].
    #[serde(default)]
    pub plausibility: bool,
}

#[allow(clippy::trivially_copy_pass_by_ref)] // serde calls it so
fn is_zero(share: &f64) -> bool {
    *share == 0.0
}

/// A benchmark whose result a category asks for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AskedBenchmark {
    /// Its name, as `benchmark` events give it.
    pub name: String,
    /// Digest of the file of its questions: a name alone is anybody's to give.
    pub sha256: Pin,
}

/// What a category ranks on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Metric {
    /// Seconds of training at the end of the run.
    TrainS,
    /// `wall_s` at the end of the first scheduled evaluation under [`Category::loss_below`].
    WallSToLoss,
    /// Validation loss at the end of the run, nats per token.
    ValLoss,
}

impl Metric {
    /// Its name in figures and claims.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::TrainS => "train_s",
            Self::WallSToLoss => "wall_s_to_loss",
            Self::ValLoss => "val_loss",
        }
    }

    /// Whether it is a time, which compares only on one machine.
    #[must_use]
    pub fn is_time(self) -> bool {
        self != Self::ValLoss
    }

    /// Decimals that its figures are shown and compared with: a tenth of a second, a thousandth of a nat
    /// (two runs of one seed differ by 0.004).
    #[must_use]
    pub fn decimals(self) -> usize {
        if self.is_time() { 1 } else { 3 }
    }
}

/// Bounds, both allowed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Band {
    /// The least.
    pub least: u64,
    /// The most.
    pub most: u64,
}

/// Targets that a run consumes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", untagged)]
pub enum Tokens {
    /// So many.
    Count(u64),
    /// All of the data set once.
    WholeDataset(WholeDataset),
}

/// The word for [`Tokens::WholeDataset`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum WholeDataset {
    /// All of it.
    #[serde(rename = "whole-dataset")]
    Word,
}

/// A limit on `wall_s`.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TimeLimit {
    /// Seconds.
    pub seconds: f64,
    /// Whether a run that takes exactly that is within it.
    pub inclusive: bool,
}

impl TimeLimit {
    /// Whether a time is within the limit; never for NaN.
    #[must_use]
    pub fn allows(self, seconds: f64) -> bool {
        seconds < self.seconds || (self.inclusive && seconds == self.seconds)
    }
}

/// Why a text is not a list of categories.
#[derive(Debug, Error)]
pub enum CategoryError {
    /// It is not TOML, or not of these fields.
    #[error("categories: {0}")]
    Toml(#[from] toml::de::Error),
    /// It is too long.
    #[error("categories: {bytes} bytes, at most {MAX_BYTES} are read")]
    TooLong {
        /// Its length.
        bytes: usize,
    },
    /// A category makes no sense.
    #[error("category `{id}`: {problem}")]
    Category {
        /// Which.
        id: String,
        /// What is wrong and what to write instead.
        problem: &'static str,
    },
}

impl Categories {
    /// The four categories of the challenge.
    ///
    /// # Panics
    /// Never: a test reads the same text.
    #[must_use]
    #[allow(clippy::expect_used)]
    pub fn official() -> Self {
        // The text is part of the program, and a test reads it.
        Self::parse(include_str!("categories.toml")).expect("the built-in categories")
    }

    /// Reads categories from TOML.
    ///
    /// # Errors
    /// [`CategoryError`].
    pub fn parse(text: &str) -> Result<Self, CategoryError> {
        if text.len() > MAX_BYTES {
            return Err(CategoryError::TooLong { bytes: text.len() });
        }
        let categories: Self = toml::from_str(text)?;
        categories.validate()?;
        Ok(categories)
    }

    /// The category of this name.
    #[must_use]
    pub fn get(&self, id: &str) -> Option<&Category> {
        self.list.iter().find(|category| category.id == id)
    }

    fn validate(&self) -> Result<(), CategoryError> {
        let mut ids = BTreeSet::new();
        for category in &self.list {
            let problem = category.problem().or_else(|| {
                if !ids.insert(&category.id) {
                    Some("its id stands twice; give each category its own")
                } else if category.plausibility && self.plausibility.is_none() {
                    Some("plausibility = true needs a [plausibility] table")
                } else {
                    None
                }
            });
            if let Some(problem) = problem {
                let id = category.id.clone();
                return Err(CategoryError::Category { id, problem });
            }
        }
        Ok(())
    }
}

impl Category {
    /// Whether its runs must be on certain data.
    #[must_use]
    pub fn asks_for_data(&self) -> bool {
        let pins = [&self.manifest, &self.validation, &self.tokenizer];
        pins.into_iter().any(|pin| *pin != Pin::Any) || !self.train_tokens.is_any()
    }

    fn problem(&self) -> Option<&'static str> {
        let kebab = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
        let positive = |number: f64| number.is_finite() && number > 0.0;
        if self.id.is_empty() || self.id.len() > 64 || !self.id.chars().all(kebab) {
            return Some("an id is 1 to 64 of a-z, 0-9 and -");
        }
        if self.seeds == 0 {
            return Some("seeds = 0: a submission needs at least one run");
        }
        if self.vocabulary.is_some_and(|tokens| tokens < 2) {
            return Some("vocabulary is the number of tokens, at least 2");
        }
        if self.metric == Metric::WallSToLoss && self.loss_below.is_none() {
            return Some("wall-s-to-loss needs loss_below");
        }
        if self.loss_below.is_some_and(|loss| !positive(loss)) {
            return Some("loss_below must be a finite number above 0");
        }
        if self.time.is_some_and(|limit| !positive(limit.seconds)) {
            return Some("time.seconds must be a finite number above 0");
        }
        if !(0.0..1.0).contains(&self.overlap_at_most) {
            return Some("overlap_at_most is a share of the validation targets, from 0 to below 1");
        }
        if matches!(self.tokens, Some(Tokens::WholeDataset(_))) && self.train_tokens.is_any() {
            return Some("tokens = \"whole-dataset\" needs train_tokens: a number or \"unpinned\"");
        }
        None
    }
}
