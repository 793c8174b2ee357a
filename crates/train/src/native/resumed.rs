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

/// Whether the run had saved something since it last began at its start: then a checkpoint that the log names must be there.
pub(crate) fn has_saved(log: &RunLog) -> bool {
    log.lines.iter().fold(false, |saved, line| match &line.event {
        Event::Checkpoint(_) => true,
        Event::Resume(resume) => !resume.from_sha256.is_empty(),
        _ => saved,
    })
}

/// The validation loss that the log has for exactly these tokens.
pub(crate) fn evaluated_at(log: &RunLog, tokens: u64) -> Option<(u64, f64)> {
    log.evals()
        .filter(|eval| eval.at.tokens == tokens)
        .last()
        .map(|eval| (tokens, eval.val_loss))
}

/// Whether the log has a sample that was drawn after exactly these tokens.
pub(crate) fn sampled_at(log: &RunLog, tokens: u64) -> bool {
    let drawn = |event: &Event| matches!(event, Event::Sample(sample) if sample.at.tokens == tokens);
    log.lines.iter().any(|line| drawn(&line.event))
}

/// Targets consumed before the step that came to `tokens`.
pub(crate) fn tokens_before(log: &RunLog, tokens: u64) -> u64 {
    let ends = log.steps().map(|step| step.at.tokens);
    ends.filter(|&end| end < tokens).max().unwrap_or(0)
}
