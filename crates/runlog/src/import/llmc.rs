//! `main.log` of llm.c, and the early logs of modded-nanogpt that follow it.
//!
//! ```text
//! s:0 tel:11.0092
//! s:0 trl:11.0091 lr:0.000001 norm:15.37
//! s:250 eval:0.2550
//! ```
//! `trl` is the training loss, `tel` the validation loss, `eval` the accuracy on `HellaSwag`. The file has neither
//! tokens nor times.

use std::io::BufRead;

use super::lines::Lines;
use super::text::{TextRun, number, words};
use super::{Axis, Format, ImportError, Imported, Metric, Position, Reason};
use crate::Limits;

/// Whether a line is one of this format.
pub(super) fn is_line(line: &str) -> bool {
    let mut words = words(line);
    let step = words
        .next()
        .filter(|(key, value)| *key == "s" && value.parse::<u64>().is_ok());
    step.is_some()
        && words
            .next()
            .is_some_and(|(key, _)| matches!(key, "tel" | "trl" | "eval"))
}

pub(super) fn import(name: &str, input: impl BufRead, limits: &Limits) -> Result<Imported, ImportError> {
    let mut text = TextRun::new(name, Format::LlmC, &[Axis::Step]);
    let mut lines = Lines::new(input, limits);
    while let Some((line, bytes)) = lines.next()? {
        if let Err(reason) = take(&mut text, line, &String::from_utf8_lossy(bytes)) {
            text.problems.add(line, reason);
        }
    }
    text.finish("there is no line like `s:0 trl:11.0`")
}

fn take(text: &mut TextRun, line: u64, content: &str) -> Result<(), Reason> {
    if content.trim().is_empty() {
        return Ok(());
    }
    let mut at = Position::default();
    let mut values = Vec::new();
    let mut is_eval = false;
    for (key, value) in words(content) {
        let value = number(key, value)?;
        let metric = match key {
            "s" => {
                at.step = Some(value);
                continue;
            }
            "trl" => Metric::TrainLoss,
            "tel" => Metric::ValLoss,
            "lr" => Metric::Lr,
            "norm" => Metric::GradNorm,
            "eval" => Metric::Other("hellaswag".into()),
            other => Metric::Other(other.into()),
        };
        is_eval |= matches!(key, "tel" | "eval");
        values.push((metric, value));
    }
    if values.is_empty() {
        return Err(Reason::Missing { field: "trl or tel" });
    }
    text.push(line, is_eval, &at, &values);
    Ok(())
}
