//! `blueberry bench`.

use std::io::BufRead;
use std::path::Path;

use anyhow::{Context, Result, bail};
use blueberry_train::native::{Profile, StepBench, load_preset, open, pytorch_config};
use serde_json::json;

use crate::args::BenchArgs;
use crate::exit::Done;

/// Times optimiser steps and the operations in them.
pub fn run(args: &BenchArgs) -> Result<Done> {
    let preset = load_preset(&args.preset, &args.overrides)?;
    if args.pytorch_config {
        outln!("{}", serde_json::to_string_pretty(&pytorch_config(&preset)?)?);
        return Ok(Done::Yes);
    }
    let device = open(&args.device)?;
    let halves = device.halves(&preset)?;
    let mut bench = StepBench::new(&preset, device, halves, args.seed)?;
    if args.warmup > 0 {
        bench.run(args.warmup)?;
    }
    if args.interactive {
        return take_turns(&mut bench);
    }
    let profile = bench.profile(args.steps, |what| errln!("measuring {what} .."))?;
    outln!("{}", profile.table());
    if let Some(path) = &args.out {
        write(path, &args.preset, &bench, &profile)?;
    }
    Ok(Done::Yes)
}

/// The profile with what it was measured on.
fn write(path: &Path, preset: &str, bench: &StepBench, profile: &Profile) -> Result<()> {
    let report = json!({
        "preset": preset,
        "command": std::env::args().collect::<Vec<_>>().join(" "),
        "machine": bench.describe(),
        "tokens_per_s": profile.tokens_per_s(),
        "utilisation": profile.utilisation(),
        "floor_s": profile.floor_s(),
        "profile": profile,
    });
    let text = serde_json::to_string_pretty(&report)? + "\n";
    std::fs::write(path, text).with_context(|| format!("cannot write {}", path.display()))
}

/// Answers each line `go K` with one line of K more steps, until the input closes.
fn take_turns(bench: &mut StepBench) -> Result<Done> {
    for line in std::io::stdin().lock().lines() {
        let line = line?;
        let Some(Ok(steps)) = line.strip_prefix("go ").map(str::parse) else {
            bail!("expected `go K`, found `{line}`");
        };
        outln!("{}", bench.run(steps)?);
    }
    Ok(Done::Yes)
}
