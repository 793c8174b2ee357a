//! What the text logs share: words of `key:value`, and two tables that grow.

use super::problem::{Problems, shorten};
use super::{Axis, Format, ImportError, Imported, Metric, Position, Reason, RunData, Table};

const TRAIN: usize = 0;
const EVAL: usize = 1;

/// A run of a text log: rows of training, rows of evaluation.
pub(super) struct TextRun {
    pub run: RunData,
    pub problems: Problems,
}

impl TextRun {
    pub(super) fn new(name: &str, format: Format, axes: &[Axis]) -> Self {
        let mut run = RunData::new(name, format);
        run.tables = vec![Table::new(axes, &[]), Table::new(axes, &[])];
        Self {
            run,
            problems: Problems::default(),
        }
    }

    /// Takes a line of training, or of evaluation. What already stands in the other table stays there.
    pub(super) fn push(&mut self, line: u64, is_eval: bool, at: &Position, values: &[(Metric, f64)]) {
        let usual = if is_eval { EVAL } else { TRAIN };
        let tables = &mut self.run.tables;
        let home = |metric: &Metric| tables.iter().position(|table| table.column(metric).is_some());
        let homes: Vec<usize> = values
            .iter()
            .map(|(metric, _)| home(metric).unwrap_or(usual))
            .collect();
        for (index, table) in tables.iter_mut().enumerate() {
            let part = values.iter().zip(&homes).filter(|(_, home)| **home == index);
            let mut part = part.map(|((metric, value), _)| (metric, *value)).peekable();
            let is_bare = values.is_empty() && index == usual;
            if part.peek().is_none() && !is_bare {
                continue;
            }
            let done = table
                .replace(at, part)
                .and_then(|again| Reason::again(at, again, 0));
            if let Err(reason) = done {
                self.problems.add(line, reason);
            }
        }
    }

    pub(super) fn rows(&self) -> usize {
        self.run.tables.iter().map(Table::rows).sum()
    }

    /// Ends the log.
    ///
    /// # Errors
    /// [`ImportError::Empty`] with `why` where there are no rows.
    pub(super) fn finish(mut self, why: &str) -> Result<Imported, ImportError> {
        let format = self.run.format;
        if self.rows() == 0 {
            return Err(ImportError::Empty {
                format,
                why: why.to_owned(),
            });
        }
        self.run.tables.retain(|table| table.rows() > 0);
        self.run.tables.iter_mut().for_each(Table::shrink);
        Ok(Imported {
            format,
            problems: self.problems.list(),
            runs: vec![self.run],
        })
    }
}

/// The `key:value` words of a line; words without a colon are left out.
pub(super) fn words(line: &str) -> impl Iterator<Item = (&str, &str)> {
    line.split_ascii_whitespace()
        .filter_map(|word| word.split_once(':'))
}

/// A number as programs print it; `nan` and `inf` are numbers too.
pub(super) fn number(field: &str, text: &str) -> Result<f64, Reason> {
    text.parse().map_err(|_| Reason::NotANumber {
        field: shorten(field),
        found: shorten(text),
    })
}
