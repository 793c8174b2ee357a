//! A chart: curves of some metrics of some runs over one axis, in pixels.

use serde::{Deserialize, Serialize};

use super::library::Library;
use super::points::{self, Owner, Place, PointSpan, Points};
use crate::{Axis, Metric, Scale, Span, View, format, ticks};

/// Most runs of a chart.
pub const MOST_RUNS: usize = 200;

/// What the page wants drawn. Lengths are CSS pixels.
#[derive(Debug, Clone, Deserialize)]
pub struct ChartRequest {
    /// Keys of the metrics that share the chart.
    pub metrics: Vec<String>,
    /// Numbers of the runs.
    pub runs: Vec<u32>,
    /// Key of the axis.
    pub axis: String,
    /// Whether the axis is logarithmic.
    #[serde(default)]
    pub xlog: bool,
    /// Whether values are.
    #[serde(default)]
    pub ylog: bool,
    /// Targets over which lines are smoothed.
    #[serde(default)]
    pub smooth: f64,
    /// What of the axis is shown; all where it is absent.
    #[serde(default)]
    pub zoom: Option<(f64, f64)>,
    /// Values that are marked across.
    #[serde(default)]
    pub bars: Vec<f64>,
    /// Size of the chart.
    pub width: f32,
    /// Size of the chart.
    pub height: f32,
    /// Device pixels in a CSS pixel.
    #[serde(default = "one")]
    pub ratio: f32,
    /// Room around the curves.
    pub margin: Margin,
}

fn one() -> f32 {
    1.0
}

/// Room around the curves, in CSS pixels.
#[derive(Debug, Clone, Copy, Deserialize)]
pub struct Margin {
    /// For the numbers of the values.
    pub left: f32,
    /// Free.
    pub right: f32,
    /// Free.
    pub top: f32,
    /// For the numbers of the axis.
    pub bottom: f32,
}

/// A chart as it is drawn.
#[derive(Debug)]
pub struct Drawn {
    /// The curves.
    pub points: Points,
    /// Everything else.
    pub about: About,
}

/// What is around the curves.
#[derive(Debug, Serialize)]
pub struct About {
    /// What the points are.
    pub spans: Vec<PointSpan>,
    /// Key of the axis that the curves are drawn over.
    axis: &'static str,
    x_ticks: Vec<Tick>,
    y_ticks: Vec<Tick>,
    bars: Vec<f32>,
    domain: Domain,
    /// The whole axis, from and to.
    whole: (f64, f64),
    xlog: bool,
    /// Why there is nothing to see.
    absent: Option<String>,
}

/// What is shown of both axes.
#[derive(Debug, Serialize)]
struct Domain {
    x: (f64, f64),
    y: (f64, f64),
}

/// A number at an axis.
#[derive(Debug, Serialize)]
struct Tick {
    px: f32,
    label: String,
}

/// Draws a chart.
#[must_use]
pub fn chart(library: &mut Library, request: &ChartRequest) -> Drawn {
    let axis = Axis::from_key(&request.axis).unwrap_or(Axis::Tokens);
    let metrics: Vec<Metric> = request.metrics.iter().map(|key| Metric::from_key(key)).collect();
    let runs: Vec<u32> = request.runs.iter().copied().take(MOST_RUNS).collect();
    let whole = whole(library, &runs, axis, request.xlog);
    let scale = |log| if log { Scale::Log } else { Scale::Linear };
    let (from, to) = request.zoom.unwrap_or(whole);
    let x = Span::new(from, to, scale(request.xlog));
    let y = values(library, &runs, &metrics, axis, x, request);
    let place = place(request);
    let inner = place.width;
    let view = View {
        axis,
        x,
        y,
        width: points::device_pixels(inner, place.ratio),
        height: points::device_pixels(place.height, place.ratio),
        until: f64::INFINITY,
    };
    let mut points = Points::default();
    for &id in &runs {
        for metric in &metrics {
            add(&mut points, library, (id, metric), &view, place, request.smooth);
        }
    }
    let about = About {
        absent: absent(library, &runs, &metrics, axis, &points),
        spans: std::mem::take(&mut points.spans),
        axis: axis.key(),
        x_ticks: x_ticks(&view, place, inner),
        y_ticks: y_ticks(&view, place, &metrics),
        bars: bars(&view, place, &request.bars),
        domain: Domain {
            x: (x.from, x.to),
            y: (y.from, y.to),
        },
        whole,
        xlog: request.xlog,
    };
    Drawn { points, about }
}

fn place(request: &ChartRequest) -> Place {
    Place {
        left: request.margin.left,
        top: request.margin.top,
        ratio: if request.ratio.is_finite() {
            request.ratio.clamp(0.5, 4.0)
        } else {
            1.0
        },
        width: (request.width - request.margin.left - request.margin.right).max(1.0),
        height: (request.height - request.margin.top - request.margin.bottom).max(1.0),
    }
}

fn add(
    points: &mut Points,
    library: &mut Library,
    (id, metric): (u32, &Metric),
    view: &View,
    place: Place,
    smooth: f64,
) {
    // An evaluation is a mean over a million targets already.
    let span = if *metric == Metric::ValLoss { 0.0 } else { smooth };
    let Some((run, curve)) = library.curve(id, metric, span) else {
        return;
    };
    let stroke = view.stroke(run, metric, curve);
    let owner = Owner {
        run: id,
        metric: metric.key(),
        raw: span <= 0.0,
    };
    points.add(&stroke, place, owner, points::is_dotted(&stroke, metric));
}

/// The axis from its begin to the furthest run's end.
fn whole(library: &Library, runs: &[u32], axis: Axis, log: bool) -> (f64, f64) {
    let runs = runs.iter().filter_map(|&id| library.run(id));
    let tables: Vec<&[f64]> = runs
        .flat_map(|run| &run.tables)
        .filter_map(|table| table.axis(axis))
        .collect();
    let end = tables
        .iter()
        .filter_map(|axis| axis.last())
        .copied()
        .fold(0.0, f64::max);
    if !log {
        return (0.0, if end > 0.0 { end } else { 1.0 });
    }
    let firsts = tables
        .iter()
        .filter_map(|axis| axis.get(axis.partition_point(|&at| at <= 0.0)));
    let begin = firsts.copied().fold(f64::INFINITY, f64::min);
    if begin < end {
        (begin, end)
    } else {
        (end.max(1.0) / 10.0, end.max(1.0))
    }
}

/// The values in view, raw, with some air.
fn values(
    library: &mut Library,
    runs: &[u32],
    metrics: &[Metric],
    axis: Axis,
    x: Span,
    request: &ChartRequest,
) -> Span {
    let (mut min, mut max) = (f64::INFINITY, f64::NEG_INFINITY);
    for &id in runs {
        for metric in metrics {
            let span = if *metric == Metric::ValLoss {
                0.0
            } else {
                request.smooth
            };
            let Some((run, curve)) = library.curve(id, metric, span) else {
                continue;
            };
            let Some((positions, values)) = run.series(metric, axis) else {
                continue;
            };
            let from = positions.partition_point(|&at| at < x.from).saturating_sub(1);
            let to = (positions.partition_point(|&at| at <= x.to) + 1).min(positions.len());
            let extremes = curve.extremes(values, from, to);
            (min, max) = (min.min(extremes.min), max.max(extremes.max));
        }
    }
    padded(min, max, request.ylog)
}

fn padded(min: f64, max: f64, log: bool) -> Span {
    if min > max {
        return Span::new(0.0, 1.0, Scale::Linear);
    }
    if log && max > 0.0 {
        let min = if min > 0.0 { min } else { max / 1e6 };
        let air = (max / min).powf(0.04).max(1.0001);
        return Span::new(min / air, max * air, Scale::Log);
    }
    let air = 0.04 * (max - min);
    // A curve that stays near zero stands on it.
    let from = if min >= 0.0 && min < 0.35 * max {
        0.0
    } else {
        min - air
    };
    Span::new(from, max + air, Scale::Linear)
}

fn x_ticks(view: &View, place: Place, inner: f32) -> Vec<Tick> {
    let count = (inner / 90.0).max(2.0) as usize;
    let at = ticks(&view.x, count, view.axis.is_time());
    let tick = |value: f64| Tick {
        px: points::css_x(view, place, value),
        label: format::position(view.axis, value),
    };
    at.into_iter().map(tick).collect()
}

fn y_ticks(view: &View, place: Place, metrics: &[Metric]) -> Vec<Tick> {
    let count = (place.height / 34.0).max(2.0) as usize;
    let metric = metrics.first().unwrap_or(&Metric::ValLoss);
    let at = ticks(&view.y, count, false);
    let tick = |&value: &f64| Tick {
        px: points::css_y(view, place, value),
        label: label(metric, value),
    };
    at.iter().map(tick).collect()
}

/// A round value, without the digits that a measured one would have.
fn label(metric: &Metric, value: f64) -> String {
    match metric {
        Metric::Mfu => format::value(metric, value),
        // Short, so that it fits the margin; the axis' name says what it is.
        Metric::MemoryBytes => format!("{:.1}G", value / f64::from(1 << 30)),
        _ if value.abs() >= 1000.0 => format::count(value),
        _ if value != 0.0 && value.abs() < 1e-3 => format!("{value:e}"),
        _ => format!("{value}"),
    }
}

fn bars(view: &View, place: Place, bars: &[f64]) -> Vec<f32> {
    let inside = bars
        .iter()
        .filter(|&&bar| (view.y.from..=view.y.to).contains(&bar));
    inside
        .take(64)
        .map(|&bar| points::css_y(view, place, bar))
        .collect()
}

/// Why there is nothing to see, where there is nothing.
fn absent(
    library: &Library,
    runs: &[u32],
    metrics: &[Metric],
    axis: Axis,
    points: &Points,
) -> Option<String> {
    if !points.spans.is_empty() {
        return None;
    }
    let runs: Vec<_> = runs.iter().filter_map(|&id| library.run(id)).collect();
    let names: Vec<&str> = metrics.iter().map(format::name).collect();
    let mut tables = runs
        .iter()
        .flat_map(|run| metrics.iter().filter_map(|metric| run.table(metric)));
    let has_axis = tables.clone().any(|table| table.axis(axis).is_some());
    let has_metric = tables.next().is_some();
    Some(if runs.is_empty() {
        "No run is shown.".to_owned()
    } else if has_metric && has_axis {
        "Nothing of these logs lies in this part of the axis.".to_owned()
    } else if has_metric {
        format!("These logs have no axis \"{}\".", format::axis_name(axis))
    } else {
        format!("Not in these logs: {}.", names.join(", ").to_lowercase())
    })
}
