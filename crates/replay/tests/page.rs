//! What the page asks, asked without a browser.
#![allow(clippy::unwrap_used)] // helpers of tests

use blueberry_replay::page::{ChartRequest, Library, chart, csv};
use serde_json::{Value, json};

const SMALL: &str = include_str!("../../runlog/tests/small.jsonl");
const FALLING: &[f64] = &[11.0, 8.0, 6.0, 5.0, 4.0];

/// A library with llm.c logs of these training losses, a step each, and their numbers.
fn library(runs: &[&[f64]]) -> (Library, Vec<u32>) {
    let mut library = Library::default();
    let open = |losses: &&[f64]| {
        let line = |(step, loss): (usize, &f64)| format!("s:{step} trl:{loss:.4}\n");
        let lines: String = losses.iter().enumerate().map(line).collect();
        let text = format!("s:0 tel:11.0000\n{lines}s:{} tel:3.5000\n", losses.len());
        library.open("llm.log", text.as_bytes()).unwrap().runs[0].id
    };
    let ids = runs.iter().map(open).collect();
    (library, ids)
}

#[allow(clippy::needless_pass_by_value)] // written where it is called
fn request(runs: &[u32], more: Value) -> ChartRequest {
    let mut request = json!({
        "metrics": ["train_loss", "val_loss"], "runs": runs, "axis": "step", "width": 460, "height": 232,
        "margin": { "left": 50, "right": 10, "top": 10, "bottom": 22 },
    });
    request
        .as_object_mut()
        .unwrap()
        .extend(more.as_object().unwrap().clone());
    serde_json::from_value(request).unwrap()
}

fn ask(library: &mut Library, method: &str, question: &str) -> Value {
    let answer = blueberry_replay::page::ask(library, method, question).unwrap();
    serde_json::from_str(&answer).unwrap()
}

fn about(library: &mut Library, request: &ChartRequest) -> Value {
    serde_json::to_value(chart(library, request).about).unwrap()
}

#[test]
fn a_chart_lies_within_its_margins_and_is_whole() {
    let (mut library, runs) = library(&[FALLING]);
    let drawn = chart(&mut library, &request(&runs, json!({})));
    let spans = &drawn.about.spans;
    let count: usize = spans.iter().map(|span| span.count).sum();
    assert_eq!(count * 4, drawn.points.numbers.len(), "every point is in a span");
    let is_line = |span: &&blueberry_replay::page::PointSpan| {
        span.kind == blueberry_replay::page::Kind::Line && span.metric == "train_loss"
    };
    let line = spans.iter().find(is_line).unwrap();
    let points: Vec<&[f32]> = drawn.points.numbers.chunks(4).skip(line.first).take(5).collect();
    assert!(
        (points[0][0] - 50.0).abs() < 0.01,
        "step 0 stands at the left margin: {points:?}"
    );
    assert!(
        (points[4][0] - 370.0).abs() < 0.01,
        "step 4 of 5 at four fifths: {points:?}"
    );
    assert!(
        points.iter().all(|point| (10.0..=210.0).contains(&point[1])),
        "{points:?}"
    );
    assert!(
        points.windows(2).all(|pair| pair[0][1] < pair[1][1]),
        "a loss that falls goes down: {points:?}"
    );
}

#[test]
fn a_zoom_shows_its_part_and_the_whole_is_still_known() {
    let (mut library, runs) = library(&[FALLING]);
    let about = about(&mut library, &request(&runs, json!({ "zoom": [1.0, 3.0] })));
    assert_eq!(about["domain"]["x"], json!([1.0, 3.0]));
    assert_eq!(about["whole"], json!([0.0, 5.0]));
}

#[test]
fn a_chart_without_curves_says_why() {
    let (mut library, runs) = library(&[FALLING]);
    let mut reason = |runs: &[u32], more| about(&mut library, &request(runs, more))["absent"].clone();
    assert_eq!(
        reason(&runs, json!({ "metrics": ["mfu"] })),
        "Not in these logs: model flop utilisation."
    );
    assert_eq!(
        reason(&runs, json!({ "axis": "tokens" })),
        "These logs have no axis \"Tokens\"."
    );
    assert_eq!(
        reason(&runs, json!({ "zoom": [1e6, 2e6] })),
        "Nothing of these logs lies in this part of the axis."
    );
    assert_eq!(reason(&[], json!({})), "No run is shown.");
    assert_eq!(reason(&[99], json!({})), "No run is shown.");
    assert_eq!(reason(&runs, json!({})), Value::Null);
}

#[test]
fn charts_are_said_in_words_as_far_as_the_playhead_has_come() {
    let (mut library, runs) = library(&[FALLING]);
    let mut words = |t: f64, to: Option<f64>| -> Vec<String> {
        let charts = [["train_loss", "val_loss"].as_slice(), &["mfu"]];
        let request =
            json!({ "runs": runs, "charts": charts, "axis": "step", "to": to, "clock": "step", "t": t });
        serde_json::from_value(ask(&mut library, "words", &request.to_string())).unwrap()
    };
    let all = words(5.0, None);
    assert!(all[0].contains("Training loss 4.0000 at 4, falling."), "{all:?}");
    assert!(
        all[0].contains("Validation loss 3.5000 at 5, falling."),
        "{all:?}"
    );
    assert_eq!(all[1], "");
    for seen in [words(2.0, None), words(5.0, Some(2.0))] {
        assert!(
            seen[0].contains("Training loss") && seen[0].contains(" at 2, "),
            "{seen:?}"
        );
        assert!(
            !seen[0].contains("3.5000") && !seen[0].contains("4.0000"),
            "{seen:?}"
        );
    }
}

#[test]
fn absurd_requests_are_drawn_without_harm() {
    let (mut library, runs) = library(&[FALLING]);
    for more in [
        json!({ "width": 0, "height": -5 }),
        json!({ "zoom": [5.0, -5.0] }),
        json!({ "zoom": [1e308, -1e308], "xlog": true, "ylog": true }),
        json!({ "axis": "nonsense", "metrics": ["", "x"] }),
        json!({ "smooth": -1.0, "ratio": 1e9 }),
        json!({ "bars": [0.0, -1.0, 1e300] }),
        json!({ "metrics": [] }),
    ] {
        let drawn = chart(&mut library, &request(&runs, more.clone()));
        assert!(
            drawn.points.numbers.iter().all(|number| number.is_finite()),
            "{more}"
        );
    }
}

#[test]
fn the_state_names_runs_by_number_also_when_some_are_hidden() {
    let (mut library, runs) = library(&[FALLING, FALLING, FALLING]);
    let shown = [runs[2], runs[0]];
    let question =
        json!({ "runs": shown, "clock": "step", "t": 2.0, "against": "segments", "targets": [4.0] });
    let state = ask(&mut library, "state", &question.to_string());
    let ids: Vec<&Value> = state["runs"]
        .as_array()
        .unwrap()
        .iter()
        .map(|run| &run["id"])
        .collect();
    assert_eq!(ids, [&json!(runs[2]), &json!(runs[0])]);
    assert_eq!(state["leader"], json!(runs[2]), "at a tie, the first");
    library.close(runs[2]);
    let state = ask(&mut library, "state", &question.to_string());
    assert_eq!(state["runs"].as_array().unwrap().len(), 1);
    assert_eq!(state["leader"], json!(runs[0]));
}

#[test]
fn the_state_has_the_splits_that_are_asked_for() {
    let (mut library, runs) = library(&[FALLING, FALLING]);
    let mut splits = |chosen: Value| -> Vec<Value> {
        let question = json!({
            "runs": runs, "clock": "step", "t": 9.0, "against": "best", "targets": [4.0, 3.0], "chosen": chosen,
        });
        let state = ask(&mut library, "state", &question.to_string());
        let all = state["runs"].as_array().unwrap().iter();
        all.map(|run| run["splits"]["rows"].clone()).collect()
    };
    let all = splits(Value::Null);
    assert_eq!(all[1].as_array().unwrap().len(), 2);
    assert_eq!(all[1][0]["bar"], 4.0);
    let counted = [&all[1][0]["time_s"], &all[1][0]["tokens"]];
    assert_eq!(counted, [&Value::Null; 2], "steps alone give no figure");
    assert_eq!(splits(json!(runs[1])), [Value::Null, all[1].clone()]);
    let own = [1, 2].map(|_| library.open("x", SMALL.as_bytes()).unwrap().runs[0].id);
    let question = json!({ "runs": own, "clock": "wall_s", "t": 9.0, "against": "best", "targets": [4.0] });
    let state = ask(&mut library, "state", &question.to_string());
    assert_eq!(state["clock"], "wall_s");
    assert_eq!(
        state["runs"][0]["splits"]["personal_best"], own[1],
        "both are ada's"
    );
}

#[test]
fn a_log_in_parts_is_the_same_as_a_whole_one() {
    let mut library = Library::default();
    let id = library.begin("parts.jsonl");
    for part in SMALL.as_bytes().chunks(333) {
        library.feed(id, part).unwrap();
        assert!(library.run(id).is_none(), "no run before it is whole");
    }
    let parts = library.finish(id).unwrap();
    let whole = library.open("whole.jsonl", SMALL.as_bytes()).unwrap();
    let runs = [parts.runs[0].id, whole.runs[0].id].map(|id| library.run(id).unwrap().clone());
    assert_eq!(format!("{:?}", runs[0]), format!("{:?}", runs[1]));
    assert!(library.feed(id, b"x").is_err(), "it is over");

    let torn = library.begin("torn.jsonl");
    library.feed(torn, b"{\"event\":\"run\"").unwrap();
    assert!(library.finish(torn).is_err(), "no whole line");
    let gone = library.begin("gone.jsonl");
    library.close(gone);
    assert!(library.finish(gone).is_err(), "given up");
}

#[test]
fn the_table_has_every_value_in_view() {
    let (library, runs) = library(&[FALLING]);
    let table = csv(
        &library,
        &request(&runs, json!({ "zoom": [1.0, 3.0], "metrics": ["train_loss"] })),
    );
    assert_eq!(table.left_out, 0);
    let rows: Vec<&str> = table.table.lines().collect();
    assert_eq!(rows.len(), 4);
    assert_eq!(rows[1], "\"llm.log\",\"train_loss\",1,,,,8");
}

#[test]
fn a_followed_log_is_the_same_as_a_whole_one() {
    let mut library = Library::default();
    let id = library.follow("live.jsonl");
    for part in SMALL.as_bytes().chunks(701) {
        library.push(id, part).unwrap();
        let _ = chart(&mut library, &request(&[id], json!({})));
    }
    let whole = library.open("whole.jsonl", SMALL.as_bytes()).unwrap().runs[0].id;
    let drawn = |library: &mut Library, id| chart(library, &request(&[id], json!({}))).points.numbers;
    assert_eq!(drawn(&mut library, id), drawn(&mut library, whole));
    let (live, whole) = (library.run(id).unwrap(), library.run(whole).unwrap());
    assert_eq!(format!("{:?}", live.tables), format!("{:?}", whole.tables));
    assert_eq!(live.end, whole.end);
    assert!(library.push(99, b"x").is_err(), "no such run");
}

#[test]
fn values_are_the_logs_own_and_say_what_is_no_number() {
    let mut library = Library::default();
    let id = library.open("small", SMALL.as_bytes()).unwrap().runs[0].id;
    let at = |x: f64| json!({ "runs": [id], "axis": "tokens", "x": x }).to_string();
    let values = ask(&mut library, "values", &at(1024.0));
    assert_eq!(values[0]["values"]["train_loss"], 10.8);
    assert_eq!(values[0]["values"]["mfu"], 0.4);
    let values = ask(&mut library, "values", &at(2050.0));
    assert_eq!(values[0]["values"]["train_loss"], "NaN");
    let ends = [3072.0, 3073.0].map(|x| ask(&mut library, "values", &at(x))[0]["end"].clone());
    assert_eq!(ends, [Value::Null, json!(3072.0)], "said only behind it");
}

#[test]
fn what_is_no_number_is_said_to_be_none_and_has_no_trend() {
    let mut library = Library::default();
    let log = "s:0 tel:11.0\ns:0 trl:9.0\ns:1 trl:nan\ns:2 trl:8.0\ns:2 tel:nan\n";
    let id = library.open("llm.log", log.as_bytes()).unwrap().runs[0].id;
    let words = |library: &mut Library, t: f64| {
        let charts = [["train_loss", "val_loss"]];
        let request = json!({ "runs": [id], "charts": charts, "axis": "step", "clock": "step", "t": t });
        ask(library, "words", &request.to_string())[0]
            .as_str()
            .unwrap()
            .to_owned()
    };
    assert!(words(&mut library, 1.0).contains("Training loss not a number at 1."));
    let end = words(&mut library, 2.0);
    assert!(end.contains("Training loss 8.0000 at 2."), "{end}");
    assert!(end.contains("Validation loss not a number at 2."), "{end}");
    let question = json!({ "runs": [id], "clock": "step", "t": 2.0, "against": "best", "targets": [4.0] });
    let state = ask(&mut library, "state", &question.to_string());
    assert_eq!(state["runs"][0]["val_loss"], "NaN");
    assert_eq!(state["runs"][0]["train_loss"], 8.0);
    assert_eq!(state["changes"], json!([]));
}

#[test]
fn what_a_log_says_at_length_is_cut() {
    let mut library = Library::default();
    let first = SMALL.lines().next().unwrap();
    let open = |library: &mut Library, seed: u32| {
        let settings: serde_json::Map<String, Value> = (0..2000)
            .map(|key| (format!("key-{key}"), json!(format!("{seed}{}", "x".repeat(500)))))
            .collect();
        let mut run: Value = serde_json::from_str(first).unwrap();
        run["config"] = Value::Object(settings);
        for key in ["run_id", "user", "preset"] {
            run[key] = json!("ä".repeat(100_000));
        }
        library
            .open("x", format!("{run}\n").as_bytes())
            .unwrap()
            .runs
            .remove(0)
    };
    let runs = [1, 2].map(|seed| open(&mut library, seed));
    assert!(
        runs.iter()
            .all(|run| run.name.chars().count() == 121 && run.about.len() < 1000)
    );
    let question = json!({ "runs": runs.map(|run| run.id) }).to_string();
    let compared = ask(&mut library, "compare", &question);
    assert_eq!(compared["rows"].as_array().unwrap().len(), 500);
    assert_eq!(compared["left_out"], 1500);
    assert_eq!(
        compared["rows"][0]["values"][1].as_str().unwrap().chars().count(),
        201
    );
}
