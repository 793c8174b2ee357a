//! What a run does between its steps, off the training clock: evaluations, samples, checkpoints, benchmarks.

use blueberry_runlog::{Checkpoint as CheckpointEvent, EndStatus, Eval, Event, Sample};

use super::Session;
use crate::native::checkpoint::{self, Position};
use crate::native::warmup::{attempt, explain_evaluation};
use crate::native::{Phase, RunError, benchmarks};
use crate::{StepError, sample};

impl Session<'_> {
    /// Evaluates, samples and saves where the step passed one of their marks, unless that was done before a resume. A request
    /// to stop leaves an evaluation or a sample to the resume.
    pub(super) fn pause_for(&mut self, before: u64) -> Result<(), RunError> {
        let preset = &self.plan.settings.resolved;
        let (eval, sample, save) = (
            preset.eval.every_tokens,
            preset.sample.every_tokens,
            preset.checkpoint.every_tokens,
        );
        let tokens = self.tokens;
        if tokens >= self.plan.curriculum.target_tokens() {
            return Ok(());
        }
        let passed = |every: u64| every > 0 && tokens / every != before / every;
        if passed(eval) || tokens == 0 {
            self.evaluate()?;
        }
        if passed(sample) {
            self.sample()?;
        }
        if passed(save) {
            self.checkpoint()?;
        }
        Ok(())
    }

    /// The validation loss of these weights, once. Nothing is written where somebody asks the run to stop.
    pub(super) fn evaluate(&mut self) -> Result<(), RunError> {
        if self.evaluated.is_some_and(|(tokens, _)| tokens == self.tokens) {
            return Ok(());
        }
        self.pause()?;
        let began = self.now_s();
        let targets = self.plan.validation_targets();
        let count = self.plan.validation.len();
        let (id, at_once) = (&self.plan.device.info.id, self.plan.settings.resolved.eval.batch);
        let mut sum = 0.0;
        for index in 0..count {
            if self.interrupt.requested() {
                return Ok(());
            }
            self.observer.phase(Phase::Evaluating(index, count));
            let batch = &self.plan.validation[index];
            let loss = attempt(|| pollster::block_on(self.trainer.loss(batch)))
                .map_err(|cause| explain_evaluation(id, at_once, self.step, cause))?;
            sum += loss * batch.targets() as f64;
        }
        let val_loss = sum / targets as f64;
        if !val_loss.is_finite() {
            // Weights that the last update spoilt are the cause, where they are, and have a name.
            self.check_parameters()?;
            return Err(self.not_finite("the validation loss", val_loss));
        }
        let (at, seconds, ledger) = (self.at(), self.now_s() - began, self.ledger.clone());
        self.evaluated = Some((self.tokens, val_loss));
        self.write(&Event::Eval(Eval {
            at,
            val_loss,
            targets,
            seconds,
            ledger,
            extra: Default::default(),
        }))?;
        Ok(self.log.seal()?)
    }

    fn not_finite(&self, what: &str, value: f64) -> RunError {
        RunError::Step {
            step: self.step,
            cause: StepError::NotFinite {
                what: what.into(),
                value,
            },
        }
    }

    pub(super) fn sample(&mut self) -> Result<(), RunError> {
        let settings = self.plan.settings.resolved.sample.clone();
        let drawn = self.sampled == Some(self.tokens);
        if settings.every_tokens == 0 || drawn || self.interrupt.requested() {
            return Ok(());
        }
        self.pause()?;
        self.observer.phase(Phase::Sampling);
        let mut prompt = Vec::new();
        self.plan
            .tokenizer
            .encode(&settings.prompt, &mut prompt)
            .map_err(|error| RunError::Mismatch(format!("sample.prompt: {error}")))?;
        let stop = self.plan.tokenizer.end_of_document();
        let seed = self.plan.settings.seed ^ self.step;
        let draw = sample(&mut self.trainer, &settings, &prompt, stop, seed);
        let drawn = attempt(|| pollster::block_on(draw)).map_err(|cause| RunError::Step {
            step: self.step,
            cause,
        })?;
        let text = self.plan.tokenizer.decode(&drawn);
        let at = self.at();
        self.sampled = Some(self.tokens);
        self.write(&Event::Sample(Sample {
            at,
            prompt: settings.prompt,
            text,
            extra: Default::default(),
        }))
    }

    fn check_parameters(&self) -> Result<(), RunError> {
        let step = self.step;
        pollster::block_on(self.trainer.check_parameters()).map_err(|cause| RunError::Step { step, cause })
    }

    /// Saves the run as it is now, once a step.
    pub(super) fn checkpoint(&mut self) -> Result<(), RunError> {
        if self.saved == Some(self.step) {
            return Ok(());
        }
        self.pause()?;
        // A step shows its loss before its update: weights that the update spoilt must not be saved.
        self.check_parameters()?;
        self.observer.phase(Phase::SavingCheckpoint);
        let position = Position {
            step: self.step,
            tokens: self.tokens,
            train_s: self.at().train_s,
            loader: self.data.state().clone(),
        };
        let folder = self.dir.checkpoints();
        let saved = checkpoint::save(&folder, &position, &self.trainer)?;
        let path = saved.path.strip_prefix(self.dir.path()).unwrap_or(&saved.path);
        let event = CheckpointEvent {
            at: self.at(),
            path: path.to_string_lossy().replace('\\', "/"),
            sha256: saved.sha256,
            extra: Default::default(),
        };
        self.write(&Event::Checkpoint(event))?;
        self.log.seal()?;
        self.saved = Some(self.step);
        checkpoint::prune(&folder, self.plan.settings.resolved.checkpoint.keep);
        Ok(())
    }

    /// Makes the benchmarks of the preset, off the training clock.
    pub(super) fn benchmark(&mut self) -> Result<EndStatus, RunError> {
        self.pause()?;
        for index in 0..self.plan.benchmarks.len() {
            let (plan, observer, interrupt) = (&self.plan, &mut *self.observer, self.interrupt);
            let benchmark = &plan.benchmarks[index];
            let go_on = |done, all| {
                observer.phase(Phase::Benchmarking(&benchmark.name, done, all));
                !interrupt.requested()
            };
            let seq = plan.settings.resolved.train.seq_len;
            let measured = benchmarks::measure(&mut self.trainer, &plan.tokenizer, benchmark, seq, go_on)
                .map_err(|error| benchmarks::at_step(error, self.step))?;
            let Some(result) = measured else {
                return Ok(EndStatus::Interrupted);
            };
            let at = self.at();
            self.write(&Event::Benchmark(result.event(at)))?;
            self.log.seal()?;
        }
        Ok(EndStatus::Completed)
    }
}
