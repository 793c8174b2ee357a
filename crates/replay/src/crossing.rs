//! When a run first got under a loss.

use blueberry_runlog::import::{Axis, Metric, Position, RunData};

/// The first scheduled evaluation under a bar.
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
/// An evaluation at the bar, one that is not a number, and one that the settings of an own log do not schedule cross
/// nothing, as for the judge. Of evaluations that a resumed run did again the last is shown, where the judge takes the
/// first.
#[must_use]
pub fn crossings(run: &RunData, bars: &[f64]) -> Vec<Option<Crossing>> {
    let mut found = vec![None; bars.len()];
    let Some(table) = run.table(&Metric::ValLoss) else {
        return found;
    };
    let losses = table.column(&Metric::ValLoss).unwrap_or_default();
    let mut next = 0;
    for (row, &val_loss) in losses.iter().enumerate() {
        while next < bars.len() && val_loss < bars[next] && is_scheduled(run, table.position(row).tokens) {
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

/// Whether an evaluation at these targets is on the schedule of the run's settings: behind the step that reaches a multiple
/// of `eval.every_tokens`, or the end. Anything is where a log says nothing of a schedule.
fn is_scheduled(run: &RunData, tokens: Option<f64>) -> bool {
    let setting = |table: &str, key: &str| run.config.get(table)?.get(key)?.as_f64();
    let (Some(every), Some(total), Some(tokens)) = (
        setting("eval", "every_tokens"),
        setting("train", "tokens"),
        tokens,
    ) else {
        return true;
    };
    let steps = run.series(&Metric::TrainLoss, Axis::Tokens);
    let before = steps.map_or(0.0, |(steps, _)| {
        let earlier = steps.partition_point(|&step| step < tokens);
        earlier.checked_sub(1).map_or(0.0, |last| steps[last])
    });
    every <= 0.0 || tokens >= total || (tokens / every).floor() > (before / every).floor()
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
