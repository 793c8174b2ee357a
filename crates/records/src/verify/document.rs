//! `verification.toml`: what a verifier did and found.

use blueberry_rules::stats::TTest;
use blueberry_rules::{Answer, Categories, Category, Finding, Summary, sha256};
use blueberry_runlog::Hardware;
use serde::{Deserialize, Serialize};

use super::error::VerifyError;
use super::host::Host;
use super::plan::{Plan, Role, Side, Turn, UNCLOCKED_LIMIT_S, WARM_UP_LIMIT_S};
use super::review::Review;
use super::state::Work;
use super::write::LOGS_FOLDER;

/// Name of the file in a record's folder.
pub const VERIFICATION_FILE: &str = "verification.toml";
/// Name of its signature.
pub const VERIFICATION_SIGNATURE_FILE: &str = "verification.toml.sig";
/// The rule that a record keeps and any other entry may break.
pub(super) const BEATS_RECORD: &str = "beats-record";
/// Version of the format that this build writes, and the highest that it reads.
pub const FORMAT: u64 = 1;

/// What a verifier did and found. Digests are SHA-256 in lower-case hex, times seconds.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Verification {
    /// [`FORMAT`].
    pub format: u64,
    /// Id of the record that was verified.
    pub record: String,
    /// Digest of its `record.toml`, which names every file of it: what was verified, and nothing put in its place later.
    pub record_sha256: String,
    /// Id of its category.
    pub category: String,
    /// What came of it.
    pub outcome: Outcome,
    /// Who verified.
    pub verifier: String,
    /// Day in UTC on which the verification was finished.
    pub date: String,
    /// The verifier's public key in OpenSSH's one-line form, where it is signed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub public_key: Option<String>,
    /// How the code was kept in: `none` where it was not.
    pub sandbox: String,
    /// What the record claims of the figure that the category ranks on; the figure of `challenger` stands.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub claimed: Option<f64>,
    /// How often a run was begun again because the verification was interrupted in it.
    pub interruptions: u64,
    /// Ids of the rules that hold.
    pub holds: Vec<String>,
    /// The machine, as the log of the first run names it; none where nothing ran.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub machine: Option<Hardware>,
    /// The machine by the words of the verifier's system.
    #[serde(default)]
    pub host: Host,
    /// What the verifier chose of the terms; none in documents from before they were kept.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub terms: Option<Terms>,
    /// The source that was built.
    pub source: BuiltSource,
    /// The comparison with the record to beat.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub comparison: Option<Comparison>,
    /// What is not as it should be, or cannot be told.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub findings: Vec<Finding>,
    /// What could not be told and the verifier has looked at.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub reviews: Vec<Review>,
    /// Every run, in the order in which they ran.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub runs: Vec<VerifiedRun>,
    /// The figures of the challenger's runs; none where a run left no log.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub challenger: Option<Summary>,
}

/// What came of a verification.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Outcome {
    /// The verifier's runs keep every rule. Whether they beat the record that stands is another question:
    /// [`Verification::short_of`].
    Verified,
    /// A rule is broken.
    Rejected,
    /// Something that decides is missing.
    Undecided,
}

/// What a verifier may choose.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Terms {
    /// The longest that a run could keep off its log's clock, beside the warm-up, in seconds.
    pub unclocked_limit_s: u64,
    /// The longest warm-up, in seconds.
    pub warm_up_limit_s: u64,
    /// Whether the seeds were drawn when the verification began; else the verifier gave them.
    pub seeds_drawn: bool,
    /// Whether the category is the program's own, rather than one of a file.
    pub official_category: bool,
    /// Digest of the category as TOML.
    pub category_sha256: String,
}

impl Terms {
    pub(super) fn of(plan: &Plan, category: &Category) -> Result<Self, VerifyError> {
        let official = Categories::official();
        Ok(Self {
            unclocked_limit_s: plan.conditions.unclocked_limit_s,
            warm_up_limit_s: plan.conditions.warm_up_limit_s,
            seeds_drawn: plan.seeds_drawn,
            official_category: official.get(&category.id) == Some(category),
            category_sha256: sha256(toml::to_string(category)?.as_bytes()),
        })
    }

    /// Why an outcome by these terms does not count for a category of the leaderboard; none where it does.
    pub(crate) fn problem(&self, category: &Category, outcome: Outcome) -> Option<String> {
        let board = toml::to_string(category).map(|text| sha256(text.as_bytes()));
        if board.ok().as_ref() != Some(&self.category_sha256) {
            return Some(format!(
                "it was judged by other terms than `{}` has here",
                category.id
            ));
        }
        if !self.seeds_drawn {
            return Some("its verifier chose the seeds, which are to be drawn".to_owned());
        }
        let limits = [
            ("off its log's clock", self.unclocked_limit_s, UNCLOCKED_LIMIT_S),
            ("in its warm-up", self.warm_up_limit_s, WARM_UP_LIMIT_S),
        ];
        // Who verifies may not be milder than the board, and who rejects not stricter.
        let other = limits.into_iter().find(|(_, limit_s, board_s)| match outcome {
            Outcome::Rejected => limit_s < board_s,
            _ => limit_s > board_s,
        });
        other.map(|(what, limit_s, board_s)| {
            format!("a run of it could spend {limit_s} s {what}, where the leaderboard allows {board_s} s")
        })
    }
}

/// The source that was built.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BuiltSource {
    /// Commit.
    pub commit: String,
    /// Digest of the patch on top, where there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub patch_sha256: Option<String>,
    /// Digest of the tree that the record names; the verifier's is the same, or a finding says so.
    pub sha256: String,
}

impl BuiltSource {
    pub(super) fn of(side: &Side) -> Self {
        Self {
            commit: side.commit.clone(),
            patch_sha256: side.patch_sha256.clone(),
            sha256: side.source_sha256.clone(),
        }
    }
}

/// The interleaved runs of two records.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Comparison {
    /// Id of the record to beat.
    pub record: String,
    /// Its source.
    pub source: BuiltSource,
    /// Pairs of runs.
    pub pairs: u64,
    /// Mean of the figures of its runs here.
    pub record_mean: f64,
    /// Mean of challenger minus record over the pairs; below zero where the challenger is better.
    pub difference: f64,
    /// The 95 % confidence interval of that mean.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub interval: Option<(f64, f64)>,
    /// The one-sided paired t-test; none where the pairs cannot tell.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub test: Option<TTest>,
}

/// A run of a verification.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct VerifiedRun {
    /// Whose.
    pub role: Role,
    /// Its seed.
    pub seed: u64,
    /// How its program ended.
    pub ended: String,
    /// How long the program ran, by the verifier's clock, from its start to its end.
    pub seconds: f64,
    /// What of that its log does not account for: neither warm-up nor wall clock. Opening the data, checking the device,
    /// and whatever else a program does before its clocks start.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unclocked_s: Option<f64>,
    /// The figure that the category ranks on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub figure: Option<f64>,
    /// Digest of its log, where it left one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub log_sha256: Option<String>,
}

#[derive(Deserialize)]
struct Versioned {
    format: u64,
}

impl Verification {
    /// Reads the text of a `verification.toml`.
    ///
    /// # Errors
    /// It is malformed, or of a later version.
    pub fn parse(text: &str) -> Result<Self, VerifyError> {
        // The version is read alone first: a later version may have other fields.
        let Versioned { format } = toml::from_str(text)?;
        if format == 0 || format > FORMAT {
            return Err(VerifyError::Format {
                found: format,
                supported: FORMAT,
            });
        }
        Ok(toml::from_str(text)?)
    }

    /// Id of the record that stands, where the challenger's runs were not shown to be better than its runs beside them.
    #[must_use]
    pub fn short_of(&self) -> Option<&str> {
        let falls_short =
            |finding: &Finding| finding.rule == BEATS_RECORD && matches!(finding.answer, Answer::Fail { .. });
        let comparison = self.comparison.as_ref()?;
        self.findings
            .iter()
            .any(falls_short)
            .then_some(&comparison.record)
            .map(String::as_str)
    }

    /// The logs beside it: of each run that left one, its name in the record's folder.
    pub fn logs(&self) -> impl Iterator<Item = (String, &VerifiedRun)> {
        let of = |(number, run): (usize, &VerifiedRun)| {
            let (role, seed) = (run.role, run.seed);
            let name = Work::run_name(Turn { number, role, seed });
            format!("{LOGS_FOLDER}/{name}.jsonl.zst")
        };
        let runs = self.runs.iter().enumerate();
        let logged = runs.filter(|(_, run)| run.log_sha256.is_some());
        logged.map(move |(number, run)| (of((number, run)), run))
    }

    /// Id of the record that the challenger's runs were shown to be better than, beside its own.
    #[must_use]
    pub fn beat(&self) -> Option<&str> {
        let comparison = self.comparison.as_ref()?;
        let beats = self.holds.iter().any(|rule| rule == BEATS_RECORD);
        beats.then_some(&comparison.record).map(String::as_str)
    }

    /// The text of its `verification.toml`; the same verification gives the same bytes.
    ///
    /// # Errors
    /// A seed beyond the integers of TOML.
    pub fn to_text(&self) -> Result<String, VerifyError> {
        Ok(toml::to_string(self)?)
    }
}
