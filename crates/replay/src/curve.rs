//! A series prepared for drawing at any zoom.

use blueberry_runlog::import::{Axis, Metric, RunData, Table};

use crate::pyramid::{Extremes, Pyramid};
use crate::smooth::{STEP_TOKENS, Smoother};

/// A metric of a run: its raw extremes and its smoothed values, of all rows, whatever is in view.
#[derive(Debug, Clone)]
pub struct Curve {
    span: f64,
    /// [`Table::replaced`] when it was prepared.
    replaced: u64,
    smoother: Smoother,
    smoothed: Vec<f64>,
    raw: Pyramid,
    smooth: Pyramid,
}

/// What the rows of one column of pixels hold.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Bucket {
    /// The first row.
    pub from: usize,
    /// The row behind the last; the bucket is empty where it is `from`.
    pub to: usize,
    /// Lowest and highest value, and whether some is not finite.
    pub extremes: Extremes,
    /// The value of the first row; NaN in an empty bucket.
    pub first: f64,
    /// The value of the last row; NaN in an empty bucket.
    pub last: f64,
}

impl Curve {
    /// Prepares a metric, smoothed over about `span` targets (see [`Smoother`]); `None` where the run lacks it.
    #[must_use]
    pub fn new(run: &RunData, metric: &Metric, span: f64) -> Option<Self> {
        let table = run.table(metric)?;
        let mut curve = Self {
            span,
            replaced: table.replaced(),
            smoother: Smoother::new(span),
            smoothed: Vec::new(),
            raw: Pyramid::default(),
            smooth: Pyramid::default(),
        };
        curve.extend(table, table.column(metric)?);
        Some(curve)
    }

    /// Takes what a followed run appended. Where rows were replaced, everything is prepared anew.
    ///
    /// Says `false` and changes nothing where the run lacks the metric.
    pub fn append(&mut self, run: &RunData, metric: &Metric) -> bool {
        let Some(table) = run.table(metric) else {
            return false;
        };
        if table.replaced() == self.replaced && table.rows() >= self.smoothed.len() {
            self.extend(table, table.column(metric).unwrap_or_default());
        } else if let Some(anew) = Self::new(run, metric, self.span) {
            *self = anew;
        }
        true
    }

    /// The smoothed values, one a row.
    #[must_use]
    pub fn smoothed(&self) -> &[f64] {
        &self.smoothed
    }

    /// The raw values between edges of pixels, which ascend; the last edge belongs to the last column.
    #[must_use]
    pub fn raw_buckets(&self, positions: &[f64], values: &[f64], edges: &[f64]) -> Vec<Bucket> {
        buckets(&self.raw, positions, values, edges)
    }

    /// The smoothed values between edges of pixels.
    #[must_use]
    pub fn smooth_buckets(&self, positions: &[f64], edges: &[f64]) -> Vec<Bucket> {
        buckets(&self.smooth, positions, &self.smoothed, edges)
    }

    /// The extremes of raw rows.
    #[must_use]
    pub fn extremes(&self, values: &[f64], from: usize, to: usize) -> Extremes {
        self.raw.extremes(values, from, to)
    }

    fn extend(&mut self, table: &Table, values: &[f64]) {
        let before = self.smoothed.len();
        self.smoothed.reserve(values.len().saturating_sub(before));
        let places = places(table);
        for (row, &value) in values.iter().enumerate().skip(before) {
            let smoothed = match places {
                Some((places, unit)) => self.smoother.next(places[row] * unit, value),
                None => value,
            };
            self.smoothed.push(smoothed);
        }
        self.raw.update(values, before);
        self.smooth.update(&self.smoothed, before);
    }
}

/// What smoothing counts, and how many targets one of it is; a log of times alone is not smoothed.
fn places(table: &Table) -> Option<(&[f64], f64)> {
    let tokens = table.axis(Axis::Tokens).map(|tokens| (tokens, 1.0));
    tokens.or_else(|| Some((table.axis(Axis::Step)?, STEP_TOKENS)))
}

fn buckets(pyramid: &Pyramid, positions: &[f64], values: &[f64], edges: &[f64]) -> Vec<Bucket> {
    let Some((&end, inner)) = edges.split_last() else {
        return Vec::new();
    };
    let behind = positions.partition_point(|&position| position <= end);
    let mut starts: Vec<usize> = inner
        .iter()
        .map(|&edge| positions.partition_point(|&position| position < edge))
        .collect();
    starts.push(behind);
    starts
        .windows(2)
        .map(|pair| bucket(pyramid, values, pair[0], pair[1].max(pair[0])))
        .collect()
}

fn bucket(pyramid: &Pyramid, values: &[f64], from: usize, to: usize) -> Bucket {
    let is_empty = from == to;
    Bucket {
        from,
        to,
        extremes: pyramid.extremes(values, from, to),
        first: if is_empty { f64::NAN } else { values[from] },
        last: if is_empty { f64::NAN } else { values[to - 1] },
    }
}
