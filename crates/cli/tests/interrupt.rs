//! Stopping a run from outside, and what a second process may do to it.
#![cfg(unix)]

mod common;

use std::fs;
use std::path::Path;
use std::process::{Child, Stdio};

use blueberry_runlog::{EndStatus, Event, RunLog};
use common::checks::{assert_clocks_rise, assert_same_end, end, whole_checkpoints};
use common::{Finished, Running, blueberry, finish, place, read_log, resume, train};

/// Some 500 steps and no checkpoint on the way; text is sampled before and after the stop.
const SETTINGS: [&str; 5] = [
    "train.tokens=32_000",
    "eval.every_tokens=6_400",
    "sample.every_tokens=6_400",
    "sample.length=8",
    "sample.context=32",
];

/// Stops a run of [`SETTINGS`] in `dir` by `signal` once it has taken some steps.
fn stopped_by(signal: libc::c_int, dir: &Path) -> Finished {
    let mut running = Running::start(train(dir, &SETTINGS));
    running.wait_for_log(dir, |log| log.steps().count() >= 20);
    running.signal(signal);
    running.finish().expect_code(0)
}

/// Names of the last events, seals among them.
fn last_events<const N: usize>(log: &RunLog) -> [&'static str; N] {
    let name = |event: &Event| match event {
        Event::Checkpoint(_) => "checkpoint",
        Event::Seal(_) => "seal",
        Event::End(_) => "end",
        _ => "another",
    };
    let last = log.lines.last_chunk::<N>().expect("as many lines");
    std::array::from_fn(|index| name(&last[index].event))
}

#[test]
fn an_interrupted_run_is_saved_and_goes_on_as_if_nothing_had_been() {
    let place = place();
    let (calm, dir) = (place.path().join("calm"), place.path().join("stopped"));
    finish(train(&calm, &SETTINGS)).expect_code(0);
    let stopped =
        stopped_by(libc::SIGINT, &dir).expect_error(&["stopping as soon as what is under way can be saved"]);
    let advice = format!("go on with: blueberry train --resume {}", dir.display());
    assert!(stopped.stdout.contains(&advice), "{stopped:#?}");
    let log = read_log(&dir);
    assert_eq!(end(&log).status, EndStatus::Interrupted);
    assert_eq!(last_events(&log), ["checkpoint", "seal", "end", "seal"]);
    assert_eq!(log.seals.unsealed_lines, 0);
    assert_eq!(whole_checkpoints(&dir).len(), 1);

    finish(resume(&dir)).expect_code(0);
    let resumed = read_log(&dir);
    assert_same_end(&resumed, &read_log(&calm));
    assert_clocks_rise(&resumed);
    // Saved on request, so no step is taken twice.
    assert_eq!(resumed.steps().count() as u64, end(&resumed).at.step);
}

/// `blueberry train --json 2>&1 | head -1`: whoever reads has seen enough, and the run is not over.
#[test]
fn readers_that_leave_do_not_end_a_run() {
    let place = place();
    let dir = place.path().join("run");
    let mut command = train(&dir, &SETTINGS);
    command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let mut child = command.spawn().expect("the binary starts");
    drop((child.stdout.take(), child.stderr.take()));
    assert_eq!(child.wait().expect("a status").code(), Some(0));
    assert_eq!(end(&read_log(&dir)).status, EndStatus::Completed);
}

/// What is asked for and cannot be written is not passed over.
#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_under_standard_output_is_said() {
    let full = fs::OpenOptions::new()
        .write(true)
        .open("/dev/full")
        .expect("a device");
    let mut command = blueberry(["devices", "--device", "cpu", "--json"]);
    command.stdin(Stdio::null()).stdout(full).stderr(Stdio::piped());
    let output = command
        .spawn()
        .and_then(Child::wait_with_output)
        .expect("the binary starts");
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains("standard output"), "{said}");
}

#[test]
fn a_request_to_terminate_is_an_interrupt_too() {
    let place = place();
    let dir = place.path().join("run");
    stopped_by(libc::SIGTERM, &dir);
    assert_eq!(end(&read_log(&dir)).status, EndStatus::Interrupted);
}

/// Some 800 batches, a second or more; evaluated at the start, in the middle and at the end of 20 steps.
const LONG_EVALUATIONS: [&str; 3] = [
    "train.tokens=1_280",
    "eval.every_tokens=640",
    "eval.tokens=200_000",
];

#[test]
fn an_evaluation_that_is_interrupted_is_left_to_the_resume() {
    let place = place();
    let (calm, dir) = (place.path().join("calm"), place.path().join("stopped"));
    finish(train(&calm, &LONG_EVALUATIONS)).expect_code(0);
    let evaluated = |log: &RunLog| log.evals().map(|eval| eval.at.tokens).collect::<Vec<_>>();
    assert_eq!(evaluated(&read_log(&calm)), [0, 640, 1_280]);
    let mut done = Vec::new();
    for (command, steps) in [
        (train(&dir, &LONG_EVALUATIONS), 0),
        (resume(&dir), 10),
        (resume(&dir), 20),
    ] {
        let mut running = Running::start(command);
        // The step is in the log, so its evaluation is under way.
        running.wait_for_log(&dir, |log| log.lines.len() > 1 && log.steps().count() == steps);
        running.signal(libc::SIGINT);
        running.finish().expect_code(0);
        let stopped = read_log(&dir);
        assert_eq!(end(&stopped).status, EndStatus::Interrupted);
        assert_eq!(evaluated(&stopped), done);
        done.push(64 * steps as u64);
    }
    finish(resume(&dir)).expect_code(0);
    let log = read_log(&dir);
    assert_eq!(evaluated(&log), done);
    assert_same_end(&log, &read_log(&calm));
    let mut command = blueberry(["check", "--category", "dash"]);
    command.arg(&dir);
    let judged = finish(command).stdout;
    for rule in ["eval-schedule", "clocks", "resumes", "token-ledger"] {
        let line = judged
            .lines()
            .find(|line| line.split_whitespace().any(|word| word == rule));
        assert!(
            line.is_some_and(|line| line.split_whitespace().next() == Some("ok")),
            "{rule}: {judged}"
        );
    }
}

#[test]
fn before_the_first_step_one_interrupt_leaves_at_once() {
    let place = place();
    let dir = place.path().join("run");
    // Two passes of 8,192 sequences warm up, for seconds.
    let settings = ["train.micro_batch=8_192", "train.tokens=10_000_000"];
    let mut running = Running::start(train(&dir, &settings));
    running.wait_for_error("warming up");
    running.signal(libc::SIGINT);
    running
        .finish()
        .expect_code(130)
        .expect_error(&["stopped before the first step: nothing was begun or changed"]);
    assert!(!dir.exists());
}

#[test]
fn a_second_interrupt_leaves_at_once() {
    let place = place();
    let dir = place.path().join("run");
    // One step of 8,000 passes, which takes many seconds.
    let settings = ["train.accumulation=8_000", "train.tokens=512_000"];
    let mut running = Running::start(train(&dir, &settings));
    running.wait_for_log(&dir, |log| log.evals().count() == 1);
    running.signal(libc::SIGINT);
    running.wait_for_error("press Ctrl-C again");
    running.signal(libc::SIGINT);
    running.finish().expect_code(130);
    let log = read_log(&dir);
    assert!(
        log.steps().next().is_none() && log.end().is_none(),
        "it waited for its step"
    );
}

#[test]
fn a_run_belongs_to_one_process() {
    let place = place();
    let dir = place.path().join("run");
    let mut running = Running::start(train(&dir, &["train.tokens=2_000_000"]));
    running.wait_for_log(&dir, |log| log.steps().count() >= 1);
    finish(resume(&dir))
        .expect_code(2)
        .expect_error(&["another process is running"]);
    finish(train(&dir, &SETTINGS))
        .expect_code(2)
        .expect_error(&["already holds a run"]);
    running.signal(libc::SIGINT);
    running.finish().expect_code(0);
    assert_eq!(last_events(&read_log(&dir)), ["end", "seal"]);
}

#[test]
fn a_complete_run_is_left_as_it_is() {
    let place = place();
    let dir = place.path().join("run");
    finish(train(&dir, &["train.tokens=64"])).expect_code(0);
    let bytes = || fs::read(dir.join("run.jsonl")).expect("a log");
    let before = bytes();
    finish(resume(&dir))
        .expect_code(0)
        .expect_error(&["is complete already"]);
    assert!(before == bytes());
}

#[test]
fn json_is_the_log_without_its_seals() {
    let place = place();
    let dir = place.path().join("run");
    let mut command = train(
        &dir,
        &[
            "train.tokens=640",
            "eval.every_tokens=320",
            "checkpoint.every_tokens=320",
        ],
    );
    command.arg("--json");
    let finished = finish(command).expect_code(0);
    let log = fs::read_to_string(dir.join("run.jsonl")).expect("a log");
    let parse = |line| serde_json::from_str::<serde_json::Value>(line).expect("JSON");
    let printed: Vec<_> = finished.stdout.lines().map(parse).collect();
    let logged: Vec<_> = log
        .lines()
        .map(parse)
        .filter(|line| line["event"] != "seal")
        .collect();
    assert_eq!(printed, logged);
}
