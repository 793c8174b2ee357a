//! Finite state entropy: the tables of RFC 8878 section 4.1.

use super::Wrong;
use super::bits::{Backward, Forward};

/// A state: the symbol that it stands for, and the way to the next.
#[derive(Debug, Clone, Copy, Default)]
struct Entry {
    symbol: u8,
    bits: u8,
    base: u16,
}

/// A table of states.
#[derive(Debug, Clone)]
pub(super) struct Table {
    log: u32,
    entries: Vec<Entry>,
}

impl Table {
    /// Reads a table of up to `symbols` symbols and `2^max_log` states, and what is behind it.
    pub(super) fn read(data: &[u8], symbols: usize, max_log: u32) -> Result<(Self, &[u8]), Wrong> {
        let mut bits = Forward::new(data);
        let log = bits.read(4) as u32 + 5;
        if log > max_log {
            return Err("a table of states is too large");
        }
        let counts = counts(&mut bits, log, symbols)?;
        Ok((Self::build(log, &counts), bits.rest()?))
    }

    /// A table for one symbol.
    pub(super) fn single(symbol: u8) -> Self {
        Self {
            log: 0,
            entries: vec![Entry {
                symbol,
                bits: 0,
                base: 0,
            }],
        }
    }

    /// Spreads symbols over the states. A count of -1 is a symbol that is less likely than one state. The counts,
    /// with 1 for -1, sum to `2^log`.
    pub(super) fn build(log: u32, counts: &[i16]) -> Self {
        let size = 1usize << log;
        let mut entries = vec![Entry::default(); size];
        let mut free = size;
        let rare = (0u8..).zip(counts).filter(|(_, count)| **count < 0);
        for (symbol, _) in rare {
            free -= 1;
            entries[free].symbol = symbol;
        }
        let step = size / 2 + size / 8 + 3;
        let mut place = 0;
        for (symbol, &count) in (0u8..).zip(counts) {
            for _ in 0..count.max(0) {
                entries[place].symbol = symbol;
                place = (place + step) % size;
                while place >= free && free > 0 {
                    place = (place + step) % size;
                }
            }
        }
        let mut next: Vec<u32> = counts
            .iter()
            .map(|count| u32::from(count.unsigned_abs()))
            .collect();
        for entry in &mut entries {
            let state = &mut next[usize::from(entry.symbol)];
            let bits = log - state.ilog2();
            entry.bits = bits as u8;
            entry.base = ((*state << bits) - size as u32) as u16;
            *state += 1;
        }
        Self { log, entries }
    }
}

/// How many states each symbol has.
fn counts(bits: &mut Forward, log: u32, symbols: usize) -> Result<Vec<i16>, Wrong> {
    let mut counts = Vec::new();
    // One more than the states that are left, as the format counts.
    let mut left = (1i32 << log) + 1;
    let (mut threshold, mut width) = (1i32 << log, log + 1);
    while left > 1 {
        if counts.len() >= symbols {
            return Err("a table of states has too many symbols");
        }
        // Small values take one bit less, as far as there is room for that.
        let short = 2 * threshold - 1 - left;
        let peeked = bits.peek(width) as i32;
        let mut value = peeked & (threshold - 1);
        if value < short {
            bits.skip(width - 1);
        } else {
            value = peeked;
            if value >= threshold {
                value -= short;
            }
            bits.skip(width);
        }
        let count = value - 1;
        left -= count.abs();
        counts.push(count as i16);
        if count == 0 {
            zeros(bits, &mut counts, symbols)?;
        }
        while left < threshold && threshold > 1 {
            threshold >>= 1;
            width -= 1;
        }
    }
    if left != 1 {
        Err("a table of states does not add up")
    } else {
        Ok(counts)
    }
}

/// How many more symbols have no state: two bits each time, 3 means that more follow.
fn zeros(bits: &mut Forward, counts: &mut Vec<i16>, symbols: usize) -> Result<(), Wrong> {
    loop {
        let more = bits.read(2) as usize;
        counts.resize(counts.len() + more, 0);
        if counts.len() > symbols {
            return Err("a table of states has too many symbols");
        }
        if more < 3 {
            return Ok(());
        }
    }
}

/// A place in a table, driven by bits.
pub(super) struct State<'t> {
    table: &'t Table,
    index: usize,
}

impl<'t> State<'t> {
    pub(super) fn new(table: &'t Table, bits: &mut Backward) -> Self {
        Self {
            table,
            index: bits.read(table.log) as usize,
        }
    }

    pub(super) fn symbol(&self) -> u8 {
        self.table.entries[self.index].symbol
    }

    pub(super) fn advance(&mut self, bits: &mut Backward) {
        let entry = self.table.entries[self.index];
        // In range: bases and widths cover the table exactly, see `Table::build`.
        self.index = usize::from(entry.base) + bits.read(entry.bits.into()) as usize;
    }
}
