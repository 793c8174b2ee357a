//! Bits forwards, for tables, and backwards, for everything that is coded with them.

use super::Wrong;

/// Reads up to 56 bits that begin at a bit of `data`, the lowest first; zeros behind the end.
fn load(data: &[u8], start: usize, count: u32) -> u64 {
    let from = (start / 8).min(data.len());
    let bytes = data[from..].first_chunk::<8>().copied().unwrap_or_else(|| {
        let mut padded = [0; 8];
        let rest = &data[from..];
        padded[..rest.len()].copy_from_slice(rest);
        padded
    });
    u64::from_le_bytes(bytes) >> (start % 8) & ((1 << count) - 1)
}

/// Bits from the begin of a slice.
pub(super) struct Forward<'a> {
    data: &'a [u8],
    place: usize,
}

impl<'a> Forward<'a> {
    pub(super) fn new(data: &'a [u8]) -> Self {
        Self { data, place: 0 }
    }

    pub(super) fn peek(&self, count: u32) -> u64 {
        load(self.data, self.place, count)
    }

    pub(super) fn skip(&mut self, count: u32) {
        self.place += count as usize;
    }

    pub(super) fn read(&mut self, count: u32) -> u64 {
        let value = self.peek(count);
        self.skip(count);
        value
    }

    /// The whole bytes behind what was read.
    pub(super) fn rest(&self) -> Result<&'a [u8], Wrong> {
        self.data
            .get(self.place.div_ceil(8)..)
            .ok_or("a table is cut short")
    }
}

/// Bits from the end of a slice: the last byte's highest 1 marks where they begin.
pub(super) struct Backward<'a> {
    data: &'a [u8],
    /// Bits that are left; negative where more were read than there are.
    left: i64,
}

impl<'a> Backward<'a> {
    pub(super) fn new(data: &'a [u8]) -> Result<Self, Wrong> {
        match data.last() {
            None | Some(0) => Err("a stream of bits has no end mark"),
            Some(last) => Ok(Self {
                data,
                left: data.len() as i64 * 8 - i64::from(last.leading_zeros()) - 1,
            }),
        }
    }

    /// The next bits, up to 56; zeros in place of those that are not there.
    pub(super) fn peek(&self, count: u32) -> u64 {
        let start = self.left - i64::from(count);
        if start >= 0 {
            load(self.data, start as usize, count)
        } else if self.left > 0 {
            load(self.data, 0, self.left as u32) << -start
        } else {
            0
        }
    }

    pub(super) fn skip(&mut self, count: u32) {
        self.left -= i64::from(count);
    }

    pub(super) fn read(&mut self, count: u32) -> u64 {
        let value = self.peek(count);
        self.skip(count);
        value
    }

    /// Whether more was read than there is.
    pub(super) fn is_overdrawn(&self) -> bool {
        self.left < 0
    }

    /// Every bit must have been read, and no more.
    pub(super) fn finish(&self) -> Result<(), Wrong> {
        if self.left == 0 {
            Ok(())
        } else {
            Err("a stream of bits does not end with its symbols")
        }
    }
}
