//! `TensorBoard` event files: TFRecord frames, each with an `Event` message.
//!
//! ```text
//! u64 length, u32 masked CRC-32C of it, bytes, u32 masked CRC-32C of them
//! Event   { 1: double wall_time, 2: int64 step, 5: Summary }
//! Summary { 1: repeated Value { 1: string tag, 2: float simple_value, 8: TensorProto } }
//! TensorProto { 1: dtype, 4: bytes content, 5: repeated float, 6: repeated double }
//! ```
//! A lost step counter (a restarted run) shows as a step that comes again. `wall_s` counts from the file's first
//! event.

use std::collections::BTreeMap;
use std::io::{self, BufRead, Read};

use super::crc32c;
use super::lines;
use super::problem::{Problems, shorten};
use super::protobuf::{Field, Fields, Malformed, Wire};
use super::{Axis, Format, ImportError, Imported, Metric, Position, Reason, RunData, Table};
use crate::Limits;

const FORMAT: Format = Format::TensorBoard;
/// Most series of a file.
const MAX_TAGS: usize = 10_000;
const HEADER: usize = 12;

/// Whether a file begins with a record header whose checksum holds.
pub(super) fn is_start(start: &[u8]) -> bool {
    start.first_chunk().is_some_and(|header| length(header).is_some())
}

/// The length in a record's header, where its checksum holds.
fn length(header: &[u8; HEADER]) -> Option<u64> {
    let (length, sum) = header.split_first_chunk::<8>()?;
    (sum == crc32c::masked(length).to_le_bytes()).then(|| u64::from_le_bytes(*length))
}

pub(super) fn import(name: &str, mut input: impl BufRead, limits: &Limits) -> Result<Imported, ImportError> {
    let mut log = Log::default();
    let (mut record, mut bytes) = (0, 0);
    loop {
        record += 1;
        match next(&mut input, record, &mut bytes, limits) {
            Ok(None) => break,
            Ok(Some(data)) => log.event(record, &data)?,
            Err(Broken::Record(reason)) => log.problems.add(record, reason),
            Err(Broken::Rest(reason)) => {
                log.problems.add(record, reason);
                break;
            }
            Err(Broken::Import(error)) => return Err(error),
        }
    }
    log.finish(name)
}

/// How a record can be broken.
enum Broken {
    /// Only it.
    Record(Reason),
    /// Everything from here.
    Rest(Reason),
    /// The whole file.
    Import(ImportError),
}

/// The bytes of the next record; `None` at the end.
fn next(
    input: &mut impl BufRead,
    record: u64,
    total: &mut u64,
    limits: &Limits,
) -> Result<Option<Vec<u8>>, Broken> {
    let io = |cause| {
        Broken::Import(ImportError::Io {
            line: record - 1,
            cause,
        })
    };
    let mut header = Vec::with_capacity(HEADER);
    input
        .by_ref()
        .take(HEADER as u64)
        .read_to_end(&mut header)
        .map_err(io)?;
    if header.is_empty() {
        return Ok(None);
    }
    let cut_short = |bytes: usize| Broken::Rest(Reason::CutShort { bytes: bytes as u64 });
    let header: [u8; HEADER] = header[..].try_into().map_err(|_| cut_short(header.len()))?;
    let length = length(&header).ok_or(Broken::Rest(Reason::Checksum))?;
    *total = total.saturating_add(length);
    lines::check(record, 0, *total, limits).map_err(Broken::Import)?;
    if length > limits.line_bytes as u64 {
        // Graphs and images may be large; what is not held needs no checksum.
        let skipped = io::copy(&mut input.by_ref().take(length + 4), &mut io::sink()).map_err(io)?;
        let reason = Reason::Record("longer than the limit of a line; it was skipped");
        return Err(if skipped == length + 4 {
            Broken::Record(reason)
        } else {
            Broken::Rest(reason)
        });
    }
    let mut data = Vec::new();
    input
        .by_ref()
        .take(length + 4)
        .read_to_end(&mut data)
        .map_err(io)?;
    let Some((content, sum)) = data
        .split_last_chunk::<4>()
        .filter(|(content, _)| content.len() as u64 == length)
    else {
        return Err(cut_short(HEADER + data.len()));
    };
    if *sum != crc32c::masked(content).to_le_bytes() {
        return Err(Broken::Record(Reason::Checksum));
    }
    data.truncate(data.len() - 4);
    Ok(Some(data))
}

/// The series by tag.
#[derive(Default)]
struct Log {
    start: Option<f64>,
    tags: BTreeMap<String, Table>,
    problems: Problems,
}

/// What is needed of an event.
#[derive(Default)]
struct Event<'a> {
    wall_time: f64,
    step: i64,
    summary: Option<&'a [u8]>,
}

impl Log {
    fn event(&mut self, record: u64, data: &[u8]) -> Result<(), ImportError> {
        let Ok(event) = event(data) else {
            self.problems.add(record, Reason::Record("not an event message"));
            return Ok(());
        };
        let start = *self.start.get_or_insert(event.wall_time);
        let at = Position {
            step: Some(event.step as f64),
            wall_s: Some(event.wall_time - start),
            ..Position::default()
        };
        for value in Fields(event.summary.unwrap_or_default()) {
            match value {
                Ok(Field {
                    number: 1,
                    value: Wire::Bytes(value),
                }) => self.value(record, &at, value)?,
                Ok(_) => {}
                Err(Malformed) => self
                    .problems
                    .add(record, Reason::Record("the summary is malformed")),
            }
        }
        Ok(())
    }

    fn value(&mut self, record: u64, at: &Position, data: &[u8]) -> Result<(), ImportError> {
        let Ok((tag, value)) = tagged(data) else {
            self.problems
                .add(record, Reason::Record("a summary value is malformed"));
            return Ok(());
        };
        let Some(value) = value else {
            let why = "it is no single number";
            self.problems.add(
                record,
                Reason::Column {
                    column: shorten(&tag),
                    why,
                },
            );
            return Ok(());
        };
        if self.tags.len() >= MAX_TAGS && !self.tags.contains_key(&tag) {
            return Err(ImportError::Limit {
                line: record,
                limit: MAX_TAGS as u64,
                what: "series",
            });
        }
        let table = self
            .tags
            .entry(tag)
            .or_insert_with(|| Table::new(&[Axis::Step, Axis::WallS], &[]));
        // The real name is given at the end, when it is known which are taken.
        let metric = Metric::Other("".into());
        let done = table
            .replace(at, [(&metric, value)])
            .and_then(|again| Reason::again(at, again, 0));
        if let Err(reason) = done {
            self.problems.add(record, reason);
        }
        Ok(())
    }

    fn finish(self, name: &str) -> Result<Imported, ImportError> {
        let mut run = RunData::new(name, FORMAT);
        for (tag, mut table) in self.tags {
            table.rename(run.metric_for(&tag));
            table.shrink();
            if table.rows() > 0 {
                run.tables.push(table);
            }
        }
        if run.tables.is_empty() {
            return Err(ImportError::Empty {
                format: FORMAT,
                why: "it has no scalars".to_owned(),
            });
        }
        Ok(Imported {
            format: FORMAT,
            runs: vec![run],
            problems: self.problems.list(),
        })
    }
}

fn event(data: &[u8]) -> Result<Event<'_>, Malformed> {
    let mut event = Event::default();
    for field in Fields(data) {
        match field? {
            Field {
                number: 1,
                value: Wire::Fixed64(bytes),
            } => event.wall_time = f64::from_le_bytes(bytes),
            // A negative step is ten bytes of varint, in two's complement.
            Field {
                number: 2,
                value: Wire::Varint(step),
            } => event.step = step as i64,
            Field {
                number: 5,
                value: Wire::Bytes(summary),
            } => event.summary = Some(summary),
            _ => {}
        }
    }
    Ok(event)
}

/// The tag of a summary value, and its number where it is one.
fn tagged(data: &[u8]) -> Result<(String, Option<f64>), Malformed> {
    let mut tag = String::new();
    let mut value = None;
    for field in Fields(data) {
        match field? {
            Field {
                number: 1,
                value: Wire::Bytes(text),
            } => tag = String::from_utf8_lossy(text).into_owned(),
            Field {
                number: 2,
                value: Wire::Fixed32(bytes),
            } => value = Some(f32::from_le_bytes(bytes).into()),
            Field {
                number: 8,
                value: Wire::Bytes(tensor),
            } => value = scalar(tensor)?,
            _ => {}
        }
    }
    Ok((tag, value))
}

/// The one number of a tensor of floats or doubles.
fn scalar(tensor: &[u8]) -> Result<Option<f64>, Malformed> {
    let mut dtype = 0;
    let mut found = None;
    for field in Fields(tensor) {
        found = match field? {
            Field {
                number: 1,
                value: Wire::Varint(value),
            } => {
                dtype = value;
                found
            }
            Field {
                number: 5,
                value: Wire::Fixed32(bytes),
            } => Some(f32::from_le_bytes(bytes).into()),
            Field {
                number: 6,
                value: Wire::Fixed64(bytes),
            } => Some(f64::from_le_bytes(bytes)),
            Field {
                number: 4..=6,
                value: Wire::Bytes(bytes),
            } => packed(dtype, bytes),
            _ => found,
        };
    }
    Ok(found)
}

/// DT_FLOAT is 1, DT_DOUBLE is 2.
fn packed(dtype: u64, bytes: &[u8]) -> Option<f64> {
    match dtype {
        1 => Some(f32::from_le_bytes(bytes.try_into().ok()?).into()),
        2 => Some(f64::from_le_bytes(bytes.try_into().ok()?)),
        _ => None,
    }
}
