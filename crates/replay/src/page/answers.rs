//! Questions of the page that are answered in JSON.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::library::{Library, short};
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
    /// Whose splits are answered; all where it is absent.
    #[serde(default)]
    pub chosen: Option<u32>,
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

/// Most settings that are compared: a person reads no more, and a browser that lays out very many stands still.
const MOST_SETTINGS: usize = 500;
/// Most letters of a setting.
const SETTING: usize = 200;
/// Most letters of a sample of text.
const TEXT: usize = 20_000;

/// Answers the question `method`; request and answer are JSON.
///
/// # Errors
/// Where the request is not what the method takes.
pub fn ask(library: &mut Library, method: &str, request: &str) -> serde_json::Result<String> {
    let answer = match method {
        // Asked in every frame, so it is written at once.
        "state" => return serde_json::to_string(&state(library, &serde_json::from_str(request)?)),
        // Of some hundred megabytes there is no room for two.
        "csv" => return serde_json::to_string(&super::csv(library, &serde_json::from_str(request)?)),
        "values" => values(library, &serde_json::from_str(request)?),
        "words" => json!(super::words::words(library, &serde_json::from_str(request)?)),
        "samples" => samples(library, &serde_json::from_str(request)?),
        "compare" => compare(library, &serde_json::from_str::<RunsRequest>(request)?.runs),
        _ => Value::Null,
    };
    serde_json::to_string(&answer)
}

fn axis(key: &str) -> Axis {
    Axis::from_key(key).unwrap_or(Axis::Tokens)
}

/// How the race stands.
#[derive(Serialize)]
struct StateAnswer {
    t: f64,
    /// What the times of the splits are of.
    clock: &'static str,
    runs: Vec<RunAnswer>,
    leader: Option<u32>,
    changes: Vec<ChangeAnswer>,
    sum_of_best_s: Option<f64>,
}

#[derive(Serialize)]
struct ChangeAnswer {
    at: f64,
    from: Option<u32>,
    to: Option<u32>,
}

#[derive(Serialize)]
struct RunAnswer {
    id: u32,
    phase: &'static str,
    at: AtAnswer,
    val_loss: Option<Number>,
    train_loss: Option<Number>,
    #[serde(skip_serializing_if = "Option::is_none")]
    splits: Option<SplitsAnswer>,
}

#[derive(Serialize)]
struct AtAnswer {
    step: Option<f64>,
    tokens: Option<f64>,
    train_s: Option<f64>,
    wall_s: Option<f64>,
}

#[derive(Serialize)]
struct SplitsAnswer {
    rows: Vec<RowAnswer>,
    personal_best: Option<u32>,
    best_possible_s: Option<f64>,
    possible_save_s: Option<f64>,
    live_delta_s: Option<f64>,
}

#[derive(Serialize)]
struct RowAnswer {
    bar: f64,
    time_s: Option<f64>,
    tokens: Option<f64>,
    delta_s: Option<f64>,
    delta_tokens: Option<f64>,
    segment_s: Option<f64>,
    possible_save_s: Option<f64>,
    pace: Option<&'static str>,
    is_gold: bool,
}

fn state(library: &mut Library, request: &RaceRequest) -> StateAnswer {
    let settings = settings(library, request);
    let (race, ids) = library.race(&request.runs, settings);
    let state = race.state(request.t);
    let id = |place: Option<usize>| place.and_then(|place| ids.get(place).copied());
    let change = |change: &LeadChange| ChangeAnswer {
        at: change.at,
        from: id(Some(change.from)),
        to: id(Some(change.to)),
    };
    let runs = ids.iter().zip(&state.runs).zip(&state.splits.runs);
    let answers = runs.enumerate().map(|(place, ((&run, standing), splits))| {
        let is_wanted = request.chosen.is_none_or(|chosen| chosen == run);
        let personal_best = id(race.splits().personal_best(place));
        run_state(
            run,
            standing,
            is_wanted.then(|| splits_answer(splits, personal_best)),
        )
    });
    StateAnswer {
        t: state.at,
        clock: race.settings().clock.key(),
        runs: answers.collect(),
        leader: id(state.leader),
        changes: state.lead_changes.iter().map(change).collect(),
        sum_of_best_s: state.splits.sum_of_best_s,
    }
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

fn run_state(id: u32, standing: &Standing, splits: Option<SplitsAnswer>) -> RunAnswer {
    let position = standing.position;
    RunAnswer {
        id,
        phase: phase(standing.phase),
        at: AtAnswer {
            step: position.step,
            tokens: position.tokens,
            train_s: position.train_s,
            wall_s: position.wall_s,
        },
        val_loss: standing.val_loss.map(number),
        train_loss: standing.train_loss.map(number),
        splits,
    }
}

fn splits_answer(splits: &RunSplits, personal_best: Option<u32>) -> SplitsAnswer {
    SplitsAnswer {
        rows: splits.rows.iter().map(split_row).collect(),
        personal_best,
        best_possible_s: splits.best_possible_s,
        possible_save_s: splits.possible_save_s,
        live_delta_s: splits.live_delta_s,
    }
}

fn split_row(row: &SplitRow) -> RowAnswer {
    RowAnswer {
        bar: row.bar,
        time_s: row.time_s,
        tokens: row.tokens,
        delta_s: row.delta_s,
        delta_tokens: row.delta_tokens,
        segment_s: row.segment_s,
        possible_save_s: row.possible_save_s,
        pace: row.pace.map(pace),
        is_gold: row.is_gold,
    }
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
        // Behind its end a run has no values, and the last ones are not those of there.
        let end = run.furthest(axis).filter(|&end| request.x > end);
        json!({ "id": id, "values": values, "end": end })
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
            .map(|sample| json!({ "at": sample.at.on(axis), "prompt": short(&sample.prompt, TEXT), "text": short(&sample.text, TEXT) }));
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
    let differences = differences(&configs);
    let value = |value: &Option<String>| value.as_deref().map(|value| short(value, SETTING));
    let rows: Vec<Value> = differences
        .iter()
        .take(MOST_SETTINGS)
        .map(|one| json!({ "key": short(&one.key, SETTING), "values": one.values.iter().map(value).collect::<Vec<_>>() }))
        .collect();
    json!({ "left_out": differences.len() - rows.len(), "rows": rows })
}
