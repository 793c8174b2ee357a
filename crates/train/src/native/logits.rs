//! Logits of the model that a run has saved, for whoever wants to judge it by them.

use serde::Deserialize;

use crate::native::RunError;
use crate::native::saved::SavedModel;
use crate::trainer::read;

/// Rows of tokens, and the places in them whose next token is asked for.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LogitRows {
    /// The rows.
    pub rows: Vec<LogitRow>,
}

/// A row of tokens.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LogitRow {
    /// Its tokens.
    pub tokens: Vec<u16>,
    /// Places among them.
    pub positions: Vec<usize>,
}

impl LogitRow {
    /// Whether a model over `vocab` tokens that was trained on rows of `seq_len` can be asked, or why it cannot.
    fn check(&self, vocab: usize, seq_len: usize) -> Result<(), String> {
        let length = self.tokens.len();
        if length == 0 || length > seq_len {
            return Err(format!("it has {length} tokens; the model takes 1 to {seq_len}"));
        }
        if let Some(token) = self.tokens.iter().find(|&&token| usize::from(token) >= vocab) {
            return Err(format!("token {token} is none of the model's {vocab}"));
        }
        match self.positions.iter().find(|&&at| at >= length) {
            Some(at) => Err(format!("place {at} is behind its {length} tokens")),
            None => Ok(()),
        }
    }
}

/// Loads the last saved model of the run in `dir`, on `device` or the run's own, and gives `each` the logits of the places
/// of each row, `[places, vocab]` row by row. They are log-probabilities: of logits, those whose exponentials sum to 1.
///
/// # Errors
/// [`RunError`]: there is no run or no whole checkpoint, a row does not go with the model, or the device fails. Those of
/// `each`.
pub fn saved_logits<E: From<RunError>>(
    dir: &std::path::Path,
    device: Option<&str>,
    asked: &LogitRows,
    mut each: impl FnMut(&[f32]) -> Result<(), E>,
) -> Result<(), E> {
    let SavedModel {
        settings,
        mut trainer,
        step,
        ..
    } = SavedModel::load(dir, device)?;
    let preset = &settings.resolved;
    let vocab = preset.model.vocab_size;
    for (number, row) in asked.rows.iter().enumerate() {
        row.check(vocab, preset.train.seq_len)
            .map_err(|why| RunError::Mismatch(format!("row {}: {why}", number + 1)))?;
    }
    for row in asked.rows.iter().filter(|row| !row.positions.is_empty()) {
        let logits = pollster::block_on(read(trainer.logits_at(&row.tokens, &row.positions)))
            .map_err(|cause| RunError::Step { step, cause })?;
        each(&logits)?;
    }
    Ok(())
}
