//! Questions of the page that are answered in JSON.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::library::Library;
use crate::{
    Axis, Comparison, LeadChange, Metric, Pace, Phase, RunSplits, Settings, SplitRow, Standing, differences,
    value_at,
};

/// Which race, and where its playhead is.
#[derive(Debug, Clone, Deserialize)]
pub struct RaceRequest {
    /// Numbers of the runs.
    pub runs: Vec<u32>,
    /// Key of the playhead's axis.
    pub clock: String,
    /// The playhead.
    pub t: f64,
    /// `best` (personal best), `segments` (best segments), or the number of a run.
    pub against: String,
    /// Validation losses of the splits.
    pub targets: Vec<f64>,
}

/// Which values: of all metrics at one position.
#[derive(Debug, Clone, Deserialize)]
pub struct ValuesRequest {
    /// Numbers of the runs.
    pub runs: Vec<u32>,
    /// Key of the axis.
    pub axis: String,
    /// The position.
    pub x: f64,
}

/// Numbers of runs.
#[derive(Debug, Clone, Deserialize)]
struct RunsRequest {
    runs: Vec<u32>,
}

/// Answers the question `method`.
///
/// # Errors
/// Where the request is not what the method takes.
pub fn ask(library: &mut Library, method: &str, request: &str) -> serde_json::Result<Value> {
    Ok(match method {
        "state" => state(library, &serde_json::from_str(request)?),
        "values" => values(library, &serde_json::from_str(request)?),
        "samples" => samples(library, &serde_json::from_str(request)?),
        "compare" => compare(library, &serde_json::from_str::<RunsRequest>(request)?.runs),
        "csv" => Value::String(super::csv(library, &serde_json::from_str(request)?)),
        _ => Value::Null,
    })
}

fn axis(key: &str) -> Axis {
    Axis::from_key(key).unwrap_or(Axis::Tokens)
}

fn state(library: &mut Library, request: &RaceRequest) -> Value {
    let settings = settings(library, request);
    let (race, ids) = library.race(&request.runs, settings);
    let state = race.state(request.t);
    let id = |place: Option<usize>| place.and_then(|place| ids.get(place).copied());
    let changes: Vec<Value> = state
        .lead_changes
        .iter()
        .map(|change| lead_change(change, id))
        .collect();
    let runs = ids.iter().zip(&state.runs).zip(&state.splits.runs);
    let runs: Vec<Value> = runs
        .map(|((&id, standing), splits)| run_state(id, standing, splits))
        .collect();
    json!({
        "t": state.at,
        "runs": runs,
        "leader": id(state.leader),
        "changes": changes,
        "sum_of_best_s": state.splits.sum_of_best_s,
    })
}

fn settings(library: &Library, request: &RaceRequest) -> Settings {
    let clock = axis(&request.clock);
    let has = |wanted: Axis| {
        request
            .runs
            .iter()
            .filter_map(|&id| library.run(id))
            .any(|run| run.has_axis(wanted))
    };
    let place = request
        .against
        .parse()
        .ok()
        .and_then(|id: u32| request.runs.iter().position(|&run| run == id));
    let mut settings = Settings {
        axis: clock,
        // Seconds of training count, unless the playhead counts others or no log has them.
        clock: match clock {
            Axis::TrainS | Axis::WallS => clock,
            _ if has(Axis::TrainS) => Axis::TrainS,
            _ => Axis::WallS,
        },
        comparison: match (place, request.against.as_str()) {
            (Some(place), _) => Comparison::Run(place),
            (None, "segments") => Comparison::BestSegments,
            (None, _) => Comparison::PersonalBest,
        },
        ..Settings::default()
    };
    settings.set_bars(&request.targets);
    settings
}

fn lead_change(change: &LeadChange, id: impl Fn(Option<usize>) -> Option<u32>) -> Value {
    json!({ "at": change.at, "from": id(change.from), "to": id(change.to) })
}

fn run_state(id: u32, standing: &Standing, splits: &RunSplits) -> Value {
    let position = standing.position;
    let rows: Vec<Value> = splits.rows.iter().map(split_row).collect();
    json!({
        "id": id,
        "phase": phase(standing.phase),
        "at": {
            "step": position.step,
            "tokens": position.tokens,
            "train_s": position.train_s,
            "wall_s": position.wall_s,
        },
        "val_loss": standing.val_loss,
        "train_loss": standing.train_loss,
        "progress": standing.progress,
        "rank": standing.rank,
        "splits": {
            "rows": rows,
            "best_possible_s": splits.best_possible_s,
            "possible_save_s": splits.possible_save_s,
            "live_delta_s": splits.live_delta_s,
        },
    })
}

fn split_row(row: &SplitRow) -> Value {
    json!({
        "bar": row.bar,
        "time_s": row.time_s,
        "tokens": row.tokens,
        "delta_s": row.delta_s,
        "delta_tokens": row.delta_tokens,
        "segment_s": row.segment_s,
        "possible_save_s": row.possible_save_s,
        "pace": row.pace.map(pace),
        "is_gold": row.is_gold,
    })
}

fn pace(pace: Pace) -> &'static str {
    match pace {
        Pace::AheadGaining => "ahead_gaining",
        Pace::AheadLosing => "ahead_losing",
        Pace::BehindGaining => "behind_gaining",
        Pace::BehindLosing => "behind_losing",
    }
}

fn phase(phase: Phase) -> &'static str {
    match phase {
        Phase::NoAxis => "no_axis",
        Phase::NotStarted => "not_started",
        Phase::Running => "running",
        Phase::LogEnds => "log_ends",
        Phase::Finished => "finished",
        Phase::Interrupted => "interrupted",
        Phase::Diverged => "diverged",
        Phase::Failed => "failed",
    }
}

/// A number, or what it is instead.
#[derive(Serialize)]
#[serde(untagged)]
enum Number {
    Finite(f64),
    Words(&'static str),
}

fn number(value: f64) -> Number {
    match value {
        value if value.is_finite() => Number::Finite(value),
        value if value.is_nan() => Number::Words("NaN"),
        value if value > 0.0 => Number::Words("infinity"),
        _ => Number::Words("-infinity"),
    }
}

fn values(library: &Library, request: &ValuesRequest) -> Value {
    let axis = axis(&request.axis);
    let runs = request.runs.iter().filter_map(|&id| Some((id, library.run(id)?)));
    let rows = runs.map(|(id, run)| {
        let value = |metric: &Metric| Some(number(value_at(run, metric, axis, request.x)?.1));
        let values: serde_json::Map<String, Value> = Metric::KNOWN
            .iter()
            .filter_map(|metric| Some((metric.key().to_owned(), json!(value(metric)?))))
            .collect();
        json!({ "id": id, "values": values })
    });
    Value::Array(rows.collect())
}

/// The latest sample of each run at or before the playhead.
fn samples(library: &mut Library, request: &RaceRequest) -> Value {
    let axis = axis(&request.clock);
    let runs = request.runs.iter().filter_map(|&id| Some((id, library.run(id)?)));
    let rows = runs.map(|(id, run)| {
        let seen = |place: Option<f64>| place.is_some_and(|place| place <= request.t);
        let sample = run.samples.iter().rfind(|sample| seen(sample.at.on(axis)));
        let sample = sample
            .map(|sample| json!({ "at": sample.at.on(axis), "prompt": sample.prompt, "text": sample.text }));
        json!({ "id": id, "of": run.samples.len(), "sample": sample })
    });
    Value::Array(rows.collect())
}

/// The settings in which the runs differ.
fn compare(library: &Library, runs: &[u32]) -> Value {
    let runs: Vec<_> = runs
        .iter()
        .filter_map(|&id| Some((id, library.run(id)?)))
        .collect();
    let configs: Vec<_> = runs.iter().map(|(_, run)| &run.config).collect();
    let rows: Vec<Value> = differences(&configs)
        .into_iter()
        .map(|difference| json!({ "key": difference.key, "values": difference.values }))
        .collect();
    json!({ "runs": runs.iter().map(|(id, _)| id).collect::<Vec<_>>(), "rows": rows })
}
