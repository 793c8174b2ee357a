//! The sequences of a block, RFC 8878 section 3.1.1.3.2: how many literals to take, and what to repeat.

use super::Wrong;
use super::bits::Backward;
use super::fse::{State, Table};
use super::huffman::split;

/// Takes literals, then repeats `length` bytes from `offset` bytes back.
#[derive(Debug, Clone, Copy)]
pub(super) struct Sequence {
    pub literals: usize,
    /// As coded: 1 to 3 are recent offsets, others are 3 more than the offset.
    pub offset: u64,
    pub length: usize,
}

/// The tables of the last block, which the next may use again.
#[derive(Debug, Default)]
pub(super) struct Tables {
    literals: Option<Table>,
    offsets: Option<Table>,
    lengths: Option<Table>,
}

/// What one of the three codes needs.
struct Code {
    /// States of each symbol where the block brings no table.
    default: &'static [i16],
    default_log: u32,
    max_log: u32,
    symbols: usize,
}

const LITERALS: Code = Code {
    default: &[
        4, 3, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 1, 1, 1, 2, 2, 2, 2, 2, 2, 2, 2, 2, 3, 2, 1, 1, 1, 1, 1, -1,
        -1, -1, -1,
    ],
    default_log: 6,
    max_log: 9,
    symbols: 36,
};
const LENGTHS: Code = Code {
    default: &[
        1, 4, 3, 2, 2, 2, 2, 2, 2, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1,
        1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, -1, -1, -1, -1, -1, -1, -1,
    ],
    default_log: 6,
    max_log: 9,
    symbols: 53,
};
const OFFSETS: Code = Code {
    default: &[
        1, 1, 1, 1, 1, 1, 2, 2, 2, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, -1, -1, -1, -1, -1,
    ],
    default_log: 5,
    max_log: 8,
    symbols: 32,
};

/// Extra bits of the codes above 15 for literals and above 31 for lengths.
const LITERAL_BITS: [u32; 20] = [1, 1, 1, 1, 2, 2, 3, 3, 4, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16];
const LENGTH_BITS: [u32; 21] = [
    1, 1, 1, 1, 2, 2, 3, 3, 4, 4, 5, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16,
];

/// Reads the sequences and calls `take` for each.
pub(super) fn read(
    data: &[u8],
    tables: &mut Tables,
    mut take: impl FnMut(Sequence) -> Result<(), Wrong>,
) -> Result<(), Wrong> {
    let (count, rest) = count(data)?;
    if count == 0 {
        return if rest.is_empty() {
            Ok(())
        } else {
            Err("there is more behind a block without sequences")
        };
    }
    let (modes, rest) = split(rest, 1)?;
    let modes = modes[0];
    if modes & 3 != 0 {
        return Err("reserved bits of a block are set");
    }
    let rest = LITERALS.table(modes >> 6, rest, &mut tables.literals)?;
    let rest = OFFSETS.table(modes >> 4 & 3, rest, &mut tables.offsets)?;
    let rest = LENGTHS.table(modes >> 2 & 3, rest, &mut tables.lengths)?;
    let (Some(literals), Some(offsets), Some(lengths)) = (&tables.literals, &tables.offsets, &tables.lengths)
    else {
        return Err("a block goes on with tables that are not there");
    };
    let mut bits = Backward::new(rest)?;
    let mut literals = State::new(literals, &mut bits);
    let mut offsets = State::new(offsets, &mut bits);
    let mut lengths = State::new(lengths, &mut bits);
    for left in (0..count).rev() {
        let offset = offsets.symbol();
        let offset = (1u64 << offset) + bits.read(offset.into());
        let length = value(lengths.symbol(), 3, 32, &LENGTH_BITS, &mut bits)?;
        let literals_count = value(literals.symbol(), 0, 16, &LITERAL_BITS, &mut bits)?;
        if left > 0 {
            literals.advance(&mut bits);
            lengths.advance(&mut bits);
            offsets.advance(&mut bits);
        }
        if bits.is_overdrawn() {
            return Err("the sequences of a block are cut short");
        }
        take(Sequence {
            literals: literals_count,
            offset,
            length,
        })?;
    }
    bits.finish()
}

fn count(data: &[u8]) -> Result<(usize, &[u8]), Wrong> {
    let (&first, rest) = data.split_first().ok_or("a block has no count of sequences")?;
    Ok(match first {
        0..128 => (first.into(), rest),
        128..255 => {
            let (more, rest) = split(rest, 1)?;
            ((usize::from(first) - 128) << 8 | usize::from(more[0]), rest)
        }
        255 => {
            let (more, rest) = split(rest, 2)?;
            (usize::from(u16::from_le_bytes([more[0], more[1]])) + 0x7f00, rest)
        }
    })
}

/// The number of a code: itself (and `base`) where it is below `plain`, else the begin of its range, which follows
/// from the widths of the ranges before, and extra bits.
fn value(code: u8, base: usize, plain: usize, widths: &[u32], bits: &mut Backward) -> Result<usize, Wrong> {
    let code = usize::from(code);
    let Some(range) = code.checked_sub(plain) else {
        return Ok(base + code);
    };
    let &width = widths.get(range).ok_or("a code that is not in use")?;
    let begin: usize = plain + widths[..range].iter().map(|width| 1 << width).sum::<usize>();
    Ok(base + begin + bits.read(width) as usize)
}

impl Code {
    /// Brings the table up to date as the mode says, and gives what is behind it.
    fn table<'a>(&self, mode: u8, data: &'a [u8], table: &mut Option<Table>) -> Result<&'a [u8], Wrong> {
        match mode {
            0 => {
                *table = Some(Table::build(self.default_log, self.default));
                Ok(data)
            }
            1 => {
                let (symbol, rest) = split(data, 1)?;
                if usize::from(symbol[0]) >= self.symbols {
                    return Err("a code that is not in use");
                }
                *table = Some(Table::single(symbol[0]));
                Ok(rest)
            }
            2 => {
                let (read, rest) = Table::read(data, self.symbols, self.max_log)?;
                *table = Some(read);
                Ok(rest)
            }
            // The last block's.
            _ => Ok(data),
        }
    }
}
