//! Runs that were changed behind the program's back.

mod common;

use std::fs;
use std::path::Path;

use blueberry_runlog::{Event, Resume, RunLog};
use common::checks::{assert_same_end, end, names_in, whole_checkpoints};
use common::text::prepared;
use common::{Running, finish, killed_and_calm, place, read_log, resume, saved, train};
use serde_json::Value;

/// Some 400 steps, saved every 25.
const SETTINGS: [&str; 2] = ["train.tokens=25_600", "checkpoint.every_tokens=1_600"];

#[test]
fn a_log_of_which_one_digit_was_changed_is_not_gone_on_with() {
    let place = place();
    let (dir, _) = killed_and_calm(place.path(), &SETTINGS, 2);
    let path = dir.join("run.jsonl");
    let log = fs::read_to_string(&path).expect("a log");
    let changed = change_a_loss(&log);
    fs::write(&path, &changed).expect("is written");
    let words = ["run.jsonl", "the log was changed after it was written"];
    finish(resume(&dir)).expect_code(2).expect_error(&words);
    assert!(changed == fs::read_to_string(&path).expect("a log"));
}

/// Another last digit in the loss of the first step, which a seal covers by now.
fn change_a_loss(log: &str) -> String {
    let start = log.find("\"loss\":").expect("a step") + "\"loss\":".len();
    let end = start + log[start..].find(',').expect("more fields");
    let digit = if log[..end].ends_with('1') { "2" } else { "1" };
    format!("{}{digit}{}", &log[..end - 1], &log[end..])
}

#[test]
fn a_log_that_is_none_is_not_gone_on_with() {
    let place = place();
    let (dir, _) = killed_and_calm(place.path(), &SETTINGS, 1);
    let path = dir.join("run.jsonl");
    let log = fs::read_to_string(&path).expect("a log");
    let third = log.lines().nth(2).expect("three lines");
    fs::write(&path, log.replacen(third, "{\"event\":", 1)).expect("is written");
    finish(resume(&dir))
        .expect_code(2)
        .expect_error(&["run.jsonl", "line 3"]);
    fs::write(&path, log.replacen("\"version\":1", "\"version\":99", 1)).expect("is written");
    finish(resume(&dir))
        .expect_code(2)
        .expect_error(&["run log version 99"]);
}

#[test]
fn a_torn_last_line_is_cut_off() {
    let place = place();
    let (dir, calm) = killed_and_calm(place.path(), &SETTINGS, 1);
    let path = dir.join("run.jsonl");
    let mut log = fs::read(&path).expect("a log");
    log.truncate(read_log(&dir).intact_bytes as usize);
    log.extend(b"{\"event\":\"step\",\"st");
    fs::write(&path, log).expect("is written");
    finish(resume(&dir)).expect_code(0);
    let log = read_log(&dir);
    assert_eq!(last_resume(&log).torn_bytes, 19);
    assert!(log.torn.is_none());
    assert_same_end(&log, &calm);
}

fn last_resume(log: &RunLog) -> &Resume {
    let found = log.lines.iter().rev().find_map(|line| match &line.event {
        Event::Resume(resume) => Some(resume),
        _ => None,
    });
    found.expect("it was resumed")
}

/// Flips a bit in the middle of a checkpoint's `file`.
fn damage(checkpoint: &Path, file: &str) {
    let path = checkpoint.join(file);
    let mut bytes = fs::read(&path).expect("is read");
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(&path, bytes).expect("is written");
}

#[test]
fn a_damaged_checkpoint_is_passed_over() {
    let place = place();
    let (dir, calm) = killed_and_calm(place.path(), &SETTINGS, 3);
    let checkpoints = whole_checkpoints(&dir);
    let [.., older, newest] = &checkpoints[..] else {
        panic!("two are kept: {checkpoints:?}")
    };
    damage(newest, "model.safetensors");
    let words = [
        "warning: checkpoint",
        &shown(newest),
        "model.safetensors is not what was written",
    ];
    finish(resume(&dir)).expect_code(0).expect_error(&words);
    let log = read_log(&dir);
    assert!(
        older.ends_with(format!("step-{:08}", last_resume(&log).from_step)),
        "{:?}",
        last_resume(&log)
    );
    assert!(
        notes(&log).iter().any(|note| note.contains(&shown(newest))),
        "{:?}",
        notes(&log)
    );
    assert_same_end(&log, &calm);
    whole_checkpoints(&dir);
}

fn shown(path: &Path) -> String {
    path.display().to_string()
}

fn notes(log: &RunLog) -> Vec<&str> {
    let notes = log.lines.iter().filter_map(|line| match &line.event {
        Event::Note(note) => Some(note.text.as_str()),
        _ => None,
    });
    notes.collect()
}

#[test]
fn a_checkpoint_of_which_the_ledger_was_changed_is_passed_over() {
    let place = place();
    let (dir, calm) = killed_and_calm(place.path(), &SETTINGS, 3);
    let checkpoints = whole_checkpoints(&dir);
    let newest = checkpoints.last().expect("two are kept");
    let path = newest.join("state.json");
    let mut state: Value = serde_json::from_slice(&fs::read(&path).expect("is read")).expect("JSON");
    state["loader"]["ledger_sha256"] = "0".repeat(64).into();
    fs::write(&path, state.to_string()).expect("is written");
    finish(resume(&dir))
        .expect_code(0)
        .expect_error(&["warning: checkpoint", &shown(newest)]);
    let log = read_log(&dir);
    assert!(!newest.ends_with(format!("step-{:08}", last_resume(&log).from_step)));
    assert_same_end(&log, &calm);
}

#[test]
fn without_a_whole_checkpoint_the_run_begins_again() {
    let place = place();
    let (dir, calm) = killed_and_calm(place.path(), &SETTINGS, 3);
    for checkpoint in whole_checkpoints(&dir) {
        damage(&checkpoint, "optimizer.safetensors");
    }
    finish(resume(&dir))
        .expect_code(0)
        .expect_error(&["optimizer.safetensors", "is damaged"]);
    let log = read_log(&dir);
    assert_eq!(last_resume(&log).from_step, 0);
    assert_same_end(&log, &calm);
    whole_checkpoints(&dir);
}

/// A disk that is not mounted, say: to begin again would be to throw the work away.
#[test]
fn checkpoints_that_are_gone_are_asked_for() {
    let place = place();
    let (dir, calm) = killed_and_calm(place.path(), &SETTINGS, 1);
    let (here, elsewhere) = (dir.join("checkpoints"), place.path().join("elsewhere"));
    fs::rename(&here, &elsewhere).expect("is moved");
    let lines = read_log(&dir).lines.len();
    finish(resume(&dir))
        .expect_code(2)
        .expect_error(&["none of the checkpoints that the log names"]);
    assert_eq!(read_log(&dir).lines.len(), lines);
    fs::rename(&elsewhere, &here).expect("is moved back");
    finish(resume(&dir)).expect_code(0);
    assert_same_end(&read_log(&dir), &calm);
}

#[test]
fn a_checkpoint_of_a_later_version_is_left_as_it_is() {
    let place = place();
    let (dir, _) = killed_and_calm(place.path(), &SETTINGS, 1);
    let checkpoints = whole_checkpoints(&dir);
    let path = checkpoints.last().expect("one at least").join("state.json");
    let mut state: Value = serde_json::from_slice(&fs::read(&path).expect("is read")).expect("JSON");
    state["version"] = 99.into();
    fs::write(&path, state.to_string()).expect("is written");
    let names = names_in(&dir.join("checkpoints"));
    finish(resume(&dir))
        .expect_code(2)
        .expect_error(&["has version 99"]);
    assert_eq!(names_in(&dir.join("checkpoints")), names);
}

#[test]
#[cfg(unix)]
fn a_damaged_checkpoint_does_not_push_a_good_one_out() {
    let place = place();
    let settings = [&SETTINGS[..], &["checkpoint.keep=1"]].concat();
    let (dir, calm) = killed_and_calm(place.path(), &settings, 4);
    whole_checkpoints(&dir)
        .iter()
        .for_each(|checkpoint| damage(checkpoint, "model.safetensors"));
    let steps = read_log(&dir).steps().count();
    let mut running = Running::start(resume(&dir));
    running.wait_for_log(&dir, |log| log.steps().count() > steps);
    running.signal(libc::SIGINT);
    running.finish().expect_code(0);
    let stopped = read_log(&dir);
    assert!(end(&stopped).at.step > 0);
    assert_eq!(whole_checkpoints(&dir).len(), 1);
    finish(resume(&dir)).expect_code(0);
    let log = read_log(&dir);
    assert_eq!(last_resume(&log).from_step, end(&stopped).at.step);
    assert_same_end(&log, &calm);
}

#[test]
fn what_a_kill_left_of_a_checkpoint_is_removed() {
    let place = place();
    let (dir, _) = killed_and_calm(place.path(), &SETTINGS, 1);
    let left = dir.join("checkpoints/.saving-abc");
    fs::create_dir(&left).expect("is made");
    fs::write(left.join("model.safetensors"), "half").expect("is written");
    finish(resume(&dir)).expect_code(0);
    assert!(
        names_in(&dir.join("checkpoints"))
            .iter()
            .all(|name| name.starts_with("step-"))
    );
}

#[test]
fn a_kill_before_the_first_line_is_no_obstacle() {
    let place = place();
    let dir = place.path().join("run");
    fs::create_dir(&dir).expect("is made");
    fs::write(dir.join(".lock"), "").expect("is written");
    fs::write(dir.join(".run.jsonl.new"), "{\"event\":\"run\",\"ver").expect("is written");
    finish(resume(&dir))
        .expect_code(2)
        .expect_error(&["holds no run", "start it anew"]);
    finish(train(&dir, &["train.tokens=64"])).expect_code(0);
    assert_eq!(names_in(&dir), [".lock", "checkpoints", "run.jsonl"]);
}

#[test]
fn other_data_is_not_gone_on_with() {
    let place = place();
    let (data, dir) = (place.path().join("data"), place.path().join("run"));
    prepared(&data, 400);
    let mut command = train(&dir, &SETTINGS);
    command.arg("--data").arg(&data);
    let mut running = Running::start(command);
    running.wait_for_log(&dir, |log| saved(log) >= 1);
    assert!(!running.kill().status.success());
    fs::remove_dir_all(&data).expect("is removed");
    prepared(&data, 401);
    let before = fs::read(dir.join("run.jsonl")).expect("a log");
    finish(resume(&dir))
        .expect_code(2)
        .expect_error(&[&data.display().to_string()]);
    assert!(before == fs::read(dir.join("run.jsonl")).expect("a log"));
}
