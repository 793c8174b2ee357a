//! Records of CSV, RFC 4180: quoted cells may hold the delimiter, quotes doubled, and line ends.

use std::io::BufRead;

use super::lines::Lines;
use super::{ImportError, Reason};
use crate::Limits;

/// Reads records one by one.
pub(super) struct Records<'a, R> {
    lines: Lines<'a, R>,
    limits: &'a Limits,
    delimiter: u8,
    cells: Vec<String>,
}

impl<'a, R: BufRead> Records<'a, R> {
    pub(super) fn new(input: R, delimiter: u8, limits: &'a Limits) -> Self {
        Self {
            lines: Lines::new(input, limits),
            limits,
            delimiter,
            cells: Vec::new(),
        }
    }

    /// The next record that is not blank, and the line from 1 on which it begins.
    pub(super) fn next(&mut self) -> Result<Option<(u64, &[String])>, ImportError> {
        let (first, mut record) = loop {
            match self.lines.next()? {
                None => return Ok(None),
                Some((_, b"")) => {}
                Some((line, bytes)) => break (line, bytes.to_vec()),
            }
        };
        // An odd count of quotes: the cell goes on in the next line.
        let mut quotes = count_quotes(&record);
        while quotes % 2 == 1 {
            let Some((_, more)) = self.lines.next()? else {
                let bytes = record.len() as u64;
                return Err(ImportError::Line {
                    line: first,
                    reason: Reason::CutShort { bytes },
                });
            };
            quotes += count_quotes(more);
            record.push(b'\n');
            record.extend_from_slice(more);
            super::lines::check(first, record.len(), 0, self.limits)?;
        }
        split(&record, self.delimiter, &mut self.cells);
        Ok(Some((first, &self.cells)))
    }
}

fn count_quotes(line: &[u8]) -> usize {
    line.iter().filter(|&&byte| byte == b'"').count()
}

/// Cells of a record; the strings are used again.
fn split(record: &[u8], delimiter: u8, cells: &mut Vec<String>) {
    let mut count = 0;
    let mut rest = Some(record);
    while let Some(text) = rest {
        let (cell, after) = cell(text, delimiter);
        if cells.len() == count {
            cells.push(String::new());
        }
        cells[count].clear();
        cells[count].push_str(&String::from_utf8_lossy(&cell));
        count += 1;
        rest = after;
    }
    cells.truncate(count);
}

/// The first cell, and what is behind its delimiter.
fn cell(text: &[u8], delimiter: u8) -> (Vec<u8>, Option<&[u8]>) {
    let mut cell = Vec::new();
    let mut is_quoted = false;
    let mut index = 0;
    while let Some(&byte) = text.get(index) {
        match byte {
            b'"' if is_quoted && text.get(index + 1) == Some(&b'"') => {
                cell.push(b'"');
                index += 1;
            }
            b'"' => is_quoted = !is_quoted,
            byte if byte == delimiter && !is_quoted => return (cell, Some(&text[index + 1..])),
            byte => cell.push(byte),
        }
        index += 1;
    }
    (cell, None)
}

/// The cells of a header, as far as `line` goes.
pub(super) fn header(line: &[u8], delimiter: u8) -> Vec<String> {
    let mut cells = Vec::new();
    split(line, delimiter, &mut cells);
    cells
}
