//! A run as it is plotted, whatever log it came from.

use serde_json::{Map, Value};

use super::{Axis, Format, Metric, Position, Problem, Table};
use crate::{EndStatus, Run};

/// A run as it is plotted.
#[derive(Debug, Clone, PartialEq)]
pub struct RunData {
    /// Its name: `run_id` of an own log, else what the log or its file is called.
    pub name: String,
    /// What kind of log it came from.
    pub format: Format,
    /// The first line of an own log.
    pub run: Option<Box<Run>>,
    /// The settings, where the log has them; nested.
    pub config: Map<String, Value>,
    /// The series. A metric stands in one table at most.
    pub tables: Vec<Table>,
    /// All evaluations in the order of the log, where some were done again; empty where the table has all of them.
    pub evaluations: Vec<Evaluation>,
    /// Texts that the model wrote, in the order of the run.
    pub samples: Vec<TextSample>,
    /// What else happened, in the order of the run.
    pub marks: Vec<Mark>,
    /// How it stopped; `None` while it goes on, and for logs that do not say.
    pub end: Option<EndStatus>,
}

/// An evaluation as the log tells it, also where a resumed run did it again.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Evaluation {
    /// Where the run stood.
    pub at: Position,
    /// The loss that was measured.
    pub val_loss: f64,
    /// Targets before the step that it stands behind.
    pub from_tokens: f64,
}

/// A text that the model wrote.
#[derive(Debug, Clone, PartialEq)]
pub struct TextSample {
    /// Where the run stood.
    pub at: Position,
    /// What the model was given.
    pub prompt: String,
    /// What it wrote, without the prompt.
    pub text: String,
}

/// Something that happened once.
#[derive(Debug, Clone, PartialEq)]
pub struct Mark {
    /// Where the run stood.
    pub at: Position,
    /// What it was.
    pub kind: MarkKind,
    /// Words for people.
    pub text: String,
}

/// What a [`Mark`] is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MarkKind {
    /// Kernels were compiled before the clock.
    Warmup,
    /// The state was saved.
    Checkpoint,
    /// The run went on from a checkpoint.
    Resume,
    /// A result on a benchmark.
    Benchmark,
    /// A remark of the program.
    Note,
    /// The run stopped.
    End,
}

impl RunData {
    /// A run without series.
    #[must_use]
    pub fn new(name: &str, format: Format) -> Self {
        Self {
            name: name.to_owned(),
            format,
            run: None,
            config: Map::new(),
            tables: Vec::new(),
            evaluations: Vec::new(),
            samples: Vec::new(),
            marks: Vec::new(),
            end: None,
        }
    }

    /// The table that a metric stands in.
    #[must_use]
    pub fn table(&self, metric: &Metric) -> Option<&Table> {
        self.tables.iter().find(|table| table.column(metric).is_some())
    }

    /// A metric over an axis: positions, which never fall, and values. `None` where the log lacks one.
    #[must_use]
    pub fn series(&self, metric: &Metric, axis: Axis) -> Option<(&[f64], &[f64])> {
        let table = self.table(metric)?;
        Some((table.axis(axis)?, table.column(metric)?))
    }

    /// Targets at the last step that ended before `tokens`.
    #[must_use]
    pub fn tokens_before(&self, tokens: f64) -> f64 {
        let (steps, _) = self.series(&Metric::TrainLoss, Axis::Tokens).unwrap_or_default();
        let earlier = steps.partition_point(|&step| step < tokens);
        earlier.checked_sub(1).map_or(0.0, |last| steps[last])
    }

    /// The metric for a series of a foreign log: the known one, where no other series is it already.
    pub(super) fn metric_for(&self, name: &str) -> Metric {
        let metric = Metric::from_foreign(name);
        if self.table(&metric).is_none() {
            metric
        } else {
            Metric::Other(name.into())
        }
    }

    /// Whether any series has this axis.
    #[must_use]
    pub fn has_axis(&self, axis: Axis) -> bool {
        self.tables.iter().any(|table| table.axis(axis).is_some())
    }

    /// The furthest position on an axis.
    #[must_use]
    pub fn furthest(&self, axis: Axis) -> Option<f64> {
        let ends = self
            .tables
            .iter()
            .filter_map(|table| table.axis(axis)?.last().copied());
        ends.max_by(f64::total_cmp)
    }
}

/// What was found in one file.
#[derive(Debug, Clone, PartialEq)]
pub struct Imported {
    /// What kind of log it is.
    pub format: Format,
    /// The runs; a table of metrics may hold many.
    pub runs: Vec<RunData>,
    /// What could not be read; the rest was.
    pub problems: Vec<Problem>,
}
