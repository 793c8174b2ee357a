//! The events that follow the first line.

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer, Serialize};
use serde_json::{Map, Value};

use crate::{ParseError, float};

/// Fields that this build does not know, in the order of the line.
pub type Extra = Map<String, Value>;

/// One event after the first line. Serialises to its line, without the newline.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(tag = "event", rename_all = "lowercase")]
pub enum Event {
    /// Kernels were compiled and tuned before the clock.
    Warmup(Warmup),
    /// An optimiser step.
    Step(Step),
    /// An evaluation on the validation set.
    Eval(Eval),
    /// A text that the model wrote.
    Sample(Sample),
    /// A result on a downstream benchmark.
    Benchmark(Benchmark),
    /// The state was saved.
    Checkpoint(Checkpoint),
    /// A remark of the program, such as a fallback and its cause.
    Note(Note),
    /// The run went on from a checkpoint.
    Resume(Resume),
    /// A digest of all lines so far; see [`crate::Chain`].
    Seal(Seal),
    /// The run stopped.
    End(End),
    /// An event that this build does not know, whole, its `event` field included.
    #[serde(untagged)]
    Unknown(Extra),
}

/// Where the run stands: the header of every event after the first line.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct At {
    /// Optimiser steps done.
    pub step: u64,
    /// Targets consumed.
    pub tokens: u64,
    /// Seconds of training since the first step; pauses for validation, samples and checkpoints.
    #[serde(with = "float")]
    pub train_s: f64,
    /// Seconds since the first step; does not pause.
    #[serde(with = "float")]
    pub wall_s: f64,
}

/// Which targets were consumed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Ledger {
    /// Count of the targets.
    pub tokens: u64,
    /// Rolling SHA-256 of the row ids consumed, in lower-case hex.
    pub sha256: String,
    /// Fields that this build does not know.
    #[serde(flatten)]
    pub extra: Extra,
}

/// Kernels were compiled and tuned before the clock.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Warmup {
    /// Where the run stands.
    #[serde(flatten)]
    pub at: At,
    /// How long it took.
    #[serde(with = "float")]
    pub seconds: f64,
    /// Fields that this build does not know.
    #[serde(flatten, deserialize_with = "keep_extra")]
    pub extra: Extra,
}

/// An optimiser step.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Step {
    /// Where the run stands, this step included.
    #[serde(flatten)]
    pub at: At,
    /// Training loss in nats per token.
    #[serde(with = "float")]
    pub loss: f64,
    /// Learning rate of the matrices.
    #[serde(with = "float")]
    pub lr: f64,
    /// Learning rate of the parameters that `AdamW` trains.
    #[serde(with = "float")]
    pub lr_adamw: f64,
    /// Norm of the whole gradient before clipping.
    #[serde(with = "float")]
    pub grad_norm: f64,
    /// Targets per second of training.
    #[serde(with = "float")]
    pub tokens_per_s: f64,
    /// Seconds that the step waited for data.
    #[serde(with = "float")]
    pub data_wait_s: f64,
    /// Share of the device's peak FLOP/s that the model used, 0 to 1.
    #[serde(default, skip_serializing_if = "Option::is_none", with = "float::option")]
    pub mfu: Option<f64>,
    /// Device memory in use in bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub memory_bytes: Option<u64>,
    /// Fields that this build does not know.
    #[serde(flatten, deserialize_with = "keep_extra")]
    pub extra: Extra,
}

/// An evaluation on the validation set.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Eval {
    /// Where the run stands.
    #[serde(flatten)]
    pub at: At,
    /// Validation loss in nats per token.
    #[serde(with = "float")]
    pub val_loss: f64,
    /// Targets that the loss is the mean of.
    pub targets: u64,
    /// How long it took.
    #[serde(with = "float")]
    pub seconds: f64,
    /// What had been trained on.
    pub ledger: Ledger,
    /// Fields that this build does not know.
    #[serde(flatten, deserialize_with = "keep_extra")]
    pub extra: Extra,
}

/// A text that the model wrote.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Sample {
    /// Where the run stands.
    #[serde(flatten)]
    pub at: At,
    /// What the model was given.
    pub prompt: String,
    /// What it wrote, without the prompt.
    pub text: String,
    /// Fields that this build does not know.
    #[serde(flatten, deserialize_with = "keep_extra")]
    pub extra: Extra,
}

/// A result on a downstream benchmark.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Benchmark {
    /// Where the run stands.
    #[serde(flatten)]
    pub at: At,
    /// Name of the benchmark.
    pub name: String,
    /// What `value` measures, such as `accuracy`.
    pub metric: String,
    /// The result.
    #[serde(with = "float")]
    pub value: f64,
    /// Fields that this build does not know.
    #[serde(flatten, deserialize_with = "keep_extra")]
    pub extra: Extra,
}

/// The state was saved.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Checkpoint {
    /// Where the run stands.
    #[serde(flatten)]
    pub at: At,
    /// The file, relative to the log.
    pub path: String,
    /// SHA-256 of the file in lower-case hex.
    pub sha256: String,
    /// Fields that this build does not know.
    #[serde(flatten, deserialize_with = "keep_extra")]
    pub extra: Extra,
}

/// A remark of the program.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Note {
    /// Where the run stands.
    #[serde(flatten)]
    pub at: At,
    /// What it is about, for programs.
    pub kind: String,
    /// What it says, for people.
    pub text: String,
    /// Fields that this build does not know.
    #[serde(flatten, deserialize_with = "keep_extra")]
    pub extra: Extra,
}

/// The run went on from a checkpoint: the steps after `from_step` are done again and come again below.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Resume {
    /// Where the run stands: as it stood at the checkpoint.
    #[serde(flatten)]
    pub at: At,
    /// Step of the checkpoint.
    pub from_step: u64,
    /// SHA-256 of the checkpoint in lower-case hex.
    pub from_sha256: String,
    /// Bytes of a torn last line that were cut off the log.
    pub torn_bytes: u64,
    /// Seconds between the last line before and this one.
    #[serde(with = "float")]
    pub downtime_s: f64,
    /// Fields that this build does not know.
    #[serde(flatten, deserialize_with = "keep_extra")]
    pub extra: Extra,
}

/// A digest of all lines so far; see [`crate::Chain`]. Only [`crate::Writer::seal`] makes one.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Seal {
    /// The header of the last event before, repeated.
    #[serde(flatten)]
    pub at: At,
    /// Lines since the previous seal.
    pub lines: u64,
    /// SHA-256 over the previous seal's digest and those lines, in lower-case hex.
    pub sha256: String,
    /// Fields that this build does not know. A seal that has any counts as broken: nothing covers them.
    #[serde(flatten, deserialize_with = "keep_extra")]
    pub extra: Extra,
}

/// The run stopped.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct End {
    /// Where the run stands.
    #[serde(flatten)]
    pub at: At,
    /// How it stopped.
    pub status: EndStatus,
    /// Final validation loss in nats per token, where one was measured.
    #[serde(default, skip_serializing_if = "Option::is_none", with = "float::option")]
    pub val_loss: Option<f64>,
    /// What was trained on, where it is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ledger: Option<Ledger>,
    /// Why it stopped, where it did not complete.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Further results by name.
    #[serde(with = "float::map")]
    pub summary: BTreeMap<String, f64>,
    /// Fields that this build does not know.
    #[serde(flatten, deserialize_with = "keep_extra")]
    pub extra: Extra,
}

/// How a run stopped.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum EndStatus {
    /// All target tokens were consumed.
    Completed,
    /// It was stopped from outside; a `resume` may follow.
    Interrupted,
    /// The loss was no longer a number, or ran away.
    Diverged,
    /// Something broke.
    Failed,
}

impl Event {
    /// Parses one line after the first, with or without its newline.
    ///
    /// # Errors
    /// [`ParseError::SecondRun`] for a `run` line, [`ParseError::Json`] for anything malformed.
    pub fn parse(line: &[u8]) -> Result<Self, ParseError> {
        let tag: Tag = json(line)?;
        Ok(match tag.event.as_ref() {
            "run" => return Err(ParseError::SecondRun),
            "warmup" => Self::Warmup(json(line)?),
            "step" => Self::Step(json(line)?),
            "eval" => Self::Eval(json(line)?),
            "sample" => Self::Sample(json(line)?),
            "benchmark" => Self::Benchmark(json(line)?),
            "checkpoint" => Self::Checkpoint(json(line)?),
            "note" => Self::Note(json(line)?),
            "resume" => Self::Resume(json(line)?),
            "seal" => Self::Seal(json(line)?),
            "end" => Self::End(json(line)?),
            _ => Self::Unknown(json(line)?),
        })
    }

    /// The event's header; `None` for an event that this build does not know.
    #[must_use]
    pub fn at(&self) -> Option<At> {
        match self {
            Self::Warmup(e) => Some(e.at),
            Self::Step(e) => Some(e.at),
            Self::Eval(e) => Some(e.at),
            Self::Sample(e) => Some(e.at),
            Self::Benchmark(e) => Some(e.at),
            Self::Checkpoint(e) => Some(e.at),
            Self::Note(e) => Some(e.at),
            Self::Resume(e) => Some(e.at),
            Self::Seal(e) => Some(e.at),
            Self::End(e) => Some(e.at),
            Self::Unknown(_) => None,
        }
    }
}

/// The one field that every line has.
#[derive(Deserialize)]
pub(crate) struct Tag<'a> {
    #[serde(borrow)]
    pub event: Cow<'a, str>,
}

pub(crate) fn json<'a, T: Deserialize<'a>>(line: &'a [u8]) -> Result<T, ParseError> {
    // Without the newline, which the parser would count as the begin of a second line.
    Ok(serde_json::from_slice(
        line.strip_suffix(
            b"
",
        )
        .unwrap_or(line),
    )?)
}

/// Collects the unknown fields of a line. The tag is among them, since it was read apart.
pub(crate) fn keep_extra<'de, D: Deserializer<'de>>(input: D) -> Result<Extra, D::Error> {
    let mut extra = Extra::deserialize(input)?;
    extra.shift_remove("event");
    Ok(extra)
}
