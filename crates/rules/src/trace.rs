//! A log as a walk: every event with where the run stood before it.

use std::collections::BTreeMap;

use blueberry_runlog::{At, End, Eval, Event, RunLog};

/// An event on the way.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Stop<'a> {
    /// Line of the log, from 1.
    pub line: u64,
    /// The event; never a seal or one that this build does not know.
    pub event: &'a Event,
    /// Its header.
    pub at: At,
    /// The header before it; zero at the start.
    pub before: At,
    /// Targets at the start of the newest step: what evaluations are scheduled by.
    pub step_from: u64,
}

/// Walks a log.
pub(crate) fn walk(log: &RunLog) -> impl Iterator<Item = Stop<'_>> {
    let mut before = At::default();
    let mut step_from = 0;
    // Where the steps that ended at so many targets began: a resume goes on behind one, whose evaluation may not have been
    // made.
    let mut began = BTreeMap::new();
    log.lines.iter().filter_map(move |line| {
        if matches!(line.event, Event::Seal(_)) {
            return None;
        }
        let at = line.event.at()?;
        match line.event {
            Event::Step(_) => {
                step_from = before.tokens;
                began.insert(at.tokens, step_from);
            }
            Event::Resume(_) => step_from = began.get(&at.tokens).copied().unwrap_or(at.tokens),
            _ => {}
        }
        let stop = Stop {
            line: line.number,
            event: &line.event,
            at,
            before,
            step_from,
        };
        before = at;
        Some(stop)
    })
}

/// The end of a run with its line; `None` while it goes on.
pub(crate) fn end(log: &RunLog) -> Option<(u64, &End)> {
    let end = log.end()?;
    let line = log
        .lines
        .iter()
        .rfind(|line| matches!(line.event, Event::End(_)))?;
    Some((line.number, end))
}

/// The last evaluation with its line.
pub(crate) fn last_eval(log: &RunLog) -> Option<(u64, &Eval)> {
    log.lines.iter().rev().find_map(|line| match &line.event {
        Event::Eval(eval) => Some((line.number, eval)),
        _ => None,
    })
}
