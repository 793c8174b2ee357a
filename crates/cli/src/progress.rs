//! What a person sees of a run while it goes on.

use std::io::{IsTerminal, Write};
use std::path::Path;
use std::time::{Duration, Instant};

use blueberry_runlog::{CheckStatus, Eval, Event, Run, Sample, Step};
use blueberry_train::native::{Observer, Phase};
use indicatif::{ProgressBar, ProgressStyle};

use crate::format::{bytes, duration, grouped, one_line};

/// Without a terminal, a progress line is printed this often.
const PLAIN_INTERVAL: Duration = Duration::from_secs(5);

/// A progress line on the terminal, events above it.
pub struct Progress {
    bar: ProgressBar,
    target_tokens: u64,
    /// Tokens per second, smoothed, for the time left.
    rate: f64,
    printed: Option<Instant>,
}

impl Progress {
    pub fn new() -> Self {
        let bar = ProgressBar::new(0);
        // A template that does not parse would be ours to notice, and the default is fine to look at.
        if let Ok(style) = ProgressStyle::with_template("{bar:24} {percent:>3}% {msg}") {
            bar.set_style(style);
        }
        Self {
            bar,
            target_tokens: 0,
            rate: 0.0,
            printed: None,
        }
    }

    fn say(&self, text: &str) {
        if self.is_plain() {
            eprintln!("{text}")
        } else {
            self.bar.suspend(|| eprintln!("{text}"))
        }
    }

    fn is_plain(&self) -> bool {
        !std::io::stderr().is_terminal()
    }

    fn step(&mut self, step: &Step) {
        let weight = if self.rate == 0.0 { 1.0 } else { 0.1 };
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
        if self.is_plain() {
            if self.printed.is_none_or(|at| at.elapsed() >= PLAIN_INTERVAL) {
                self.printed = Some(Instant::now());
                eprintln!("{line}");
            }
        } else {
            self.bar.set_position(step.at.tokens);
            self.bar.set_message(line);
        }
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
            Phase::PreparingData => "opening the data (the built-in corpus is made on first use)".to_owned(),
            Phase::CheckingData(done, all) => {
                let text = format!(
                    "reading the data, to hold it against its digests: {} of {}",
                    bytes(done),
                    bytes(all)
                );
                self.bar.set_message(text);
                return;
            }
            Phase::WarmingUp => "warming up: compiling and tuning, outside the clock".to_owned(),
            Phase::Evaluating(done, all) => {
                self.bar.set_message(format!("validating {done}/{all}"));
                return;
            }
            Phase::Benchmarking(name, done, all) => {
                self.bar.set_message(format!("{name} {done}/{all}"));
                return;
            }
            Phase::Sampling | Phase::SavingCheckpoint => return,
        };
        self.say(&text);
    }

    fn started(&mut self, run: &Run, dir: &Path) {
        self.target_tokens = run.target_tokens;
        self.bar.set_length(run.target_tokens);
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
        if run.device_check.status != CheckStatus::Passed {
            self.warning("this device has not passed its check; the log says so");
        }
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
            Event::End(_) => self.bar.finish_and_clear(),
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
            // A reader that is gone does not stop the run.
            let _ = writeln!(std::io::stdout(), "{line}");
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
        eprintln!("warning: {text}");
    }
}
