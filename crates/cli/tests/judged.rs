//! The way of a claim from its declared seeds to the leaderboard, by the binary alone, in a small category on the CPU;
//! then what becomes of one that was tampered with.
#![cfg(target_os = "linux")]

mod common;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use blueberry_records::verify::Sandbox;
use common::text::{prepare, prepared, write_documents};
use common::{Finished, SMALL, blueberry, finish, place, set};

const SEEDS: [u64; 3] = [1, 2, 3];
/// 200 steps.
const TOKENS: &str = "train.tokens=12_800";

const CATEGORIES: &str = r#"
[[category]]
id = "small"
name = "Small, for tests"
metric = "val-loss"
parameters = { least = 1_000, most = 1_000_000 }
tokens = 12_800
loss_below = 5.0
validation = "any"
validation_targets = 512
tokenizer = "any"
manifest = "any"
seeds = 3
"#;

/// A contest: its folder, and the repository that was built.
struct Contest {
    dir: tempfile::TempDir,
    repository: PathBuf,
}

impl Contest {
    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// `blueberry` in the repository, with the contest's categories.
    fn judge(&self, words: &[&str], paths: &[PathBuf]) -> Finished {
        let mut command = blueberry(words);
        command.current_dir(&self.repository).args(paths);
        command.arg("--categories").arg(self.path("categories.toml"));
        finish(command)
    }

    fn declare(&self) {
        let mut command = blueberry([
            "attempts",
            "--category",
            "small",
            "--preset",
            "tiny",
            "--seeds",
            "1,2,3",
        ]);
        command.arg("--out").arg(self.path("attempts.toml"));
        command.arg("--categories").arg(self.path("categories.toml"));
        set(&mut command, &SMALL);
        set(&mut command, &[TOKENS]);
        finish(command).expect_code(0);
    }

    fn runs(&self) -> Vec<PathBuf> {
        SEEDS.map(|seed| self.path(&format!("runs/{seed}"))).to_vec()
    }

    fn train(&self) {
        for (seed, out) in SEEDS.iter().zip(self.runs()) {
            let mut command = blueberry(["train", "--preset", "tiny", "--device", "cpu"]);
            command.args(["--seed", &seed.to_string()]).arg("--out").arg(out);
            command.arg("--attempts").arg(self.path("attempts.toml"));
            command.arg("--data").arg(self.path("data"));
            set(&mut command, &SMALL);
            set(&mut command, &[TOKENS]);
            finish(command).expect_code(0);
        }
    }

    /// What `data scan` says, as the file for `check --scan`. It ends with 1 where it found something.
    fn scan(&self, code: i32) -> PathBuf {
        let mut command = blueberry(["data", "scan", "--json"]);
        command.arg(self.path("data"));
        let report = self.path("scan.json");
        fs::write(&report, finish(command).expect_code(code).stdout).expect("is written");
        report
    }

    fn check(&self, mut paths: Vec<PathBuf>, scan: Option<&Path>) -> Finished {
        paths.extend(["--attempts".into(), self.path("attempts.toml")]);
        if let Some(scan) = scan {
            paths.extend(["--scan".into(), scan.to_owned()]);
        }
        self.judge(&["check"], &paths)
    }

    fn submit(&self, runs: Vec<PathBuf>, title: &str) -> Finished {
        let mut paths = runs;
        paths.extend(["--attempts".into(), self.path("attempts.toml")]);
        paths.extend(["--out".into(), self.path("records")]);
        let words = [
            "submit",
            "--category",
            "small",
            "--author",
            "alice",
            "--title",
            title,
        ];
        self.judge(&words, &paths)
    }

    /// Verifies by the binary of the tests, or by one that it builds.
    fn verify(&self, record: &Path, program: Option<&Path>) -> Finished {
        let mut paths = vec![record.to_owned(), "--data".into(), self.path("data")];
        paths.extend(["--work".into(), self.path("verification")]);
        paths.extend(["--records".into(), self.path("records")]);
        if let Some(program) = program {
            paths.extend(["--program".into(), program.to_owned()]);
        }
        self.judge(
            &["verify", "--device", "cpu", "--probe", "--verifier", "bob"],
            &paths,
        )
    }

    fn leaderboard(&self, more: &[&str]) -> Finished {
        let words = [&["leaderboard"], more].concat();
        self.judge(&words, &["--records".into(), self.path("records")])
    }
}

/// A contest with its data; nothing, and a line that says why, where this machine cannot hold it.
fn contest() -> Option<Contest> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let repository = fs::canonicalize(root).expect("the workspace");
    let git = |words: &[&str]| Command::new("git").args(words).current_dir(&repository).output();
    if !git(&["rev-parse", "HEAD"]).is_ok_and(|output| output.status.success()) {
        eprintln!("skipped: this is no git checkout, and a record names its commit");
        return None;
    }
    let unknown = git(&[
        "ls-files",
        "--others",
        "--exclude-standard",
        "crates",
        "presets",
        "shaders",
    ]);
    if unknown.is_ok_and(|output| !output.stdout.is_empty()) {
        eprintln!("skipped: git does not know all of the source; `git add` makes it known");
        return None;
    }
    if Sandbox::find().is_none() {
        eprintln!("skipped: no bubblewrap (bwrap) that works on this machine");
        return None;
    }
    let contest = Contest {
        dir: place(),
        repository,
    };
    fs::write(contest.path("categories.toml"), CATEGORIES).expect("is written");
    prepared(&contest.path("data"), 3_000);
    Some(contest)
}

/// The only record of a folder.
fn only_record(records: &Path) -> PathBuf {
    let category = records.join("small");
    let names = common::checks::names_in(&category);
    assert_eq!(names.len(), 1, "{names:?}");
    category.join(&names[0])
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).expect("a folder");
    for name in common::checks::names_in(from) {
        let (from, to) = (from.join(&name), to.join(&name));
        if from.is_dir() {
            copy(&from, &to);
        } else {
            fs::copy(&from, &to).expect("is copied");
        }
    }
}

/// Changes the last digit of the first number behind `words` in a file.
fn change_digit(path: &Path, words: &str) {
    let text = fs::read_to_string(path).expect("a text");
    let start = text.find(words).expect("the words") + words.len();
    let number = text[start..]
        .find(|c: char| !c.is_ascii_digit() && c != '.')
        .expect("an end");
    let at = start + number - 1;
    let digit = if &text[at..=at] == "4" { "5" } else { "4" };
    fs::write(path, format!("{}{digit}{}", &text[..at], &text[at + 1..])).expect("is written");
}

#[track_caller]
fn expect_words(finished: &Finished, words: &[&str]) {
    for word in words {
        assert!(
            finished.stdout.contains(word),
            "nothing about {word:?} in {finished:#?}"
        );
    }
}

/// Declares, trains, checks and submits; gives the record.
fn submitted(contest: &Contest) -> PathBuf {
    contest.declare();
    contest.train();
    let scan = contest.scan(0);
    let unscanned = contest.check(contest.runs(), None).expect_code(3);
    expect_words(&unscanned, &["leak-scan"]);
    contest.check(contest.runs(), Some(&scan)).expect_code(0);
    contest.submit(contest.runs(), "First").expect_code(0);
    let record = only_record(&contest.path("records"));
    contest.check(vec![record.clone()], Some(&scan)).expect_code(0);
    record
}

fn tampering_is_refused(contest: &Contest, record: &Path) {
    let scan = contest.path("scan.json");
    // A digit of a log: the seals tell.
    let forged = SEEDS.map(|seed| contest.path(&format!("forged/{seed}")));
    for (from, to) in contest.runs().iter().zip(&forged) {
        fs::create_dir_all(to).expect("a folder");
        fs::copy(from.join("run.jsonl"), to.join("run.jsonl")).expect("is copied");
    }
    change_digit(&forged[1].join("run.jsonl"), r#""loss":"#);
    let checked = contest.check(forged.to_vec(), Some(&scan)).expect_code(1);
    expect_words(&checked, &["FAIL", "seals-whole"]);
    let refused = contest.submit(forged.to_vec(), "Forged").expect_code(1);
    expect_words(&refused, &["seals-whole", "Not submitted"]);
    only_record(&contest.path("records"));

    // A digit of a record's claim: the logs tell.
    let copied = contest
        .path("tampered/small")
        .join(record.file_name().expect("a name"));
    copy(record, &copied);
    // What was found out about the record is not about its copy.
    fs::remove_file(copied.join("verification.toml")).expect("the record was verified before");
    change_digit(&copied.join("record.toml"), "val_loss = \"");
    let checked = contest.check(vec![copied.clone()], Some(&scan)).expect_code(1);
    expect_words(&checked, &["FAIL", "record-"]);
    let refused = contest.verify(&copied, None).expect_code(1);
    expect_words(&refused, &["not run, since it breaks rules", "FAILED  record-"]);
    assert!(!copied.join("verification.toml").exists());
}

#[test]
fn from_declared_seeds_to_the_leaderboard_and_a_tampered_copy_is_refused() {
    let Some(contest) = contest() else { return };
    let record = submitted(&contest);

    // Every rule holds for the runs in the sandbox; that nothing was built is all that speaks against it.
    let program = Path::new(env!("CARGO_BIN_EXE_blueberry"));
    let verified = contest.verify(&record, Some(program)).expect_code(3);
    expect_words(
        &verified,
        &["will not count", "it is not signed", "nothing is built"],
    );
    let verification = fs::read_to_string(record.join("verification.toml")).expect("a verification");
    for line in [
        "outcome = \"undecided\"",
        "verifier = \"bob\"",
        "rule = \"verify-builds\"",
        "nothing shows that it is this source's",
    ] {
        assert!(verification.contains(line), "no {line:?} in {verification}");
    }
    assert_eq!(verification.matches("[[findings]]").count(), 1, "{verification}");
    for rule in [
        "seals-whole",
        "leak-scan",
        "verify-same-source",
        "verify-ends-well",
        "verify-clock",
        "verify-warm-up",
        "verify-machine",
        "verify-data",
        "probe",
    ] {
        assert!(
            verification.contains(&format!("\"{rule}\"")),
            "{rule} in {verification}"
        );
    }
    assert!(verification.contains("sandbox = \"bubblewrap"), "{verification}");
    // Its model was asked, too, and by two processes.
    let runs = fs::read_dir(contest.path("verification/runs")).expect("the runs");
    let asked = runs.filter(|run| {
        run.as_ref()
            .is_ok_and(|run| run.path().join("asked-1.json").is_file())
    });
    assert_eq!(asked.count(), 1, "the last run's model");

    contest.leaderboard(&[]).expect_code(0);
    let leaderboard = fs::read_to_string(contest.path("LEADERBOARD.md")).expect("a leaderboard");
    assert!(
        leaderboard.contains("alice") && leaderboard.contains("First"),
        "{leaderboard}"
    );
    contest.leaderboard(&["--check"]).expect_code(0);

    tampering_is_refused(&contest, &record);
}

/// The shards hold every document twice, with a word before it the second time, so that those for validation are among the
/// training's: a scan finds them, and the rule says so of the runs.
#[test]
fn validation_documents_in_the_training_shards_are_found_and_refused() {
    let Some(contest) = contest() else { return };
    let (input, data) = (contest.path("twice.jsonl"), contest.path("data"));
    write_documents(&input, 1_500);
    let once = fs::read_to_string(&input).expect("the documents");
    let again = once.replace(r#"{"text":""#, r#"{"text":"again "#);
    assert_ne!(once, again);
    fs::write(&input, once + &again).expect("is written");
    fs::remove_dir_all(&data).expect("the data");
    finish(prepare(&input, &data)).expect_code(0);
    contest.declare();
    contest.train();
    let scan = contest.scan(1);
    let checked = contest.check(contest.runs(), Some(&scan)).expect_code(1);
    let broken: Vec<&str> = checked
        .stdout
        .lines()
        .filter(|line| line.starts_with("FAIL"))
        .collect();
    assert!(
        !broken.is_empty() && broken.iter().all(|line| line.contains("leak-scan")),
        "{checked:#?}"
    );
}

#[test]
#[ignore = "builds the whole program in the sandbox, which takes half an hour on two cores and fetches its dependencies"]
fn a_build_in_the_sandbox_is_verified() {
    let Some(contest) = contest() else { return };
    let record = submitted(&contest);
    contest.verify(&record, None).expect_code(0);
    let verification = fs::read_to_string(record.join("verification.toml")).expect("a verification");
    assert!(verification.contains("outcome = \"verified\""), "{verification}");
    // Nobody signed it, so it is no verdict yet.
    let made = contest.leaderboard(&[]).expect_code(0);
    expect_words(&made, &["does not count", "it is not signed"]);
}
