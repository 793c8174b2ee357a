//! Who leads, and when that changed.

use blueberry_runlog::import::{Axis, Metric, RunData};

/// The lead passed from one run to another.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct LeadChange {
    /// Where on the axis.
    pub at: f64,
    /// Who led; `None` at the first measurement, and where the leader's value was not a number.
    pub from: Option<usize>,
    /// Who leads now; `None` where nobody has a number.
    pub to: Option<usize>,
}

/// All changes of the lead on an axis.
///
/// A run counts with its last measured value, from where it was measured; one that is not a number does not
/// count. The lowest value leads; at a tie whoever led goes on, else the first run of the race. Measurements at
/// one position count together.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Lead {
    changes: Vec<LeadChange>,
}

impl Lead {
    /// Finds the changes.
    #[must_use]
    pub fn new<'a>(runs: impl IntoIterator<Item = &'a RunData>, metric: &Metric, axis: Axis) -> Self {
        let runs: Vec<_> = runs
            .into_iter()
            .map(|run| run.series(metric, axis).unwrap_or_default())
            .collect();
        let mut order: Vec<(f64, usize, f64)> = Vec::new();
        for (run, (positions, values)) in runs.iter().enumerate() {
            order.extend(
                positions
                    .iter()
                    .zip(*values)
                    .map(|(&at, &value)| (at, run, value)),
            );
        }
        // Stable, so that of a run's values at one position the last counts.
        order.sort_by(|a, b| a.0.total_cmp(&b.0));
        let mut current = vec![f64::NAN; runs.len()];
        let mut lead = Self::default();
        for together in order.chunk_by(|a, b| a.0 == b.0) {
            for &(_, run, value) in together {
                current[run] = value;
            }
            lead.follow(together[0].0, &current);
        }
        lead
    }

    /// Who leads at a position.
    #[must_use]
    pub fn at(&self, at: f64) -> Option<usize> {
        self.until(at).last().and_then(|change| change.to)
    }

    /// The changes up to a position.
    #[must_use]
    pub fn until(&self, at: f64) -> &[LeadChange] {
        &self.changes[..self.changes.partition_point(|change| change.at <= at)]
    }

    /// All changes.
    #[must_use]
    pub fn changes(&self) -> &[LeadChange] {
        &self.changes
    }

    fn follow(&mut self, at: f64, current: &[f64]) {
        let from = self.changes.last().and_then(|change| change.to);
        let to = lowest(current, from);
        if to != from {
            self.changes.push(LeadChange { at, from, to });
        }
    }
}

/// The run with the lowest number; `leader` where it is one of several.
fn lowest(values: &[f64], leader: Option<usize>) -> Option<usize> {
    let mut best = leader.filter(|&leader| !values[leader].is_nan());
    for (run, value) in values.iter().enumerate() {
        if !value.is_nan() && best.is_none_or(|best| *value < values[best]) {
            best = Some(run);
        }
    }
    best
}
