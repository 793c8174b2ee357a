//! `blueberry bench`.

use std::io::BufRead;

use anyhow::{Result, bail};
use blueberry_train::native::{StepBench, load_preset, open, pytorch_config};

use crate::args::BenchArgs;
use crate::exit::Done;

/// Times optimiser steps.
pub fn run(args: &BenchArgs) -> Result<Done> {
    let preset = load_preset(&args.preset, &args.overrides)?;
    if args.pytorch_config {
        println!("{}", serde_json::to_string_pretty(&pytorch_config(&preset)?)?);
        return Ok(Done::Yes);
    }
    let mut bench = StepBench::new(&preset, open(&args.device)?, args.seed)?;
    if args.warmup > 0 {
        bench.run(args.warmup)?;
    }
    if args.interactive {
        return take_turns(&mut bench);
    }
    println!("{}", bench.run(args.steps)?);
    Ok(Done::Yes)
}

/// Answers each line `go K` with one line of K more steps, until the input closes.
fn take_turns(bench: &mut StepBench) -> Result<Done> {
    for line in std::io::stdin().lock().lines() {
        let line = line?;
        let Some(Ok(steps)) = line.strip_prefix("go ").map(str::parse) else {
            bail!("expected `go K`, found `{line}`");
        };
        println!("{}", bench.run(steps)?);
    }
    Ok(Done::Yes)
}
