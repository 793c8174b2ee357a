//! What is judged: runs, the category, and what is known beside the logs.

use std::collections::BTreeMap;

use blueberry_runlog::RunLog;
use serde::{Deserialize, Serialize};

use crate::{Category, Declared, Pair, Plausibility};

/// A submission under judgement.
#[derive(Debug, Clone, Copy)]
pub struct Case<'a> {
    /// What it is for.
    pub category: &'a Category,
    /// [`Categories::plausibility`](crate::Categories::plausibility) of the category's challenge.
    pub plausibility: Option<&'a Plausibility>,
    /// Its runs: every declared attempt, the failed ones too.
    pub runs: &'a [LoggedRun],
    /// What is known beside the logs.
    pub facts: &'a Facts,
}

/// A run's log with its name and digest.
#[derive(Debug, Clone)]
pub struct LoggedRun {
    /// Name or path, for messages.
    pub name: String,
    /// SHA-256 of the log's bytes, uncompressed, in lower-case hex.
    pub sha256: String,
    /// The log.
    pub log: RunLog,
}

/// What is known beside the logs. Empty is allowed: then some rules cannot tell.
#[derive(Debug, Clone, Default)]
pub struct Facts {
    /// The attempts file.
    pub attempts: Option<Declared>,
    /// Whether the runs are handed in. What is then missing of its author's stays missing.
    pub submitted: bool,
    /// Figures that the submission states outside its logs.
    pub claims: Vec<Claim>,
    /// What a scan for validation data among the training data found.
    pub leak_scan: Option<LeakScan>,
    /// What a probe of the trained model found.
    pub probe: Option<Probe>,
    /// Parameters that a verifier counted in the model which a run saved.
    pub counted_parameters: Option<u64>,
    /// The source that comes with the submission.
    pub source: Option<SubmittedSource>,
    /// The record that is to be beaten; `None` where none is or none was claimed to be.
    pub record: Option<RecordToBeat>,
    /// Interleaved runs of challenger and record on one machine, in order of time.
    pub pairs: Vec<Pair>,
    /// Records that are known already: the digest of each of their logs, with the record's id.
    pub known_logs: BTreeMap<String, String>,
}

/// A figure that a submission states outside its logs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Claim {
    /// Where, as `README.md:12`.
    pub place: String,
    /// Name of the run that it is about; `None` for the mean over the runs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub run: Option<String>,
    /// Which figure, by a name of [`Summary::figures`](crate::Summary::figures).
    pub name: String,
    /// The number as it stands there.
    pub text: String,
}

/// What a scan for validation data among the training data found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LeakScan {
    /// Digest of the manifest of the data that was scanned.
    pub manifest_sha256: String,
    /// Windows of tokens that stand in both.
    pub overlapping_windows: u64,
    /// Validation targets that those windows cover.
    pub covered_targets: u64,
    /// The first place, for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub first: Option<String>,
}

/// What a probe of the trained model found.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Probe {
    /// The sum of the probabilities over the vocabulary that is farthest from 1.
    pub worst_probability_sum: f64,
    /// The largest change of an earlier logit by a change of later tokens.
    pub worst_future_influence: f64,
    /// What the verifier found by logits that it asked for; the two figures above are the program's own word.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub asked: Option<Asked>,
}

/// What a verifier found by asking a model for logits at places of the validation set that it drew, and taking losses of
/// them itself. The tokens behind those places were none of the validation set's.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Asked {
    /// Mean loss of the token behind each place, in nats.
    pub loss: f64,
    /// Its standard error.
    pub standard_error: f64,
    /// How many places there were.
    pub places: u64,
    /// The largest change of a logit when another process was asked and the tokens behind its place were others.
    pub influence: f64,
    /// The same where nothing was changed: the program's own noise.
    pub noise: f64,
    /// The last validation loss in the log of the run whose model was asked; none where the log has none.
    pub logged_loss: Option<f64>,
}

/// The source that comes with a submission.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SubmittedSource {
    /// Commit.
    pub commit: String,
    /// SHA-256 of the patch, where there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub patch_sha256: Option<String>,
}

/// The record that is to be beaten.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RecordToBeat {
    /// Its id.
    pub id: String,
    /// The figure of each of its runs.
    pub figures: Vec<f64>,
}
