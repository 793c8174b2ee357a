//! When a run first got under a loss.

use blueberry_runlog::import::{Axis, Evaluation, Metric, Position, RunData};

/// The first scheduled evaluation under a bar.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Crossing {
    /// Its place among the run's evaluations, in the order of the log. Bars with one place were crossed together.
    pub row: usize,
    /// The loss that was measured.
    pub val_loss: f64,
    /// Where the run stood.
    pub at: Position,
}

/// The crossing of each bar, `None` where the run never got there. `bars` fall.
///
/// An evaluation at the bar, one that is not a number, and one that the settings of an own log do not schedule cross
/// nothing, as for the judge. As there, the first one counts, also where a resumed run did it again and the curve shows the
/// second.
#[must_use]
pub fn crossings(run: &RunData, bars: &[f64]) -> Vec<Option<Crossing>> {
    let mut found = vec![None; bars.len()];
    let mut next = 0;
    for (
        row,
        Evaluation {
            at,
            val_loss,
            from_tokens,
        },
    ) in evaluations(run).enumerate()
    {
        while next < bars.len() && val_loss < bars[next] && is_scheduled(run, at.tokens, from_tokens) {
            found[next] = Some(Crossing { row, val_loss, at });
            next += 1;
        }
    }
    found
}

/// A run's evaluations in the order of its log.
fn evaluations(run: &RunData) -> impl Iterator<Item = Evaluation> {
    let table = run.table(&Metric::ValLoss).filter(|_| run.evaluations.is_empty());
    let from_table = table.into_iter().flat_map(move |table| {
        let losses = table.column(&Metric::ValLoss).unwrap_or_default().iter();
        losses.enumerate().map(move |(row, &val_loss)| {
            let at = table.position(row);
            let from_tokens = at.tokens.map_or(0.0, |tokens| run.tokens_before(tokens));
            Evaluation {
                at,
                val_loss,
                from_tokens,
            }
        })
    });
    run.evaluations.iter().copied().chain(from_table)
}

/// Whether an evaluation at these targets is on the schedule of the run's settings: behind the step, from `from_tokens` on,
/// that reaches a multiple of `eval.every_tokens`, or the end. Anything is where a log says nothing of a schedule.
fn is_scheduled(run: &RunData, tokens: Option<f64>, from_tokens: f64) -> bool {
    let setting = |table: &str, key: &str| run.config.get(table)?.get(key)?.as_f64();
    let (Some(every), Some(total), Some(tokens)) = (
        setting("eval", "every_tokens"),
        setting("train", "tokens"),
        tokens,
    ) else {
        return true;
    };
    every <= 0.0 || tokens >= total || (tokens / every).floor() > (from_tokens / every).floor()
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
