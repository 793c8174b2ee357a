//! Charts for who cannot see them: each run's values at the playhead, and where they are going.

use serde::Deserialize;

use super::library::Library;
use crate::race::position;
use crate::{Axis, Metric, RunData, format, value_at};

/// Which charts, and where the playhead is.
#[derive(Debug, Clone, Deserialize)]
pub struct WordsRequest {
    /// Numbers of the runs.
    runs: Vec<u32>,
    /// The metrics of each chart, by key.
    charts: Vec<Vec<String>>,
    /// Key of the charts' axis.
    axis: String,
    /// The end of what is shown of it; all where it is absent.
    #[serde(default)]
    to: Option<f64>,
    /// Key of the playhead's axis.
    clock: String,
    /// The playhead: what lies behind it has not been seen yet.
    t: f64,
}

/// A text for each chart.
#[must_use]
pub fn words(library: &Library, request: &WordsRequest) -> Vec<String> {
    let axis = |key: &str| Axis::from_key(key).unwrap_or(Axis::Tokens);
    let (axis, clock) = (axis(&request.axis), axis(&request.clock));
    let runs: Vec<(&RunData, f64)> = request
        .runs
        .iter()
        .filter_map(|&id| {
            let run = library.run(id)?;
            let seen = position(run, clock, request.t).on(axis)?;
            Some((run, request.to.map_or(seen, |to| to.min(seen))))
        })
        .collect();
    let text = |metrics: &Vec<String>| {
        let metrics: Vec<Metric> = metrics.iter().map(|key| Metric::from_key(key)).collect();
        let sentences = runs.iter().flat_map(|(run, to)| {
            metrics
                .iter()
                .filter_map(|metric| sentence(run, metric, axis, *to))
        });
        sentences.collect::<Vec<_>>().join(" ")
    };
    request.charts.iter().map(text).collect()
}

fn sentence(run: &RunData, metric: &Metric, axis: Axis, to: f64) -> Option<String> {
    let (row, now) = value_at(run, metric, axis, to)?;
    let (positions, _) = run.series(metric, axis)?;
    let at = positions.get(row).copied()?;
    let before = value_at(run, metric, axis, 0.9 * at).map(|(_, value)| value);
    let trend = match before {
        // What is no number goes nowhere, and from it nothing does.
        _ if now.is_nan() => "",
        Some(before) if before.is_nan() => "",
        Some(before) if now < before => ", falling",
        Some(before) if now > before => ", rising",
        Some(_) => ", level",
        None => ", the first value",
    };
    let (name, value) = (format::name(metric), format::value(metric, now));
    Some(format!(
        "{}: {name} {value} at {}{trend}.",
        run.name,
        format::position(axis, at)
    ))
}
