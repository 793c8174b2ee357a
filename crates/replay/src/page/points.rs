//! Curves as lists of points, for the renderers; the layout of a point is that of `shaders/curves.wgsl`.

use serde::Serialize;

use crate::{Metric, Stroke, View};

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
    /// Width of the view in CSS pixels.
    pub width: f32,
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
    fn holds(&self, x: f32) -> bool {
        (self.left..=self.left + self.width).contains(&x)
    }

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

/// Whether points are shown as dots too: evaluations, which are few and exact, and what is too little for a line.
#[must_use]
pub fn is_dotted(stroke: &Stroke, metric: &Metric) -> bool {
    let most = if *metric == Metric::ValLoss { MOST_DOTS } else { 1 };
    stroke.line.len() <= most
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

/// A line goes on to the neighbours of the view, outside of it, and is cut where it leaves the chart.
fn line(numbers: &mut Vec<f32>, stroke: &Stroke, place: Place) {
    let mut pen = Pen {
        numbers,
        length: 0.0,
        at: None,
    };
    let mut before: Option<[f32; 2]> = None;
    for &[x, y] in &stroke.line {
        if x.is_nan() {
            before = None;
            continue;
        }
        let point = [place.x(x), place.y(y)];
        match before.map(|before| cut(before, point, place)) {
            Some(Some([from, to])) => {
                pen.go(from);
                pen.go(to);
            }
            Some(None) => {}
            None if place.holds(point[0]) => pen.start(point),
            None => pen.at = None,
        }
        before = Some(point);
    }
}

/// Writes points of a line.
struct Pen<'a> {
    numbers: &'a mut Vec<f32>,
    /// Of the line so far, for dashes.
    length: f32,
    at: Option<[f32; 2]>,
}

impl Pen<'_> {
    fn start(&mut self, point: [f32; 2]) {
        self.numbers.extend([point[0], point[1], self.length, 0.0]);
        self.at = Some(point);
    }

    fn go(&mut self, point: [f32; 2]) {
        let Some(at) = self.at else {
            return self.start(point);
        };
        // A log may be denser than pixels: what does not move the pen is left out.
        if at != point {
            self.length += (point[0] - at[0]).hypot(point[1] - at[1]);
            self.numbers.extend([point[0], point[1], self.length, 1.0]);
            self.at = Some(point);
        }
    }
}

/// The part of a segment that lies between the chart's sides; `None` where none does. Lines go to the right.
fn cut(from: [f32; 2], to: [f32; 2], place: Place) -> Option<[[f32; 2]; 2]> {
    let right = place.left + place.width;
    if to[0] < place.left || from[0] > right {
        return None;
    }
    let at = |x: f32| [x, from[1] + (to[1] - from[1]) * (x - from[0]) / (to[0] - from[0])];
    let begin = if from[0] < place.left {
        at(place.left)
    } else {
        from
    };
    let end = if to[0] > right { at(right) } else { to };
    Some([begin, end])
}

fn dots(numbers: &mut Vec<f32>, stroke: &Stroke, place: Place) {
    for &[x, y] in stroke.line.iter().filter(|[x, _]| place.holds(place.x(*x))) {
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
        width: 400.0,
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
    fn a_line_ends_at_the_sides_of_the_chart() {
        let stroke = Stroke {
            line: vec![
                [-100.0, 0.0],
                [100.0, 40.0],
                [700.0, 40.0],
                [900.0, 80.0],
                [1000.0, 80.0],
            ],
            ..Stroke::default()
        };
        let mut points = Points::default();
        points.add(&stroke, PLACE, OWNER, true);
        let xs: Vec<f32> = points.numbers.chunks(4).map(|point| point[0]).collect();
        assert_eq!(
            xs,
            [50.0, 100.0, 400.0, 450.0, 100.0, 400.0],
            "four of the line, two dots"
        );
        assert_eq!(points.numbers[1], 20.0, "cut half-way up");
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
