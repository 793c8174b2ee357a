//! Downstream benchmarks: at the end of a run, and of a model that is saved.

mod common;

use std::fs;
use std::path::Path;

use blueberry_runlog::{Benchmark, Event};
use common::{blueberry, finish, place, read_log, train};
use serde_json::Value;

/// After every `a` comes `b`, so that a model of these bytes soon knows.
const TEXT: &str = "ab ab ab ab ab ab ab ab ab ab ab ab ab ab ab ab ab ab ab ab ab ab ab ab ab ab ab ab\n";

const QUESTIONS: &str = r#"{"context": "ab ab ab ab", "choices": ["ab ab", "ba ba", "zq"], "gold": 0}
{"context": "ab ab", "choices": ["ccc ddd", "ab ab ab", "x"], "gold": 1}
"#;

/// A folder of data with a benchmark of it.
fn data(place: &Path) -> String {
    for name in 0..40 {
        let text = TEXT.repeat(20 + name);
        fs::create_dir_all(place.join("texts")).expect("a folder");
        fs::write(place.join("texts").join(format!("{name}.txt")), text).expect("a file");
    }
    let data = place.join("data");
    let mut command = blueberry(["data", "prepare"]);
    command.arg(place.join("texts")).arg("--out").arg(&data);
    finish(command).expect_code(0);
    fs::create_dir(data.join("benchmarks")).expect("a folder");
    fs::write(data.join("benchmarks/letters.jsonl"), QUESTIONS).expect("a file");
    format!("data.dir={}", data.display())
}

fn results(dir: &Path) -> Vec<Benchmark> {
    let log = read_log(dir);
    let results = log.lines.iter().filter_map(|line| match &line.event {
        Event::Benchmark(result) => Some(result.clone()),
        _ => None,
    });
    results.collect()
}

#[test]
fn a_run_ends_with_its_benchmarks_and_a_saved_model_gives_the_same() {
    let place = place();
    let data = data(place.path());
    let dir = place.path().join("run");
    let settings = [
        "train.tokens=6_400",
        &data,
        "eval.tokens=32",
        "eval.benchmarks=[\"letters\"]",
    ];
    finish(train(&dir, &settings)).expect_code(0);
    let logged = results(&dir);
    let [result] = &logged[..] else {
        panic!("one result: {logged:?}")
    };
    assert_eq!(
        (&result.name[..], &result.metric[..]),
        ("letters", "accuracy_norm")
    );
    // 100 steps of nothing but `ab`: chance is 1/3.
    assert_eq!(result.value, 1.0);
    assert_eq!(result.extra["items"], 2);

    let mut command = blueberry(["eval", "--json"]);
    command.arg(&dir);
    let again: Value = serde_json::from_str(&finish(command).expect_code(0).stdout).expect("JSON");
    assert_eq!(again[0]["value"], result.value);
    assert_eq!(again[0]["sha256"], result.extra["sha256"]);

    let other = place.path().join("other.jsonl");
    fs::write(&other, "{\"context\": \"ab ab\", \"continuation\": \"ab\"}\n").expect("a file");
    let mut command = blueberry(["eval", "--benchmark"]);
    command.arg(&other).arg(&dir);
    let text = finish(command).expect_code(0).stdout;
    assert!(
        text.starts_with("other: accuracy 1.0000 of 1 questions"),
        "{text}"
    );
}

#[test]
fn a_benchmark_that_is_not_there_is_found_before_the_start() {
    let place = place();
    let dir = place.path().join("run");
    let settings = ["train.tokens=64", "eval.benchmarks=[\"hellaswag\"]"];
    let finished = finish(train(&dir, &settings)).expect_code(2);
    finished.expect_error(&["benchmarks/hellaswag.jsonl"]);
    assert!(!dir.exists());
    let settings = ["train.tokens=64", "eval.benchmarks=[\"../hellaswag\"]"];
    finish(train(&dir, &settings))
        .expect_code(2)
        .expect_error(&["eval.benchmarks", "must be names"]);
}

#[test]
fn a_run_without_benchmarks_says_how_to_name_one() {
    let place = place();
    let dir = place.path().join("run");
    finish(train(&dir, &["train.tokens=64"])).expect_code(0);
    let mut command = blueberry(["eval"]);
    command.arg(&dir);
    finish(command).expect_code(2).expect_error(&["--benchmark FILE"]);
}
