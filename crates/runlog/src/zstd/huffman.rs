//! Huffman codes of literals, RFC 8878 section 4.2.

use super::Wrong;
use super::bits::Backward;
use super::fse;

const MAX_BITS: u32 = 11;
const MAX_WEIGHTS: usize = 255;
const WEIGHT_LOG: u32 = 6;
const WEIGHT_SYMBOLS: usize = 13;

/// What each possible next `bits` bits begin with.
#[derive(Debug, Clone)]
pub(super) struct Codes {
    bits: u32,
    /// Symbol and the length of its code.
    entries: Vec<(u8, u8)>,
}

impl Codes {
    /// Reads the description of the codes, and what is behind it.
    pub(super) fn read(data: &[u8]) -> Result<(Self, &[u8]), Wrong> {
        let (&header, rest) = data.split_first().ok_or("the Huffman codes are cut short")?;
        let (weights, rest) = if header < 128 {
            let (packed, rest) = split(rest, header.into())?;
            (packed_weights(packed)?, rest)
        } else {
            let count = usize::from(header) - 127;
            let (nibbles, rest) = split(rest, count.div_ceil(2))?;
            let weights = nibbles.iter().flat_map(|byte| [byte >> 4, byte & 15]).take(count);
            (weights.collect(), rest)
        };
        Ok((Self::build(weights)?, rest))
    }

    /// A weight of `w` takes `2^(w-1)` entries. The last symbol's weight is what is left of a power of two.
    fn build(mut weights: Vec<u8>) -> Result<Self, Wrong> {
        if weights.iter().any(|&weight| u32::from(weight) > MAX_BITS) {
            return Err("a Huffman code is too long");
        }
        let room = |weight: u8| if weight == 0 { 0 } else { 1u32 << (weight - 1) };
        let sum: u32 = weights.iter().map(|&weight| room(weight)).sum();
        if sum == 0 {
            return Err("the Huffman codes are empty");
        }
        let bits = sum.ilog2() + 1;
        let left = (1 << bits) - sum;
        if bits > MAX_BITS || !left.is_power_of_two() {
            return Err("the Huffman codes do not add up");
        }
        weights.push(left.ilog2() as u8 + 1);
        let mut entries = Vec::with_capacity(1 << bits);
        for weight in 1..=bits as u8 {
            let symbols = (0u8..=255).zip(&weights).filter(|(_, of)| **of == weight);
            for (symbol, _) in symbols {
                let length = bits as u8 + 1 - weight;
                entries.extend(std::iter::repeat_n((symbol, length), room(weight) as usize));
            }
        }
        Ok(Self { bits, entries })
    }

    /// Decodes exactly `count` symbols of a stream onto `output`.
    pub(super) fn decode(&self, stream: &[u8], count: usize, output: &mut Vec<u8>) -> Result<(), Wrong> {
        let mut bits = Backward::new(stream)?;
        for _ in 0..count {
            // `build` fills `2^bits` entries.
            let (symbol, length) = self.entries[bits.peek(self.bits) as usize];
            bits.skip(length.into());
            output.push(symbol);
        }
        bits.finish()
    }
}

/// Weights that are packed by two states in turn.
fn packed_weights(data: &[u8]) -> Result<Vec<u8>, Wrong> {
    let (table, stream) = fse::Table::read(data, WEIGHT_SYMBOLS, WEIGHT_LOG)?;
    let mut bits = Backward::new(stream)?;
    let mut states = [
        fse::State::new(&table, &mut bits),
        fse::State::new(&table, &mut bits),
    ];
    let mut weights = Vec::new();
    // When one has no bits left, the other still holds a symbol.
    for turn in 0.. {
        let state = &mut states[turn % 2];
        weights.push(state.symbol());
        state.advance(&mut bits);
        if bits.is_overdrawn() {
            weights.push(states[(turn + 1) % 2].symbol());
            break;
        }
        if weights.len() > MAX_WEIGHTS {
            break;
        }
    }
    if weights.len() > MAX_WEIGHTS {
        Err("there are too many Huffman codes")
    } else {
        Ok(weights)
    }
}

pub(super) fn split(data: &[u8], bytes: usize) -> Result<(&[u8], &[u8]), Wrong> {
    data.split_at_checked(bytes).ok_or("a block is cut short")
}
