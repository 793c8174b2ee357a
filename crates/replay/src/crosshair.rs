//! Exact values at one place of all charts.

use blueberry_runlog::import::{Axis, Metric, Position, RunData};

use crate::crossing::value_at;

/// A run's last value at or before the crosshair.
#[derive(Debug, Clone, PartialEq)]
pub struct Reading {
    /// The run's place.
    pub run: usize,
    /// What was read.
    pub metric: Metric,
    /// The value as it was logged; may be NaN.
    pub value: f64,
    /// Its row in the metric's table.
    pub row: usize,
    /// Where it was logged.
    pub at: Position,
}

/// The readings of metrics at a position, run by run; what a run lacks there is left out.
#[must_use]
pub fn readings(runs: &[RunData], metrics: &[Metric], axis: Axis, at: f64) -> Vec<Reading> {
    let mut readings = Vec::new();
    for (index, run) in runs.iter().enumerate() {
        for metric in metrics {
            readings.extend(reading(run, index, metric, axis, at));
        }
    }
    readings
}

fn reading(run: &RunData, index: usize, metric: &Metric, axis: Axis, at: f64) -> Option<Reading> {
    let (row, value) = value_at(run, metric, axis, at)?;
    let at = run.table(metric)?.position(row);
    Some(Reading {
        run: index,
        metric: metric.clone(),
        value,
        row,
        at,
    })
}
