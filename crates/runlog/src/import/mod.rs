//! Logs of training runs as series to plot: own ones, and those of other programs.
//!
//! [`import`] tells the format by content, reads what it can, and lists what it cannot with line and reason.
//! [`Follow`] reads an own log piece by piece, while the run writes it.
//!
//! # Units
//! Positions are steps, targets and seconds; losses are nats per token, as all these programs log them. A
//! log that counts in other units is converted where it says how; else the axis is absent:
//!
//! | format | axes |
//! |---|---|
//! | own `run.jsonl` | all |
//! | modded-nanogpt text | step; `train_s` from `train_time`, which pauses for validation |
//! | llm.c `main.log` | step; the file has neither tokens nor times |
//! | the reference's JSON | step; tokens, by its own count for each step; `wall_s`, since its clock runs through evaluations |
//! | `TensorBoard` events | step; `wall_s` since the file's first event |
//! | W&B and Trackio CSV | what its columns are called |

mod axis;
mod crc32c;
mod csv;
mod csv_record;
mod detect;
mod follow;
mod lines;
mod llmc;
mod modded;
mod problem;
mod protobuf;
mod reference;
mod run_data;
mod step_columns;
mod table;
mod tensorboard;
mod text;

use std::fmt;
use std::io::{BufRead, Cursor, Read};

pub use axis::{Axis, Metric, Position};
pub use follow::Follow;
pub use problem::{ImportError, Problem, Reason};
pub use run_data::{Evaluation, Imported, Mark, MarkKind, RunData, TextSample};
pub use table::{Column, Table};

use crate::Limits;

/// What kind of log a file is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Format {
    /// Our `run.jsonl`.
    RunLog,
    /// The text of modded-nanogpt.
    Modded,
    /// `main.log` of llm.c.
    LlmC,
    /// The JSON of the reference trainer.
    Reference,
    /// `TensorBoard` events.
    TensorBoard,
    /// A table of metrics, as W&B and Trackio export it.
    Csv,
}

impl fmt::Display for Format {
    fn fmt(&self, text: &mut fmt::Formatter) -> fmt::Result {
        text.write_str(match self {
            Self::RunLog => "run.jsonl",
            Self::Modded => "modded-nanogpt text",
            Self::LlmC => "llm.c main.log",
            Self::Reference => "the reference's JSON",
            Self::TensorBoard => "TensorBoard events",
            Self::Csv => "CSV",
        })
    }
}

/// Bytes that the format is told by.
const START_BYTES: u64 = 1 << 16;

/// Reads a log of any known kind, plain or packed (see [`decompress`](crate::decompress)).
///
/// `name` is what a run is called whose log does not say. The limits count unpacked bytes.
///
/// # Errors
/// [`ImportError`] where nothing of it can be used. What could not be read of the rest is in
/// [`Imported::problems`].
pub fn import(name: &str, input: impl BufRead, limits: &Limits) -> Result<Imported, ImportError> {
    let input = crate::decompress(input, limits.bytes).map_err(|cause| ImportError::Io { line: 0, cause })?;
    import_plain(name, input, limits)
}

/// [`import`] of a log that is not packed; it needs no decompressors, which are most of a small program.
///
/// # Errors
/// As [`import`].
pub fn import_plain(name: &str, mut input: impl BufRead, limits: &Limits) -> Result<Imported, ImportError> {
    let io = |cause| ImportError::Io { line: 0, cause };
    let mut start = Vec::new();
    input
        .by_ref()
        .take(START_BYTES)
        .read_to_end(&mut start)
        .map_err(io)?;
    let found = detect::detect(&start)?;
    let input = Cursor::new(start).chain(input);
    match found {
        detect::Found::RunLog => own(name, input, limits),
        detect::Found::TensorBoard => tensorboard::import(name, input, limits),
        detect::Found::Reference => reference::import(name, input, limits),
        detect::Found::LlmC => llmc::import(name, input, limits),
        detect::Found::Csv { delimiter } => csv::import(name, delimiter, input, limits),
        detect::Found::Text => modded::import(name, input, limits),
    }
}

fn own(name: &str, mut input: impl BufRead, limits: &Limits) -> Result<Imported, ImportError> {
    let mut follow = Follow::new(name, limits);
    loop {
        let line = follow.lines();
        let bytes = input
            .fill_buf()
            .map_err(|cause| ImportError::Io { line, cause })?;
        if bytes.is_empty() {
            return follow.finish();
        }
        follow.push(bytes)?;
        let taken = bytes.len();
        input.consume(taken);
    }
}
