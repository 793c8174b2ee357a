//! Settings, devices and folders that cannot be: exit code 2, a message that says what to do, nothing left behind.

mod common;

use std::fs;
use std::path::Path;
use std::process::Command;

use common::checks::names_in;
use common::{blueberry, finish, place, resume, train};
use serde_json::Value;

/// `command`, which was told to write to `out`, is refused with a message that has all of `words`.
fn assert_refused(command: Command, out: &Path, words: &[&str]) {
    finish(command).expect_code(2).expect_error(words);
    assert!(!out.exists(), "{} was left behind", out.display());
}

#[test]
fn settings_that_make_no_run() {
    let place = place();
    let out = place.path().join("run");
    let cases: [(&str, &[&str]); 11] = [
        ("train.speed=9", &["unknown field `speed`"]),
        ("colour=red", &["unknown field `colour`"]),
        ("train.tokens", &["--set train.tokens: write it as key=value"]),
        ("description.x=1", &["`description` is not a table"]),
        (
            "model.n_heads=3",
            &["model.n_heads = 3 is not a multiple of model.n_kv_heads = 2"],
        ),
        ("model.head_dim=15", &["model.head_dim = 15 is odd"]),
        (
            "train.micro_batch=0",
            &["train.micro_batch = 0: must be at least 1"],
        ),
        ("train.micro_batch=-1", &["micro_batch"]),
        ("optim.muon.lr=nan", &["optim.muon.lr = NaN"]),
        ("eval.tokens=8", &["eval.tokens = 8", "at least one eval.seq_len"]),
        ("train.graph=on", &["train.graph = \"on\": only GPUs record"]),
    ];
    for (setting, words) in cases {
        let mut command = train(&out, &["model.n_kv_heads=2"]);
        common::set(&mut command, &[setting]);
        assert_refused(command, &out, words);
    }
}

#[test]
fn presets_that_are_none() {
    let place = place();
    let out = place.path().join("run");
    let file = |name: &str, text: &str| {
        let path = place.path().join(name);
        fs::write(&path, text).expect("is written");
        path.to_string_lossy().into_owned()
    };
    let tiny = include_str!("../../../presets/tiny.toml");
    let misspelt = file("misspelt.toml", &tiny.replace("micro_batch", "microbatch"));
    let broken = file("broken.toml", "[train\n");
    let missing = place.path().join("missing.toml").to_string_lossy().into_owned();
    let cases: [(&str, &[&str]); 4] = [
        ("huge", &["unknown preset `huge`", "tiny, nano, reference"]),
        (&misspelt, &["misspelt.toml", "unknown field `microbatch`"]),
        (&broken, &["broken.toml", "line 1"]),
        (&missing, &["cannot read", "missing.toml"]),
    ];
    for (preset, words) in cases {
        let mut command = train(&out, &[]);
        command.args(["--preset", preset]);
        assert_refused(command, &out, words);
    }
}

fn train_on(device: &str, out: &Path) -> Command {
    let mut command = blueberry(["train", "--device", device, "--out"]);
    command.arg(out);
    command
}

#[test]
fn devices_that_are_unknown() {
    let place = place();
    let out = place.path().join("run");
    for device in ["gpu", "cpu:1", "cuda:x", "auto:0"] {
        let words = [&format!("unknown device `{device}`"), "blueberry devices"];
        assert_refused(train_on(device, &out), &out, &words);
    }
    assert_refused(
        train_on("wgpu:99", &out),
        &out,
        &["no device `wgpu:99` on this machine"],
    );
}

#[test]
fn cuda_on_a_machine_without_it() {
    let listed = finish(blueberry(["devices", "--json"])).expect_code(0).stdout;
    let devices: Vec<Value> = serde_json::from_str(&listed).expect("a list");
    let is_cuda = |device: &&Value| device["api"] == "cuda";
    let unusable: Option<Vec<&str>> = devices
        .iter()
        .filter(is_cuda)
        .map(|device| device["unusable"].as_str())
        .collect();
    let Some(reasons) = unusable else {
        eprintln!("skipped: this machine has a CUDA device");
        return;
    };
    let place = place();
    let out = place.path().join("run");
    assert_refused(
        train_on("cuda", &out),
        &out,
        &["device `cuda` cannot be used", reasons[0]],
    );
}

#[test]
fn usage_that_makes_no_sense() {
    let place = place();
    let out = place.path().join("run");
    let mut both = train(&out, &[]);
    both.arg("--resume").arg(place.path());
    finish(both).expect_code(2).expect_error(&["cannot be used with"]);
    finish(blueberry(["trian"]))
        .expect_code(2)
        .expect_error(&["trian"]);
    let mut threads = blueberry(["data", "prepare", "--threads", "0", "a.txt", "--out"]);
    threads.arg(&out);
    assert_refused(threads, &out, &["--threads 0"]);
}

#[test]
fn an_out_that_holds_something() {
    let place = place();
    let run = place.path().join("run");
    finish(train(&run, &["train.tokens=64"])).expect_code(0);
    let log = || fs::read(run.join("run.jsonl")).expect("a log");
    let before = log();
    finish(train(&run, &["train.tokens=64"]))
        .expect_code(2)
        .expect_error(&["already holds a run", "--resume"]);
    assert!(before == log());

    let notes = place.path().join("notes");
    fs::create_dir(&notes).expect("is made");
    fs::write(notes.join("diary.txt"), "mine").expect("is written");
    finish(train(&notes, &[]))
        .expect_code(2)
        .expect_error(&["is not empty and holds no run"]);
    assert_eq!(names_in(&notes), ["diary.txt"]);
    finish(train(&notes.join("diary.txt"), &[]))
        .expect_code(2)
        .expect_error(&["cannot read", "diary.txt"]);
}

/// Neither eligible nor not: nobody can say from what cannot be read.
#[test]
fn a_log_that_cannot_be_read_has_no_verdict() {
    let place = place();
    let run = place.path().join("run");
    finish(train(&run, &["train.tokens=64"])).expect_code(0);
    let text = fs::read_to_string(run.join("run.jsonl")).expect("a log");
    let whole: Vec<&str> = text.lines().collect();
    let (mut torn, mut twice) = (whole.clone(), whole.clone());
    torn[2] = &whole[2][..whole[2].len() / 2];
    twice[1] = whole[0];
    let cases: [(&str, &[&str], &[&str]); 4] = [
        ("torn", &torn, &["line 3", "EOF while parsing"]),
        ("twice", &twice, &["line 2", "a second `run` line"]),
        ("headless", &whole[1..], &["line 1", "begins with `run`"]),
        ("text", &["Loss: 3.2"], &["line 1"]),
    ];
    for (name, lines, words) in cases {
        let path = place.path().join(format!("{name}.jsonl"));
        fs::write(&path, lines.join("\n") + "\n").expect("is written");
        let mut command = blueberry(["check", "--category", "dash"]);
        command.arg(&path);
        let refused = finish(command).expect_code(2).expect_error(words);
        let named = format!("`{}`", path.display());
        assert!(
            refused.stderr.contains(&named) && refused.stdout.is_empty(),
            "{refused:#?}"
        );
    }
}

#[test]
fn answers_to_questions_that_are_not_left_to_a_person() {
    let verify = |more: &[&str]| {
        let words = ["verify", "records/dash/none", "--verifier", "bob", "--looked-at"];
        finish(blueberry([&words[..], more].concat())).expect_code(2)
    };
    verify(&["eval-time=a slow disk"]).expect_error(&["--sign <KEYFILE>"]);
    verify(&["probe=sound", "--sign", "key"])
        .expect_error(&["`probe` is not left to a person", "verify-clock"]);
    verify(&["eval-time", "--sign", "key"]).expect_error(&["RULE=REASON"]);
}

#[test]
fn a_resume_of_nothing() {
    let place = place();
    let missing = place.path().join("missing");
    assert_refused(resume(&missing), &missing, &["missing", "holds no run"]);
    let empty = place.path().join("empty");
    fs::create_dir(&empty).expect("is made");
    finish(resume(&empty))
        .expect_code(2)
        .expect_error(&["holds no run"]);
    assert_eq!(names_in(&empty), [""; 0]);
}
