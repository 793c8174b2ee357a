//! Reading a log, which may be torn, edited or hostile.

use std::io::{self, BufRead, Read};

use thiserror::Error;

use crate::seal::Checker;
use crate::{Chain, End, Eval, Event, ParseError, Run, SealReport, Step};

/// How much a reader accepts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Longest line in bytes, its newline included.
    pub line_bytes: usize,
    /// Most lines.
    pub lines: u64,
    /// Most bytes in all.
    pub bytes: u64,
}

impl Default for Limits {
    /// 1 MiB a line, 20 million lines, 4 GiB in all.
    fn default() -> Self {
        Self {
            line_bytes: 1 << 20,
            lines: 20_000_000,
            bytes: 4 << 30,
        }
    }
}

/// A log as it was read: everything before a torn last line.
#[derive(Debug, Clone)]
pub struct RunLog {
    /// The first line.
    pub run: Run,
    /// Every whole line after the first, seals included, in the order of the log.
    pub lines: Vec<Line>,
    /// The last line, where it is torn.
    pub torn: Option<Torn>,
    /// How far the seals hold.
    pub seals: SealReport,
    /// The chain behind the last whole line, for [`Writer::resume`](crate::Writer::resume).
    pub chain: Chain,
    /// Bytes up to the end of the last whole line. Cut the log here before you append to it.
    pub intact_bytes: u64,
}

/// A whole line.
#[derive(Debug, Clone, PartialEq)]
pub struct Line {
    /// Its number in the log, from 1.
    pub number: u64,
    /// What it says.
    pub event: Event,
}

/// A last line that was not written whole.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("line {line} (byte {byte_offset}, {bytes} bytes) is torn and was left out: {reason}")]
pub struct Torn {
    /// Its number, from 1.
    pub line: u64,
    /// Where it begins.
    pub byte_offset: u64,
    /// Its length.
    pub bytes: u64,
    /// How it shows.
    pub reason: TornReason,
}

/// How a torn line shows.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum TornReason {
    /// It does not end in a newline.
    #[error("it does not end in a newline")]
    NoNewline,
    /// It does not parse.
    #[error("{0}")]
    Malformed(ParseError),
}

/// Why a log cannot be read.
#[derive(Debug, Error)]
pub enum ReadError {
    /// The input failed.
    #[error("line {line}: cannot read the run log: {cause}")]
    Io {
        /// Line that was being read, from 1.
        line: u64,
        /// What the input said.
        cause: io::Error,
    },
    /// There is no whole first line.
    #[error("line 1: no whole `run` line in {bytes} bytes; nothing was logged, so start the run afresh")]
    NoRun {
        /// Length of the log.
        bytes: u64,
    },
    /// A line is wrong and is not the last, or is the first.
    #[error("line {line}, {cause}")]
    Malformed {
        /// Its number, from 1.
        line: u64,
        /// What is wrong.
        cause: ParseError,
    },
    /// A line is too long.
    #[error("line {line}: longer than {limit} bytes; this is no run log, or raise the limit")]
    LineTooLong {
        /// Its number, from 1.
        line: u64,
        /// [`Limits::line_bytes`].
        limit: usize,
    },
    /// There are too many lines.
    #[error("line {line}: more than {limit} lines; raise the limit")]
    TooManyLines {
        /// The first line too many, from 1.
        line: u64,
        /// [`Limits::lines`].
        limit: u64,
    },
    /// The log is too large.
    #[error("line {line}: more than {limit} bytes in all; raise the limit")]
    TooManyBytes {
        /// The line that goes past it, from 1.
        line: u64,
        /// [`Limits::bytes`].
        limit: u64,
    },
}

/// Reads a whole log.
///
/// A torn last line and a broken seal are reported in the result; whoever judges the run decides on them.
///
/// # Errors
/// [`ReadError`], for a malformed line before the last, a first line that is none, an unknown version, or a
/// limit.
pub fn read(input: impl BufRead, limits: &Limits) -> Result<RunLog, ReadError> {
    let mut reader = Reader::new(input, limits);
    let run = reader.first()?;
    let mut lines = Vec::new();
    let mut torn = None;
    // A torn line ends the loop, though a log that is still being written may have grown by then.
    while reader.advance()? {
        if !reader.is_whole() {
            torn = Some(reader.torn(TornReason::NoNewline));
            break;
        }
        match Event::parse(&reader.buffer) {
            Ok(event) => lines.push(reader.keep(event)),
            Err(cause) => {
                torn = Some(reader.torn_if_last(cause)?);
                break;
            }
        }
    }
    let intact_bytes = torn.as_ref().map_or(reader.end, |torn: &Torn| torn.byte_offset);
    let (seals, chain) = reader.seals.finish(1 + lines.len() as u64);
    Ok(RunLog {
        run,
        lines,
        torn,
        seals,
        chain,
        intact_bytes,
    })
}

impl RunLog {
    /// The steps in the order of the log. After a `resume`, steps come again.
    pub fn steps(&self) -> impl Iterator<Item = &Step> {
        self.lines.iter().filter_map(|line| match &line.event {
            Event::Step(step) => Some(step),
            _ => None,
        })
    }

    /// The evaluations in the order of the log. After a `resume`, evaluations may come again.
    pub fn evals(&self) -> impl Iterator<Item = &Eval> {
        self.lines.iter().filter_map(|line| match &line.event {
            Event::Eval(eval) => Some(eval),
            _ => None,
        })
    }

    /// How the run stopped; `None` while it goes on, also after a `resume`.
    #[must_use]
    pub fn end(&self) -> Option<&End> {
        self.lines
            .iter()
            .rev()
            .find_map(|line| match &line.event {
                Event::End(end) => Some(Some(end)),
                Event::Resume(_) => Some(None),
                _ => None,
            })
            .flatten()
    }
}

/// The input with the current line.
struct Reader<'a, R> {
    input: R,
    limits: &'a Limits,
    buffer: Vec<u8>,
    /// Number of the current line, from 1.
    number: u64,
    /// Bytes up to the end of the current line.
    end: u64,
    seals: Checker,
}

impl<'a, R: BufRead> Reader<'a, R> {
    fn new(input: R, limits: &'a Limits) -> Self {
        Self {
            input,
            limits,
            buffer: Vec::new(),
            number: 0,
            end: 0,
            seals: Checker::default(),
        }
    }

    /// Reads the next line, or says that there is none.
    fn advance(&mut self) -> Result<bool, ReadError> {
        let line = self.number + 1;
        self.buffer.clear();
        // One byte more than allowed shows that a line is too long without holding all of it.
        let most = (self.limits.line_bytes as u64).saturating_add(1);
        let got = self.input.by_ref().take(most).read_until(b'\n', &mut self.buffer);
        got.map_err(|cause| ReadError::Io { line, cause })?;
        if self.buffer.is_empty() {
            return Ok(false);
        }
        self.number = line;
        self.end += self.buffer.len() as u64;
        self.check_limits()?;
        Ok(true)
    }

    fn check_limits(&self) -> Result<(), ReadError> {
        let (line, limits) = (self.number, self.limits);
        if self.buffer.len() > limits.line_bytes {
            let limit = limits.line_bytes;
            return Err(ReadError::LineTooLong { line, limit });
        }
        if line > limits.lines {
            let limit = limits.lines;
            return Err(ReadError::TooManyLines { line, limit });
        }
        if self.end > limits.bytes {
            let limit = limits.bytes;
            return Err(ReadError::TooManyBytes { line, limit });
        }
        Ok(())
    }

    fn is_whole(&self) -> bool {
        self.buffer.ends_with(b"\n")
    }

    fn first(&mut self) -> Result<Run, ReadError> {
        if !self.advance()? || !self.is_whole() {
            return Err(ReadError::NoRun { bytes: self.end });
        }
        let run = Run::parse(&self.buffer).map_err(|cause| ReadError::Malformed { line: 1, cause })?;
        self.seals.push(1, &self.buffer, None);
        Ok(run)
    }

    fn keep(&mut self, event: Event) -> Line {
        let number = self.number;
        self.seals.push(number, &self.buffer, Some(&event));
        Line { number, event }
    }

    /// The current line as a torn one.
    fn torn(&self, reason: TornReason) -> Torn {
        let bytes = self.buffer.len() as u64;
        Torn {
            line: self.number,
            byte_offset: self.end - bytes,
            bytes,
            reason,
        }
    }

    /// The current line as a torn one, which a malformed line is only where no other follows.
    fn torn_if_last(&mut self, cause: ParseError) -> Result<Torn, ReadError> {
        let torn = self.torn(TornReason::Malformed(cause.clone()));
        match self.advance() {
            Ok(false) => Ok(torn),
            _ => Err(ReadError::Malformed {
                line: torn.line,
                cause,
            }),
        }
    }
}
