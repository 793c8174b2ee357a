//! Series by column: the shape in which a run is plotted.

use super::{Axis, Metric, Position, Reason};

/// Rows that share their positions. Each axis that is there never falls from row to row and is finite.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Table {
    rows: usize,
    replaced: u64,
    axes: [Option<Vec<f64>>; 4],
    columns: Vec<Column>,
}

/// One metric. A value that the log lacks in a row is NaN.
#[derive(Debug, Clone, PartialEq)]
pub struct Column {
    /// What it holds.
    pub metric: Metric,
    /// One value a row of the table.
    pub values: Vec<f64>,
}

impl Table {
    /// An empty table with these axes and columns.
    #[must_use]
    pub fn new(axes: &[Axis], metrics: &[Metric]) -> Self {
        let mut table = Self::default();
        for &axis in axes {
            table.axes[axis as usize] = Some(Vec::new());
        }
        for metric in metrics {
            table.column_index(metric);
        }
        table
    }

    /// Count of rows.
    #[must_use]
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// How often rows were dropped to be written anew. While it stays, earlier rows stay.
    #[must_use]
    pub fn replaced(&self) -> u64 {
        self.replaced
    }

    /// The positions on an axis, where the log has it. They never fall.
    #[must_use]
    pub fn axis(&self, axis: Axis) -> Option<&[f64]> {
        self.axes[axis as usize].as_deref()
    }

    /// The columns.
    #[must_use]
    pub fn columns(&self) -> &[Column] {
        &self.columns
    }

    /// The values of a metric.
    #[must_use]
    pub fn column(&self, metric: &Metric) -> Option<&[f64]> {
        let column = self.columns.iter().find(|column| column.metric == *metric);
        column.map(|column| &column.values[..])
    }

    /// Where a row stands.
    #[must_use]
    pub fn position(&self, row: usize) -> Position {
        let mut position = Position::default();
        for axis in Axis::ALL {
            if let Some(&value) = self.axis(axis).and_then(|column| column.get(row)) {
                position.set(axis, value);
            }
        }
        position
    }

    /// Appends a row. Columns that get no value here hold NaN; a new metric begins with NaN.
    ///
    /// # Errors
    /// A [`Reason`] where an axis of the table is missing, is not finite, or falls; the table is then as before.
    pub fn push<'a>(
        &mut self,
        at: &Position,
        values: impl IntoIterator<Item = (&'a Metric, f64)>,
    ) -> Result<(), Reason> {
        self.check(at)?;
        for axis in Axis::ALL {
            if let (Some(column), Some(value)) = (&mut self.axes[axis as usize], at.on(axis)) {
                column.push(value);
            }
        }
        // Rows name their metrics in one order, so the next column is mostly the right one.
        let mut next = 0;
        for (metric, value) in values {
            let index = match self.columns.get(next) {
                Some(column) if column.metric == *metric => next,
                _ => self.column_index(metric),
            };
            self.columns[index].values.push(value);
            next = index + 1;
        }
        self.rows += 1;
        let rows = self.rows;
        for column in self
            .columns
            .iter_mut()
            .filter(|column| column.values.len() != rows)
        {
            column.values.resize(rows, f64::NAN);
        }
        Ok(())
    }

    /// Appends rows that simply follow: each axis finite and never falling, the step rising from row to row. Says whether
    /// they do; where not, nothing was appended. `axes` are in the order of [`Axis::ALL`], and as long as the columns.
    pub fn extend(&mut self, axes: [&[f64]; 4], columns: &[(Metric, &[f64])]) -> bool {
        let follow = Axis::ALL.into_iter().zip(axes).all(|(axis, new)| {
            let Some(there) = self.axis(axis) else { return true };
            let last = there.last().copied();
            match axis {
                Axis::Step => follows(last, new, |from, to| from < to),
                _ => follows(last, new, |from, to| from <= to),
            }
        });
        if !follow {
            return false;
        }
        for (there, new) in self.axes.iter_mut().zip(axes) {
            if let Some(there) = there {
                there.extend_from_slice(new);
            }
        }
        for (metric, new) in columns {
            let index = self.column_index(metric);
            self.columns[index].values.extend_from_slice(new);
        }
        self.rows += axes[0].len();
        let rows = self.rows;
        self.columns
            .iter_mut()
            .for_each(|column| column.values.resize(rows, f64::NAN));
        true
    }

    /// Appends a row in place of all rows from its step on, and says how many those were.
    ///
    /// # Errors
    /// As [`push`](Self::push); the rows are gone then too.
    pub fn replace<'a>(
        &mut self,
        at: &Position,
        values: impl IntoIterator<Item = (&'a Metric, f64)>,
    ) -> Result<usize, Reason> {
        let rows = at.step.map_or(0, |step| self.rewind(step));
        self.push(at, values)?;
        Ok(rows)
    }

    /// Drops the rows from `step` on, and says how many those were: they are done again.
    pub fn rewind(&mut self, step: f64) -> usize {
        let Some(steps) = self.axis(Axis::Step) else {
            return 0;
        };
        // Nearly always: a log goes on.
        if steps.last().is_none_or(|&last| last < step) {
            return 0;
        }
        let keep = steps.partition_point(|&there| there < step);
        self.truncate(keep)
    }

    /// Drops all rows but the first `keep`, and says how many those were.
    pub fn truncate(&mut self, keep: usize) -> usize {
        let dropped = self.rows.saturating_sub(keep);
        self.rows -= dropped;
        self.replaced += u64::from(dropped > 0);
        let rows = self.rows;
        self.axes
            .iter_mut()
            .flatten()
            .for_each(|axis| axis.truncate(rows));
        self.columns
            .iter_mut()
            .for_each(|column| column.values.truncate(rows));
        dropped
    }

    /// Sets an axis to 0 in all rows so far: its clock began behind them.
    pub(super) fn restart(&mut self, axis: Axis) {
        if let Some(positions) = &mut self.axes[axis as usize] {
            positions.fill(0.0);
            self.replaced += 1;
        }
    }

    /// Gives the one column of a table its name.
    pub(super) fn rename(&mut self, metric: Metric) {
        if let [column] = &mut self.columns[..] {
            column.metric = metric;
        }
    }

    /// Makes room for so many rows in all, where the memory is there.
    pub fn reserve(&mut self, rows: usize) {
        let more = rows.saturating_sub(self.rows);
        let columns = self.columns.iter_mut().map(|column| &mut column.values);
        for numbers in self.axes.iter_mut().flatten().chain(columns) {
            // What cannot be had now may be had when it is needed.
            let _ = numbers.try_reserve_exact(more);
        }
    }

    /// Gives unused memory back.
    pub fn shrink(&mut self) {
        self.axes.iter_mut().flatten().for_each(Vec::shrink_to_fit);
        self.columns
            .iter_mut()
            .for_each(|column| column.values.shrink_to_fit());
    }

    fn check(&self, at: &Position) -> Result<(), Reason> {
        for axis in Axis::ALL {
            let Some(column) = self.axis(axis) else { continue };
            match (at.on(axis), column.last()) {
                (None, _) => return Err(Reason::NoAxis { axis }),
                (Some(to), _) if !to.is_finite() => return Err(Reason::NotFinite { axis }),
                (Some(to), Some(&from)) if to < from => return Err(Reason::Falls { axis, from, to }),
                _ => {}
            }
        }
        Ok(())
    }

    /// Where a metric's column is; a new one is filled with NaN.
    fn column_index(&mut self, metric: &Metric) -> usize {
        let index = self.columns.iter().position(|column| column.metric == *metric);
        index.unwrap_or_else(|| {
            let values = vec![f64::NAN; self.rows];
            self.columns.push(Column {
                metric: metric.clone(),
                values,
            });
            self.columns.len() - 1
        })
    }
}

/// Whether finite positions go on from `last` as `fits` asks, each to the next.
fn follows(last: Option<f64>, new: &[f64], fits: impl Fn(f64, f64) -> bool) -> bool {
    let first = last.is_none_or(|last| new.first().is_none_or(|&first| fits(last, first)));
    first && new.iter().all(|at| at.is_finite()) && new.windows(2).all(|pair| fits(pair[0], pair[1]))
}
