//! Blocks to bytes.

use super::frame::{BlockHeader, BlockKind};
use super::huffman::Codes;
use super::sequences::{self, Sequence, Tables};
use super::{MAX_BLOCK, Wrong, literals};

/// What outlives a block: bytes that matches may reach, recent offsets, and codes.
#[derive(Debug)]
pub(super) struct Decoder {
    output: Output,
    codes: Option<Codes>,
    tables: Tables,
    recent: [usize; 3],
    literals: Vec<u8>,
}

impl Default for Decoder {
    fn default() -> Self {
        Self {
            output: Output::default(),
            codes: None,
            tables: Tables::default(),
            recent: [1, 4, 8],
            literals: Vec::new(),
        }
    }
}

impl Decoder {
    /// Forgets the last frame, all of which was given.
    pub(super) fn begin_frame(&mut self) {
        let (output, literals) = (
            std::mem::take(&mut self.output),
            std::mem::take(&mut self.literals),
        );
        *self = Self {
            output,
            literals,
            ..Self::default()
        };
        self.output.clear();
    }

    /// Moves unpacked bytes to `buffer`, and says how many.
    pub(super) fn give(&mut self, buffer: &mut [u8]) -> usize {
        self.output.give(buffer)
    }

    /// Unpacks a block.
    pub(super) fn block(&mut self, header: &BlockHeader, packed: &[u8], window: usize) -> Result<(), Wrong> {
        self.output.begin_block(window);
        match header.kind {
            BlockKind::Raw => self.output.bytes.extend_from_slice(packed),
            BlockKind::Repeated => {
                let length = self.output.bytes.len() + header.bytes;
                self.output.bytes.resize(length, packed[0]);
            }
            BlockKind::Compressed => self.compressed(packed)?,
        }
        Ok(())
    }

    fn compressed(&mut self, packed: &[u8]) -> Result<(), Wrong> {
        self.literals.clear();
        let rest = literals::read(packed, &mut self.codes, &mut self.literals)?;
        let (output, recent) = (&mut self.output, &mut self.recent);
        let mut left = &self.literals[..];
        sequences::read(rest, &mut self.tables, |sequence| {
            let taken = left
                .split_at_checked(sequence.literals)
                .ok_or("a block has too few literals")?;
            left = taken.1;
            output.append(taken.0)?;
            output.repeat(offset(&sequence, recent)?, sequence.length)
        })?;
        output.append(left)
    }
}

/// The offset of a sequence; the recent ones are brought up to date. RFC 8878 section 3.1.2.5.
fn offset(sequence: &Sequence, recent: &mut [usize; 3]) -> Result<usize, Wrong> {
    // Without literals, the newest offset would only make the last match longer, so codes mean the next one.
    let which = sequence.offset + u64::from(sequence.literals == 0);
    let [a, b, c] = *recent;
    let (offset, others) = match (sequence.offset, which) {
        (4.., _) => (
            usize::try_from(sequence.offset - 3).map_err(|_| "an offset is too large")?,
            [a, b],
        ),
        (_, 1) => (a, [b, c]),
        (_, 2) => (b, [a, c]),
        (_, 3) => (c, [a, b]),
        _ => (a - 1, [a, b]),
    };
    if offset == 0 {
        return Err("an offset is 0");
    }
    *recent = [offset, others[0], others[1]];
    Ok(offset)
}

/// Unpacked bytes: those that matches may reach, and those that were not given yet.
#[derive(Debug, Default)]
struct Output {
    bytes: Vec<u8>,
    given: usize,
    window: usize,
    /// Where the current block began.
    block: usize,
}

impl Output {
    fn clear(&mut self) {
        self.bytes.clear();
        self.given = 0;
    }

    fn give(&mut self, buffer: &mut [u8]) -> usize {
        let ready = &self.bytes[self.given..];
        let count = ready.len().min(buffer.len());
        buffer[..count].copy_from_slice(&ready[..count]);
        self.given += count;
        count
    }

    /// Drops what no match can reach, once it is as much as what one can.
    fn begin_block(&mut self, window: usize) {
        self.window = window;
        let old = self.bytes.len().saturating_sub(window).min(self.given);
        if old > window.max(MAX_BLOCK) {
            self.bytes.drain(..old);
            self.given -= old;
        }
        self.block = self.bytes.len();
    }

    fn append(&mut self, literals: &[u8]) -> Result<(), Wrong> {
        self.check(literals.len())?;
        self.bytes.extend_from_slice(literals);
        Ok(())
    }

    fn repeat(&mut self, offset: usize, length: usize) -> Result<(), Wrong> {
        self.check(length)?;
        let end = self.bytes.len();
        if offset > end || offset > self.window {
            return Err("a match reaches back behind the window");
        }
        // A match may overlap itself: what it wrote is repeated too, in pieces that double.
        let (start, mut left) = (end - offset, length);
        while left > 0 {
            let piece = left.min(self.bytes.len() - start);
            self.bytes.extend_from_within(start..start + piece);
            left -= piece;
        }
        Ok(())
    }

    /// A block that unfolds to more than it may is a bomb.
    fn check(&self, more: usize) -> Result<(), Wrong> {
        let length = self.bytes.len() - self.block + more;
        if length > MAX_BLOCK {
            Err("a block unfolds to more than 128 KiB")
        } else {
            Ok(())
        }
    }
}
