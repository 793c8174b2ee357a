//! What an interrupted run's log says to the one that goes on with it.

use std::collections::BTreeSet;

use blueberry_runlog::{Event, RunLog};

/// Extra field of `warmup` (or of a `resume` before it): when the clocks started, seconds since the Unix
/// epoch.
pub(crate) const CLOCK_STARTED: &str = "clock_started_unix_s";

/// How far the clocks of an interrupted run had come, work that is done again included.
pub(crate) struct Times {
    pub train_s: f64,
    pub wall_s: f64,
    /// Training seconds spent waiting for data.
    pub waited_s: f64,
    pub started_unix_s: Option<f64>,
}

impl Times {
    pub fn of(log: &RunLog) -> Self {
        let mut times = Self {
            train_s: 0.0,
            wall_s: 0.0,
            waited_s: 0.0,
            started_unix_s: None,
        };
        for line in &log.lines {
            if let Some(at) = line.event.at() {
                times.train_s = times.train_s.max(at.train_s);
                times.wall_s = times.wall_s.max(at.wall_s);
            }
            if let Event::Step(step) = &line.event {
                times.waited_s += step.data_wait_s;
            }
            let extra = match &line.event {
                Event::Warmup(warmup) => &warmup.extra,
                Event::Resume(resume) => &resume.extra,
                _ => continue,
            };
            times.started_unix_s = times
                .started_unix_s
                .or(extra.get(CLOCK_STARTED).and_then(|v| v.as_f64()));
        }
        times
    }
}

/// Digests of the checkpoints that the log names.
pub(crate) fn logged_checkpoints(log: &RunLog) -> BTreeSet<&str> {
    log.lines
        .iter()
        .filter_map(|line| match &line.event {
            Event::Checkpoint(checkpoint) => Some(checkpoint.sha256.as_str()),
            _ => None,
        })
        .collect()
}

/// The validation loss that the log has for exactly these tokens.
pub(crate) fn evaluated_at(log: &RunLog, tokens: u64) -> Option<(u64, f64)> {
    log.evals()
        .filter(|eval| eval.at.tokens == tokens)
        .last()
        .map(|eval| (tokens, eval.val_loss))
}
