//! The loop.

mod pauses;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Instant;

use blueberry_data::Prefetch;
use blueberry_kernels::take_fallbacks;
use blueberry_runlog::{
    At, CheckStatus, DeviceCheck, End, EndStatus, Event, Extra, Ledger, Note, Resume, RunLog, Step, Warmup,
};
use blueberry_stopwatch::Stopwatch;
use serde_json::json;

use crate::native::check_cache::remembered;
use crate::native::checkpoint;
use crate::native::describe::{describe, hardware, operations, unix_s};
use crate::native::graph::Recorder;
use crate::native::hardware::{peak_flops, peak_resident_bytes};
use crate::native::resumed::{
    CLOCK_STARTED, Times, evaluated_at, has_saved, logged_checkpoints, sampled_at, tokens_before,
};
use crate::native::run_dir::Log;
use crate::native::warmup::{attempt, explain, warm_up};
use crate::native::{
    Interrupt, Observer, Phase, Plan, RunDir, RunError, checked, source_tree, user_cache_dir,
};
use crate::{Batch, Clock, StepError, StepShape, Trainer};

/// Extra field of `warmup` and `resume`: whether steps are launched or replayed, and why.
const STEPS: &str = "steps_are";

/// Where and for whom a run is.
#[derive(Clone, Debug)]
pub struct Start {
    /// The run's folder.
    pub dir: PathBuf,
    /// Who runs it, where they said so.
    pub user: Option<String>,
    /// SHA-256 of the attempts file that declares this seed, where there is one.
    pub attempts_sha256: Option<String>,
}

/// How a run ended.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// The run's folder.
    pub dir: PathBuf,
    /// Its last event.
    pub end: End,
}

/// Starts a run and takes it to its end.
///
/// # Errors
/// [`RunError`]. Nothing is left behind where the run did not begin; afterwards the log and the
/// checkpoints stay.
pub fn train(
    plan: Plan,
    start: &Start,
    interrupt: &Interrupt,
    observer: &mut dyn Observer,
) -> Result<Outcome, RunError> {
    RunDir::check_free(&start.dir)?;
    let check = check(&plan, observer)?;
    let run = describe(&plan, start, check);
    observer.started(&run, &start.dir);
    // Before the folder: what cannot be warmed up leaves nothing.
    let (warmed_s, recorder) = warm(&plan, observer)?;
    interrupt.begin();
    let dir = RunDir::create(&start.dir)?;
    let log = match dir.start_log(&run) {
        Ok(log) => log,
        Err(error) => {
            dir.discard();
            return Err(error.into());
        }
    };
    let mut session = Session::new(plan, dir, log, interrupt, observer, recorder)?;
    session.start(warmed_s)?;
    session.finish()
}

/// Goes on with the run in `dir` and takes it to its end. `plan` is made from the settings in its log.
///
/// # Errors
/// [`RunError`].
pub fn resume(
    plan: Plan,
    dir: RunDir,
    interrupt: &Interrupt,
    observer: &mut dyn Observer,
) -> Result<Outcome, RunError> {
    let check = check(&plan, observer)?;
    let (old, log) = dir.continue_log()?;
    if old.run.data.manifest_sha256 != plan.dataset.manifest_sha256() {
        return Err(RunError::Mismatch(format!(
            "the data in `{}` is not what the run began with: put that back, or start a new run",
            plan.dataset.dir().display()
        )));
    }
    observer.started(&old.run, dir.path());
    let (_, recorder) = warm(&plan, observer)?;
    interrupt.begin();
    let mut session = Session::new(plan, dir, log, interrupt, observer, recorder)?;
    session.restore(&old, &check)?;
    session.finish()
}

/// The device's check, made or remembered; a failed one stops the run unless it was told not to. Whoever wants the device
/// unchecked gets no new check: a driver may hang in it.
fn check(plan: &Plan, observer: &mut dyn Observer) -> Result<DeviceCheck, RunError> {
    let (device, kernels, cache) = (&plan.device, plan.settings.resolved.kernels, user_cache_dir());
    let check = if plan.settings.unchecked_device {
        remembered(device, kernels, &cache).unwrap_or_else(unchecked)
    } else {
        checked(device, kernels, &cache, |info| {
            observer.phase(Phase::CheckingDevice(info))
        })
        .map_err(|cause| RunError::Step { step: 0, cause })?
    };
    let what = check.worst_parameter.clone().unwrap_or_default();
    let error = check.worst_error.unwrap_or(f64::INFINITY);
    match check.status {
        CheckStatus::Passed => Ok(check),
        CheckStatus::Unchecked => {
            observer.warning(
                "the device is not checked, as asked: whether it computes what it should is unknown",
            );
            Ok(check)
        }
        CheckStatus::Failed if plan.settings.unchecked_device => {
            observer.warning(&format!(
                "the device failed its check ({what} is off by {error:.1e}); training on it as asked"
            ));
            Ok(check)
        }
        CheckStatus::Failed => Err(RunError::WrongDevice {
            id: device.info.id.clone(),
            name: device.info.name.clone(),
            what,
            error,
            allowed: check.allowed_error.unwrap_or_default(),
        }),
    }
}

fn unchecked() -> DeviceCheck {
    DeviceCheck {
        status: CheckStatus::Unchecked,
        worst_parameter: None,
        worst_error: None,
        allowed_error: None,
        cached: false,
        extra: Extra::new(),
    }
}

/// Compiles everything, before the run's own weights are there, so that both are never in memory together; gives the
/// seconds, and what records the steps.
fn warm(plan: &Plan, observer: &mut dyn Observer) -> Result<(f64, Recorder), RunError> {
    observer.phase(Phase::WarmingUp);
    let began = Instant::now();
    let recorder = warm_up(plan)?;
    sync(plan, 0)?;
    Ok((began.elapsed().as_secs_f64(), recorder))
}

fn sync(plan: &Plan, step: u64) -> Result<(), RunError> {
    plan.device.device.sync().map_err(|error| RunError::Step {
        step,
        cause: StepError::Device(error.to_string()),
    })
}

/// A run under way.
struct Session<'a> {
    plan: Plan,
    dir: RunDir,
    log: Log,
    interrupt: &'a Interrupt,
    observer: &'a mut dyn Observer,
    trainer: Trainer,
    recorder: Recorder,
    data: Prefetch,
    clock: Clock,
    /// What the clock counts from.
    origin: Stopwatch,
    step: u64,
    tokens: u64,
    /// The data of the last whole step.
    ledger: Ledger,
    /// Validation loss of the newest evaluation and the tokens it was made at.
    evaluated: Option<(u64, f64)>,
    /// Tokens after which the newest sample was drawn.
    sampled: Option<u64>,
    /// Step of the newest checkpoint.
    saved: Option<u64>,
    /// Training seconds spent waiting for data.
    waited_s: f64,
    /// Tokens before the step that a resume goes on from, whose evaluation or sample may not have been made.
    resumed_after: u64,
    /// `train_s` at the end of the last step, so that rates and clock give the same times.
    stepped_s: f64,
}

impl<'a> Session<'a> {
    fn new(
        plan: Plan,
        dir: RunDir,
        log: Log,
        interrupt: &'a Interrupt,
        observer: &'a mut dyn Observer,
        recorder: Recorder,
    ) -> Result<Self, RunError> {
        let trainer = plan.trainer(plan.settings.seed);
        let data = plan.prefetch(None, 0)?;
        Ok(Self {
            ledger: ledger(&data),
            plan,
            dir,
            log,
            interrupt,
            observer,
            trainer,
            recorder,
            data,
            clock: Clock::new(0.0),
            origin: Stopwatch::start(),
            step: 0,
            tokens: 0,
            evaluated: None,
            sampled: None,
            saved: None,
            waited_s: 0.0,
            resumed_after: 0,
            stepped_s: 0.0,
        })
    }

    fn now_s(&self) -> f64 {
        self.origin.seconds()
    }

    fn at(&self) -> At {
        let now = self.now_s();
        At {
            step: self.step,
            tokens: self.tokens,
            train_s: self.clock.train_s(now),
            wall_s: self.clock.wall_s(now),
        }
    }

    fn write(&mut self, event: &Event) -> Result<(), RunError> {
        self.log.write(event)?;
        self.observer.event(event);
        Ok(())
    }

    /// Starts both clocks after a warm-up of `seconds`.
    fn start(&mut self, seconds: f64) -> Result<(), RunError> {
        let began = self.now_s();
        self.record()?;
        self.sync()?;
        let now = self.now_s();
        let seconds = seconds + (now - began);
        self.clock = Clock::new(now);
        let extra = [
            (CLOCK_STARTED.to_owned(), unix_s().into()),
            (STEPS.to_owned(), self.recorder.words().into()),
        ]
        .into_iter()
        .collect();
        self.write(&Event::Warmup(Warmup {
            at: At::default(),
            seconds,
            extra,
        }))?;
        self.tell_fallbacks()?;
        Ok(self.log.seal()?)
    }

    /// What the device does otherwise than the log's list of versions says.
    fn tell_fallbacks(&mut self) -> Result<(), RunError> {
        for what in take_fallbacks() {
            self.observer.warning(&what);
            self.note("fallback", what)?;
        }
        Ok(())
    }

    /// Records the steps to come on made-up tokens, where they are to be: no weight changes by it.
    fn record(&mut self) -> Result<(), RunError> {
        let shape = self.plan.curriculum.shape(self.tokens);
        self.recorder.record(&self.plan, &mut self.trainer, shape)
    }

    /// Puts the run back to its newest whole checkpoint, or to its start where it has none.
    fn restore(&mut self, old: &RunLog, check: &DeviceCheck) -> Result<(), RunError> {
        let folder = self.dir.checkpoints();
        checkpoint::remove_unfinished(&folder);
        let (found, problems) = checkpoint::newest(&folder, &logged_checkpoints(old))?;
        for problem in &problems {
            self.observer.warning(&problem.to_string());
        }
        if found.is_none() && has_saved(old) && !checkpoint::has_rejected(&folder) {
            return Err(RunError::Mismatch(format!(
                "`{}` has none of the checkpoints that the log names: put them back, or begin a new run",
                folder.display()
            )));
        }
        let (from_step, from_sha256) = match &found {
            Some(checkpoint) => {
                checkpoint.restore(&mut self.trainer)?;
                self.step = checkpoint.step;
                self.tokens = checkpoint.tokens;
                self.data = self.plan.prefetch(Some(&checkpoint.loader), self.tokens)?;
                self.ledger = ledger(&self.data);
                self.saved = Some(self.step);
                (checkpoint.step, checkpoint.sha256.clone())
            }
            None => (0, String::new()),
        };
        let times = Times::of(old);
        self.record()?;
        self.sync()?;
        // Time never runs backwards: work that is done again counts again, and wall time went on between
        // the two processes.
        let wall_s = times
            .started_unix_s
            .map_or(0.0, |started| unix_s() - started)
            .max(times.wall_s);
        self.clock = Clock::restored(times.train_s, wall_s, self.now_s());
        self.stepped_s = times.train_s;
        self.waited_s = times.waited_s;
        self.evaluated = evaluated_at(old, self.tokens);
        self.sampled = sampled_at(old, self.tokens).then_some(self.tokens);
        self.resumed_after = tokens_before(old, self.tokens);
        let torn_bytes = old.torn.as_ref().map_or(0, |torn| torn.bytes);
        let mut extra = Extra::new();
        extra.insert("device".into(), self.plan.device.info.name.clone().into());
        extra.insert("hardware".into(), json!(hardware(&self.plan)));
        extra.insert("kernels".into(), json!(operations(&self.plan)));
        extra.insert("source_sha256".into(), source_tree().sha256.into());
        extra.insert(STEPS.into(), self.recorder.words().into());
        extra.insert("device_check".into(), json!(check));
        extra.insert(
            "unchecked_device".into(),
            self.plan.settings.unchecked_device.into(),
        );
        if times.started_unix_s.is_none() {
            extra.insert(CLOCK_STARTED.into(), unix_s().into());
        }
        let event = Resume {
            at: self.at(),
            from_step,
            from_sha256,
            torn_bytes,
            downtime_s: wall_s - times.wall_s,
            extra,
        };
        self.write(&Event::Resume(event))?;
        for problem in problems {
            self.note("checkpoint", problem.to_string())?;
        }
        self.tell_fallbacks()?;
        Ok(self.log.seal()?)
    }

    fn note(&mut self, kind: &str, text: String) -> Result<(), RunError> {
        let at = self.at();
        self.write(&Event::Note(Note {
            at,
            kind: kind.into(),
            text,
            extra: Default::default(),
        }))
    }

    /// Trains to the end and says how it ended, in the log too.
    fn finish(mut self) -> Result<Outcome, RunError> {
        let end = match self.train_to_end() {
            Ok(status) => self.end(status, None)?,
            Err(RunError::Step {
                step,
                cause: cause @ StepError::NotFinite { .. },
            }) => {
                let reason = format!("at step {step}, {cause}");
                self.end(EndStatus::Diverged, Some(reason))?
            }
            // Behind half a line nothing more may be written: what is there must stay readable.
            Err(error @ RunError::RunDir(_)) => return Err(error),
            Err(error) => {
                // The first error is the one to report.
                let _ = self.end(EndStatus::Failed, Some(error.to_string()));
                return Err(error);
            }
        };
        Ok(Outcome {
            dir: self.dir.path().to_owned(),
            end,
        })
    }

    fn train_to_end(&mut self) -> Result<EndStatus, RunError> {
        let target = self.plan.curriculum.target_tokens();
        self.pause_for(self.resumed_after)?;
        while self.tokens < target {
            if self.interrupt.requested() {
                self.checkpoint()?;
                return Ok(EndStatus::Interrupted);
            }
            let before = self.tokens;
            self.train_one_step()?;
            self.pause_for(before)?;
        }
        self.evaluate()?;
        self.sample()?;
        // Saved before: benchmarks may take longer than anyone waits.
        self.checkpoint()?;
        let evaluated = self.evaluated.is_some_and(|(tokens, _)| tokens == self.tokens);
        let samples = self.plan.settings.resolved.sample.every_tokens > 0;
        if !evaluated || (samples && self.sampled != Some(self.tokens)) {
            return Ok(EndStatus::Interrupted);
        }
        self.benchmark()
    }

    /// One optimiser step on the clock.
    fn train_one_step(&mut self) -> Result<(), RunError> {
        let shape = self.plan.curriculum.shape(self.tokens);
        let progress = self.plan.curriculum.progress(self.tokens + shape.tokens());
        let factor = self.plan.settings.resolved.schedule.factor(progress);
        let step = self.step + 1;

        self.clock.resume(self.now_s());
        // Another shape than the last step's has to be recorded first, on the clock.
        let before = self.recorder.words();
        self.record()?;
        if self.recorder.words() != before {
            let words = format!("from step {step} on, steps are {}", self.recorder.words());
            self.observer.warning(&words);
            self.note("steps", words)?;
        }
        let served = self.data.next_blocks()?;
        let batches = micro_batches(&served.blocks.tokens, shape, self.plan.curriculum.block_len());
        let report = attempt(|| pollster::block_on(self.trainer.step(&batches, shape.window, factor)))
            .map_err(|cause| explain(&self.plan, step, shape, cause))?;
        self.step = step;
        self.tokens += shape.tokens();
        self.ledger = ledger(&self.data);
        let at = self.at();
        let seconds = at.train_s - std::mem::replace(&mut self.stepped_s, at.train_s);
        self.waited_s += served.wait_s;
        let optim = &self.plan.settings.resolved.optim;
        let (lr, lr_adamw) = (optim.muon.lr * factor, optim.adamw.lr * factor);
        let tokens_per_s = shape.tokens() as f64 / seconds;
        let flops = self.plan.settings.resolved.model.flops_per_token(shape.seq_len);
        let mfu = peak_flops(&self.plan.device.info.name, self.plan.factors())
            .map(|peak| tokens_per_s * flops / peak);
        self.write(&Event::Step(Step {
            at,
            loss: report.loss,
            lr,
            lr_adamw,
            grad_norm: report.grad_norm,
            tokens_per_s,
            data_wait_s: served.wait_s,
            mfu,
            memory_bytes: None,
            extra: Default::default(),
        }))
    }

    /// Stops the training clock once the device is idle.
    fn pause(&mut self) -> Result<(), RunError> {
        self.sync()?;
        self.clock.pause(self.now_s());
        Ok(())
    }

    fn sync(&self) -> Result<(), RunError> {
        sync(&self.plan, self.step)
    }

    fn end(&mut self, status: EndStatus, reason: Option<String>) -> Result<End, RunError> {
        // A device that failed cannot be waited for; its time is over all the same.
        let _ = self.pause();
        let at = self.at();
        let val_loss = self
            .evaluated
            .filter(|(tokens, _)| *tokens == self.tokens)
            .map(|(_, loss)| loss);
        let mut summary = BTreeMap::new();
        summary.insert("data_wait_s".to_owned(), self.waited_s);
        summary.insert(
            "data_wait_share".to_owned(),
            self.waited_s / at.train_s.max(f64::MIN_POSITIVE),
        );
        summary.insert("epochs".to_owned(), passes(self.data.state()) as f64);
        if let Some(bytes) = peak_resident_bytes() {
            summary.insert("peak_resident_bytes".to_owned(), bytes as f64);
        }
        if let Some(pools) = self.plan.device.device.memory_pool_usage() {
            // Pools keep what they once reserved, so it is the peak.
            summary.insert("peak_device_bytes".to_owned(), pools.bytes_reserved as f64);
        }
        for (part, bytes) in self.plan.memory.predicted.rows() {
            summary.insert(format!("predicted_{part}_bytes"), bytes as f64);
        }
        let predicted = self.plan.memory.predicted.total();
        summary.insert("predicted_memory_bytes".to_owned(), predicted as f64);
        let end = End {
            at,
            status,
            val_loss,
            ledger: Some(self.ledger.clone()),
            reason,
            summary,
            extra: Default::default(),
        };
        self.write(&Event::End(end.clone()))?;
        self.log.seal()?;
        Ok(end)
    }
}

fn ledger(data: &Prefetch) -> Ledger {
    let state = data.state();
    Ledger {
        tokens: state.tokens,
        sha256: state.ledger_sha256.clone(),
        extra: Default::default(),
    }
}

/// Passes over the data, the one under way included.
fn passes(state: &blueberry_data::LoaderState) -> u64 {
    state.epoch + u64::from(state.position > 0)
}

/// A step's blocks as its passes.
fn micro_batches(tokens: &[u16], shape: StepShape, block_len: usize) -> Vec<Batch> {
    let blocks_a_pass = shape.micro_batch * shape.seq_len / block_len;
    tokens
        .chunks(blocks_a_pass * (block_len + 1))
        .filter_map(|blocks| Batch::from_blocks(blocks, block_len, shape.seq_len))
        .collect()
}
