//! Probes the model that a run has saved.

use std::path::Path;

use blueberry_kernels::Operations;
use blueberry_runlog::{Event, RunLog};

use crate::native::{Checkpoint, RunError, open, read_log};
use crate::{ProbeReport, Settings, Trainer, probe};

/// The longest row that is tried: the logits of one are `[seq, vocab]` on the host.
const MAX_SEQ: usize = 512;

/// Probes the last saved model of the run in `dir`, on `device` or the run's own.
///
/// # Errors
/// [`RunError`]: there is no run or no whole checkpoint, or the device fails.
pub fn probe_run(dir: &Path, device: Option<&str>) -> Result<ProbeReport, RunError> {
    let log = read_log(dir)?;
    let settings: Settings = serde_json::from_value(log.run.config.clone()).map_err(|error| {
        let dir = dir.display();
        RunError::Mismatch(format!(
            "`{dir}`: this build does not know the run's settings: {error}"
        ))
    })?;
    settings.resolved.validate()?;
    let checkpoint = last_checkpoint(dir, &log)?;
    let preset = &settings.resolved;
    let device = open(device.unwrap_or(&settings.device))?;
    let trainer = Trainer::new(&preset.model, &preset.optim, settings.seed, &device.device, None);
    let mut trainer = trainer.with_operations(Operations::new(preset.kernels));
    checkpoint.restore(&mut trainer)?;
    let seq = preset.train.seq_len.min(MAX_SEQ);
    pollster::block_on(probe(&mut trainer, preset.model.vocab_size, seq)).map_err(|cause| {
        let step = checkpoint.step;
        RunError::Step { step, cause }
    })
}

/// The checkpoint that the log names last, if it is what the log names.
fn last_checkpoint(dir: &Path, log: &RunLog) -> Result<Checkpoint, RunError> {
    let named = log.lines.iter().rev().find_map(|line| match &line.event {
        Event::Checkpoint(checkpoint) => Some(checkpoint),
        _ => None,
    });
    let Some(named) = named else {
        let dir = dir.display();
        return Err(RunError::Mismatch(format!(
            "the log of `{dir}` names no checkpoint, so there is no model to probe"
        )));
    };
    // Its name alone: a log must not lead out of its folder.
    let name = Path::new(&named.path).file_name().unwrap_or_default();
    let path = dir.join("checkpoints").join(name);
    let checkpoint = Checkpoint::open(&path)?;
    checkpoint.verify()?;
    if checkpoint.sha256 != named.sha256 {
        let path = path.display();
        return Err(RunError::Mismatch(format!(
            "`{path}` is not the checkpoint that the log names"
        )));
    }
    Ok(checkpoint)
}
