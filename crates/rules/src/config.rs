//! The settings in a log's first line, as far as rules read them.

use blueberry_runlog::RunLog;
use blueberry_shape::ModelConfig;
use serde::Deserialize;
use serde_json::Value;

/// Most stages of a curriculum, through all of which several rules go for each step.
const MAX_STAGES: usize = 1_000;

/// Settings that rules read. Fields that they do not read may be anything.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Config {
    pub seed: u64,
    pub train: Train,
    pub eval: Eval,
    #[serde(default)]
    pub curriculum: Vec<Stage>,
}

/// Steps and their size.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Train {
    pub tokens: u64,
    pub seq_len: u64,
    pub micro_batch: u64,
    #[serde(default = "one")]
    pub accumulation: u64,
    #[serde(default = "one")]
    pub epochs: u64,
}

/// When and how much is evaluated.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Eval {
    pub every_tokens: u64,
    pub tokens: u64,
    pub seq_len: u64,
}

/// What changes along the way.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Stage {
    #[serde(default)]
    pub from: f64,
    pub seq_len: Option<u64>,
    pub micro_batch: Option<u64>,
    pub accumulation: Option<u64>,
}

fn one() -> u64 {
    1
}

impl Config {
    /// The settings of a log, or what about them cannot be read.
    pub fn of(log: &RunLog) -> Result<Self, String> {
        Self::read(&log.run.config)
    }

    /// The same of settings by themselves.
    pub fn read(config: &Value) -> Result<Self, String> {
        let config = Self::deserialize(config)
            .map_err(|error| format!("settings that this build can read (line 1, `config`): {error}"))?;
        if config.eval.every_tokens == 0 {
            return Err("an evaluation schedule (line 1, `config.eval.every_tokens` is 0)".into());
        }
        if config.curriculum.len() > MAX_STAGES {
            return Err(format!(
                "a curriculum of at most {MAX_STAGES} stages (line 1, `config.curriculum` has {})",
                config.curriculum.len()
            ));
        }
        Ok(config)
    }

    /// Targets of the step that begins after `tokens`.
    pub fn step_tokens(&self, tokens: u64) -> u64 {
        self.shape(tokens).into_iter().fold(1, u64::saturating_mul)
    }

    /// Tokens of a sequence of that step.
    pub fn seq_len(&self, tokens: u64) -> u64 {
        self.shape(tokens)[0]
    }

    /// Length, rows and passes of that step: of the last stage that holds there, in which what a stage does not name
    /// stays as it was before it.
    fn shape(&self, tokens: u64) -> [u64; 3] {
        let train = &self.train;
        let mut shape = [train.seq_len, train.micro_batch, train.accumulation];
        let share = |from: f64| (from * train.tokens as f64).ceil() as u64;
        for stage in self.curriculum.iter().filter(|stage| tokens >= share(stage.from)) {
            let named = [stage.seq_len, stage.micro_batch, stage.accumulation];
            shape = std::array::from_fn(|i| named[i].unwrap_or(shape[i]));
        }
        shape
    }

    /// The whole run: each stage in whole steps of its size, the last one past its end.
    pub fn course(&self) -> Course {
        let end = self.train.tokens;
        let share = |from: f64| (from * end as f64).ceil() as u64;
        let mut bounds: Vec<u64> = self.curriculum.iter().map(|stage| share(stage.from)).collect();
        bounds.push(end);
        bounds.sort_unstable();
        let (mut at, mut steps, mut last_step) = (0_u64, 0_u64, 0_u64);
        for bound in bounds {
            let size = self.step_tokens(at).max(1);
            let count = bound.min(end).saturating_sub(at).div_ceil(size);
            if count > 0 {
                last_step = size;
            }
            (at, steps) = (
                at.saturating_add(count.saturating_mul(size)),
                steps.saturating_add(count),
            );
        }
        Course {
            steps,
            targets: at,
            last_step,
        }
    }

    /// Whether an evaluation is due after the step from `before` to `after` targets.
    pub fn eval_is_due(&self, before: u64, after: u64) -> bool {
        after >= self.train.tokens || after / self.eval.every_tokens != before / self.eval.every_tokens
    }
}

/// A run before it has run.
pub(crate) struct Course {
    pub steps: u64,
    /// Targets that it consumes.
    pub targets: u64,
    /// Targets of its last step.
    pub last_step: u64,
}

/// The model's config, or why this build has no formula for it.
pub(crate) fn model(config: &Value) -> Result<ModelConfig, String> {
    let table = config.get("model").ok_or("`config.model` (line 1)")?;
    let model = ModelConfig::deserialize(table).map_err(|error| {
        format!(
            "a formula for `config.model` (line 1): {error}; a build of the submission's source counts it"
        )
    })?;
    model
        .validate()
        .map_err(|error| format!("a model that can be built (line 1): {error}"))?;
    if !countable(&model) {
        return Err("a model small enough to count: a matrix of `config.model` has over 2^31 values".into());
    }
    Ok(model)
}

/// Whether no matrix overflows a 32-bit count, as a browser has.
fn countable(model: &ModelConfig) -> bool {
    let wide = |a: usize, b: usize| a as u64 * b as u64 <= 1 << 31;
    let heads = model.n_heads * model.head_dim;
    [model.vocab_size, heads, model.d_ff]
        .iter()
        .all(|&side| wide(side, model.d_model))
        && wide(model.vocab_size, heads)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::testing::Submission;

    #[test]
    fn a_curriculum_that_would_take_hours_is_not_walked() {
        let with_stages = |count: usize| {
            Submission::with(|draft| {
                draft.run.config["curriculum"] = vec![json!({"from": 0.0, "seq_len": 32}); count].into();
            })
        };
        with_stages(MAX_STAGES).passes("steps-and-tokens");
        with_stages(MAX_STAGES + 1).cannot_tell("eval-schedule", "at most 1000 stages");
    }
}
