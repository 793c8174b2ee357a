//! The JSON that the reference trainer writes at its end: results, and a history of evaluations by column.
//!
//! Its clock runs through evaluations, so it is `wall_s` here. `history.elapsed_times` are minutes, which shows in
//! `active_training_time_seconds`. Tokens are its own count, `tokens_seen`, shared evenly among `actual_steps`.

use std::collections::BTreeMap;
use std::io::{BufRead, Read};

use serde::Deserialize;
use serde_json::{Map, Value};

use super::problem::Problems;
use super::{Axis, Format, ImportError, Imported, Metric, Position, Reason, RunData, Table};
use crate::{EndStatus, Limits, float};

/// The longest file that is read. It is read whole.
const MAX_BYTES: u64 = 16 << 20;
const FORMAT: Format = Format::Reference;

#[derive(Deserialize)]
struct Log {
    history: BTreeMap<String, Vec<Float>>,
    #[serde(default, with = "float::option")]
    active_training_time_seconds: Option<f64>,
    #[serde(default, with = "float::option")]
    actual_steps: Option<f64>,
    #[serde(default, with = "float::option")]
    tokens_seen: Option<f64>,
    #[serde(default, with = "float::option")]
    train_tokens: Option<f64>,
}

#[derive(Deserialize)]
struct Float(#[serde(with = "float")] f64);

pub(super) fn import(name: &str, input: impl BufRead, limits: &Limits) -> Result<Imported, ImportError> {
    let text = read_whole(input, limits.bytes.min(MAX_BYTES))?;
    let log: Log = serde_json::from_slice(&quote_words(&text)).map_err(|error| ImportError::Line {
        line: error.line() as u64,
        reason: Reason::Malformed(error.into()),
    })?;
    let mut columns: BTreeMap<String, Vec<f64>> = BTreeMap::new();
    for (name, values) in log.history.iter() {
        columns.insert(name.clone(), values.iter().map(|value| value.0).collect());
    }
    let mut problems = Problems::default();
    let Some(steps) = columns.remove("steps") else {
        let why = "`history` has no `steps`".to_owned();
        return Err(ImportError::Empty { format: FORMAT, why });
    };
    let seconds = columns
        .remove("elapsed_times")
        .and_then(|times| log.seconds(times, &steps, &mut problems));
    let mut run = RunData::new(name, FORMAT);
    run.tables = vec![log.table(&steps, seconds.as_deref(), columns, &mut problems)];
    log.describe(&mut run);
    if run.tables[0].rows() == 0 {
        let why = "`history.steps` is empty".to_owned();
        return Err(ImportError::Empty { format: FORMAT, why });
    }
    Ok(Imported {
        format: FORMAT,
        runs: vec![run],
        problems: problems.list(),
    })
}

impl Log {
    /// `elapsed_times` in seconds, where the log shows their unit.
    fn seconds(&self, times: Vec<f64>, steps: &[f64], problems: &mut Problems) -> Option<Vec<f64>> {
        let field = "elapsed_times";
        if times.len() != steps.len() {
            problems.add(
                None,
                Reason::Length {
                    field,
                    found: times.len(),
                    expected: steps.len(),
                },
            );
            return None;
        }
        let (last, whole) = (times.last()?, self.active_training_time_seconds);
        let is = |unit: f64| whole.is_some_and(|whole| (last * unit - whole).abs() <= 0.01 * whole);
        match (is(60.0), is(1.0)) {
            (true, _) => Some(times.iter().map(|minutes| minutes * 60.0).collect()),
            (_, true) => Some(times),
            _ => {
                let why = "the last one is `active_training_time_seconds` neither in minutes nor in seconds";
                problems.add(None, Reason::UnknownUnit { field, why });
                None
            }
        }
    }

    /// Targets of a step, where the log's own counts divide evenly.
    fn tokens_per_step(&self, problems: &mut Problems) -> Option<f64> {
        let (seen, steps) = (self.tokens_seen?, self.actual_steps?);
        let each = seen / steps;
        if each.is_finite() && each >= 1.0 && each.fract() == 0.0 {
            return Some(each);
        }
        let why = "`tokens_seen` is no multiple of `actual_steps`";
        problems.add(
            None,
            Reason::UnknownUnit {
                field: "tokens_seen",
                why,
            },
        );
        None
    }

    fn table(
        &self,
        steps: &[f64],
        seconds: Option<&[f64]>,
        columns: BTreeMap<String, Vec<f64>>,
        problems: &mut Problems,
    ) -> Table {
        let each = self.tokens_per_step(problems);
        let axes = [
            Some(Axis::Step),
            each.map(|_| Axis::Tokens),
            seconds.map(|_| Axis::WallS),
        ];
        let axes: Vec<Axis> = axes.into_iter().flatten().collect();
        let columns = sound(columns, steps.len(), problems);
        let mut table = Table::new(&axes, &[]);
        for (row, &step) in steps.iter().enumerate() {
            let at = Position {
                step: Some(step),
                tokens: each.map(|each| each * step),
                train_s: None,
                wall_s: seconds.map(|seconds| seconds[row]),
            };
            let values = columns.iter().map(|(metric, values)| (metric, values[row]));
            let done = table
                .replace(&at, values)
                .and_then(|again| Reason::again(&at, again, 0));
            if let Err(reason) = done {
                problems.add(None, reason);
            }
        }
        table
    }

    fn describe(&self, run: &mut RunData) {
        let numbers = [
            ("train_tokens", self.train_tokens),
            ("actual_steps", self.actual_steps),
        ];
        let given = numbers
            .into_iter()
            .filter_map(|(key, value)| Some((key.to_owned(), Value::from(value?))));
        run.config = given.collect::<Map<_, _>>();
        if self
            .tokens_seen
            .zip(self.train_tokens)
            .is_some_and(|(seen, asked)| seen >= asked)
        {
            run.end = Some(EndStatus::Completed);
        }
    }
}

/// The columns of the right length by their metric.
fn sound(
    columns: BTreeMap<String, Vec<f64>>,
    expected: usize,
    problems: &mut Problems,
) -> Vec<(Metric, Vec<f64>)> {
    let mut found = Vec::new();
    for (name, values) in columns {
        if values.len() == expected {
            found.push((metric(&name), values));
        } else {
            let why = "it has another length than `steps`";
            problems.add(
                None,
                Reason::Column {
                    column: super::problem::shorten(&name),
                    why,
                },
            );
        }
    }
    found
}

/// Columns are called in the plural.
fn metric(name: &str) -> Metric {
    match name {
        "val_losses" => Metric::ValLoss,
        "train_losses" => Metric::TrainLoss,
        "learning_rates" => Metric::Lr,
        other => Metric::from_foreign(other),
    }
}

fn read_whole(input: impl BufRead, limit: u64) -> Result<Vec<u8>, ImportError> {
    let mut text = Vec::new();
    let got = input.take(limit + 1).read_to_end(&mut text);
    got.map_err(|cause| ImportError::Io { line: 0, cause })?;
    if text.len() as u64 > limit {
        return Err(ImportError::Limit {
            line: 1,
            limit,
            what: "bytes of JSON",
        });
    }
    Ok(text)
}

/// Python writes `NaN` and `Infinity` bare, which JSON does not know; they get quotes.
fn quote_words(text: &[u8]) -> Vec<u8> {
    let mut quoted = Vec::with_capacity(text.len());
    let mut rest = text;
    let mut in_string = false;
    while let Some(&first) = rest.first() {
        let word = [&b"NaN"[..], b"Infinity", b"-Infinity"]
            .into_iter()
            .find(|word| rest.starts_with(word));
        let length = match word {
            Some(word) if !in_string => {
                quoted.push(b'"');
                quoted.extend_from_slice(word);
                quoted.push(b'"');
                word.len()
            }
            _ => {
                // An escaped character never ends a string.
                let length = if in_string && first == b'\\' {
                    2.min(rest.len())
                } else {
                    1
                };
                in_string ^= first == b'"';
                quoted.extend_from_slice(&rest[..length]);
                length
            }
        };
        rest = &rest[length..];
    }
    quoted
}
