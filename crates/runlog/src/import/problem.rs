//! What can be wrong with a log that others wrote.

use std::fmt;
use std::io;

use thiserror::Error;

use super::{Axis, Position};

/// Something that was left out, and why. The rest of the log is used.
#[derive(Debug, Clone, PartialEq)]
pub struct Problem {
    /// The line, record or row, from 1; `None` where it is about the whole.
    pub line: Option<u64>,
    /// Why it was left out.
    pub reason: Reason,
}

impl fmt::Display for Problem {
    fn fmt(&self, text: &mut fmt::Formatter) -> fmt::Result {
        match self.line {
            Some(line) => write!(text, "line {line}: {}", self.reason),
            None => self.reason.fmt(text),
        }
    }
}

/// Why something was left out.
#[derive(Debug, Clone, PartialEq, Error)]
pub enum Reason {
    /// The line has no position on an axis that its series has.
    #[error("no `{}`", axis.key())]
    NoAxis {
        /// The axis.
        axis: Axis,
    },
    /// The position is not finite.
    #[error("`{}` is not a finite number", axis.key())]
    NotFinite {
        /// The axis.
        axis: Axis,
    },
    /// The position is before the last one.
    #[error("`{}` falls from {from} to {to}", axis.key())]
    Falls {
        /// The axis.
        axis: Axis,
        /// Where the series stood.
        from: f64,
        /// Where this line stands.
        to: f64,
    },
    /// Steps come again; the later ones count.
    #[error("step {step} comes again: {rows} earlier rows were replaced")]
    Again {
        /// The step.
        step: f64,
        /// How many rows were dropped.
        rows: usize,
    },
    /// The clock begins anew: what was before it stands at 0 seconds.
    #[error("the clock restarts at step {step}: what is before stands at 0 s, as the log's own times count")]
    ClockRestarts {
        /// The step.
        step: f64,
    },
    /// A field is not a number.
    #[error("`{field}` is not a number: {found:?}")]
    NotANumber {
        /// Its name.
        field: String,
        /// What stands there, shortened.
        found: String,
    },
    /// A field is missing.
    #[error("`{field}` is missing")]
    Missing {
        /// Its name.
        field: &'static str,
    },
    /// Columns differ in length.
    #[error("`{field}` has {found} values, `steps` has {expected}")]
    Length {
        /// Its name.
        field: &'static str,
        /// How many values it has.
        found: usize,
        /// How many it should have.
        expected: usize,
    },
    /// The log does not say in which unit its times are.
    #[error("`{field}` is in an unknown unit: {why}")]
    UnknownUnit {
        /// Its name.
        field: &'static str,
        /// How that shows.
        why: &'static str,
    },
    /// A column that is no series.
    #[error("column {column:?} is left out: {why}")]
    Column {
        /// Its name, shortened.
        column: String,
        /// Why.
        why: &'static str,
    },
    /// A row has another count of cells than the header.
    #[error("{found} cells, the header has {expected}")]
    Cells {
        /// How many there are.
        found: usize,
        /// How many there should be.
        expected: usize,
    },
    /// The line does not parse.
    #[error("{0}")]
    Malformed(#[from] crate::ParseError),
    /// A record's checksum is wrong.
    #[error("the checksum of the record does not match; it is damaged")]
    Checksum,
    /// A record is not what the format says.
    #[error("{0}")]
    Record(&'static str),
    /// The log stops in the middle of a line or record.
    #[error("cut short: {bytes} bytes at the end are no whole line or record")]
    CutShort {
        /// How many bytes are left over.
        bytes: u64,
    },
    /// More problems than are listed.
    #[error("{count} more problems like these")]
    More {
        /// How many.
        count: u64,
    },
}

impl Reason {
    /// Steps that come again are worth a word, where those are more than `allowed` rows.
    pub(super) fn again(at: &Position, rows: usize, allowed: usize) -> Result<(), Self> {
        if rows <= allowed {
            return Ok(());
        }
        let step = at.step.unwrap_or(0.0);
        Err(Self::Again { step, rows })
    }
}

/// Why a file cannot be read at all.
#[derive(Debug, Error)]
pub enum ImportError {
    /// It is no log that this build knows.
    #[error("no training log that this build knows: {why}")]
    Unknown {
        /// How that shows.
        why: &'static str,
    },
    /// It is a log of a known kind with nothing to plot.
    #[error("{format}: nothing to plot: {why}")]
    Empty {
        /// What it seems to be.
        format: super::Format,
        /// What is missing.
        why: String,
    },
    /// A line is wrong and the rest makes no sense without it.
    #[error("line {line}: {reason}")]
    Line {
        /// Its number, from 1.
        line: u64,
        /// What is wrong.
        reason: Reason,
    },
    /// A limit was reached.
    #[error("line {line}: more than {limit} {what}; this is no training log, or raise the limit")]
    Limit {
        /// Line, record or row where it was reached, from 1.
        line: u64,
        /// The limit.
        limit: u64,
        /// What there is too much of.
        what: &'static str,
    },
    /// The input failed.
    #[error("cannot read the log after {line} lines: {cause}")]
    Io {
        /// Lines that were read.
        line: u64,
        /// What the input said.
        cause: io::Error,
    },
}

/// Most problems that are listed one by one.
const LISTED: usize = 200;

/// Collects problems, and counts those beyond [`LISTED`].
#[derive(Debug, Clone, Default)]
pub(super) struct Problems {
    listed: Vec<Problem>,
    more: u64,
}

impl Problems {
    pub(super) fn add(&mut self, line: impl Into<Option<u64>>, reason: Reason) {
        if self.listed.len() < LISTED {
            self.listed.push(Problem {
                line: line.into(),
                reason,
            });
        } else {
            self.more += 1;
        }
    }

    /// All of them, the count of unlisted ones at the end.
    pub(super) fn list(&self) -> Vec<Problem> {
        let mut list = self.listed.clone();
        if self.more > 0 {
            list.push(Problem {
                line: None,
                reason: Reason::More { count: self.more },
            });
        }
        list
    }
}

/// A text as it may stand in a message: its first 40 characters.
pub(super) fn shorten(text: &str) -> String {
    let mut short: String = text.chars().take(40).collect();
    if short.len() < text.len() {
        short.push('…');
    }
    short
}
