//! The way of two records through a verifier's hands to the leaderboard, by the binary alone: their source is built and
//! run in the sandbox, the second by turns with the first, and what came of it is signed. The program that is built fills
//! in made-up logs (`verified/trainer.rs`), so that all of it takes seconds.
#![cfg(target_os = "linux")]

mod common;
#[path = "../../rules/tests/common/mod.rs"]
mod judged;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use blueberry_data::Dataset;
use blueberry_records::verify::{Host, Sandbox};
use blueberry_rules::{Attempts, config_sha256};
use blueberry_runlog::{At, DataDigests, Event, SourceTree};
use common::text::prepared;
use common::{Finished, blueberry, finish, place};
use judged::{Draft, hex};
use serde_json::Value;

const CATEGORIES: &str = r#"
[[category]]
id = "small"
name = "Small, for tests"
metric = "val-loss"
parameters = { least = 1_000, most = 3_000 }
tokens = 1_020
loss_below = 3.0
validation = "any"
validation_targets = 128
tokenizer = "any"
manifest = "any"
seeds = 3
"#;

/// The seeds that are declared; a verifier draws others.
const SEEDS: [u64; 3] = [1, 2, 3];
const TRAINER: &str = include_str!("verified/trainer.rs");
/// What the trainer replaces: see there.
const SEED: u64 = 4_242_424_242;
const DIGITS: &str = "1234567";
/// A log says that its run took 8 s, and the program that fills it in takes a hundredth of a second.
const QUICK: f64 = 1e-4;

/// A repository of the trainer, its data, records, and a verifier's key.
struct Contest {
    dir: tempfile::TempDir,
}

impl Contest {
    /// Nothing, and a line that says why, where this machine cannot hold it.
    fn new() -> Option<Self> {
        if Sandbox::find().is_none() {
            eprintln!("skipped: no bubblewrap (bwrap) that works on this machine");
            return None;
        }
        let contest = Self { dir: place() };
        let made = Command::new("ssh-keygen")
            .args(["-q", "-t", "ed25519", "-N", "", "-f"])
            .arg(contest.path("key"))
            .status();
        if !made.is_ok_and(|status| status.success()) {
            eprintln!("skipped: ssh-keygen is not installed");
            return None;
        }
        fs::write(contest.path("categories.toml"), CATEGORIES).expect("is written");
        contest.list_the_key();
        contest.make_repository();
        prepared(&contest.path("data"), 3_000);
        Some(contest)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    fn list_the_key(&self) {
        let key = fs::read_to_string(self.path("key.pub")).expect("a public key");
        fs::create_dir(self.path("records")).expect("a folder");
        fs::write(self.path("records/verifiers"), format!("bob {key}")).expect("is written");
    }

    fn make_repository(&self) {
        let root = self.path("repository");
        fs::create_dir_all(root.join("crates")).expect("a folder");
        let files = [
            (
                "Cargo.toml",
                "[package]\nname = \"blueberry\"\nversion = \"0.0.0\"\nedition = \"2024\"\n\n\
                 [[bin]]\nname = \"blueberry\"\npath = \"crates/main.rs\"\n\n[workspace]\n",
            ),
            (
                "Cargo.lock",
                "version = 4\n\n[[package]]\nname = \"blueberry\"\nversion = \"0.0.0\"\n",
            ),
            ("crates/main.rs", TRAINER),
        ];
        for (name, text) in files {
            fs::write(root.join(name), text).expect("is written");
        }
        self.git(&["init", "--quiet"]);
        self.git(&["add", "."]);
        let author = ["-c", "user.name=alice", "-c", "user.email=alice@example.org"];
        self.git(&[&author[..], &["commit", "--quiet", "-m", "All"]].concat());
    }

    fn git(&self, words: &[&str]) -> String {
        let output = Command::new("git")
            .args(words)
            .current_dir(self.path("repository"))
            .output()
            .expect("git");
        assert!(output.status.success(), "{words:?}: {output:?}");
        String::from_utf8_lossy(&output.stdout).trim().to_owned()
    }

    /// `blueberry` in the repository, with the contest's categories.
    fn judge(&self, words: &[&str], paths: &[(&str, PathBuf)]) -> Finished {
        let mut command = blueberry(words);
        command.current_dir(self.path("repository"));
        command.arg("--categories").arg(self.path("categories.toml"));
        for (flag, path) in paths {
            command.arg(flag).arg(path);
        }
        finish(command)
    }

    /// Changes the source so that it is of this side, trains with the declared seeds and submits; gives the record.
    fn submit(&self, side: &str, author: &str, better_by: f64) -> PathBuf {
        let source = TRAINER.replace("SIDE: &str = \"first\"", &format!("SIDE: &str = {side:?}"));
        fs::write(self.path("repository/crates/main.rs"), source).expect("is written");
        let log = self.log(better_by).bytes();
        fs::write(self.path("data").join(format!("{side}.jsonl")), log).expect("is written");
        let attempts = self.path("attempts.toml");
        fs::write(&attempts, declared()).expect("is written");
        let runs = self.train(side, &attempts);
        let mut words = vec![
            "submit",
            "--category",
            "small",
            "--author",
            author,
            "--title",
            side,
        ];
        words.extend(runs.iter().map(String::as_str));
        let paths = [("--attempts", attempts), ("--out", self.path("records"))];
        self.judge(&words, &paths).expect_code(0);
        let names = common::checks::names_in(&self.path("records/small"));
        let name = names.into_iter().find(|name| name.ends_with(side));
        self.path("records/small").join(name.expect("a record"))
    }

    /// Runs of the source as it is, by the program that it makes.
    fn train(&self, side: &str, attempts: &Path) -> Vec<String> {
        let program = self.path(&format!("trainer-{side}"));
        let mut compiler = Command::new("rustc");
        compiler.args(["--edition", "2024", "-o"]).arg(&program);
        let status = compiler.arg(self.path("repository/crates/main.rs")).status();
        assert!(status.expect("rustc").success());
        let run = |seed: u64| {
            let out = self.path(&format!("runs/{side}-{seed}"));
            let mut command = Command::new(&program);
            command.args(["train", "--seed", &seed.to_string(), "--attempts"]);
            command
                .arg(attempts)
                .arg("--out")
                .arg(&out)
                .arg("--data")
                .arg(self.path("data"));
            finish(command).expect_code(0);
            out.to_string_lossy().into_owned()
        };
        SEEDS.map(run).to_vec()
    }

    /// The log of the source as it is on this machine, for the trainer to fill in.
    fn log(&self, better_by: f64) -> Draft {
        let root = self.path("repository");
        let mut draft = Draft::valid(0);
        let run = &mut draft.run;
        (run.seed, run.run_id) = (SEED, format!("small-{SEED}"));
        run.config["seed"] = SEED.into();
        run.attempts_sha256 = Some(hex('9'));
        run.data = self.data();
        let patch = blueberry_source::patch_sha256(&root).expect("a patch");
        run.source = SourceTree {
            commit: Some(self.git(&["rev-parse", "HEAD"])),
            dirty: patch.is_some(),
            sha256: blueberry_source::digest(&root).expect("a digest"),
            patch_sha256: patch,
            ..run.source.clone()
        };
        let cpu = Host::of_this_machine().cpu.expect("the processor's name");
        (run.hardware.device, run.hardware.cpu) = (cpu.clone(), cpu);
        run.hardware.backend = "cpu".to_owned();
        draft.events.iter_mut().for_each(|event| retell(event, better_by));
        draft
    }

    fn data(&self) -> DataDigests {
        let dataset = Dataset::open(&self.path("data")).expect("a dataset");
        DataDigests {
            manifest_sha256: dataset.manifest_sha256().to_owned(),
            validation_sha256: dataset.manifest().validation.sha256.clone(),
            tokenizer_sha256: dataset.manifest().tokenizer.sha256.clone(),
            train_tokens: dataset.train_tokens(),
            extra: Default::default(),
        }
    }

    /// As CONTRIBUTING says: the first call runs it, the second runs nothing and signs.
    fn verify(&self, record: &Path) {
        self.verify_once(record, None).expect_code(0);
        let signed = self.verify_once(record, Some(self.path("key"))).expect_code(0);
        signed.expect_error(&["every run is over and none is made again"]);
    }

    fn verify_once(&self, record: &Path, key: Option<PathBuf>) -> Finished {
        let mut paths = vec![
            ("--work", self.work(record)),
            ("--data", self.path("data")),
            ("--records", self.path("records")),
        ];
        paths.extend(key.map(|key| ("--sign", key)));
        let record = record.to_string_lossy();
        let words = ["verify", &record, "--device", "cpu", "--verifier", "bob"];
        self.judge(&words, &paths)
    }

    fn work(&self, record: &Path) -> PathBuf {
        self.path("work").join(record.file_name().expect("a name"))
    }

    fn leaderboard(&self) -> Finished {
        self.judge(&["leaderboard"], &[("--records", self.path("records"))])
    }

    /// The id of the record that stands; rank and id of what was verified; ids of what waits for it.
    fn board(&self) -> Board {
        let text = fs::read(self.path("leaderboard.json")).expect("a leaderboard");
        let board: Value = serde_json::from_slice(&text).expect("JSON");
        let small = &board["categories"][0];
        let id = |entry: &Value| entry["id"].as_str().expect("an id").to_owned();
        let rows = |name: &str| small[name].as_array().expect("rows").clone();
        Board {
            record: small["record"].as_str().map(str::to_owned),
            ranked: rows("ranked")
                .iter()
                .map(|row| (row["rank"].as_u64().expect("a rank"), id(row)))
                .collect(),
            pending: rows("pending").iter().map(id).collect(),
        }
    }
}

/// A category of the leaderboard.
#[derive(Debug, PartialEq)]
struct Board {
    record: Option<String>,
    ranked: Vec<(u64, String)>,
    pending: Vec<String>,
}

fn declared() -> String {
    let attempts = Attempts {
        category: "small".into(),
        config_sha256: config_sha256(&Draft::valid(0).run.config),
        seeds: SEEDS.to_vec(),
        public_key: None,
        note: String::new(),
    };
    attempts.to_text().expect("attempts")
}

/// Makes an event quick, and its losses `better_by` so much with digits for the trainer to fill in. Before the first step
/// a model knows nothing.
fn retell(event: &mut Event, better_by: f64) {
    let loss = |value: f64, knows: bool| {
        let text = format!("{:.2}{DIGITS}", value - better_by);
        if knows {
            text.parse().expect("a number")
        } else {
            value
        }
    };
    let quick = |at: &mut At| (at.train_s, at.wall_s) = (at.train_s * QUICK, at.wall_s * QUICK);
    match event {
        Event::Warmup(warmup) => warmup.seconds *= QUICK,
        Event::Step(step) => {
            quick(&mut step.at);
            step.tokens_per_s /= QUICK;
            step.loss = loss(step.loss, step.at.step > 1);
        }
        Event::Eval(eval) => {
            quick(&mut eval.at);
            eval.seconds *= QUICK;
            eval.val_loss = loss(eval.val_loss, eval.at.step > 0);
        }
        Event::End(end) => {
            quick(&mut end.at);
            end.val_loss = end.val_loss.map(|value| loss(value, true));
        }
        _ => {}
    }
}

fn id(record: &Path) -> String {
    let name = record.file_name().expect("a name");
    format!("small/{}", name.to_string_lossy())
}

/// A text in which the last digit of the number behind `words` is another.
fn other_digit(text: &str, words: &str) -> String {
    let start = text.find(words).expect("the words") + words.len();
    let length = text[start..].find('\n').expect("an end");
    let at = start + length - 1;
    let digit = if &text[at..=at] == "4" { "5" } else { "4" };
    format!("{}{digit}{}", &text[..at], &text[at + 1..])
}

#[test]
fn signed_verifications_make_records_and_one_that_was_changed_is_not_heard() {
    let Some(contest) = Contest::new() else { return };
    let first = contest.submit("first", "alice", 0.0);
    contest.verify(&first);
    contest.leaderboard().expect_code(0);
    let alone = Board {
        record: Some(id(&first)),
        ranked: vec![(1, id(&first))],
        pending: Vec::new(),
    };
    assert_eq!(contest.board(), alone);

    let second = contest.submit("second", "mallory", 0.2);
    contest.verify(&second);
    let document = second.join("verification.toml");
    let text = fs::read_to_string(&document).expect("a verification");
    assert!(text.contains(&format!("record = \"{}\"", id(&first))), "{text}");
    assert_eq!(text.matches("[[runs]]").count(), 8, "{text}");

    // Not before it is the verifier's own word.
    fs::write(&document, other_digit(&text, "\nrecord_mean = ")).expect("is written");
    let unheard = contest.leaderboard().expect_code(0);
    let why = format!(
        "{}: verification.toml does not count: its signature does not hold",
        id(&second)
    );
    assert!(unheard.stdout.contains(&why), "{unheard:#?}");
    let waits = Board {
        pending: vec![id(&second)],
        ..alone
    };
    assert_eq!(contest.board(), waits);

    fs::write(&document, &text).expect("is written");
    contest.leaderboard().expect_code(0);
    let fallen = Board {
        record: Some(id(&second)),
        ranked: vec![(1, id(&second)), (2, id(&first))],
        pending: Vec::new(),
    };
    assert_eq!(contest.board(), fallen);

    // In the ledger now: what was changed since takes nothing back.
    fs::write(&document, other_digit(&text, "\nrecord_mean = ")).expect("is written");
    let refused = contest.leaderboard().expect_code(2);
    refused.expect_error(&[&id(&second), "verification.toml", "not the one in the ledger"]);
    assert_eq!(contest.board(), fallen);
}
