//! The literals of a block, RFC 8878 section 3.1.1.3.1.

use super::huffman::{Codes, split};
use super::{MAX_BLOCK, Wrong};

/// Reads the literals of a block onto `output`, and gives what is behind them. `codes` are those of the last block
/// that had some.
pub(super) fn read<'a>(
    data: &'a [u8],
    codes: &mut Option<Codes>,
    output: &mut Vec<u8>,
) -> Result<&'a [u8], Wrong> {
    let &first = data.first().ok_or("a block is empty")?;
    let format = first >> 2 & 3;
    if first & 2 == 0 {
        let (header, shift) = [(1, 3), (2, 4), (1, 3), (3, 4)][usize::from(format)];
        let (size, rest) = number(data, header)?;
        return plain(first & 1 == 1, (size >> shift) as usize, rest, output);
    }
    let (header, width) = [(3, 10), (3, 10), (4, 14), (5, 18)][usize::from(format)];
    let (sizes, rest) = number(data, header)?;
    let of = |shift: u32| (sizes >> shift & ((1 << width) - 1)) as usize;
    let (count, packed) = (check(of(4))?, of(4 + width));
    let (packed, rest) = split(rest, packed)?;
    let streams = if first & 1 == 1 {
        packed
    } else {
        let (read, streams) = Codes::read(packed)?;
        *codes = Some(read);
        streams
    };
    let codes = codes
        .as_ref()
        .ok_or("a block goes on with Huffman codes that are not there")?;
    if format == 0 {
        codes.decode(streams, count, output)?;
    } else {
        four(codes, streams, count, output)?;
    }
    Ok(rest)
}

/// Literals as they are, or one of them repeated.
fn plain<'a>(
    is_repeated: bool,
    count: usize,
    data: &'a [u8],
    output: &mut Vec<u8>,
) -> Result<&'a [u8], Wrong> {
    let count = check(count)?;
    let (literals, rest) = split(data, if is_repeated { 1 } else { count })?;
    if is_repeated {
        output.resize(output.len() + count, literals[0]);
    } else {
        output.extend_from_slice(literals);
    }
    Ok(rest)
}

/// Four streams, so that processors can decode them side by side; the first three are of one length.
fn four(codes: &Codes, data: &[u8], count: usize, output: &mut Vec<u8>) -> Result<(), Wrong> {
    let (sizes, mut rest) = split(data, 6)?;
    let each = count.div_ceil(4);
    let last = count
        .checked_sub(3 * each)
        .ok_or("too few literals for four streams")?;
    for size in sizes.chunks_exact(2) {
        let (stream, after) = split(rest, u16::from_le_bytes([size[0], size[1]]).into())?;
        codes.decode(stream, each, output)?;
        rest = after;
    }
    codes.decode(rest, last, output)
}

/// A number of so many bytes, the lowest first.
fn number(data: &[u8], bytes: usize) -> Result<(u64, &[u8]), Wrong> {
    let (number, rest) = split(data, bytes)?;
    Ok((
        number
            .iter()
            .rev()
            .fold(0, |value, &byte| value << 8 | u64::from(byte)),
        rest,
    ))
}

fn check(count: usize) -> Result<usize, Wrong> {
    if count > MAX_BLOCK {
        Err("a block has more than 128 KiB of literals")
    } else {
        Ok(count)
    }
}
