//! What each step of a run looks like.

use crate::settings::MAX_COUNT;
use crate::{Preset, SettingsError, TrainSettings};

/// The shape of a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct StepShape {
    /// Tokens of a sequence.
    pub seq_len: usize,
    /// Sequences of a pass.
    pub micro_batch: usize,
    /// Passes of the step.
    pub accumulation: usize,
    /// Upper limit of the windows of windowed layers.
    pub window: Option<usize>,
}

impl StepShape {
    /// Targets of the step.
    pub fn tokens(&self) -> u64 {
        self.seq_len as u64 * self.micro_batch as u64 * self.accumulation as u64
    }
}

/// A span of the run with one step shape.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stage {
    /// Consumed targets from which it holds.
    pub from_tokens: u64,
    /// Its steps.
    pub shape: StepShape,
}

/// The stages of a run in order; the first holds from the start.
#[derive(Clone, Debug, PartialEq)]
pub struct Curriculum {
    target_tokens: u64,
    block_len: usize,
    stages: Vec<Stage>,
}

/// Stages that a preset may have: as many as the judge reads (`crates/rules/src/config.rs`).
const MAX_STAGES: usize = 1000;

impl Curriculum {
    /// Resolves a preset's stages: what a stage does not name stays as it was before it.
    ///
    /// # Errors
    /// Stages out of order, or a step that would not use whole blocks of `train.seq_len` tokens.
    pub fn new(preset: &Preset) -> Result<Self, SettingsError> {
        let train = &preset.train;
        let mut stages = vec![Stage {
            from_tokens: 0,
            shape: base_shape(train),
        }];
        for (index, settings) in preset.curriculum.iter().enumerate() {
            if index >= MAX_STAGES {
                return Err(SettingsError::Stage {
                    stage: index,
                    problem: format!("more than {MAX_STAGES} stages, which no judge reads"),
                });
            }
            let last = stages[stages.len() - 1];
            let from_tokens = (settings.from * train.tokens as f64).ceil() as u64;
            if !(0.0..=1.0).contains(&settings.from) || from_tokens < last.from_tokens {
                let problem = format!("from = {}: stages go in order, from 0 to 1", settings.from);
                return Err(SettingsError::Stage {
                    stage: index,
                    problem,
                });
            }
            let shape = StepShape {
                seq_len: settings.seq_len.unwrap_or(last.shape.seq_len),
                micro_batch: settings.micro_batch.unwrap_or(last.shape.micro_batch),
                accumulation: settings.accumulation.unwrap_or(last.shape.accumulation),
                window: settings.window.or(last.shape.window),
            };
            check_shape(shape, train.seq_len).map_err(|problem| SettingsError::Stage {
                stage: index,
                problem,
            })?;
            if from_tokens == last.from_tokens {
                stages.pop();
            }
            stages.push(Stage { from_tokens, shape });
        }
        Ok(Self {
            target_tokens: train.tokens,
            block_len: train.seq_len,
            stages,
        })
    }

    /// Targets that the run was asked for.
    pub fn target_tokens(&self) -> u64 {
        self.target_tokens
    }

    /// Tokens of a block of data, the longest sequence of any stage.
    pub fn block_len(&self) -> usize {
        self.block_len
    }

    /// Every stage.
    pub fn stages(&self) -> &[Stage] {
        &self.stages
    }

    /// The share of the run that is done after `tokens`.
    pub fn progress(&self, tokens: u64) -> f64 {
        tokens as f64 / self.target_tokens as f64
    }

    /// The shape of the step that starts after `tokens`.
    pub fn shape(&self, tokens: u64) -> StepShape {
        let stage = self.stages.iter().rfind(|stage| tokens >= stage.from_tokens);
        stage.unwrap_or(&self.stages[0]).shape
    }

    /// Targets that the run will have consumed: whole steps until the target is reached.
    pub fn total_tokens(&self) -> u64 {
        self.steps().map(|(steps, shape)| steps * shape.tokens()).sum()
    }

    /// Optimiser steps of the run.
    pub fn total_steps(&self) -> u64 {
        self.steps().map(|(steps, _)| steps).sum()
    }

    /// How many steps of each shape there are.
    fn steps(&self) -> impl Iterator<Item = (u64, StepShape)> {
        let ends = self.stages.iter().skip(1).map(|next| next.from_tokens);
        let ends = ends.chain(std::iter::once(self.target_tokens));
        self.stages
            .iter()
            .zip(ends)
            .scan(0, |tokens: &mut u64, (stage, end)| {
                let steps = end.saturating_sub(*tokens).div_ceil(stage.shape.tokens());
                *tokens += steps * stage.shape.tokens();
                Some((steps, stage.shape))
            })
    }
}

fn base_shape(train: &TrainSettings) -> StepShape {
    StepShape {
        seq_len: train.seq_len,
        micro_batch: train.micro_batch,
        accumulation: train.accumulation,
        window: None,
    }
}

fn check_shape(shape: StepShape, block_len: usize) -> Result<(), String> {
    let StepShape {
        seq_len,
        micro_batch,
        accumulation,
        window,
    } = shape;
    if seq_len == 0 || micro_batch == 0 || accumulation == 0 || window == Some(0) {
        return Err("seq_len, micro_batch, accumulation and window must be at least 1".into());
    }
    if seq_len.max(micro_batch).max(accumulation) > MAX_COUNT {
        return Err(format!(
            "seq_len, micro_batch and accumulation must be at most {MAX_COUNT}"
        ));
    }
    if !block_len.is_multiple_of(seq_len) {
        return Err(format!(
            "seq_len = {seq_len} does not divide train.seq_len = {block_len}"
        ));
    }
    if !(micro_batch as u64 * seq_len as u64).is_multiple_of(block_len as u64) {
        return Err(format!(
            "micro_batch * seq_len = {micro_batch} * {seq_len} is not a multiple of train.seq_len = {block_len}"
        ));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::test_preset as preset;

    fn staged(from: f64, seq_len: Option<usize>, micro_batch: Option<usize>) -> crate::StageSettings {
        crate::StageSettings {
            from,
            seq_len,
            micro_batch,
            ..Default::default()
        }
    }

    #[test]
    fn tokens_are_rounded_up_to_whole_steps() {
        let mut preset = preset();
        preset.train = TrainSettings {
            tokens: 1000,
            seq_len: 32,
            micro_batch: 2,
            accumulation: 3,
            epochs: 1,
            ..preset.train
        };
        // A step is 32 * 2 * 3 = 192 targets; 1000 / 192 = 5.2.
        assert_eq!(Curriculum::new(&preset).expect("valid").total_tokens(), 6 * 192);
    }

    #[test]
    fn a_stage_keeps_what_it_does_not_name() {
        let mut preset = preset();
        preset.train = TrainSettings {
            tokens: 1000,
            seq_len: 32,
            micro_batch: 4,
            accumulation: 1,
            epochs: 1,
            ..preset.train
        };
        preset.curriculum = vec![staged(0.0, Some(8), None), staged(0.5, None, Some(8))];
        let curriculum = Curriculum::new(&preset).expect("valid");
        assert_eq!(
            (curriculum.shape(0).seq_len, curriculum.shape(0).micro_batch),
            (8, 4)
        );
        assert_eq!(
            (curriculum.shape(500).seq_len, curriculum.shape(500).micro_batch),
            (8, 8)
        );
        // 32 a step to 512, then 64 a step: 512 + 8 * 64 = 1024.
        assert_eq!(curriculum.total_tokens(), 1024);
    }

    #[test]
    fn walking_the_steps_ends_at_the_total() {
        let mut preset = preset();
        preset.train = TrainSettings {
            tokens: 12_345,
            seq_len: 64,
            micro_batch: 1,
            accumulation: 2,
            epochs: 1,
            ..preset.train
        };
        preset.curriculum = vec![staged(0.333, Some(16), Some(4)), staged(0.7, Some(64), Some(3))];
        let curriculum = Curriculum::new(&preset).expect("valid");
        let mut tokens = 0;
        while tokens < curriculum.target_tokens() {
            tokens += curriculum.shape(tokens).tokens();
        }
        assert_eq!(tokens, curriculum.total_tokens());
    }

    #[test]
    fn steps_that_would_cut_a_block_are_refused() {
        let mut preset = preset();
        preset.train = TrainSettings {
            tokens: 1000,
            seq_len: 32,
            micro_batch: 1,
            accumulation: 1,
            epochs: 1,
            ..preset.train
        };
        for stage in [
            staged(0.5, Some(12), None),
            staged(0.5, Some(16), Some(1)),
            staged(0.5, Some(0), None),
        ] {
            preset.curriculum = vec![stage];
            assert!(Curriculum::new(&preset).is_err());
        }
        preset.curriculum = vec![staged(0.5, None, None), staged(0.2, None, None)];
        assert!(Curriculum::new(&preset).is_err());
        preset.curriculum = vec![staged(f64::NAN, None, None)];
        assert!(Curriculum::new(&preset).is_err());
    }
}
