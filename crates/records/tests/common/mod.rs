//! The claim of three runs in a small category that the tests of the rules judge, as files.
#![allow(dead_code)] // each test file uses a part

#[path = "../../../rules/tests/common/mod.rs"]
mod judged;

use std::fs;
use std::path::{Path, PathBuf};

use blueberry_rules::{Attempts, Categories, Entry, LoggedRun};
use serde_json::Value;

pub use judged::Draft;

/// Seeds of the runs.
pub const SEEDS: [u64; 3] = [1, 2, 3];

/// A folder that is gone after the test.
pub struct Dir(tempfile::TempDir);

impl Dir {
    pub fn new() -> Self {
        Self(tempfile::tempdir().expect("a temporary folder"))
    }

    pub fn path(&self) -> &Path {
        self.0.path()
    }

    pub fn write(&self, name: &str, bytes: &[u8]) -> PathBuf {
        let path = self.path().join(name);
        fs::create_dir_all(path.parent().expect("a parent")).expect("a folder");
        fs::write(&path, bytes).expect("a file");
        path
    }

    /// A file with the small category.
    pub fn write_categories(&self) -> PathBuf {
        self.write("categories.toml", categories_text().as_bytes())
    }
}

/// The text with each of its digits changed in turn, and the line up to that digit.
pub fn changed_digits(text: &str) -> impl Iterator<Item = (&str, String)> {
    let digits = text.char_indices().filter(|(_, letter)| letter.is_ascii_digit());
    digits.map(|(place, digit)| {
        let other = char::from(b'0' + (digit as u8 - b'0' + 1) % 10);
        let (before, behind) = (&text[..place], &text[place + 1..]);
        let line = before.lines().last().unwrap_or_default();
        (line, format!("{before}{other}{behind}"))
    })
}

/// A digest of one letter.
pub fn digest(letter: char) -> String {
    judged::hex(letter)
}

pub fn categories() -> Categories {
    judged::categories()
}

pub fn categories_text() -> String {
    toml::to_string(&categories()).expect("TOML")
}

pub fn attempts() -> Attempts {
    judged::declared(&SEEDS).attempts().clone()
}

pub fn attempts_text() -> String {
    attempts().to_text().expect("attempts")
}

/// Settings of a run.
pub fn config(seed: u64) -> Value {
    Draft::valid(seed).run.config
}

/// The log of an eligible run.
pub fn log_of(seed: u64) -> Vec<u8> {
    Draft::valid(seed).bytes()
}

pub fn small_log() -> Vec<u8> {
    log_of(SEEDS[0])
}

/// The folders of a claim's runs and its attempts file.
pub fn write_claim(dir: &Dir) -> (Vec<PathBuf>, PathBuf) {
    let runs = SEEDS.map(|seed| {
        let log = dir.write(&format!("runs/small-{seed}/run.jsonl"), &log_of(seed));
        log.parent().expect("a parent").to_owned()
    });
    (
        runs.to_vec(),
        dir.write("attempts.toml", attempts_text().as_bytes()),
    )
}

/// An entry of the leaderboard, verified with these figures a run.
pub fn entry(author: &str, date: &str, values: &[f64]) -> Entry {
    judged::entry(author, date, values)
}

/// A log as it is read.
pub fn logged_run(name: &str, bytes: &[u8]) -> LoggedRun {
    judged::logged(name, bytes)
}

/// The runs of a claim, as they are read.
pub fn claim_runs() -> Vec<LoggedRun> {
    SEEDS
        .map(|seed| judged::logged(&format!("runs/seed-{seed}.jsonl.zst"), &log_of(seed)))
        .to_vec()
}
