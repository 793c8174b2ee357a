//! Steps are nearly all lines of a log, so they have a reader of their own: one pass, no allocation.
//!
//! It takes the lines that [`Writer`](crate::Writer) writes and gives up on everything else, which then goes
//! the long way with its exact errors.

use super::Position;

/// The numbers of a `step` line.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct StepLine {
    pub at: Position,
    pub loss: f64,
    pub lr: f64,
    pub grad_norm: f64,
    pub tokens_per_s: f64,
    pub mfu: Option<f64>,
    pub memory_bytes: Option<f64>,
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
pub(super) fn parse(bytes: &[u8]) -> Option<(StepLine, usize)> {
    let mut rest = bytes.strip_prefix(START)?;
    let mut values = [f64::NAN; FIELDS.len()];
    let mut seen = 0u16;
    loop {
        let (key, after) = string(rest)?;
        let (value, after) = value(after.strip_prefix(b":")?)?;
        if let Some(field) = FIELDS.iter().position(|field| *field == key) {
            let bit = 1 << field;
            let Value::Number { value, whole } = value else {
                return None;
            };
            // Counts are whole; a second field of one name is an error.
            let is_count = matches!(field, 0 | 1 | 11);
            if seen & bit != 0 || (is_count && !whole) {
                return None;
            }
            seen |= bit;
            values[field] = value;
        } else if key == b"event" {
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
        at: Position {
            step: Some(values[0]),
            tokens: Some(values[1]),
            train_s: Some(values[2]),
            wall_s: Some(values[3]),
        },
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

enum Value {
    Number { value: f64, whole: bool },
    Text,
}

fn value(text: &[u8]) -> Option<(Value, &[u8])> {
    if text.first() != Some(&b'"') {
        return number(text);
    }
    let (word, rest) = string(text)?;
    let value = match word {
        b"NaN" => f64::NAN,
        b"Infinity" => f64::INFINITY,
        b"-Infinity" => f64::NEG_INFINITY,
        _ => {
            // Only text that certainly is JSON is skipped here.
            return word.is_ascii().then_some((Value::Text, rest));
        }
    };
    Some((Value::Number { value, whole: false }, rest))
}

/// A JSON number. Exact: short ones by one multiplication or division of exact numbers, others by the standard
/// library.
fn number(text: &[u8]) -> Option<(Value, &[u8])> {
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
    (value.is_finite() && fits).then_some((
        Value::Number {
            value,
            whole: is_count,
        },
        &text[total..],
    ))
}

/// How many digits there are, and the number with them appended; it wraps behind 19 digits.
fn run_of_digits(text: &[u8], mut mantissa: u64) -> (usize, u64) {
    let mut count = 0;
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

/// The exponent and its length in bytes; 0 and 0 where there is none.
fn exponent(text: &[u8]) -> Option<(i32, usize)> {
    if !matches!(text.first(), Some(b'e' | b'E')) {
        return Some((0, 0));
    }
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
mod tests {
    use super::{Value, number, parse};
    use crate::Event;

    fn line(fields: &str) -> String {
        format!(
            "{{\"event\":\"step\",\"step\":7,\"tokens\":7168,\"train_s\":0.30000000000000004,\"wall_s\":1e2,\
             \"loss\":\"NaN\",\"lr\":0.02,\"lr_adamw\":3e-4,\"grad_norm\":-1.5E+3,\"tokens_per_s\":2048,\
             \"data_wait_s\":0.0{fields}}}\n"
        )
    }

    #[test]
    fn reads_what_the_long_way_reads() {
        let line = line(",\"mfu\":0.4,\"memory_bytes\":1073741824,\"remark\":\"warm\"");
        let (quick, length) = parse(&[line.as_bytes(), b"{}"].concat()).unwrap();
        assert_eq!(length, line.len());
        let Event::Step(slow) = Event::parse(line.as_bytes()).unwrap() else {
            panic!("no step")
        };
        assert_eq!(quick.at, slow.at.into());
        assert!(quick.loss.is_nan() && slow.loss.is_nan());
        assert_eq!((quick.lr, quick.grad_norm), (slow.lr, slow.grad_norm));
        assert_eq!((quick.tokens_per_s, quick.mfu), (slow.tokens_per_s, slow.mfu));
        assert_eq!(quick.memory_bytes, slow.memory_bytes.map(|bytes| bytes as f64));
    }

    #[test]
    fn gives_up_on_what_is_not_plain() {
        for fields in [
            ",\"step\":7",
            ",\"x\":[1]",
            ",\"x\":\"\\n\"",
            ",",
            ",\"mfu\":null",
            ",\"memory_bytes\":1.5",
        ] {
            assert_eq!(parse(line(fields).as_bytes()), None, "{fields}");
        }
        assert_eq!(
            parse(b"{\"event\":\"step\",\"step\":1}\n"),
            None,
            "a field is missing"
        );
        assert_eq!(parse(line("").trim_end().as_bytes()), None, "no newline");
        assert_eq!(
            parse(line("").replace("7168", "-7168").as_bytes()),
            None,
            "a negative count"
        );
    }

    #[test]
    fn numbers_are_exact() {
        for text in [
            "0",
            "-0.0",
            "0.1",
            "123456789012345678",
            "1.7976931348623157e308",
            "5e-324",
            "9007199254740993",
            "0.000000000000000000000001",
            "3.141592653589793",
            "1e22",
            "1e23",
            "12345678901234567890.5",
        ] {
            let Some((Value::Number { value, .. }, rest)) = number(text.as_bytes()) else {
                panic!("{text}")
            };
            assert!(rest.is_empty());
            assert_eq!(value.to_bits(), text.parse::<f64>().unwrap().to_bits(), "{text}");
        }
        for text in ["", "-", "01", "1.", ".5", "1e", "1e99999", "1e309", "NaN"] {
            assert!(number(text.as_bytes()).is_none(), "{text}");
        }
    }
}
