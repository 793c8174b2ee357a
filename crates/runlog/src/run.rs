//! The first line of a run log: what ran, on what, from which source and data.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::events::{Extra, Tag, json, keep_extra};
use crate::{ParseError, VERSION, float};

/// The `run` line: written once, before everything else.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "event", rename = "run")]
pub struct Run {
    /// Format version; [`VERSION`] for a log that this build writes.
    pub version: u64,
    /// Name of the run, unique among its author's runs.
    pub run_id: String,
    /// The resolved settings, whole.
    pub config: Value,
    /// Name of the preset that the settings began from.
    pub preset: String,
    /// Seed of weights and data order.
    pub seed: u64,
    /// Sizes of the model.
    pub model: ModelCounts,
    /// The data that was trained and validated on, by content.
    pub data: DataDigests,
    /// Targets that the run sets out to consume.
    pub target_tokens: u64,
    /// The source that the binary was built from.
    pub source: SourceTree,
    /// The machine.
    pub hardware: Hardware,
    /// Whether the device computes what the CPU computes.
    pub device_check: DeviceCheck,
    /// Who ran it, where they said so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
    /// Start of the run in seconds since the Unix epoch.
    #[serde(with = "float")]
    pub started_unix_s: f64,
    /// Version of each kernel in use, by name.
    pub kernels: BTreeMap<String, String>,
    /// SHA-256 of the attempts file that declared this seed before the run, in lower-case hex.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub attempts_sha256: Option<String>,
    /// Fields that this build does not know.
    #[serde(flatten, deserialize_with = "keep_extra")]
    pub extra: Extra,
}

/// Sizes of the model.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ModelCounts {
    /// All trained parameters.
    pub parameters: u64,
    /// Parameters that take part in matrix products.
    pub matmul_parameters: u64,
    /// Parameters of look-up tables.
    pub table_parameters: u64,
    /// Floating-point operations of one training step per target, forward and backward.
    #[serde(with = "float")]
    pub flops_per_token: f64,
    /// Fields that this build does not know.
    #[serde(flatten)]
    pub extra: Extra,
}

/// The data by content. Digests are SHA-256 in lower-case hex.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct DataDigests {
    /// Digest of the manifest, which lists every shard.
    pub manifest_sha256: String,
    /// Digest of the validation targets.
    pub validation_sha256: String,
    /// Digest of the tokeniser.
    pub tokenizer_sha256: String,
    /// Training targets in the data set.
    pub train_tokens: u64,
    /// Fields that this build does not know.
    #[serde(flatten)]
    pub extra: Extra,
}

/// The source that the binary was built from.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SourceTree {
    /// Commit, where the build knew one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub commit: Option<String>,
    /// Whether the tree differed from that commit.
    pub dirty: bool,
    /// SHA-256 of the source tree in lower-case hex.
    pub sha256: String,
    /// Version of the program.
    pub version: String,
    /// SHA-256 of the patch that leads from the commit to this tree (`git diff --binary`), where it is dirty,
    /// in lower-case hex.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub patch_sha256: Option<String>,
    /// Flags that the build was given beyond the project's own, such as `RUSTFLAGS`; empty where there were
    /// none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub build_flags: Option<String>,
    /// Fields that this build does not know.
    #[serde(flatten)]
    pub extra: Extra,
}

/// The machine and how it was driven.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Hardware {
    /// Name of the device as its driver gives it.
    pub device: String,
    /// Backend: `cuda`, `vulkan`, `metal`, `webgpu`, `cpu`, ...
    pub backend: String,
    /// Driver and its version.
    pub driver: String,
    /// Shader compiler and its version.
    pub compiler: String,
    /// Precision of the matrix products, such as `f32` or `bf16`.
    pub precision: String,
    /// Name of the host's processor.
    pub cpu: String,
    /// Logical processors of the host.
    pub cpus: u64,
    /// Memory of the device in bytes.
    pub memory_bytes: u64,
    /// Peak rate of the device at `precision` in FLOP/s, where it is known.
    #[serde(default, skip_serializing_if = "Option::is_none", with = "float::option")]
    pub peak_flops: Option<f64>,
    /// Fields that this build does not know.
    #[serde(flatten)]
    pub extra: Extra,
}

/// Comparison of the device with the CPU: the loss and every gradient.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct DeviceCheck {
    /// The verdict.
    pub status: CheckStatus,
    /// The parameter whose gradient differs most.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub worst_parameter: Option<String>,
    /// How far it differs, relative.
    #[serde(default, skip_serializing_if = "Option::is_none", with = "float::option")]
    pub worst_error: Option<f64>,
    /// The largest that is believed.
    #[serde(default, skip_serializing_if = "Option::is_none", with = "float::option")]
    pub allowed_error: Option<f64>,
    /// Whether the verdict is an earlier one for the same device and source.
    pub cached: bool,
    /// Fields that this build does not know.
    #[serde(flatten)]
    pub extra: Extra,
}

/// Verdict of a [`DeviceCheck`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum CheckStatus {
    /// Every value was within its tolerance.
    Passed,
    /// Some value was not.
    Failed,
    /// The check was not made.
    Unchecked,
}

impl Run {
    /// Parses the first line of a log, with or without its newline.
    ///
    /// # Errors
    /// [`ParseError::NotRun`] for another event, [`ParseError::Version`] for a version that this build does
    /// not read, [`ParseError::Json`] for anything malformed.
    pub fn parse(line: &[u8]) -> Result<Self, ParseError> {
        let tag: Tag = json(line)?;
        if tag.event != "run" {
            return Err(ParseError::NotRun {
                found: crate::error::shorten(&tag.event),
            });
        }
        // The version is read alone first: a later version may have other fields.
        let Versioned { version } = json(line)?;
        if version == 0 || version > VERSION {
            return Err(ParseError::Version { found: version });
        }
        json(line)
    }
}

#[derive(Deserialize)]
struct Versioned {
    version: u64,
}
