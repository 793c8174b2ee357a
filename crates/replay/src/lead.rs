//! Who leads, and when that changed.

use blueberry_runlog::import::{Axis, Metric, RunData};

/// The lead passed from one run to another.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct LeadChange {
    /// Where on the axis.
    pub at: f64,
    /// Who led.
    pub from: usize,
    /// Who leads now.
    pub to: usize,
}

/// Who leads on an axis, and when that passed from one run to another.
///
/// A run counts with its last measured value, from where it was measured; one that is not a number does not
/// count. The lowest value leads; at a tie whoever led goes on, else the first run of the race. Measurements at
/// one position count together.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Lead {
    /// Where somebody else leads, or nobody, since nobody has a number.
    leaders: Vec<(f64, Option<usize>)>,
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
        let behind = self.leaders.partition_point(|(there, _)| *there <= at);
        self.leaders[..behind].last()?.1
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

    /// Who leads first has it from nobody; and it passes over a gap in which nobody has a number.
    fn follow(&mut self, at: f64, current: &[f64]) {
        let before = self.leaders.last().and_then(|leader| leader.1);
        let now = lowest(current, before);
        if now == before {
            return;
        }
        let led = self.leaders.iter().rev().find_map(|leader| leader.1);
        if let (Some(from), Some(to)) = (led, now)
            && from != to
        {
            self.changes.push(LeadChange { at, from, to });
        }
        self.leaders.push((at, now));
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
