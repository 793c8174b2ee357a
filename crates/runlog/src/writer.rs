//! Writing a log.

use std::io::{self, Write};

use serde::Serialize;
use thiserror::Error;

use crate::{At, Chain, End, Event, Limits, ParseError, Run};

/// Writes a log line by line, and its seals.
///
/// After an error the output may end in half a line. Drop the writer, [`read`](crate::read) the log, cut it
/// at [`RunLog::intact_bytes`](crate::RunLog::intact_bytes) and [`resume`](Writer::resume).
#[derive(Debug)]
pub struct Writer<W: Write> {
    output: W,
    chain: Chain,
}

/// Why an event was not written.
#[derive(Debug, Error)]
pub enum WriteError {
    /// The output failed.
    #[error("cannot write to the run log: {cause}; check the disk, then resume the run")]
    Io {
        /// What the output said.
        cause: io::Error,
    },
    /// The line is longer than readers accept.
    #[error("a run log line of {bytes} bytes, but readers accept {limit}; shorten its texts")]
    TooLong {
        /// Length of the line.
        bytes: usize,
        /// Longest line that is read by default.
        limit: usize,
    },
    /// The event would not be read back, such as for an extra field with the name of a known one.
    #[error("a run log event that no reader would accept: {cause}")]
    Unreadable {
        /// What a reader would say.
        cause: ParseError,
    },
    /// A seal was given to [`Writer::write`].
    #[error("a seal is computed, not given: call `Writer::seal`")]
    GivenSeal,
}

impl From<ParseError> for WriteError {
    fn from(cause: ParseError) -> Self {
        Self::Unreadable { cause }
    }
}

impl<W: Write> Writer<W> {
    /// Begins a log with its first line.
    ///
    /// # Errors
    /// [`WriteError`]; `output` may then hold part of the line.
    pub fn new(output: W, run: &Run) -> Result<Self, WriteError> {
        let line = encode(run)?;
        Run::parse(&line)?;
        let mut writer = Self::resume(output, Chain::new());
        writer.append(&line, None)?;
        Ok(writer)
    }

    /// Goes on with a log. `output` must append behind the last whole line, where `chain` stands: see
    /// [`RunLog::chain`](crate::RunLog::chain).
    pub fn resume(output: W, chain: Chain) -> Self {
        Self { output, chain }
    }

    /// Writes an event that is no seal.
    ///
    /// # Errors
    /// [`WriteError`]. Only [`WriteError::Io`] touches the output.
    pub fn write(&mut self, event: &Event) -> Result<(), WriteError> {
        let line = encode(event)?;
        // What is written must be readable, also where the caller filled `extra` or an unknown event.
        let read_back = Event::parse(&line)?;
        if matches!(read_back, Event::Seal(_)) {
            return Err(WriteError::GivenSeal);
        }
        self.append(&line, read_back.at())
    }

    /// Writes the seal over the lines since the last one; nothing where there are none.
    ///
    /// # Errors
    /// [`WriteError::Io`].
    pub fn seal(&mut self) -> Result<(), WriteError> {
        if self.chain.unsealed_lines() == 0 {
            return Ok(());
        }
        let line = encode(&Event::Seal(self.chain.seal()))?;
        self.put(&line)?;
        self.chain.close();
        Ok(())
    }

    /// Writes the end of the run, seals the log and flushes it.
    ///
    /// # Errors
    /// [`WriteError`].
    pub fn finish(&mut self, end: End) -> Result<(), WriteError> {
        self.write(&Event::End(end))?;
        self.seal()?;
        self.flush()
    }

    /// Flushes the output.
    ///
    /// # Errors
    /// [`WriteError::Io`].
    pub fn flush(&mut self) -> Result<(), WriteError> {
        self.output.flush().map_err(io_error)
    }

    /// The chain behind the last line.
    pub fn chain(&self) -> &Chain {
        &self.chain
    }

    /// The output, such as to make a file durable.
    pub fn output(&mut self) -> &mut W {
        &mut self.output
    }

    /// Gives the output back, unflushed.
    pub fn into_output(self) -> W {
        self.output
    }

    fn append(&mut self, line: &[u8], at: Option<At>) -> Result<(), WriteError> {
        self.put(line)?;
        self.chain.push(line, at);
        Ok(())
    }

    fn put(&mut self, line: &[u8]) -> Result<(), WriteError> {
        let (bytes, limit) = (line.len(), Limits::default().line_bytes);
        if bytes > limit {
            return Err(WriteError::TooLong { bytes, limit });
        }
        self.output.write_all(line).map_err(io_error)
    }
}

fn encode(event: &impl Serialize) -> Result<Vec<u8>, WriteError> {
    let mut line = serde_json::to_vec(event).map_err(ParseError::from)?;
    line.push(b'\n');
    Ok(line)
}

fn io_error(cause: io::Error) -> WriteError {
    WriteError::Io { cause }
}
