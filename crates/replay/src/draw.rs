//! What a renderer draws: pixels, so that every renderer draws the same.

use blueberry_runlog::import::{Axis, Metric, RunData};

use crate::crossing::row_at;
use crate::curve::{Bucket, Curve};
use crate::scale::Span;

/// Where a chart is drawn and what of it is shown.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct View {
    /// The axis along the bottom.
    pub axis: Axis,
    /// What of it is shown.
    pub x: Span,
    /// What of the values is shown.
    pub y: Span,
    /// Width in device pixels.
    pub width: usize,
    /// Height in device pixels.
    pub height: usize,
    /// Only rows at or before here are drawn; the playhead.
    pub until: f64,
}

/// One curve in pixels, x to the right, y down, as a renderer takes it.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Stroke {
    /// The raw values as bars: x, top, bottom, one for each column of pixels with a number in it.
    pub envelope: Vec<[f32; 3]>,
    /// The smoothed line: x, y. `[NaN, NaN]` lifts the pen.
    pub line: Vec<[f32; 2]>,
    /// Where values are not finite: x.
    pub gaps: Vec<f32>,
}

/// Most rows in view, as a multiple of the width, that are drawn one by one.
const SPARSE: usize = 2;
const LIFT: [f32; 2] = [f32::NAN, f32::NAN];

impl View {
    /// The stroke of a metric; empty where the run lacks it on this axis.
    #[must_use]
    pub fn stroke(&self, run: &RunData, metric: &Metric, curve: &Curve) -> Stroke {
        let Some((positions, values)) = run.series(metric, self.axis) else {
            return Stroke::default();
        };
        let seen = row_at(positions, self.until)
            .map_or(0, |row| row + 1)
            .min(curve.smoothed().len());
        let (positions, values) = (&positions[..seen], &values[..seen]);
        let edges = self.x.edges(self.width);
        let raw = curve.raw_buckets(positions, values, &edges);
        Stroke {
            envelope: self.envelope(&raw),
            line: self.line(positions, curve, &edges),
            gaps: self.gaps(&raw),
        }
    }

    /// The pixel of a position.
    #[must_use]
    pub fn x_pixel(&self, position: f64) -> f32 {
        pixel(self.x.fraction(position), self.width)
    }

    /// The pixel of a value; y grows downwards.
    #[must_use]
    pub fn y_pixel(&self, value: f64) -> f32 {
        pixel(1.0 - self.y.fraction(value), self.height)
    }

    fn envelope(&self, buckets: &[Bucket]) -> Vec<[f32; 3]> {
        let with_number = buckets
            .iter()
            .enumerate()
            .filter(|(_, bucket)| bucket.extremes.has_number());
        with_number
            .map(|(column, bucket)| {
                [
                    column as f32 + 0.5,
                    self.y_pixel(bucket.extremes.max),
                    self.y_pixel(bucket.extremes.min),
                ]
            })
            .collect()
    }

    fn gaps(&self, buckets: &[Bucket]) -> Vec<f32> {
        let with_gap = buckets
            .iter()
            .enumerate()
            .filter(|(_, bucket)| bucket.extremes.has_gap);
        with_gap.map(|(column, _)| column as f32 + 0.5).collect()
    }

    fn line(&self, positions: &[f64], curve: &Curve, edges: &[f64]) -> Vec<[f32; 2]> {
        // The neighbours outside the view, so that the line goes on to its edges.
        let from = positions
            .partition_point(|&position| position < self.x.from)
            .saturating_sub(1);
        let to = (positions.partition_point(|&position| position <= self.x.to) + 1).min(positions.len());
        if to.saturating_sub(from) <= SPARSE * self.width {
            let rows = from..to.max(from);
            return rows
                .map(|row| self.point(positions[row], curve.smoothed()[row]))
                .collect();
        }
        let mut line = Vec::with_capacity(4 * self.width);
        for (column, bucket) in curve.smooth_buckets(positions, edges).iter().enumerate() {
            self.column(&mut line, column as f32 + 0.5, bucket);
        }
        line
    }

    /// A column of a dense line: in by the first value, over both extremes, out by the last.
    fn column(&self, line: &mut Vec<[f32; 2]>, x: f32, bucket: &Bucket) {
        if bucket.from == bucket.to {
            return;
        }
        let extremes = [bucket.extremes.min, bucket.extremes.max]
            .into_iter()
            .filter(|_| bucket.extremes.has_number());
        for value in std::iter::once(bucket.first).chain(extremes).chain([bucket.last]) {
            line.push(if value.is_finite() {
                [x, self.y_pixel(value)]
            } else {
                LIFT
            });
        }
    }

    fn point(&self, position: f64, value: f64) -> [f32; 2] {
        if value.is_finite() {
            [self.x_pixel(position), self.y_pixel(value)]
        } else {
            LIFT
        }
    }
}

/// Far outside is far enough: what has no place on a logarithmic axis, and what a GPU could not take.
fn pixel(fraction: f64, pixels: usize) -> f32 {
    (fraction.clamp(-10.0, 10.0) * pixels as f64) as f32
}
