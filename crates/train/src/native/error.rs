//! Why a run did not come to its end.

use blueberry_data::{DataError, PrepareError};
use blueberry_eval::BenchmarkError;
use thiserror::Error;

use crate::native::{CheckpointError, DeviceError, PresetError, RunDirError};
use crate::{SettingsError, StepError};

/// Why a run was not begun, or stopped before its end.
#[derive(Debug, Error)]
pub enum RunError {
    /// The preset.
    #[error(transparent)]
    Preset(#[from] PresetError),
    /// The settings.
    #[error(transparent)]
    Settings(#[from] SettingsError),
    /// The device.
    #[error(transparent)]
    Device(#[from] DeviceError),
    /// The data.
    #[error(transparent)]
    Data(#[from] DataError),
    /// Making the built-in corpus.
    #[error("the built-in corpus cannot be made")]
    Corpus(#[from] PrepareError),
    /// The run's folder or log.
    #[error(transparent)]
    RunDir(#[from] RunDirError),
    /// A checkpoint.
    #[error(transparent)]
    Checkpoint(#[from] CheckpointError),
    /// A downstream benchmark.
    #[error(transparent)]
    Benchmark(#[from] BenchmarkError),
    /// Data that does not go with the model.
    #[error("{0}")]
    Mismatch(String),
    /// The device computes wrong values.
    #[error(
        "device `{id}` ({name}) computes wrong values: {what} is off by {error:.1e} of its norm, allowed is {allowed:.0e}. Update its driver or use another device; `--unchecked-device` trains on it all the same, and the log will say so"
    )]
    WrongDevice {
        /// What `--device` was resolved to.
        id: String,
        /// Its name.
        name: String,
        /// The value that differs most.
        what: String,
        /// By how much.
        error: f64,
        /// The tolerance.
        allowed: f64,
    },
    /// The device does not record steps, or replays them wrongly.
    #[error(
        "train.graph = \"on\": {0}. `--set train.graph=auto` records where it can, and launches every step where it cannot"
    )]
    Graph(String),
    /// The device failed.
    #[error("step {step}: {cause}")]
    Step {
        /// The step that was being taken.
        step: u64,
        /// What happened.
        cause: StepError,
    },
    /// The host has too little memory, by the prediction.
    #[error(
        "train.micro_batch = {micro_batch} needs about {needed}, and {available} can be had: {advice}. `--ignore-memory` starts all the same"
    )]
    TooLarge {
        /// What was asked for.
        micro_batch: usize,
        /// What it takes.
        needed: String,
        /// What there is.
        available: String,
        /// What would fit.
        advice: String,
    },
    /// The device has too little memory.
    #[error("micro_batch = {micro_batch} does not fit into the memory of `{id}`: {advice}")]
    OutOfMemory {
        /// The device.
        id: String,
        /// What was tried.
        micro_batch: usize,
        /// What would fit.
        advice: String,
    },
    /// The device has too little memory for an evaluation.
    #[error(
        "an evaluation of eval.batch = {batch} sequences at once does not fit into the memory of `{id}`: \
         `--set eval.batch={}` needs less, and gives the same loss",
        (batch / 2).max(1)
    )]
    EvaluationOutOfMemory {
        /// The device.
        id: String,
        /// What was tried.
        batch: usize,
    },
}

impl RunError {
    /// Whether the input was at fault (exit code 2) rather than the run (exit code 1).
    pub fn is_bad_input(&self) -> bool {
        !matches!(
            self,
            Self::WrongDevice { .. }
                | Self::Step { .. }
                | Self::OutOfMemory { .. }
                | Self::EvaluationOutOfMemory { .. }
        )
    }
}
