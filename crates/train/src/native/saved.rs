//! The model that a run has saved, ready to be asked.

use std::path::Path;

use blueberry_runlog::{Event, RunLog};

use crate::native::{Checkpoint, RunError, open, read_log};
use crate::{Settings, Trainer};

/// The last model of a run.
pub(crate) struct SavedModel {
    /// The run's log.
    pub log: RunLog,
    /// What the run was told.
    pub settings: Settings,
    /// The model, on its device and with the operations of the run's preset.
    pub trainer: Trainer,
    /// The step after which it was saved.
    pub step: u64,
}

impl SavedModel {
    /// Loads the last saved model of the run in `dir`, on `device` or the run's own.
    ///
    /// # Errors
    /// [`RunError`]: there is no run or no whole checkpoint, or the device cannot be opened.
    pub fn load(dir: &Path, device: Option<&str>) -> Result<Self, RunError> {
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
        let halves = device.halves(preset)?;
        let mut trainer = Trainer::for_preset(preset, settings.seed, &device.device, halves);
        checkpoint.restore(&mut trainer)?;
        Ok(Self {
            step: checkpoint.step,
            log,
            settings,
            trainer,
        })
    }
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
            "the log of `{dir}` names no checkpoint, so there is no model to ask"
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
