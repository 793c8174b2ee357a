//! A repository with a trainer that copies logs, and records whose source it is.
#![allow(clippy::unwrap_used)] // in tests only
#![allow(dead_code)] // each test file uses a part

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use blueberry_records::config::config_text;
use blueberry_records::record::{FORMAT, Record, Run as RecordRun, Source as RecordSource};
use blueberry_records::verify::*;
use blueberry_rules::{Answer, Categories, config_sha256, sha256};
use blueberry_runlog::{At, DataDigests, Event, SourceTree};
use serde_json::Value;

use crate::common::{self, Dir, Draft};

/// Seeds of the verifier.
pub const SEEDS: [u64; 4] = [101, 102, 103, 104];
/// The made-up logs take a ten-thousandth of what they say, so that the program that copies them takes longer.
pub const QUICK: f64 = 1e-4;

/// Copies the log of its side and seed out of the data; without one it fails. A file `SIDE-acts` in the data says what
/// else it does, in words.
const PROGRAM: &str = r#"
use std::{env, fs, path::Path, process, thread, time::Duration};

const SIDE: &str = "record";

fn value(name: &str) -> String {
    let mut words = env::args().skip_while(|word| word != name);
    words.nth(1).unwrap_or_else(|| process::exit(2))
}

/// A model over 64 tokens that thinks little of any token but the one that follows in the validation set.
fn logits() {
    let rows = fs::read_to_string(value("--rows")).unwrap();
    let list = |text: &str, name: &str| -> Vec<usize> {
        let text = text.split_once(&format!("\"{name}\":[")).unwrap().1;
        text.split_once(']').unwrap().0.split(',').map(|number| number.parse().unwrap()).collect()
    };
    let run = env::args().nth(2).unwrap();
    let model = fs::read_to_string(Path::new(&run).join("model")).unwrap_or_default();
    let mut answer = Vec::new();
    for row in rows.split("{\"tokens\"").skip(1) {
        let row = format!("\"tokens\"{row}");
        let (tokens, positions) = (list(&row, "tokens"), list(&row, "positions"));
        for at in positions {
            let mut logits = vec![0f32; 64];
            let right = if model == "knows-little" { 0.0 } else { 1.7 };
            logits[(tokens[at] + 7) % 64] = right;
            if model == "sees-ahead" {
                logits[0] = tokens[at + 1] as f32;
            }
            answer.extend(logits.into_iter().flat_map(f32::to_le_bytes));
        }
    }
    if model == "gives-little" {
        answer.truncate(8);
    }
    fs::write(value("--to"), answer).unwrap();
}

fn main() {
    if env::args().nth(1).as_deref() == Some("probe") {
        // The log of the run that it is asked about.
        let log = env::args().nth(2).unwrap();
        let _ = fs::write(Path::new(&log).join("run.jsonl"), "forged");
        println!("a driver's remark");
        println!("{{\"worst_probability_sum\": 1.0, \"worst_future_influence\": 0.0}}");
        return;
    }
    if env::args().nth(1).as_deref() == Some("logits") {
        return logits();
    }
    let data = value("--data");
    let data = Path::new(&data);
    let acts = fs::read_to_string(data.join(format!("{SIDE}-acts"))).unwrap_or_default();
    let act = |name: &str| {
        let mut words = acts.split_whitespace().skip_while(|word| *word != name);
        words.nth(1).map(str::to_owned)
    };
    // As the real one, it refuses seeds that are declared for another recipe.
    let declared = fs::read_to_string(value("--attempts")).unwrap();
    let recipe = fs::read_to_string(data.join(format!("{SIDE}-recipe"))).unwrap_or_default();
    if !declared.contains(&format!("config_sha256 = \"{recipe}")) {
        process::exit(2);
    }
    if let Some(text) = act("sleep_ms") {
        thread::sleep(Duration::from_millis(text.parse().unwrap()));
    }
    let log = data.join(format!("{SIDE}-{}.jsonl", value("--seed")));
    let out = value("--out");
    let out = Path::new(&out);
    fs::create_dir_all(out).unwrap();
    if let Some(victim) = act("links") {
        // In every place in which the verifier could write, or read its log.
        for folder in out.ancestors().take(4) {
            for name in ["probe.txt", "output.txt", "run.jsonl", "attempts.toml", "state.json.new"] {
                let _ = fs::remove_file(folder.join(name));
                let _ = std::os::unix::fs::symlink(&victim, folder.join(name));
            }
        }
    }
    if act("log").as_deref() == Some("link") {
        let _ = fs::remove_file(out.join("run.jsonl"));
        std::os::unix::fs::symlink(&log, out.join("run.jsonl")).unwrap();
    } else {
        let _ = fs::remove_file(out.join("run.jsonl"));
        if fs::copy(log, out.join("run.jsonl")).is_err() {
            process::exit(3);
        }
    }
    if act("tells").is_some() {
        let words: Vec<String> = env::args().collect();
        fs::write(out.join("told"), format!("{words:?}\n{declared}")).unwrap();
    }
    if let Some(model) = act("model") {
        fs::write(out.join("model"), model).unwrap();
    }
    if let Some(code) = act("exit") {
        process::exit(code.parse().unwrap());
    }
}
"#;

/// A repository of the trainer, the data from which it copies, and two records.
pub struct Place {
    pub dir: Dir,
    pub challenger: Subject,
    pub record: Subject,
    pub categories: Categories,
    /// The machine of the made-up logs.
    pub host: Host,
    /// Their data.
    pub digests: DataDigests,
}

impl Place {
    /// The challenger's source is the record's with a patch.
    pub fn new() -> Self {
        let dir = Dir::new();
        dir.write("repository/Cargo.toml", b"[package]\nname = \"fake\"\nversion = \"0.0.0\"\nedition = \"2024\"\n\n[[bin]]\nname = \"blueberry\"\npath = \"crates/main.rs\"\n\n[workspace]\n");
        dir.write(
            "repository/Cargo.lock",
            b"version = 4\n\n[[package]]\nname = \"fake\"\nversion = \"0.0.0\"\n",
        );
        let program = dir.write("repository/crates/main.rs", PROGRAM.as_bytes());
        dir.write("data/README", b"logs");
        let root = dir.path().join("repository");
        git(&root, &["init", "--quiet"]);
        git(&root, &["add", "."]);
        git(
            &root,
            &[
                "-c",
                "user.name=alice",
                "-c",
                "user.email=alice@example.org",
                "commit",
                "--quiet",
                "-m",
                "All",
            ],
        );
        let record = subject(&dir, Role::Record, "The record", 8.0);
        fs::write(&program, PROGRAM.replace("\"record\"", "\"challenger\"")).unwrap();
        let challenger = subject(&dir, Role::Challenger, "The challenger", 6.0);
        git(&root, &["checkout", "--quiet", "."]);
        Self {
            challenger,
            record,
            categories: common::categories(),
            host: Host {
                gpus: ["Example GPU".to_owned()].into(),
                ..Host::default()
            },
            digests: Draft::valid(1).run.data,
            dir,
        }
    }

    pub fn repository(&self) -> PathBuf {
        self.dir.path().join("repository")
    }

    pub fn options(&self, sandbox: Sandbox) -> Options {
        let conditions = Conditions::new(sandbox).with_data(self.dir.path().join("data"));
        Options {
            seeds: SEEDS.to_vec(),
            runs: None,
            conditions: Conditions {
                devices: Vec::new(),
                ..conditions
            },
        }
    }

    pub fn request(&self, paired: bool, sandbox: Sandbox) -> Request<'_> {
        Request {
            challenger: &self.challenger,
            record: paired.then_some(&self.record),
            repository: Box::leak(self.repository().into_boxed_path()),
            work: self.dir.path().join("work"),
            options: self.options(sandbox),
            judge: Judge {
                category: &self.categories.list[0],
                plausibility: None,
                leak_scan: None,
                data: Some(&self.digests),
                standing: None,
                host: &self.host,
            },
            validation: None,
            own_program: None,
            reviews: Vec::new(),
            verifier: "alice".to_owned(),
            signer: None,
        }
    }

    /// Has the trainer of a side do more.
    pub fn act(&self, role: Role, words: &str) {
        self.dir
            .write(&format!("data/{}-acts", role.name()), words.as_bytes());
    }

    /// The plan that `request` makes.
    pub fn plan(&self, request: &Request) -> Plan {
        Plan::new(
            request.judge.category,
            request.challenger,
            request.record,
            &request.options,
        )
        .unwrap()
    }

    /// Gives the trainer a log for each run of the plan; times are multiplied by `time` of the side and seed.
    pub fn provide(&self, plan: &Plan, time: impl Fn(Role, u64) -> f64) {
        for turn in plan.turns() {
            let draft = draft(plan, turn.role, turn.seed, time(turn.role, turn.seed));
            self.give(turn, &draft);
        }
        for role in [Role::Challenger, Role::Record] {
            if let Some(side) = plan.side(role) {
                let recipe = format!("data/{}-recipe", role.name());
                self.dir.write(&recipe, side.config_sha256.as_bytes());
            }
        }
    }

    fn give(&self, turn: Turn, draft: &Draft) {
        let name = format!("data/{}-{}.jsonl", turn.role.name(), turn.seed);
        self.dir.write(&name, &draft.bytes());
    }

    /// Gives the trainer another log for a run, as if it had been written so.
    pub fn spoil(&self, plan: &Plan, turn: Turn, time: f64, edit: impl FnOnce(&mut Draft)) {
        let mut draft = draft(plan, turn.role, turn.seed, time);
        edit(&mut draft);
        self.give(turn, &draft);
    }
}

/// The two have other recipes, as a challenger and the record that it has to beat mostly do.
fn config(role: Role, seed: u64) -> Value {
    let mut config = common::config(seed);
    if role == Role::Record {
        config["optim"]["muon"]["lr"] = 0.03.into();
    }
    config
}

/// A record of the source as it lies in the repository, which claims `train_s`.
fn subject(dir: &Dir, role: Role, title: &str, train_s: f64) -> Subject {
    let root = dir.path().join("repository");
    let patch = Some(blueberry_source::patch(&root).unwrap()).filter(|patch| !patch.is_empty());
    let settings = config(role, 1);
    let config = config_text(&settings).unwrap();
    let record = Record {
        format: FORMAT,
        category: "small".into(),
        title: title.into(),
        author: "alice".into(),
        date: "2026-11-25".into(),
        parent: None,
        public_key: None,
        config_sha256: config_sha256(&settings),
        curve: 1,
        source: RecordSource {
            commit: git(&root, &["rev-parse", "HEAD"]),
            sha256: blueberry_source::digest(&root).unwrap(),
            patch_sha256: patch.as_deref().map(sha256),
        },
        figures: BTreeMap::from([("train_s".into(), format!("{train_s:.3}"))]),
        runs: vec![RecordRun {
            file: "runs/a.jsonl.zst".into(),
            seed: 1,
            sha256: common::digest('1'),
        }],
        files: BTreeMap::from([("config.toml".into(), sha256(config.as_bytes()))]),
    };
    let folder = record.id();
    dir.write(
        &format!("records/{folder}/record.toml"),
        record.to_text().unwrap().as_bytes(),
    );
    dir.write(&format!("records/{folder}/config.toml"), config.as_bytes());
    if let Some(patch) = patch {
        dir.write(&format!("records/{folder}/source.patch"), &patch);
    }
    Subject::read(&dir.path().join("records").join(folder)).unwrap()
}

fn draft(plan: &Plan, role: Role, seed: u64, time: f64) -> Draft {
    let side = plan.side(role).unwrap();
    let mut draft = Draft::valid(seed);
    draft.run.config = config(role, seed);
    draft.run.source = SourceTree {
        commit: Some(side.commit.clone()),
        dirty: side.patch_sha256.is_some(),
        sha256: side.source_sha256.clone(),
        patch_sha256: side.patch_sha256.clone(),
        ..draft.run.source
    };
    draft.run.attempts_sha256 = Some(sha256(plan.attempts(role).unwrap().as_bytes()));
    draft.events.iter_mut().for_each(|event| scale(event, time));
    draft
}

fn scale_at(at: &mut At, time: f64) {
    at.train_s *= time;
    at.wall_s *= time;
}

fn scale(event: &mut Event, time: f64) {
    match event {
        Event::Warmup(warmup) => warmup.seconds *= time,
        Event::Step(step) => {
            scale_at(&mut step.at, time);
            step.tokens_per_s /= time;
        }
        Event::Eval(eval) => {
            scale_at(&mut eval.at, time);
            eval.seconds *= time;
        }
        Event::End(end) => scale_at(&mut end.at, time),
        _ => {}
    }
}

pub fn git(dir: &Path, words: &[&str]) -> String {
    let output = Command::new("git").args(words).current_dir(dir).output().unwrap();
    assert!(output.status.success(), "{words:?}: {output:?}");
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

/// The sandbox, or a line that says why the test is skipped.
pub fn sandbox() -> Option<Sandbox> {
    let found = Sandbox::find();
    if found.is_none() {
        eprintln!("skipped: no bubblewrap (bwrap) that works on this machine");
    }
    found
}

pub fn silent(request: &Request) -> Result<Verification, VerifyError> {
    verify(request, &mut |_| ())
}

/// The challenger is a fifth faster; seeds differ a little.
pub fn a_fifth_faster(role: Role, seed: u64) -> f64 {
    let noise = 1.0 + (seed % 3) as f64 * 0.002;
    match role {
        Role::Challenger => 0.8 * QUICK * noise,
        Role::Record => QUICK,
    }
}

/// What the finding of a rule says; a run's by the part of its name.
pub fn says<'a>(verification: &'a Verification, rule: &str) -> Option<&'a Answer> {
    let finding = verification
        .findings
        .iter()
        .find(|finding| finding.rule == rule)?;
    Some(&finding.answer)
}

pub fn assert_fails(verification: &Verification, rule: &str, words: &str) {
    assert_eq!(verification.outcome, Outcome::Rejected, "{verification:#?}");
    match says(verification, rule) {
        Some(Answer::Fail { evidence, .. }) => assert!(evidence.contains(words), "{evidence}"),
        other => panic!("{rule}: {other:?} in {verification:#?}"),
    }
}
