//! A run that is killed again and again comes to the same end as one that is not.
#![cfg(unix)]

mod common;

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::thread::sleep;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use blueberry_runlog::{Event, RunLog};
use common::checks::{assert_clocks_rise, assert_same_course, assert_same_end, end, whole_checkpoints};
use common::{Running, blueberry, finish, place, read_log, resume, saved, train};
use serde_json::Value;
use sha2::{Digest, Sha256};

const KILLS: u32 = 20;

/// 1,000 steps; a checkpoint every 10, of which one is kept, an evaluation every 25.
const SETTINGS: [&str; 4] = [
    "train.tokens=64_000",
    "checkpoint.every_tokens=640",
    "checkpoint.keep=1",
    "eval.every_tokens=1_600",
];

#[test]
fn twenty_kills_change_nothing() {
    let place = place();
    let (calm_dir, dir) = (place.path().join("calm"), place.path().join("killed"));
    let pace = Pace::measure(&calm_dir);
    let calm = read_log(&calm_dir);
    let mut random = Random(seed());
    for left in (1..=KILLS).rev() {
        let mut running = Running::start(start_or_resume(&dir));
        // Half of the kills fall into the start of the process, half into its training.
        let window = if left % 2 == 0 {
            pace.start_up
        } else {
            let steps = steps_in(&dir);
            running.wait_for_log(&dir, |log| log.steps().count() > steps);
            pace.training.mul_f64(share(remaining(&dir), left))
        };
        let delay = Duration::from_millis(2) + window.mul_f64(random.next());
        sleep(delay);
        let killed = running.kill();
        println!(
            "{left} kills left: after {delay:?} of {window:?}, {:.0}% to go",
            remaining(&dir) * 100.0
        );
        assert_eq!(
            killed.status.signal(),
            Some(libc::SIGKILL),
            "ended before its kill: {killed:#?}"
        );
        check(&dir, &calm);
    }
    finish(start_or_resume(&dir)).expect_code(0);
    check(&dir, &calm);
    assert_same_end(&read_log(&dir), &calm);

    // The judge holds nothing against it but what speaks against so small a run.
    let (broken, calm) = (answers(&dir), answers(&calm_dir));
    for (rule, (answer, why)) in &broken {
        let same = answer != "fail" || calm[rule].0 == *answer;
        assert!(same, "{rule}: {why}; for the calm run {:?}", calm[rule]);
    }
    for rule in ["end-summary", "resumes", "clocks", "seals-whole", "token-ledger"] {
        assert_eq!(broken[rule].0, "pass", "{rule}: {}", broken[rule].1);
    }
}

/// What each rule says of a run, and why.
fn answers(dir: &Path) -> BTreeMap<String, (String, String)> {
    let mut command = blueberry(["check", "--category", "dash", "--json"]);
    command.arg(dir);
    let judged: Value = serde_json::from_str(&finish(command).stdout).expect("JSON");
    let findings = judged[0]["verdict"]["findings"].as_array().expect("findings");
    let answer = |finding: &Value| {
        let rule = finding["rule"].as_str().expect("an id").to_owned();
        (
            rule,
            (
                finding["answer"].as_str().expect("an answer").to_owned(),
                finding.to_string(),
            ),
        )
    };
    findings.iter().map(answer).collect()
}

fn start_or_resume(dir: &Path) -> std::process::Command {
    if dir.join("run.jsonl").exists() {
        resume(dir)
    } else {
        train(dir, &SETTINGS)
    }
}

fn check(dir: &Path, calm: &RunLog) {
    whole_checkpoints(dir);
    if dir.join("run.jsonl").exists() {
        let log = read_log(dir);
        assert_clocks_rise(&log);
        assert_same_course(&log, calm);
        // Work that was saved once is not done again.
        assert!(saved(&log) == 0 || newest_that_counts(dir, &log).is_some());
    }
}

/// The newest checkpoint in the run's folder that its log names.
fn newest_that_counts(dir: &Path, log: &RunLog) -> Option<PathBuf> {
    let digest = |path: &Path| {
        format!(
            "{:x}",
            Sha256::digest(fs::read(path.join("state.json")).expect("is read"))
        )
    };
    let named = |found: &str| {
        let of = |event: &Event| matches!(event, Event::Checkpoint(saved) if saved.sha256 == found);
        log.lines.iter().any(|line| of(&line.event))
    };
    let whole = whole_checkpoints(dir);
    whole.into_iter().rev().find(|path| named(&digest(path)))
}

fn steps_in(dir: &Path) -> usize {
    if dir.join("run.jsonl").exists() {
        read_log(dir).steps().count()
    } else {
        0
    }
}

/// How much of the run is still to do, 0 to 1.
fn remaining(dir: &Path) -> f64 {
    if !dir.join("run.jsonl").exists() {
        return 1.0;
    }
    let log = read_log(dir);
    let saved = log.lines.iter().rev().find_map(|line| match &line.event {
        Event::Checkpoint(checkpoint) => Some(checkpoint.at.tokens),
        _ => None,
    });
    1.0 - saved.unwrap_or(0) as f64 / log.run.target_tokens as f64
}

/// The share of the whole training in which the next kill falls, so that all of them spread over the run and it
/// cannot end before the last even on a machine that has become twice as fast.
fn share(remaining: f64, kills_left: u32) -> f64 {
    remaining / f64::from(kills_left / 2 + 2)
}

/// How long an undisturbed run takes.
struct Pace {
    /// From the start of the process to its first step.
    start_up: Duration,
    training: Duration,
}

impl Pace {
    fn measure(dir: &Path) -> Self {
        // The first run of all also makes the corpus and the device's check.
        finish(train(&dir.with_extension("first"), &["train.tokens=64"])).expect_code(0);
        let began = Instant::now();
        finish(train(dir, &SETTINGS)).expect_code(0);
        let all = began.elapsed();
        let training = Duration::from_secs_f64(end(&read_log(dir)).at.wall_s);
        Self {
            start_up: all.saturating_sub(training),
            training,
        }
    }
}

/// Printed, and shown where the test fails: the environment variable repeats the delays.
fn seed() -> u64 {
    let given = std::env::var("BLUEBERRY_KILL_SEED")
        .ok()
        .map(|text| text.parse().expect("a number"));
    let seed = given.unwrap_or_else(|| {
        SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .map_or(0, |since| since.subsec_nanos().into())
    });
    println!("BLUEBERRY_KILL_SEED={seed}");
    seed
}

/// SplitMix64.
struct Random(u64);

impl Random {
    /// From 0 to 1.
    fn next(&mut self) -> f64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut bits = self.0;
        bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((bits ^ (bits >> 31)) >> 11) as f64 / (1u64 << 53) as f64
    }
}
