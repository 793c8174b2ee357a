//! Curves as lists of points, for the renderers; the layout of a point is that of `shaders/curves.wgsl`.

use serde::Serialize;

use crate::{Stroke, View};

/// Radius of an evaluation's dot in CSS pixels.
const DOT: f32 = 2.6;
/// Radius of the mark of a value that is no number.
const GAP: f32 = 1.8;
/// Most device pixels between two columns of one band.
const MOST_GAP: f32 = 12.0;
/// Most dots of a curve; more would be a line of their own.
const MOST_DOTS: usize = 80;

/// What a span of points is drawn as.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// Joined: x, y, length so far, 1 where joined to the point before.
    Line,
    /// Boxes: left, right, top, bottom.
    Band,
    /// Dots: x, y, radius, unused.
    Mark,
}

/// Points that are drawn in one way.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct PointSpan {
    /// Number of the run.
    pub run: u32,
    /// Key of the metric.
    pub metric: String,
    /// How they are drawn.
    pub kind: Kind,
    /// The first point.
    pub first: usize,
    /// How many there are.
    pub count: usize,
    /// Whether the values are unsmoothed.
    pub raw: bool,
}

/// Points of all curves of a chart, in CSS pixels from its top left.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Points {
    /// Four numbers a point.
    pub numbers: Vec<f32>,
    /// What they are.
    pub spans: Vec<PointSpan>,
}

/// Where a view lies in the chart and how many of its pixels are one CSS pixel.
#[derive(Debug, Clone, Copy)]
pub struct Place {
    /// CSS pixels left of it.
    pub left: f32,
    /// CSS pixels above it.
    pub top: f32,
    /// Device pixels in a CSS pixel.
    pub ratio: f32,
    /// Height of the view in CSS pixels.
    pub height: f32,
}

/// Whose curve it is.
#[derive(Debug, Clone, Copy)]
pub struct Owner<'a> {
    /// Number of the run.
    pub run: u32,
    /// Key of the metric.
    pub metric: &'a str,
    /// Whether the line is unsmoothed.
    pub raw: bool,
}

impl Place {
    fn x(&self, x: f32) -> f32 {
        self.left + x / self.ratio
    }

    /// Kept near the chart: what is far outside is not seen, and a renderer clips it less exactly.
    fn y(&self, y: f32) -> f32 {
        self.top + (y / self.ratio).clamp(-0.5 * self.height, 1.5 * self.height)
    }
}

impl Points {
    /// Adds a stroke: its envelope where that shows more than the line, the line, and what is no number.
    pub fn add(&mut self, stroke: &Stroke, place: Place, owner: Owner<'_>, is_dotted: bool) {
        self.span(owner, Kind::Band, |numbers| band(numbers, stroke, place));
        self.span(owner, Kind::Line, |numbers| line(numbers, stroke, place));
        if is_dotted {
            self.span(owner, Kind::Mark, |numbers| dots(numbers, stroke, place));
        }
        self.span(owner, Kind::Mark, |numbers| gaps(numbers, stroke, place));
    }

    fn span(&mut self, owner: Owner<'_>, kind: Kind, fill: impl FnOnce(&mut Vec<f32>)) {
        let first = self.numbers.len() / 4;
        fill(&mut self.numbers);
        let count = self.numbers.len() / 4 - first;
        if count > 0 {
            self.spans.push(PointSpan {
                run: owner.run,
                metric: owner.metric.to_owned(),
                kind,
                first,
                count,
                raw: owner.raw,
            });
        }
    }
}

/// Whether a metric's points are shown as dots too: evaluations are few and exact.
#[must_use]
pub fn is_dotted(stroke: &Stroke) -> bool {
    stroke.line.len() <= MOST_DOTS
}

/// Columns reach half-way to their neighbours, so that a log with fewer rows than pixels has a band and no bars.
fn band(numbers: &mut Vec<f32>, stroke: &Stroke, place: Place) {
    let reach = |from: f32, to: Option<&[f32; 3]>| {
        let gap = to.map_or(1.0, |to| (to[0] - from).abs());
        if gap <= MOST_GAP { gap / 2.0 } else { 0.5 }
    };
    for (column, &[x, top, bottom]) in stroke.envelope.iter().enumerate() {
        let before = column
            .checked_sub(1)
            .and_then(|before| stroke.envelope.get(before));
        let (left, right) = (
            x - reach(x, before),
            x + reach(x, stroke.envelope.get(column + 1)),
        );
        numbers.extend([place.x(left), place.x(right), place.y(top), place.y(bottom)]);
    }
}

fn line(numbers: &mut Vec<f32>, stroke: &Stroke, place: Place) {
    let mut length = 0.0;
    let mut before: Option<[f32; 2]> = None;
    for &[x, y] in &stroke.line {
        if x.is_nan() {
            before = None;
            continue;
        }
        let at = [place.x(x), place.y(y)];
        // A log may be denser than pixels: what does not move the pen is left out.
        if before == Some(at) {
            continue;
        }
        length += before.map_or(0.0, |[px, py]| (at[0] - px).hypot(at[1] - py));
        numbers.extend([at[0], at[1], length, f32::from(u8::from(before.is_some()))]);
        before = Some(at);
    }
}

fn dots(numbers: &mut Vec<f32>, stroke: &Stroke, place: Place) {
    for &[x, y] in stroke.line.iter().filter(|[x, _]| !x.is_nan()) {
        numbers.extend([place.x(x), place.y(y), DOT, 0.0]);
    }
}

/// What is no number has no height: it is marked at the top.
fn gaps(numbers: &mut Vec<f32>, stroke: &Stroke, place: Place) {
    for &x in &stroke.gaps {
        numbers.extend([place.x(x), place.top + GAP, GAP, 0.0]);
    }
}

/// The size of a view in device pixels.
#[must_use]
pub fn device_pixels(css: f32, ratio: f32) -> usize {
    (css * ratio).round().clamp(1.0, 16_384.0) as usize
}

/// The CSS pixel of a value on a view.
#[must_use]
pub fn css_y(view: &View, place: Place, value: f64) -> f32 {
    place.top + view.y_pixel(value) / place.ratio
}

/// The CSS pixel of a position on a view.
#[must_use]
pub fn css_x(view: &View, place: Place, position: f64) -> f32 {
    place.left + view.x_pixel(position) / place.ratio
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLACE: Place = Place {
        left: 50.0,
        top: 10.0,
        ratio: 2.0,
        height: 100.0,
    };
    const OWNER: Owner<'static> = Owner {
        run: 7,
        metric: "val_loss",
        raw: true,
    };

    #[test]
    fn a_lifted_pen_starts_a_new_line() {
        let lift = [f32::NAN, f32::NAN];
        let stroke = Stroke {
            line: vec![[0.0, 0.0], [6.0, 8.0], lift, [10.0, 8.0], [10.0, 8.0]],
            ..Stroke::default()
        };
        let mut points = Points::default();
        points.add(&stroke, PLACE, OWNER, false);
        assert_eq!(points.spans.len(), 1);
        let rows: Vec<&[f32]> = points.numbers.chunks(4).collect();
        assert_eq!(
            rows,
            [
                [50.0, 10.0, 0.0, 0.0],
                [53.0, 14.0, 5.0, 1.0],
                [55.0, 14.0, 5.0, 0.0]
            ]
        );
    }

    #[test]
    fn bands_are_columns_and_gaps_stand_at_the_top() {
        let stroke = Stroke {
            envelope: vec![[0.5, 20.0, 40.0]],
            gaps: vec![3.0],
            ..Stroke::default()
        };
        let mut points = Points::default();
        points.add(&stroke, PLACE, OWNER, true);
        let kinds: Vec<Kind> = points.spans.iter().map(|span| span.kind).collect();
        assert_eq!(kinds, [Kind::Band, Kind::Mark]);
        assert_eq!(points.numbers[..4], [50.0, 50.5, 20.0, 30.0]);
        assert_eq!(points.numbers[4..8], [51.5, 11.8, 1.8, 0.0]);
        assert_eq!(points.spans[1].first, 1);
    }
}
