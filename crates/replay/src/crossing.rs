//! When a run first got under a loss.

use blueberry_runlog::import::{Axis, Metric, Position, RunData};

/// The first evaluation at or under a bar.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Crossing {
    /// Its row among the run's evaluations. Bars with one row were crossed together.
    pub row: usize,
    /// The loss that was measured.
    pub val_loss: f64,
    /// Where the run stood.
    pub at: Position,
}

/// The crossing of each bar, `None` where the run never got there. `bars` fall.
///
/// An evaluation that is not a number crosses nothing.
#[must_use]
pub fn crossings(run: &RunData, bars: &[f64]) -> Vec<Option<Crossing>> {
    let mut found = vec![None; bars.len()];
    let Some(table) = run.table(&Metric::ValLoss) else {
        return found;
    };
    let losses = table.column(&Metric::ValLoss).unwrap_or_default();
    let mut next = 0;
    for (row, &val_loss) in losses.iter().enumerate() {
        while next < bars.len() && val_loss <= bars[next] {
            found[next] = Some(Crossing {
                row,
                val_loss,
                at: table.position(row),
            });
            next += 1;
        }
    }
    found
}

/// The row at or before a position on an axis whose positions never fall; the last of several.
#[must_use]
pub fn row_at(positions: &[f64], at: f64) -> Option<usize> {
    positions
        .partition_point(|&position| position <= at)
        .checked_sub(1)
}

/// The value of a metric at or before a position, with its row.
#[must_use]
pub fn value_at(run: &RunData, metric: &Metric, axis: Axis, at: f64) -> Option<(usize, f64)> {
    let (positions, values) = run.series(metric, axis)?;
    let row = row_at(positions, at)?;
    Some((row, values[row]))
}
