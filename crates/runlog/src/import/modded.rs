//! The text of modded-nanogpt: its source, the machine, then
//!
//! ```text
//! step:125/6200 val_loss:5.2017 train_time:24564ms step_avg:213.60ms
//! step:126/6200 train_loss:5.2 train_time:24780ms step_avg:213.62ms
//! peak memory allocated: 30908 MiB reserved: 46472 MiB
//! ```
//! `train_time` pauses for validation. In older logs it restarts behind step 10; what is before then stands at 0.
//! Tokens are in the source at best, so the axis is absent.

use std::io::BufRead;

use super::lines::Lines;
use super::text::{TextRun, number, words};
use super::{Axis, Format, ImportError, Imported, Mark, MarkKind, Metric, Position, Reason};
use crate::{EndStatus, Limits};

/// Whether a line is a step of this format. The source above may print the same words, but not at their begin.
pub(super) fn is_line(line: &str) -> bool {
    line.strip_prefix("step:")
        .is_some_and(|rest| rest.starts_with(|first: char| first.is_ascii_digit()))
}

pub(super) fn import(name: &str, input: impl BufRead, limits: &Limits) -> Result<Imported, ImportError> {
    let mut log = Log {
        text: TextRun::new(name, Format::Modded, &[Axis::Step, Axis::TrainS]),
        restarted: false,
        last: 0.0,
    };
    let mut lines = Lines::new(input, limits);
    while let Some((line, bytes)) = lines.next()? {
        let content = String::from_utf8_lossy(bytes);
        if is_line(&content) {
            if let Err(reason) = log.step(line, &content) {
                log.text.problems.add(line, reason);
            }
        } else if content.starts_with("peak memory") {
            log.note(&content);
        }
    }
    log.text
        .finish("there is no line like `step:1/100 val_loss:10.8 train_time:90ms`")
}

struct Log {
    text: TextRun,
    /// Whether the clock has restarted, which it does once.
    restarted: bool,
    /// Seconds of the last line.
    last: f64,
}

impl Log {
    fn step(&mut self, line: u64, content: &str) -> Result<(), Reason> {
        let mut at = Position::default();
        let mut of = None;
        let mut values = Vec::new();
        for (key, value) in words(content) {
            match key {
                "step" => {
                    let (step, steps) = value.split_once('/').unwrap_or((value, ""));
                    at.step = Some(number(key, step)?);
                    of = steps.parse().ok();
                }
                "train_time" => at.train_s = Some(seconds(value)?),
                // Follows from the time.
                "step_avg" => {}
                name => values.push((Metric::from_foreign(name), number(name, value)?)),
            }
        }
        self.watch_clock(line, &at);
        let is_eval = values.iter().any(|(metric, _)| *metric == Metric::ValLoss);
        if is_eval && of.is_some() && of == at.step {
            self.text.run.end = Some(EndStatus::Completed);
        }
        self.text.push(line, is_eval, &at, &values);
        Ok(())
    }

    fn watch_clock(&mut self, line: u64, at: &Position) {
        let (Some(now), Some(step)) = (at.train_s, at.step) else {
            return;
        };
        if now < self.last && !self.restarted {
            self.restarted = true;
            self.text
                .run
                .tables
                .iter_mut()
                .for_each(|table| table.restart(Axis::TrainS));
            self.text.problems.add(line, Reason::ClockRestarts { step });
        }
        self.last = now;
    }

    fn note(&mut self, content: &str) {
        let last = self.text.run.tables.iter().rfind(|table| table.rows() > 0);
        let at = last.map_or_else(Position::default, |table| table.position(table.rows() - 1));
        self.text.run.marks.push(Mark {
            at,
            kind: MarkKind::Note,
            text: content.to_owned(),
        });
    }
}

/// `80694ms` or `80.7s`.
fn seconds(text: &str) -> Result<f64, Reason> {
    if let Some(milliseconds) = text.strip_suffix("ms") {
        return Ok(number("train_time", milliseconds)? / 1000.0);
    }
    match text.strip_suffix('s') {
        Some(seconds) => number("train_time", seconds),
        None => Err(Reason::UnknownUnit {
            field: "train_time",
            why: "it ends in neither `ms` nor `s`",
        }),
    }
}
