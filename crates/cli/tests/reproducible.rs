//! The same settings and seed give the same run; tokens are counted as asked.

mod common;

use std::fs;
use std::path::Path;

use common::checks::{end, names_in, whole_checkpoints};
use common::{STEP_TOKENS, blueberry, finish, place, read_log, train};
use serde_json::Value;

/// Everything that a run writes comes up: samples, several evaluations and checkpoints.
const SETTINGS: [&str; 6] = [
    "train.tokens=2_560",
    "eval.every_tokens=640",
    "checkpoint.every_tokens=1_280",
    "sample.every_tokens=1_280",
    "sample.length=24",
    "sample.context=32",
];

/// Fields that may differ between two runs of the same settings: times and what is made of them, the machine's
/// state, and digests over these.
const OF_ONE_RUN: [&str; 13] = [
    "train_s",
    "wall_s",
    "seconds",
    "downtime_s",
    "tokens_per_s",
    "data_wait_s",
    "memory_bytes",
    "summary",
    "started_unix_s",
    "clock_started_unix_s",
    "run_id",
    "mfu",
    "cached",
];

/// What a person reads while a run goes on, and at its end.
#[test]
fn a_run_says_how_far_it_is_and_what_comes_next() {
    let place = place();
    let dir = place.path().join("run");
    let finished = finish(train(&dir, &SETTINGS)).expect_code(0).expect_error(&[
        "parameters (",
        "warming up",
        "step 1  64 tokens  loss ",
        " tokens/s",
        "ETA ",
        "validation loss ",
        "sample: ",
    ]);
    let log = dir.join("run.jsonl").display().to_string();
    for words in [
        "done: 2,560 tokens in 40 steps",
        "validation loss ",
        "tokens/s)",
        "wall clock ",
        "waiting for data ",
        "peak memory ",
        &log,
        "next: `blueberry info ",
    ] {
        assert!(
            finished.stdout.contains(words),
            "nothing about {words:?} in {finished:#?}"
        );
    }
}

fn run(dir: &Path, seed: &str) -> Vec<Value> {
    let mut command = train(dir, &SETTINGS);
    command.args(["--seed", seed]);
    finish(command).expect_code(0);
    timeless(dir)
}

/// The log's lines without what belongs to one run alone.
fn timeless(dir: &Path) -> Vec<Value> {
    let text = fs::read_to_string(dir.join("run.jsonl")).expect("a log");
    let lines = text.lines().map(|line| serde_json::from_str(line).expect("JSON"));
    lines.map(without_times).collect()
}

fn without_times(mut line: Value) -> Value {
    // These digest the times; the ledger's stays.
    if line["event"] == "seal" || line["event"] == "checkpoint" {
        line["sha256"].take();
    }
    strip(&mut line);
    line
}

fn strip(value: &mut Value) {
    if let Value::Object(fields) = value {
        fields.retain(|name, _| !OF_ONE_RUN.contains(&name.as_str()));
        fields.values_mut().for_each(strip);
    }
}

#[test]
fn a_seed_gives_its_log_and_its_weights() {
    let place = place();
    let (one, two, other) = (
        place.path().join("one"),
        place.path().join("two"),
        place.path().join("other"),
    );
    let (first, second) = (run(&one, "7"), run(&two, "7"));
    assert_eq!(first.len(), second.len());
    for (first, second) in first.iter().zip(&second) {
        assert_eq!(first, second);
    }
    for (first, second) in whole_checkpoints(&one).iter().zip(&whole_checkpoints(&two)) {
        for file in ["model.safetensors", "optimizer.safetensors"] {
            assert!(bytes(first, file) == bytes(second, file), "{file} differs");
        }
    }
    assert_is_another(&run(&other, "8"), &first);
}

fn bytes(dir: &Path, file: &str) -> Vec<u8> {
    fs::read(dir.join(file)).expect("is read")
}

/// Not one step or sample in common, and other data.
fn assert_is_another(log: &[Value], than: &[Value]) {
    assert_eq!(log.len(), than.len());
    for (line, other) in log.iter().zip(than) {
        match line["event"].as_str() {
            Some("step") => assert_ne!(line["loss"], other["loss"]),
            Some("sample") => assert_ne!(line["text"], other["text"]),
            Some("end") => assert_ne!(line["ledger"], other["ledger"]),
            _ => {}
        }
    }
}

#[test]
fn the_log_has_what_the_settings_ask_for() {
    let place = place();
    let dir = place.path().join("run");
    let lines = run(&dir, "7");
    let count = |event: &str| lines.iter().filter(|line| line["event"] == event).count();
    // 2,560 targets: evaluated before the first step and at every 640, saved and sampled at every 1,280.
    assert_eq!((count("step"), count("eval")), (40, 5));
    assert_eq!((count("checkpoint"), count("sample"), count("end")), (2, 2, 1));
    assert_eq!(
        names_in(&dir.join("checkpoints")),
        ["step-00000020", "step-00000040"]
    );
    assert_eq!(lines[0]["seed"], 7);
    assert_eq!(lines[0]["config"]["sample"]["length"], 24);
    assert_eq!(lines[0]["device_check"]["status"], "passed");
}

#[test]
fn tokens_are_rounded_up_to_whole_steps() {
    let place = place();
    let dir = place.path().join("run");
    let mut command = train(&dir, &[]);
    command.args(["--train-tokens", "1000"]);
    finish(command).expect_code(0);
    let log = read_log(&dir);
    // 1000 / 64 = 15.6 steps.
    assert_eq!(log.run.config["train"]["tokens"], 1000);
    assert_eq!(log.run.target_tokens, 16 * STEP_TOKENS);
    let end = end(&log);
    assert_eq!((end.at.step, end.at.tokens), (16, 1024));
    assert_eq!(end.ledger.as_ref().map(|ledger| ledger.tokens), Some(1024));
}

const STAGED: &str = r#"
description = "three shapes of step"
[model]
vocab_size = 257
d_model = 32
n_layers = 1
n_heads = 2
n_kv_heads = 1
head_dim = 16
d_ff = 64
activation = "swiglu"
window = [24]
[optim.muon]
lr = 0.02
[optim.adamw]
lr = 0.004
[schedule]
kind = "constant"
[train]
tokens = 1_000
seq_len = 32
micro_batch = 2
[eval]
every_tokens = 1_000_000
tokens = 512
seq_len = 32
batch = 8
[[curriculum]]
from = 0.0
seq_len = 16
micro_batch = 4
[[curriculum]]
from = 0.5
seq_len = 32
window = 8
[[curriculum]]
from = 0.75
accumulation = 2
"#;

/// Tokens and loss of every step.
fn run_preset(preset: &Path, out: &Path) -> Vec<(u64, f64)> {
    let mut command = blueberry(["train", "--device", "cpu", "--preset"]);
    command.arg(preset).arg("--out").arg(out);
    finish(command).expect_code(0);
    let log = read_log(out);
    let steps: Vec<(u64, f64)> = log.steps().map(|step| (step.at.tokens, step.loss)).collect();
    assert_eq!(steps.last().map(|step| step.0), Some(log.run.target_tokens));
    steps
}

#[test]
fn the_stages_of_a_preset_file_are_obeyed() {
    let place = place();
    let preset = place.path().join("staged.toml");
    fs::write(&preset, STAGED).expect("is written");
    let steps = run_preset(&preset, &place.path().join("run"));
    let tokens: Vec<u64> = steps.iter().map(|step| step.0).collect();
    // 16 * 4 a step up to the half of 1,000, 32 * 4 up to three quarters, then twice that.
    let expected = [64, 128, 192, 256, 320, 384, 448, 512, 640, 768, 1024];
    assert_eq!(tokens, expected);
    // The limit of the windows is obeyed too: from the stage on that sets it, another loss without it.
    fs::write(&preset, STAGED.replace("window = 8", "")).expect("is written");
    let unlimited = run_preset(&preset, &place.path().join("unlimited"));
    let first_difference = steps
        .iter()
        .zip(&unlimited)
        .position(|(limited, free)| limited != free);
    assert!(
        first_difference.is_some_and(|index| index >= 8),
        "{first_difference:?}"
    );
}
