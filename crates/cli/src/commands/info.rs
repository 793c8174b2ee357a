//! `blueberry info`.

use anyhow::Result;
use blueberry_runlog::{EndStatus, Event, RunLog};
use blueberry_train::native::{RunError, read_log};
use serde_json::json;

use crate::args::InfoArgs;
use crate::exit::Done;
use crate::format::{duration, grouped, one_line};

/// Says what a run holds.
pub fn run(args: &InfoArgs) -> Result<Done> {
    let log = read_log(&args.run).map_err(RunError::from)?;
    if args.json {
        outln!("{}", serde_json::to_string_pretty(&summary(&log))?);
    } else {
        print(&log);
    }
    Ok(Done::Yes)
}

fn status(log: &RunLog) -> &'static str {
    match log.end().map(|end| end.status) {
        Some(EndStatus::Completed) => "completed",
        Some(EndStatus::Interrupted) => "interrupted",
        Some(EndStatus::Diverged) => "diverged",
        Some(EndStatus::Failed) => "failed",
        None => "unfinished",
    }
}

fn seals(log: &RunLog) -> String {
    match &log.seals.broken {
        Some(broken) => format!(
            "BROKEN at line {}: the log was changed after it was written",
            broken.line
        ),
        None => format!(
            "{} lines sealed, {} not yet",
            log.seals.sealed_lines, log.seals.unsealed_lines
        ),
    }
}

fn resumes(log: &RunLog) -> usize {
    log.lines
        .iter()
        .filter(|line| matches!(line.event, Event::Resume(_)))
        .count()
}

fn print(log: &RunLog) {
    let run = &log.run;
    outln!("{} ({})", one_line(&run.run_id), status(log));
    outln!("  preset      {}, seed {}", one_line(&run.preset), run.seed);
    outln!(
        "  model       {} parameters, {} in products, {} in tables, {:.0} MFLOP a token",
        grouped(run.model.parameters),
        grouped(run.model.matmul_parameters),
        grouped(run.model.table_parameters),
        run.model.flops_per_token / 1e6
    );
    outln!(
        "  device      {} ({}, {})",
        one_line(&run.hardware.device),
        run.hardware.backend,
        one_line(&run.hardware.driver)
    );
    outln!(
        "  check       {:?}{}",
        run.device_check.status,
        if run.device_check.cached {
            " (remembered)"
        } else {
            ""
        }
    );
    let commit = run.source.commit.as_deref().unwrap_or("unknown");
    outln!(
        "  source      commit {}{}",
        one_line(commit),
        if run.source.dirty { ", changed since" } else { "" }
    );
    if let Some(last) = log.lines.iter().rev().find_map(|line| line.event.at()) {
        outln!(
            "  reached     step {}, {} of {} tokens",
            grouped(last.step),
            grouped(last.tokens),
            grouped(run.target_tokens)
        );
        outln!(
            "  time        {} of training, {} of wall clock, resumed {} times",
            duration(last.train_s),
            duration(last.wall_s),
            resumes(log)
        );
    }
    for eval in log.evals() {
        outln!(
            "  validation  {:.4} at {} tokens, {}",
            eval.val_loss,
            grouped(eval.at.tokens),
            duration(eval.at.train_s)
        );
    }
    if let Some(reason) = log.end().and_then(|end| end.reason.as_deref()) {
        outln!("  reason      {}", one_line(reason));
    }
    outln!("  seals       {}", seals(log));
    if let Some(torn) = &log.torn {
        outln!("  torn        {torn}");
    }
}

fn summary(log: &RunLog) -> serde_json::Value {
    let last = log.lines.iter().rev().find_map(|line| line.event.at());
    json!({
        "run": log.run,
        "status": status(log),
        "at": last,
        "evals": log.evals().collect::<Vec<_>>(),
        "end": log.end(),
        "resumes": resumes(log),
        "sealed_lines": log.seals.sealed_lines,
        "unsealed_lines": log.seals.unsealed_lines,
        "broken_seal_line": log.seals.broken.as_ref().map(|broken| broken.line),
        "torn": log.torn.as_ref().map(ToString::to_string),
    })
}
