//! Everything a run is told. A preset is a TOML file of these types; a run resolves it once, with its
//! overrides, into [`Settings`], which goes into the log as it is.

use blueberry_kernels::Kernels;
use blueberry_model::{ConfigError, ModelConfig};
use blueberry_optim::{OptimConfig, OptimConfigError, Schedule};
use serde::{Deserialize, Serialize};
use thiserror::Error;

/// The most sequences, passes, or tokens of one: none is near it, and no product of three overflows.
pub(crate) const MAX_COUNT: usize = 1 << 20;
/// The most tokens of a run.
const MAX_TOKENS: u64 = 1 << 50;

/// A preset: what is trained and how, without seed, device and place.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Preset {
    /// One line for people.
    pub description: String,
    /// Which versions of the operations run.
    #[serde(default)]
    pub kernels: Kernels,
    /// The model.
    pub model: ModelConfig,
    /// The optimisers.
    pub optim: OptimConfig,
    /// The learning rate over the run.
    pub schedule: Schedule,
    /// Steps.
    pub train: TrainSettings,
    /// Data.
    #[serde(default)]
    pub data: DataSettings,
    /// Evaluation.
    pub eval: EvalSettings,
    /// Samples.
    #[serde(default)]
    pub sample: SampleSettings,
    /// Checkpoints.
    #[serde(default)]
    pub checkpoint: CheckpointSettings,
    /// Changes along the way, in order of `from`.
    #[serde(default)]
    pub curriculum: Vec<StageSettings>,
}

/// A run: a preset with its name, seed and device.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Settings {
    /// Name of the preset or path of its file.
    pub preset: String,
    /// Seed of weights, data order and samples.
    pub seed: u64,
    /// The device asked for, as given on the command line.
    pub device: String,
    /// Whether a device that fails its check is used all the same.
    pub unchecked_device: bool,
    /// What is trained and how, overrides applied.
    #[serde(flatten)]
    pub resolved: Preset,
}

/// Steps and their size.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TrainSettings {
    /// Targets to consume; rounded up to whole steps.
    pub tokens: u64,
    /// Tokens of a sequence.
    pub seq_len: usize,
    /// Sequences of one forward and backward pass.
    pub micro_batch: usize,
    /// Passes of one optimiser step.
    #[serde(default = "one")]
    pub accumulation: usize,
    /// How often the data may be seen.
    #[serde(default = "one_epoch")]
    pub epochs: u64,
    /// Adds `z_loss * (ln sum exp logits)^2` to the training loss (not to evaluations); 0 adds nothing.
    #[serde(default)]
    pub z_loss: f64,
    /// What is kept from the forward pass for the backward pass.
    #[serde(default)]
    pub activations: Activations,
    /// The float of the large products.
    #[serde(default)]
    pub precision: Precision,
    /// Whether a step's passes are recorded and replayed.
    #[serde(default)]
    pub graph: Graph,
}

/// Whether a step's forward and backward passes are recorded once and replayed from then on, which spares the host their
/// launches (CUDA graphs; a list of dispatches on WGPU). A recording is held against what is launched before it is used.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Graph {
    /// On CUDA, where the recording passes its check.
    #[default]
    Auto,
    /// On any GPU; a run that cannot does not start.
    On,
    /// Every step is launched.
    Off,
}

/// The float in which projections, feed-forward and head are multiplied. Sums are in f32 everywhere, and so are weights,
/// gradients, the optimiser's state and all other operations.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Precision {
    /// f32.
    F32,
    /// bf16.
    Bf16,
    /// f16, whose range is small: gradients are those of a scaled loss while they go back (`Trainer::loss_scale`).
    F16,
    /// bf16 where the device multiplies it faster than f32, else f32.
    #[default]
    Auto,
}

/// What is kept from the forward pass for the backward pass.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Activations {
    /// All that it needs.
    #[default]
    Keep,
    /// The stream between blocks; each block is run again. Less memory, a third more arithmetic.
    Recompute,
}

/// Where the tokens come from.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DataSettings {
    /// A folder made by `blueberry data prepare`; none means the built-in corpus.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dir: Option<String>,
}

/// When and how much is evaluated.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EvalSettings {
    /// Every so many training targets, and at the end.
    pub every_tokens: u64,
    /// Validation targets at most, rounded down to whole sequences.
    pub tokens: u64,
    /// Tokens of a validation sequence.
    pub seq_len: usize,
    /// Sequences of one forward pass.
    pub batch: usize,
    /// Downstream benchmarks that are made at the end, by name: `NAME` is `benchmarks/NAME.jsonl` in the data's folder.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub benchmarks: Vec<String>,
}

/// What is sampled along the way.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct SampleSettings {
    /// Every so many training targets, and at the end; 0 means never.
    pub every_tokens: u64,
    /// Tokens of a sample.
    pub length: usize,
    /// Tokens that the model sees at most while sampling.
    pub context: usize,
    /// Divides the logits; lower is tamer.
    pub temperature: f64,
    /// What a sample starts with.
    pub prompt: String,
}

impl Default for SampleSettings {
    fn default() -> Self {
        Self {
            every_tokens: 0,
            length: 128,
            context: 128,
            temperature: 0.8,
            prompt: "Once upon a time".into(),
        }
    }
}

/// When the run is saved.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct CheckpointSettings {
    /// Every so many training targets, and at the end; 0 means only at the end.
    pub every_tokens: u64,
    /// How many are kept.
    pub keep: usize,
}

impl Default for CheckpointSettings {
    fn default() -> Self {
        Self {
            every_tokens: 0,
            keep: 2,
        }
    }
}

/// A stage of the curriculum: what changes once a share of the tokens is consumed.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StageSettings {
    /// Share of the run's tokens (0 to 1) from which the stage holds.
    pub from: f64,
    /// Tokens of a sequence; divides `train.seq_len`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seq_len: Option<usize>,
    /// Sequences of a pass.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub micro_batch: Option<usize>,
    /// Passes of a step.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub accumulation: Option<usize>,
    /// Upper limit of the windows of windowed layers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub window: Option<usize>,
}

fn one() -> usize {
    1
}

fn one_epoch() -> u64 {
    1
}

/// Settings that cannot be run.
#[derive(Debug, Error)]
pub enum SettingsError {
    /// The model.
    #[error(transparent)]
    Model(#[from] ConfigError),
    /// The optimisers.
    #[error(transparent)]
    Optim(#[from] OptimConfigError),
    /// The schedule.
    #[error("schedule: {0}")]
    Schedule(&'static str),
    /// A count that must not be zero.
    #[error("{0} = 0: must be at least 1")]
    Zero(&'static str),
    /// A share or factor outside its range.
    #[error("{field} = {value}: {problem}")]
    Range {
        /// The field.
        field: String,
        /// Its value.
        value: String,
        /// What it must be.
        problem: &'static str,
    },
    /// Something that `bench/pytorch` cannot do.
    #[error("{0}: the PyTorch baseline has no such thing, so there is nothing to compare with")]
    NoBaseline(&'static str),
    /// A step that does not use whole blocks of data.
    #[error("curriculum[{stage}]: {problem}")]
    Stage {
        /// Which stage.
        stage: usize,
        /// What is wrong.
        problem: String,
    },
}

impl Preset {
    /// Checks what the types do not.
    ///
    /// # Errors
    /// The first setting that cannot be run.
    pub fn validate(&self) -> Result<(), SettingsError> {
        self.model.validate()?;
        self.optim.validate()?;
        self.schedule
            .problem()
            .map_or(Ok(()), |problem| Err(SettingsError::Schedule(problem)))?;
        let counts = [
            ("train.tokens", self.train.tokens),
            ("train.seq_len", self.train.seq_len as u64),
            ("train.micro_batch", self.train.micro_batch as u64),
            ("train.accumulation", self.train.accumulation as u64),
            ("train.epochs", self.train.epochs),
            ("eval.every_tokens", self.eval.every_tokens),
            ("eval.tokens", self.eval.tokens),
            ("eval.seq_len", self.eval.seq_len as u64),
            ("eval.batch", self.eval.batch as u64),
            ("sample.length", self.sample.length as u64),
            ("sample.context", self.sample.context as u64),
            ("checkpoint.keep", self.checkpoint.keep as u64),
        ];
        if let Some((field, _)) = counts.iter().find(|(_, value)| *value == 0) {
            return Err(SettingsError::Zero(field));
        }
        self.validate_ranges()?;
        crate::Curriculum::new(self).map(|_| ())
    }

    fn validate_ranges(&self) -> Result<(), SettingsError> {
        let range = |field: &str, value: String, problem| {
            Err(SettingsError::Range {
                field: field.into(),
                value,
                problem,
            })
        };
        let temperature = self.sample.temperature;
        if !(temperature.is_finite() && temperature > 0.0) {
            return range(
                "sample.temperature",
                temperature.to_string(),
                "must be a number above 0",
            );
        }
        let z_loss = self.train.z_loss;
        if !(z_loss.is_finite() && z_loss >= 0.0) {
            return range("train.z_loss", z_loss.to_string(), "must be a number, 0 or above");
        }
        if self.eval.tokens < self.eval.seq_len as u64 {
            return range(
                "eval.tokens",
                self.eval.tokens.to_string(),
                "must hold at least one eval.seq_len",
            );
        }
        let plain = |name: &&String| {
            !name.is_empty()
                && name
                    .chars()
                    .all(|c| c.is_ascii_alphanumeric() || c == '_' || c == '-')
        };
        let benchmarks = &self.eval.benchmarks;
        if let Some(name) = benchmarks.iter().find(|name| !plain(name)) {
            let problem = "must be names of letters, digits, `_` and `-`";
            return range("eval.benchmarks", format!("`{name}`"), problem);
        }
        if let Some((_, name)) =
            (benchmarks.iter().enumerate()).find(|(index, name)| benchmarks[..*index].contains(name))
        {
            return range(
                "eval.benchmarks",
                format!("`{name}` twice"),
                "must name each once",
            );
        }
        for (field, value) in [
            ("train.seq_len", self.train.seq_len),
            ("train.micro_batch", self.train.micro_batch),
            ("train.accumulation", self.train.accumulation),
            ("eval.seq_len", self.eval.seq_len),
            ("eval.batch", self.eval.batch),
            ("sample.length", self.sample.length),
            ("sample.context", self.sample.context),
        ] {
            if value > MAX_COUNT {
                return range(field, value.to_string(), "must be at most 1,048,576");
            }
        }
        if self.train.tokens > MAX_TOKENS {
            let problem = "must be at most 1,125,899,906,842,624";
            return range("train.tokens", self.train.tokens.to_string(), problem);
        }
        Ok(())
    }
}

/// A small valid preset for tests.
#[cfg(test)]
pub(crate) fn test_preset() -> Preset {
    let json = serde_json::json!({
        "description": "for tests",
        "model": crate::check_config(),
        "optim": {"muon": {"lr": 0.02}, "adamw": {"lr": 0.003}},
        "schedule": {"kind": "constant"},
        "train": {"tokens": 1000, "seq_len": 32, "micro_batch": 1},
        "eval": {"every_tokens": 500, "tokens": 64, "seq_len": 32, "batch": 1},
    });
    serde_json::from_value(json).expect("a valid preset")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_test_preset_is_valid() {
        test_preset().validate().expect("valid");
    }

    #[test]
    fn zeros_and_bad_numbers_are_named() {
        let mut preset = test_preset();
        preset.train.micro_batch = 0;
        assert_eq!(message(&preset), "train.micro_batch = 0: must be at least 1");
        let mut preset = test_preset();
        preset.sample.temperature = f64::NAN;
        assert_eq!(
            message(&preset),
            "sample.temperature = NaN: must be a number above 0"
        );
        let mut preset = test_preset();
        preset.model.n_kv_heads = 5;
        assert!(message(&preset).contains("n_kv_heads = 5"));
    }

    #[test]
    fn counts_that_would_overflow_are_refused() {
        let mut preset = test_preset();
        preset.train.micro_batch = 1 << 57;
        assert!(message(&preset).contains("train.micro_batch = 144115188075855872: must be at most"));
        let mut preset = test_preset();
        preset.train.tokens = u64::MAX;
        assert!(message(&preset).contains("train.tokens"));
        let mut preset = test_preset();
        preset.curriculum = vec![crate::StageSettings {
            accumulation: Some(1 << 60),
            ..Default::default()
        }];
        assert!(message(&preset).contains("at most 1048576"));
    }

    fn message(preset: &Preset) -> String {
        preset.validate().expect_err("invalid").to_string()
    }

    #[test]
    fn unknown_keys_are_refused() {
        let mut value = serde_json::to_value(test_preset()).expect("serialises");
        value["train"]["lr"] = 1.into();
        let error = serde_json::from_value::<Preset>(value)
            .expect_err("unknown key")
            .to_string();
        assert!(error.contains("unknown field `lr`"), "{error}");
        // A constant schedule has no fields, and none that is misspelt.
        let mut value = serde_json::to_value(test_preset()).expect("serialises");
        value["schedule"]["warmpu"] = 0.1.into();
        let error = serde_json::from_value::<Preset>(value)
            .expect_err("unknown key")
            .to_string();
        assert!(error.contains("unknown field `warmpu`"), "{error}");
    }

    #[test]
    fn settings_survive_a_round_trip_through_the_log() {
        let settings = Settings {
            preset: "tiny".into(),
            seed: 7,
            device: "auto".into(),
            unchecked_device: false,
            resolved: test_preset(),
        };
        let value = serde_json::to_value(&settings).expect("serialises");
        assert_eq!(
            serde_json::from_value::<Settings>(value).expect("reads back"),
            settings
        );
    }
}
