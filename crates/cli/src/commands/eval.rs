//! `blueberry eval`.

use std::path::PathBuf;

use anyhow::Result;
use blueberry_train::native::{BenchmarkResult, Observer, Phase, benchmark_run};
use serde_json::json;

use crate::exit::Done;
use crate::format::one_line;
use crate::meter::{EVERY, Meter};

/// Make downstream benchmarks of the last saved model of a run: those of its preset (eval.benchmarks), or any JSON
/// lines of questions.
#[derive(Debug, clap::Args)]
pub struct EvalArgs {
    /// A run's folder.
    pub run: PathBuf,
    /// A file of questions: `query`, `choices`, `gold`; or `context_options`, `continuation`, `gold`; or `context`,
    /// `continuation`. May be repeated.
    #[arg(long = "benchmark", value_name = "FILE.jsonl")]
    pub benchmarks: Vec<PathBuf>,
    /// auto, cuda[:i], wgpu[:i], metal, vulkan[:i] or cpu [default: the run's].
    #[arg(long, value_name = "DEVICE")]
    pub device: Option<String>,
    /// For machines.
    #[arg(long)]
    pub json: bool,
}

/// Prints a line a benchmark.
pub fn run(args: &EvalArgs) -> Result<Done> {
    let meter = Meter::spinner(EVERY);
    let results = benchmark_run(
        &args.run,
        args.device.as_deref(),
        &args.benchmarks,
        &mut Bar(&meter),
    );
    meter.clear();
    let results = results?;
    if args.json {
        let rows: Vec<_> = results.iter().map(describe).collect();
        outln!("{}", serde_json::to_string_pretty(&rows)?);
        return Ok(Done::Yes);
    }
    for result in &results {
        let score = &result.score;
        let name = one_line(&result.name);
        out!(
            "{name}: {} {:.4} of {} questions",
            score.metric,
            score.value,
            result.items
        );
        if let Some(unnormalized) = score.unnormalized {
            out!(", accuracy {unnormalized:.4}, guessing {:.4}", score.chance);
        }
        outln!("");
    }
    Ok(Done::Yes)
}

fn describe(result: &BenchmarkResult) -> serde_json::Value {
    let score = &result.score;
    json!({
        "name": result.name,
        "metric": score.metric,
        "value": score.value,
        "accuracy": score.unnormalized,
        "chance": score.chance,
        "items": result.items,
        "sha256": result.sha256,
    })
}

/// A line that says how far it is.
struct Bar<'a>(&'a Meter);

impl Observer for Bar<'_> {
    fn phase(&mut self, phase: Phase<'_>) {
        if let Phase::Benchmarking(name, done, all) = phase {
            self.0.message(format!("{} {done}/{all}", one_line(name)));
        }
    }
}
