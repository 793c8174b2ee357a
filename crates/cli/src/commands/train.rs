//! `blueberry train`.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result};
use blueberry_rules::{Declared, config_sha256};
use blueberry_runlog::{End, EndStatus};
use blueberry_train::native::{
    Interrupt, LOG_FILE, Observer, Outcome, Plan, RunDir, RunDirError, RunError, Start, load_preset, open,
    read_log, resume, train, unknown_source_files,
};
use blueberry_train::{Memory, Settings};

use crate::args::TrainArgs;
use crate::commands::dry_run;
use crate::exit::{Done, Undeclared};
use crate::format::{bytes, duration, grouped};
use crate::progress::{JsonLines, Progress};

const DEFAULT_SEED: u64 = 42;

/// Trains, or goes on with a run.
pub fn run(args: &TrainArgs) -> Result<Done> {
    if args.dry_run {
        let settings = settings(args)?;
        let device = open(&settings.device)?;
        return dry_run::run(&settings, &device, args.json);
    }
    let interrupt = Interrupt::listen().context("cannot listen to Ctrl-C")?;
    let mut observer: Box<dyn Observer> = if args.json {
        Box::new(JsonLines)
    } else {
        Box::new(Progress::new())
    };
    let outcome = match &args.resume {
        Some(dir) => go_on(args, dir, &interrupt, observer.as_mut())?,
        None => Some(start(args, &interrupt, observer.as_mut())?),
    };
    let Some(outcome) = outcome else {
        return Ok(Done::Yes);
    };
    if !args.json {
        summarise(&outcome);
    }
    Ok(match outcome.end.status {
        EndStatus::Completed | EndStatus::Interrupted => Done::Yes,
        EndStatus::Diverged | EndStatus::Failed => Done::No,
    })
}

fn start(args: &TrainArgs, interrupt: &Interrupt, observer: &mut dyn Observer) -> Result<Outcome> {
    let settings = settings(args)?;
    let attempts = args.attempts.as_deref().map(read_attempts).transpose()?;
    if let Some(declared) = &attempts {
        check_declared(declared, &settings)?;
    }
    let dir = args.out.clone().unwrap_or_else(|| default_dir(&settings));
    RunDir::check_free(&dir)?;
    let device = open(&settings.device)?;
    let plan = Plan::open(settings, device, args.ignore_memory, observer)?;
    Ok(train(
        plan,
        &Start {
            dir,
            user: args.user.clone(),
            attempts_sha256: attempts.map(|declared| declared.sha256().to_owned()),
        },
        interrupt,
        observer,
    )?)
}

fn read_attempts(path: &Path) -> Result<Declared> {
    let text = std::fs::read_to_string(path)
        .map_err(|error| Undeclared(format!("`{}`: {error}", path.display())))?;
    let declared = Declared::parse(&text);
    Ok(declared.map_err(|error| Undeclared(format!("`{}`: {error}", path.display())))?)
}

/// Whether the run is one of those that were declared; a log that names a file which does not declare it is worth
/// nothing to the judge.
fn check_declared(declared: &Declared, settings: &Settings) -> Result<()> {
    let (attempts, seed, unknown) = (declared.attempts(), settings.seed, unknown_source_files());
    if !unknown.is_empty() {
        return Err(Undeclared(format!(
            "this build has source files that git does not know ({unknown}), so nobody could build it again: commit or remove them, then build again"
        ))
        .into());
    }
    if !attempts.seeds.contains(&seed) {
        let seeds = &attempts.seeds;
        return Err(Undeclared(format!("seed {seed} is not among the declared seeds {seeds:?}")).into());
    }
    let recipe = config_sha256(&serde_json::to_value(settings)?);
    if recipe != attempts.config_sha256 {
        let text = "these settings are not those that were declared: give the same preset and overrides";
        return Err(Undeclared(text.to_owned()).into());
    }
    Ok(())
}

/// The preset with everything that the command line says on top of it.
fn settings(args: &TrainArgs) -> Result<Settings, RunError> {
    let preset = args.preset.clone().unwrap_or_else(|| "tiny".into());
    let mut overrides = args.overrides.clone();
    overrides.extend(args.train_tokens.map(|tokens| format!("train.tokens={tokens}")));
    overrides.extend(args.epochs.map(|epochs| format!("train.epochs={epochs}")));
    let mut resolved = load_preset(&preset, &overrides)?;
    let dir = args.data.clone().or(resolved.data.dir.map(PathBuf::from));
    // Whoever resumes the run may be somewhere else.
    resolved.data.dir = dir.map(|dir| {
        let absolute = std::path::absolute(&dir).unwrap_or(dir);
        absolute.to_string_lossy().into_owned()
    });
    Ok(Settings {
        preset,
        seed: args.seed.unwrap_or(DEFAULT_SEED),
        device: args.device.clone().unwrap_or_else(|| "auto".into()),
        unchecked_device: args.unchecked_device,
        resolved,
    })
}

/// A folder of its own also for runs that begin in the same second.
fn default_dir(settings: &Settings) -> PathBuf {
    let preset = Path::new(&settings.preset)
        .file_stem()
        .unwrap_or_default()
        .to_string_lossy()
        .into_owned();
    let unix_ms = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |since| since.as_millis());
    Path::new("runs").join(format!("{preset}-{}-{unix_ms}", settings.seed))
}

/// `None` where the run was complete already.
fn go_on(
    args: &TrainArgs,
    dir: &Path,
    interrupt: &Interrupt,
    observer: &mut dyn Observer,
) -> Result<Option<Outcome>> {
    let run_dir = RunDir::open(dir).map_err(RunError::from)?;
    let log = read_log(dir).map_err(RunError::from)?;
    if let Some(broken) = &log.seals.broken {
        let path = dir.join(LOG_FILE);
        return Err(RunError::from(RunDirError::Changed {
            path,
            line: broken.line,
        })
        .into());
    }
    if log.end().is_some_and(|end| end.status == EndStatus::Completed) {
        observer.warning(&format!("`{}` is complete already: nothing to do", dir.display()));
        return Ok(None);
    }
    let mut settings: Settings = serde_json::from_value(log.run.config.clone()).map_err(|error| {
        RunError::Mismatch(format!(
            "`{}`: this build does not know the run's settings: {error}",
            dir.display()
        ))
    })?;
    settings.resolved.validate().map_err(RunError::from)?;
    settings.unchecked_device |= args.unchecked_device;
    if let Some(device) = &args.device {
        settings.device.clone_from(device);
    }
    let device = open(&settings.device).map_err(RunError::from)?;
    let plan = Plan::open(settings, device, args.ignore_memory, observer)?;
    Ok(Some(resume(plan, run_dir, interrupt, observer)?))
}

fn summarise(outcome: &Outcome) {
    let End {
        at,
        status,
        val_loss,
        reason,
        summary,
        ..
    } = &outcome.end;
    let dir = outcome.dir.display();
    outln!("");
    match status {
        EndStatus::Completed => outln!(
            "done: {} tokens in {} steps",
            grouped(at.tokens),
            grouped(at.step)
        ),
        EndStatus::Interrupted => outln!("stopped after step {} and saved", grouped(at.step)),
        EndStatus::Diverged => {
            outln!("the run diverged {}", reason.as_deref().unwrap_or_default());
        }
        EndStatus::Failed => outln!("the run failed: {}", reason.as_deref().unwrap_or_default()),
    }
    if let Some(loss) = val_loss {
        outln!("  validation loss   {loss:.4}");
    }
    let rate = at.tokens as f64 / at.train_s.max(f64::MIN_POSITIVE);
    outln!(
        "  training          {} ({} tokens/s)",
        duration(at.train_s),
        grouped(rate as u64)
    );
    outln!("  wall clock        {}", duration(at.wall_s));
    if let Some(share) = summary.get("data_wait_share") {
        outln!("  waiting for data  {:.2}% of training", share * 100.0);
    }
    print_memory(summary);
    outln!("  log               {}", outcome.dir.join("run.jsonl").display());
    outln!("");
    match status {
        EndStatus::Completed => {
            outln!(
                "next: `blueberry info {dir}` says what the run holds; `--preset nano` or `--set optim.muon.lr=0.03` tries another idea"
            );
        }
        EndStatus::Interrupted => outln!("go on with: blueberry train --resume {dir}"),
        EndStatus::Diverged | EndStatus::Failed => {
            outln!(
                "the last good checkpoint, if there is one, is in {}",
                outcome.dir.join("checkpoints").display()
            );
        }
    }
}

/// The measured peaks, and what was predicted, part by part.
fn print_memory(summary: &BTreeMap<String, f64>) {
    let of = |key: &str| summary.get(key).map(|&value| bytes(value as u64));
    if let Some(peak) = of("peak_resident_bytes") {
        outln!("  peak memory       {peak} on the host");
    }
    if let Some(peak) = of("peak_device_bytes") {
        outln!("  peak memory       {peak} on the device");
    }
    let Some(predicted) = of("predicted_memory_bytes") else {
        return;
    };
    outln!("  predicted         {predicted}, of which");
    for (part, _) in Memory::default().rows() {
        if let Some(held) = of(&format!("predicted_{part}_bytes")) {
            outln!("    {part:<15} {held}");
        }
    }
}
