//! Optimiser steps per second, against PyTorch, eager and compiled.

use std::path::Path;
use std::process::Command;

use serde::Serialize;
use serde_json::Value;

use super::child::{capture, json, missing};
use super::report::{Measured, PartReport, Table, megabytes};
use super::scratch::Scratch;
use super::stats::Series;
use super::turns::{Answer, Interactive, Turn, interleave, steps_for};
use super::{Context, Error};

/// What is trained: a preset, and what is set in it.
struct Case {
    /// In the table and the results.
    name: &'static str,
    preset: &'static str,
    overrides: &'static [&'static str],
}

/// On the CPU.
const CASES: &[Case] = &[
    Case {
        name: "tiny",
        preset: "tiny",
        overrides: &[],
    },
    Case {
        name: "nano",
        preset: "nano",
        overrides: &[],
    },
    // One micro-batch of 1,024 tokens: what a laptop manages of the model in seconds and not minutes.
    Case {
        name: "reference 1 x 1024",
        preset: "reference",
        overrides: &[
            "train.seq_len=1024",
            "train.micro_batch=1",
            "train.accumulation=1",
        ],
    },
];
/// On a card.
const CUDA_CASES: &[Case] = &[
    Case {
        name: "nano",
        preset: "nano",
        overrides: &[],
    },
    Case {
        name: "reference",
        preset: "reference",
        overrides: &[],
    },
    // The shape of GPT-2's smallest, which others publish rates of, with this model's parts: 123.6M parameters.
    Case {
        name: "gpt2 124M",
        preset: "reference",
        overrides: &[
            "model.vocab_size=50_304",
            "model.d_model=768",
            "model.n_layers=12",
            "model.n_heads=12",
            "model.n_kv_heads=12",
            "model.d_ff=3_072",
            "model.activation=\"relu2\"",
            "train.seq_len=1_024",
            "train.micro_batch=16",
            "train.accumulation=1",
        ],
    },
];
/// Long enough for hundreds of small steps, short enough for many rounds.
const TURN_S: f64 = 3.0;

/// One preset, all programs.
#[derive(Serialize)]
struct PresetResult {
    preset: String,
    /// As its driver names it; nothing for the CPU, which the report names.
    device: Option<String>,
    parameters: u64,
    tokens_per_step: u64,
    threads: u64,
    flops_per_token: f64,
    /// Of a large product on this device, measured after the turns.
    ceiling_gflops_per_s: Option<f64>,
    contenders: Vec<Contender>,
    /// Where our step's time goes, as `blueberry bench` says it.
    profile: Option<Value>,
}

/// One program.
#[derive(Serialize)]
struct Contender {
    name: String,
    version: String,
    steps_per_turn: u64,
    /// Of a turn: tokens of a step over the median of the turn's steps.
    tokens_per_s: Series,
    /// At the median.
    gflops_per_s: f64,
    peak_rss_bytes: Option<u64>,
    /// Our tokens per second over this program's, round by round; our own entry has none.
    blueberry_ratio: Option<Series>,
}

/// Measures every preset.
pub fn run(context: &Context) -> Result<PartReport, Error> {
    let cases = if context.device == "cpu" {
        CASES
    } else {
        CUDA_CASES
    };
    let results = cases.iter().map(|case| measure(context, case));
    let results: Vec<_> = results.collect::<Result<_, _>>()?;
    let skipped = match &context.python.versions.torch {
        None => vec![context.python.advice("torch")],
        Some(_) if !context.compile => vec!["compiled PyTorch, as --no-compile asks".to_owned()],
        Some(_) => vec![],
    };
    let tables = results.iter().map(table).collect();
    let part = Measured::new(&results, skipped, tables)?;
    Ok(PartReport::Measured { part })
}

fn measure(context: &Context, case: &Case) -> Result<PresetResult, Error> {
    let scratch = Scratch::new()?;
    let config = scratch.path().join("config.json");
    write_config(context, case, &config)?;
    // Each is warm before the next one starts, so that no two ever work at once.
    let mut programs = Vec::new();
    for (name, mut command) in commands(context, case, &config) {
        println!("   {}: warming up {name}", case.name);
        let mut program = Interactive::start(name, &mut command)?;
        let trial = program.trial()?;
        programs.push((steps_for(&trial, TURN_S), program));
    }
    println!("   {}: {} rounds", case.name, context.rounds);
    let mut turns: Vec<Turn<'_, Answer>> = Vec::new();
    for (steps, program) in &mut programs {
        let steps = *steps;
        turns.push(Box::new(move || program.go(steps)));
    }
    let answers = interleave(context.rounds, &mut turns)?;
    drop(turns);
    let names = programs.iter().map(|(steps, program)| (program.name(), *steps));
    let mut result = compare(case.name, &names.zip(answers).collect::<Vec<_>>())?;
    // Ended first: what they hold and what waits in them is not to be measured.
    drop(programs);
    println!("   {}: where our step's time goes", case.name);
    let profile = profile(context, case, &scratch.path().join("profile.json"))?;
    let ceiling = profile["ceilings"]["product_flops"].as_f64();
    result.ceiling_gflops_per_s =
        Some(ceiling.ok_or_else(|| missing("blueberry bench", "product_flops"))? / 1e9);
    result.profile = Some(profile);
    Ok(result)
}

/// `blueberry bench` by itself, which measures the device's ceilings and every operation.
fn profile(context: &Context, case: &Case, out: &Path) -> Result<Value, Error> {
    let mut command = ours(context, case);
    command.args(["--warmup", "1", "--steps", "3", "--out"]).arg(out);
    capture("blueberry bench", &mut command)?;
    let text = std::fs::read_to_string(out).map_err(Error::file(out))?;
    let mut report: Value = json("blueberry bench", &text)?;
    Ok(report["profile"].take())
}

/// `blueberry bench` on the model of `case`.
fn bench(context: &Context, case: &Case) -> Command {
    let mut command = context.blueberry();
    command.args(["bench", "--preset", case.preset]);
    command.args(case.overrides.iter().flat_map(|value| ["--set", value]));
    command
}

/// [`bench`] on the device and in the precision of the comparison.
fn ours(context: &Context, case: &Case) -> Command {
    let mut command = bench(context, case);
    command.args(["--device", &context.device]);
    if context.device == "cuda" {
        command.args(["--set", "train.precision=bf16"]);
    }
    command
}

fn write_config(context: &Context, case: &Case, path: &Path) -> Result<(), Error> {
    let mut command = bench(context, case);
    command.arg("--pytorch-config");
    let (_, text) = capture("blueberry bench --pytorch-config", &mut command)?;
    std::fs::write(path, text).map_err(Error::file(path))
}

/// Ours first.
fn commands(context: &Context, case: &Case, config: &Path) -> Vec<(&'static str, Command)> {
    let mut ours = ours(context, case);
    ours.arg("--interactive");
    let mut commands = vec![("blueberry", ours)];
    if context.python.versions.torch.is_some() {
        commands.push(("pytorch eager", pytorch(context, config, "--eager")));
        if context.compile {
            commands.push(("pytorch compiled", pytorch(context, config, "--compile")));
        }
    }
    commands
}

fn pytorch(context: &Context, config: &Path, mode: &str) -> Command {
    let script = context.workspace.root.join("bench/pytorch/train.py");
    let mut command = context.python.command(&script);
    command.arg("--config").arg(config);
    command.args([
        "--threads",
        &context.machine.cpus.to_string(),
        mode,
        "--interactive",
    ]);
    if context.device == "cuda" {
        command.args(["--device", "cuda", "--dtype", "bf16"]);
    }
    command
}

/// A program, its steps per turn, and its answers.
type Played<'a> = ((&'a str, u64), Vec<Answer>);

fn compare(preset: &str, played: &[Played<'_>]) -> Result<PresetResult, Error> {
    let [((name, _), ours), ..] = played else {
        return Err(Error::NoTurns);
    };
    let first = ours.first().ok_or(Error::NoTurns)?;
    let flops_per_token = first
        .flops_per_token
        .ok_or_else(|| missing(name, "flops_per_token"))?;
    let our_rates = rates(ours)?;
    let mut contenders = Vec::new();
    for (index, one) in played.iter().enumerate() {
        let against = (index > 0).then_some(&our_rates);
        contenders.push(contender(one, first, flops_per_token, against)?);
    }
    Ok(PresetResult {
        preset: preset.to_owned(),
        device: first.device_name.clone(),
        parameters: first.parameters,
        tokens_per_step: first.tokens_per_step,
        threads: first.threads,
        flops_per_token,
        ceiling_gflops_per_s: None,
        contenders,
        profile: None,
    })
}

fn contender(
    ((name, steps), answers): &Played<'_>,
    ours: &Answer,
    flops_per_token: f64,
    our_rates: Option<&Series>,
) -> Result<Contender, Error> {
    let last = answers.last().ok_or(Error::NoTurns)?;
    same_work(name, ours, last)?;
    let tokens_per_s = rates(answers)?;
    Ok(Contender {
        name: (*name).to_owned(),
        version: last.version.clone(),
        steps_per_turn: *steps,
        gflops_per_s: tokens_per_s.median * flops_per_token / 1e9,
        peak_rss_bytes: last.peak_rss_bytes,
        blueberry_ratio: our_rates
            .map(|ours| Series::ratios(ours, &tokens_per_s))
            .transpose()?,
        tokens_per_s,
    })
}

fn rates(answers: &[Answer]) -> Result<Series, Error> {
    Series::of(answers.iter().map(|answer| answer.tokens_per_s).collect())
}

/// A faster step of a smaller model is no faster step.
fn same_work(name: &str, ours: &Answer, theirs: &Answer) -> Result<(), Error> {
    let pairs = [
        ("parameters", ours.parameters, theirs.parameters),
        ("tokens_per_step", ours.tokens_per_step, theirs.tokens_per_step),
        ("threads", ours.threads, theirs.threads),
    ];
    match pairs.into_iter().find(|(_, ours, theirs)| ours != theirs) {
        None => Ok(()),
        Some((what, ours, theirs)) => Err(Error::Different {
            name: name.to_owned(),
            what,
            ours,
            theirs,
        }),
    }
}

fn table(result: &PresetResult) -> Table {
    let head = [
        &result.preset,
        "tokens/s",
        "min .. max",
        "GFLOP/s",
        "of ceiling",
        "peak memory",
        "blueberry is",
        "min .. max",
    ];
    let mut table = Table::new(&head);
    for one in &result.contenders {
        let ratio = one.blueberry_ratio.as_ref();
        table.row([
            one.name.clone(),
            format!("{:.0}", one.tokens_per_s.median),
            one.tokens_per_s.range(0),
            format!("{:.2}", one.gflops_per_s),
            result.ceiling_gflops_per_s.map_or(String::new(), |ceiling| {
                format!("{:.0} %", 100.0 * one.gflops_per_s / ceiling)
            }),
            megabytes(one.peak_rss_bytes),
            ratio.map_or(String::new(), |ratio| format!("{:.2} x", ratio.median)),
            ratio.map_or(String::new(), |ratio| ratio.range(2)),
        ]);
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answers(tokens_per_s: &[f64], parameters: u64) -> Vec<Answer> {
        let answer = |&tokens_per_s: &f64| Answer {
            version: "1.0".into(),
            threads: 2,
            tokens_per_step: 512,
            step_s: vec![0.1],
            tokens_per_s,
            parameters,
            peak_rss_bytes: Some(64),
            flops_per_token: Some(1e6),
            device_name: None,
        };
        tokens_per_s.iter().map(answer).collect()
    }

    #[test]
    fn programs_are_compared_round_by_round() {
        let played = [
            (("blueberry", 5), answers(&[3000.0, 1000.0], 7)),
            (("pytorch eager", 6), answers(&[2000.0, 500.0], 7)),
        ];
        let result = compare("tiny", &played).unwrap();
        let [ours, theirs] = &result.contenders[..] else {
            panic!("two programs played")
        };
        assert_eq!(ours.blueberry_ratio, None);
        assert_eq!(theirs.blueberry_ratio, Some(Series::of(vec![1.5, 2.0]).unwrap()));
        // 2,000 tokens/s of 10^6 FLOP each.
        assert_eq!((ours.tokens_per_s.median, ours.gflops_per_s), (2000.0, 2.0));
    }

    #[test]
    fn another_model_is_not_compared() {
        let played = [
            (("blueberry", 5), answers(&[1.0], 7)),
            (("pytorch eager", 5), answers(&[1.0], 8)),
        ];
        let error = compare("tiny", &played).err().unwrap().to_string();
        assert!(
            error.contains("pytorch eager works on parameters = 8, blueberry on 7"),
            "{error}"
        );
    }
}
