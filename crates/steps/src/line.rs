//! One `step` line: one pass, no allocation.
//!
//! It takes the lines that the run log's writer writes, quickest with their fields in its order and nothing else
//! between, and gives up on everything but plain steps, which then goes the long way with its exact errors.

/// The numbers of a `step` line.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct StepLine {
    /// Optimiser steps.
    pub step: f64,
    /// Targets consumed.
    pub tokens: f64,
    /// Seconds of training.
    pub train_s: f64,
    /// Seconds since the first step.
    pub wall_s: f64,
    /// Training loss in nats per token.
    pub loss: f64,
    /// Learning rate.
    pub lr: f64,
    /// Norm of the whole gradient before clipping.
    pub grad_norm: f64,
    /// Targets per second.
    pub tokens_per_s: f64,
    /// Share of the device's peak FLOP/s.
    pub mfu: Option<f64>,
    /// Device memory in use in bytes.
    pub memory_bytes: Option<f64>,
}

impl StepLine {
    /// What every step says, in the order of the fields.
    #[must_use]
    pub fn required(&self) -> [f64; 8] {
        [
            self.step,
            self.tokens,
            self.train_s,
            self.wall_s,
            self.loss,
            self.lr,
            self.grad_norm,
            self.tokens_per_s,
        ]
    }
}

const START: &[u8] = b"{\"event\":\"step\",";

/// The fields in the order of their bits.
const FIELDS: [&[u8]; 12] = [
    b"step",
    b"tokens",
    b"train_s",
    b"wall_s",
    b"loss",
    b"lr",
    b"grad_norm",
    b"tokens_per_s",
    b"lr_adamw",
    b"data_wait_s",
    b"mfu",
    b"memory_bytes",
];
/// The first ten, which every step has.
const REQUIRED: u16 = 0x3ff;

/// Reads the line that `bytes` begin with, and says how long it is, its newline included; `None` where it is no
/// whole and plain `step` line.
#[must_use]
pub fn parse(bytes: &[u8]) -> Option<(StepLine, usize)> {
    in_order(bytes).or_else(|| in_any_order(bytes))
}

/// A line with the writer's fields in the writer's order. Its keys are compared whole instead of being looked up.
fn in_order(bytes: &[u8]) -> Option<(StepLine, usize)> {
    let mut scan = Scan { rest: bytes };
    let step = scan.count(b"{\"event\":\"step\",\"step\":")?;
    let tokens = scan.count(b",\"tokens\":")?;
    let train_s = scan.float(b",\"train_s\":")?;
    let wall_s = scan.float(b",\"wall_s\":")?;
    let loss = scan.float(b",\"loss\":")?;
    let lr = scan.float(b",\"lr\":")?;
    scan.float(b",\"lr_adamw\":")?;
    let grad_norm = scan.float(b",\"grad_norm\":")?;
    let tokens_per_s = scan.float(b",\"tokens_per_s\":")?;
    scan.float(b",\"data_wait_s\":")?;
    // A key without a number that fits it falls short of the end, and so does any other field.
    let mfu = scan.float(b",\"mfu\":");
    let memory_bytes = scan.count(b",\"memory_bytes\":");
    scan.skip(b"}\n")?;
    let line = StepLine {
        step,
        tokens,
        train_s,
        wall_s,
        loss,
        lr,
        grad_norm,
        tokens_per_s,
        mfu,
        memory_bytes,
    };
    Some((line, bytes.len() - scan.rest.len()))
}

/// What is left of a line. Where it does not go on as asked, nothing is taken.
struct Scan<'a> {
    rest: &'a [u8],
}

// Inlined by force: where code is made small for the page, each call hands its result over in memory, which costs more
// than the result.
#[allow(clippy::inline_always)]
impl Scan<'_> {
    #[inline(always)]
    fn skip<const N: usize>(&mut self, word: &[u8; N]) -> Option<()> {
        let (head, rest) = self.rest.split_first_chunk::<N>()?;
        (head == word).then(|| self.rest = rest)
    }

    #[inline(always)]
    fn float<const N: usize>(&mut self, key: &[u8; N]) -> Option<f64> {
        self.value(key, false)
    }

    #[inline(always)]
    fn count<const N: usize>(&mut self, key: &[u8; N]) -> Option<f64> {
        self.value(key, true)
    }

    /// The number behind a key, which may have to be a count.
    #[inline(always)]
    fn value<const N: usize>(&mut self, key: &[u8; N], is_count: bool) -> Option<f64> {
        let (head, text) = self.rest.split_first_chunk::<N>()?;
        if head != key {
            return None;
        }
        let found = number(text).or_else(|| word(text))?;
        if is_count && !found.whole {
            return None;
        }
        self.rest = text.get(found.bytes..)?;
        Some(found.value)
    }
}

/// A line with fields in any order, and with fields that no chart shows.
fn in_any_order(bytes: &[u8]) -> Option<(StepLine, usize)> {
    let mut rest = bytes.strip_prefix(START)?;
    let mut values = [f64::NAN; FIELDS.len()];
    let mut seen = 0u16;
    loop {
        let (key, after) = string(rest)?;
        let text = after.strip_prefix(b":")?;
        let found = number(text).or_else(|| word(text));
        let after = match &found {
            Some(number) => &text[number.bytes..],
            // Only text that certainly is JSON is skipped here.
            None => string(text).filter(|(word, _)| word.is_ascii())?.1,
        };
        if let Some(field) = FIELDS.iter().position(|field| *field == key) {
            let bit = 1 << field;
            let Number { value, whole, .. } = found?;
            // Counts are whole; a second field of one name is an error.
            let is_count = matches!(field, 0 | 1 | 11);
            if seen & bit != 0 || (is_count && !whole) {
                return None;
            }
            seen |= bit;
            values[field] = value;
        } else if key == b"event" || !key.is_ascii() {
            // A second event is an error, and what is not ASCII may be no text.
            return None;
        }
        match after.split_first()? {
            (b',', after) => rest = after,
            (b'}', after) => {
                rest = after.strip_prefix(b"\n")?;
                break;
            }
            _ => return None,
        }
    }
    (seen & REQUIRED == REQUIRED).then(|| (collect(&values, seen), bytes.len() - rest.len()))
}

fn collect(values: &[f64; FIELDS.len()], seen: u16) -> StepLine {
    let optional = |field: usize| (seen & (1 << field) != 0).then(|| values[field]);
    StepLine {
        step: values[0],
        tokens: values[1],
        train_s: values[2],
        wall_s: values[3],
        loss: values[4],
        lr: values[5],
        grad_norm: values[6],
        tokens_per_s: values[7],
        mfu: optional(10),
        memory_bytes: optional(11),
    }
}

/// A JSON string without escapes, and what is behind it.
fn string(text: &[u8]) -> Option<(&[u8], &[u8])> {
    let text = text.strip_prefix(b"\"")?;
    let end = text
        .iter()
        .position(|&byte| byte == b'"' || byte == b'\\' || byte < 0x20)?;
    (text[end] == b'"').then(|| (&text[..end], &text[end + 1..]))
}

/// A number and the bytes that it takes.
#[derive(Clone, Copy)]
struct Number {
    value: f64,
    /// Whether it is a count: digits alone.
    whole: bool,
    bytes: usize,
}

/// What JSON has no number for.
#[cold]
fn word(text: &[u8]) -> Option<Number> {
    let words = [
        (&b"\"NaN\""[..], f64::NAN),
        (b"\"Infinity\"", f64::INFINITY),
        (b"\"-Infinity\"", f64::NEG_INFINITY),
    ];
    let (word, value) = words.into_iter().find(|(word, _)| text.starts_with(word))?;
    Some(Number {
        value,
        whole: false,
        bytes: word.len(),
    })
}

/// A JSON number. Exact: short ones by one multiplication or division of exact numbers, others by the standard
/// library.
fn number(text: &[u8]) -> Option<Number> {
    let negative = text.first() == Some(&b'-');
    let digits = &text[usize::from(negative)..];
    let (whole, mut mantissa) = run_of_digits(digits, 0);
    // JSON has no leading zeros.
    if whole == 0 || (whole > 1 && digits[0] == b'0') {
        return None;
    }
    let (mut end, mut fraction) = (whole, 0);
    if digits.get(end) == Some(&b'.') {
        (fraction, mantissa) = run_of_digits(&digits[end + 1..], mantissa);
        end += 1 + fraction;
        if fraction == 0 {
            return None;
        }
    }
    let (exponent, length) = exponent(&digits[end..])?;
    end += length;
    let total = end + usize::from(negative);
    let is_count = fraction == 0 && length == 0 && !negative;
    let scale = exponent.saturating_sub(i32::try_from(fraction).ok()?);
    // 19 digits always fit; 2^53 and 10^22 are the last that floats hold exactly.
    let value = if whole + fraction <= 19 && mantissa <= 1 << 53 && scale.unsigned_abs() <= 22 {
        let power = POWERS[scale.unsigned_abs() as usize];
        let value = if scale < 0 {
            mantissa as f64 / power
        } else {
            mantissa as f64 * power
        };
        if negative { -value } else { value }
    } else {
        std::str::from_utf8(&text[..total]).ok()?.parse().ok()?
    };
    // What does not fit into 64 bits goes the long way, which refuses it.
    let fits = !is_count || whole <= 19;
    (value.is_finite() && fits).then_some(Number {
        value,
        whole: is_count,
        bytes: total,
    })
}

/// How many digits there are, and the number with them appended; it wraps behind 19 digits.
#[allow(clippy::inline_always)] // as above
#[inline(always)]
fn run_of_digits(text: &[u8], mut mantissa: u64) -> (usize, u64) {
    let mut count = 0;
    while let Some(chunk) = text[count..].first_chunk() {
        let (digits, value) = up_to_eight_digits(u64::from_le_bytes(*chunk));
        mantissa = mantissa.wrapping_mul(TENS[digits]).wrapping_add(value);
        count += digits;
        if digits < 8 {
            return (count, mantissa);
        }
    }
    while let Some(digit) = text
        .get(count)
        .map(|byte| byte.wrapping_sub(b'0'))
        .filter(|&digit| digit < 10)
    {
        mantissa = mantissa.wrapping_mul(10).wrapping_add(digit.into());
        count += 1;
    }
    (count, mantissa)
}

/// How many of eight letters are digits before the first that is none, and their number; the first letter is the lowest
/// byte. All at once, as Johnny Lee's parser of eight digits does, which adds neighbours three times.
#[allow(clippy::inline_always)] // as above
#[inline(always)]
fn up_to_eight_digits(letters: u64) -> (usize, u64) {
    let values = letters ^ 0x3030_3030_3030_3030;
    // The high bit of each byte above 9. A carry reaches only bytes behind the first of them, which do not count.
    let others = (values.wrapping_add(0x7676_7676_7676_7676) | values) & 0x8080_8080_8080_8080;
    let digits = others.trailing_zeros() / 8;
    if digits == 0 {
        return (0, 0);
    }
    // Zeros in front, in place of what is behind.
    let eight = values << (64 - 8 * digits);
    let pairs = (eight.wrapping_mul(10)).wrapping_add(eight >> 8);
    let even = (pairs & 0x0000_00ff_0000_00ff).wrapping_mul(0x000f_4240_0000_0064);
    let odd = ((pairs >> 16) & 0x0000_00ff_0000_00ff).wrapping_mul(0x0000_2710_0000_0001);
    (digits as usize, even.wrapping_add(odd) >> 32)
}

/// Powers of ten by how many digits follow.
const TENS: [u64; 9] = [
    1,
    10,
    100,
    1000,
    10_000,
    100_000,
    1_000_000,
    10_000_000,
    100_000_000,
];

/// The exponent and its length in bytes; 0 and 0 where there is none.
#[allow(clippy::inline_always)] // as above
#[inline(always)]
fn exponent(text: &[u8]) -> Option<(i32, usize)> {
    if !matches!(text.first(), Some(b'e' | b'E')) {
        return Some((0, 0));
    }
    written_exponent(text)
}

fn written_exponent(text: &[u8]) -> Option<(i32, usize)> {
    let sign = usize::from(matches!(text.get(1), Some(b'+' | b'-')));
    let (count, value) = run_of_digits(&text[1 + sign..], 0);
    if count == 0 || count > 4 {
        return None;
    }
    let value = i32::try_from(value).ok()?;
    let value = if text[1] == b'-' { -value } else { value };
    Some((value, 1 + sign + count))
}

const POWERS: [f64; 23] = [
    1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18,
    1e19, 1e20, 1e21, 1e22,
];

#[cfg(test)]
mod tests;
