//! Lines of a text within limits.

use std::io::{BufRead, Read};

use super::ImportError;
use crate::Limits;

/// Reads a text line by line without holding more than one.
pub(super) struct Lines<'a, R> {
    input: R,
    limits: &'a Limits,
    buffer: Vec<u8>,
    number: u64,
    bytes: u64,
}

impl<'a, R: BufRead> Lines<'a, R> {
    pub(super) fn new(input: R, limits: &'a Limits) -> Self {
        Self {
            input,
            limits,
            buffer: Vec::new(),
            number: 0,
            bytes: 0,
        }
    }

    /// The next line and its number from 1, without its end; `None` behind the last.
    pub(super) fn next(&mut self) -> Result<Option<(u64, &[u8])>, ImportError> {
        self.buffer.clear();
        // One byte more than allowed shows that a line is too long without holding all of it.
        let most = (self.limits.line_bytes as u64).saturating_add(1);
        let got = self.input.by_ref().take(most).read_until(b'\n', &mut self.buffer);
        got.map_err(|cause| ImportError::Io {
            line: self.number,
            cause,
        })?;
        if self.buffer.is_empty() {
            return Ok(None);
        }
        self.number += 1;
        self.bytes += self.buffer.len() as u64;
        check(self.number, self.buffer.len(), self.bytes, self.limits)?;
        Ok(Some((self.number, trim_end(&self.buffer))))
    }
}

/// Holds a line against the limits; `total` counts the bytes up to its end.
pub(super) fn check(line: u64, bytes: usize, total: u64, limits: &Limits) -> Result<(), ImportError> {
    let over = |limit, what| Err(ImportError::Limit { line, limit, what });
    if bytes > limits.line_bytes {
        return over(limits.line_bytes as u64, "bytes in one line");
    }
    if line > limits.lines {
        return over(limits.lines, "lines");
    }
    if total > limits.bytes {
        return over(limits.bytes, "bytes in all");
    }
    Ok(())
}

fn trim_end(line: &[u8]) -> &[u8] {
    let line = line.strip_suffix(b"\n").unwrap_or(line);
    line.strip_suffix(b"\r").unwrap_or(line)
}
