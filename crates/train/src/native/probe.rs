//! Probes the model that a run has saved.

use std::path::Path;

use crate::native::RunError;
use crate::native::saved::SavedModel;
use crate::{ProbeReport, probe};

/// The longest row that is tried: the logits of one are `[seq, vocab]` on the host.
const MAX_SEQ: usize = 512;

/// Probes the last saved model of the run in `dir`, on `device` or the run's own.
///
/// # Errors
/// [`RunError`]: there is no run or no whole checkpoint, or the device fails.
pub fn probe_run(dir: &Path, device: Option<&str>) -> Result<ProbeReport, RunError> {
    let SavedModel {
        settings,
        mut trainer,
        step,
        ..
    } = SavedModel::load(dir, device)?;
    let preset = &settings.resolved;
    let seq = preset.train.seq_len.min(MAX_SEQ);
    pollster::block_on(probe(&mut trainer, preset.model.vocab_size, seq))
        .map_err(|cause| RunError::Step { step, cause })
}
