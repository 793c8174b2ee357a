//! What a person sees of a run while it goes on.

use std::path::Path;

use blueberry_runlog::{Eval, Event, Run, Sample, Step};
use blueberry_train::native::{Observer, Phase};

use crate::format::{bytes, duration, grouped, one_line};
use crate::meter::{EVERY, Meter};

/// A progress line on the terminal, events above it.
pub struct Progress {
    meter: Meter,
    target_tokens: u64,
    /// Tokens per second, smoothed, for the time left.
    rate: f64,
}

impl Progress {
    pub fn new() -> Self {
        Self {
            meter: Meter::bar("{bar:24} {percent:>3}% {msg}", EVERY),
            target_tokens: 0,
            rate: 0.0,
        }
    }

    fn say(&self, text: &str) {
        self.meter.say(text);
    }

    fn step(&mut self, step: &Step) {
        let weight = if self.rate == 0.0 { 1.0 } else { 0.1 };
        if self.rate == 0.0 {
            // However short the run is.
            self.meter.next_is_due();
        }
        self.rate += weight * (step.tokens_per_s - self.rate);
        let left = self.target_tokens.saturating_sub(step.at.tokens) as f64 / self.rate;
        let mfu = step
            .mfu
            .map_or(String::new(), |mfu| format!("  MFU {:.1}%", mfu * 100.0));
        let line = format!(
            "step {}  {} tokens  loss {:.4}  {} tokens/s{mfu}  ETA {}",
            step.at.step,
            grouped(step.at.tokens),
            step.loss,
            grouped(self.rate as u64),
            duration(left)
        );
        self.meter.set(step.at.tokens, self.target_tokens, line);
    }

    fn eval(&self, eval: &Eval) {
        self.say(&format!(
            "  validation loss {:.4} at {} tokens ({} of training, {} targets in {})",
            eval.val_loss,
            grouped(eval.at.tokens),
            duration(eval.at.train_s),
            grouped(eval.targets),
            duration(eval.seconds)
        ));
    }

    fn sample(&self, sample: &Sample) {
        self.say(&format!(
            "  sample: {}{}",
            one_line(&sample.prompt),
            one_line(&sample.text)
        ));
    }
}

impl Observer for Progress {
    fn phase(&mut self, phase: Phase<'_>) {
        let text = match phase {
            Phase::CheckingDevice(info) => {
                format!(
                    "checking {} ({}) against the CPU, once for this device, driver and build",
                    one_line(&info.name),
                    info.id
                )
            }
            Phase::PreparingData { built_in: true } => {
                "opening the built-in corpus (it is made on first use)".to_owned()
            }
            Phase::PreparingData { built_in: false } => "opening the data".to_owned(),
            Phase::CheckingData(done, all) => {
                let text = format!(
                    "reading the data, to hold it against its digests: {} of {}",
                    bytes(done),
                    bytes(all)
                );
                self.meter.message(text);
                return;
            }
            Phase::WarmingUp => "warming up: compiling and tuning, outside the clock".to_owned(),
            Phase::Evaluating(done, all) => {
                self.meter.message(format!("validating {done}/{all}"));
                return;
            }
            Phase::Benchmarking(name, done, all) => {
                self.meter.message(format!("{name} {done}/{all}"));
                return;
            }
            Phase::Sampling | Phase::SavingCheckpoint => return,
        };
        self.say(&text);
    }

    fn started(&mut self, run: &Run, dir: &Path) {
        self.target_tokens = run.target_tokens;
        let hardware = &run.hardware;
        let memory = match hardware.memory_bytes {
            0 => String::new(),
            memory => format!(", {}", bytes(memory)),
        };
        self.say(&format!(
            "{} parameters ({} in products) on {} ({}, {}{memory}), {} tokens, seed {}",
            grouped(run.model.parameters),
            grouped(run.model.matmul_parameters),
            one_line(&hardware.device),
            hardware.backend,
            hardware.precision,
            grouped(run.target_tokens),
            run.seed
        ));
        self.say(&format!("run: {}", dir.display()));
    }

    fn event(&mut self, event: &Event) {
        match event {
            Event::Step(step) => self.step(step),
            Event::Eval(eval) => self.eval(eval),
            Event::Sample(sample) => self.sample(sample),
            Event::Benchmark(result) => self.say(&format!(
                "  {}: {} {:.4}",
                one_line(&result.name),
                result.metric,
                result.value
            )),
            Event::Warmup(warmup) => self.say(&format!("warm-up took {}", duration(warmup.seconds))),
            Event::Resume(resume) => self.say(&format!("going on from step {}", resume.from_step)),
            Event::End(_) => self.meter.clear(),
            _ => {}
        }
    }

    fn warning(&mut self, text: &str) {
        self.say(&format!("warning: {text}"));
    }
}

/// The log's lines on standard output.
pub struct JsonLines;

impl JsonLines {
    fn print(value: &impl serde::Serialize) {
        if let Ok(line) = serde_json::to_string(value) {
            outln!("{line}");
        }
    }
}

impl Observer for JsonLines {
    fn started(&mut self, run: &Run, _dir: &Path) {
        Self::print(run);
    }

    fn event(&mut self, event: &Event) {
        Self::print(event);
    }

    fn warning(&mut self, text: &str) {
        errln!("warning: {text}");
    }
}
