//! A small category, and logs of runs that are eligible in it.
#![allow(dead_code)] // each test file uses a part

pub mod claim;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use blueberry_rules::{Attempts, Categories, config_sha256};
use blueberry_runlog::*;
use blueberry_shape::ModelConfig;
use serde_json::{Value, json};

/// Targets of a step, of a run and between evaluations.
pub const STEP_TOKENS: u64 = 256;
pub const RUN_TOKENS: u64 = 8192;
pub const EVAL_TOKENS: u64 = 2048;
pub const SEEDS: [u64; 3] = [11, 12, 13];
pub const COMMIT: &str = "0123456789abcdef0123456789abcdef01234567";

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
}

pub fn digest(letter: char) -> String {
    letter.to_string().repeat(64)
}

pub const CATEGORIES: &str = r#"
[[category]]
id = "small"
name = "Small, for tests"
metric = "train-s"
parameters = { least = 1_000, most = 1_000_000 }
tokens = 8_192
loss_below = 4.5
validation = "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"
validation_targets = 1_024
tokenizer = "cccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccc"
manifest = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
seeds = 3
hardware = "Example GPU"
"#;

pub fn categories() -> Categories {
    Categories::parse(CATEGORIES).expect("the small category")
}

pub fn config(seed: u64) -> Value {
    json!({
        "preset": "small", "seed": seed, "device": "auto", "unchecked_device": false,
        "description": "for tests",
        "model": {
            "vocab_size": 257, "d_model": 32, "n_layers": 2, "n_heads": 2, "n_kv_heads": 1, "head_dim": 16,
            "d_ff": 64, "activation": "swiglu", "tied": true, "embed_scale": false, "qk_norm": true,
            "value_embeddings": [], "window": [], "zero_init_outputs": false, "init_std": 0.02,
            "rope_base": 10000.0, "norm_eps": 1e-7
        },
        "optim": {"muon": {"lr": 0.02}, "adamw": {"lr": 0.003}},
        "schedule": {"kind": "constant"},
        "train": {"tokens": RUN_TOKENS, "seq_len": 64, "micro_batch": 4, "accumulation": 1, "epochs": 1},
        "data": {},
        "eval": {"every_tokens": EVAL_TOKENS, "tokens": 1024, "seq_len": 64, "batch": 4},
        "curriculum": []
    })
}

pub fn attempts() -> Attempts {
    Attempts {
        category: "small".into(),
        config_sha256: config_sha256(&config(0)),
        seeds: SEEDS.to_vec(),
        note: String::new(),
    }
}

pub fn attempts_text() -> String {
    attempts().to_text().expect("attempts")
}

pub fn run(seed: u64) -> Run {
    let config = config(seed);
    let model: ModelConfig = serde_json::from_value(config["model"].clone()).expect("a model");
    let counts = model.counts();
    Run {
        version: VERSION,
        run_id: format!("small-{seed}"),
        preset: "small".into(),
        seed,
        model: ModelCounts {
            parameters: counts.parameters,
            matmul_parameters: counts.matmul_parameters,
            table_parameters: counts.table_parameters,
            flops_per_token: model.flops_per_token(64),
            extra: Extra::new(),
        },
        config,
        data: DataDigests {
            manifest_sha256: digest('a'),
            validation_sha256: digest('b'),
            tokenizer_sha256: digest('c'),
            train_tokens: 90_000,
            extra: Extra::new(),
        },
        target_tokens: RUN_TOKENS,
        source: source(),
        hardware: hardware(),
        device_check: DeviceCheck {
            status: CheckStatus::Passed,
            worst_parameter: Some("blocks.0.attention.query".into()),
            worst_error: Some(1.5e-7),
            cached: false,
            extra: Extra::new(),
        },
        user: Some("alice".into()),
        started_unix_s: 1_790_000_000.25 + seed as f64,
        attempts_sha256: Some(blueberry_rules::sha256(attempts_text().as_bytes())),
        kernels: BTreeMap::from([("attention".into(), "2".into())]),
        extra: Extra::new(),
    }
}

fn source() -> SourceTree {
    SourceTree {
        commit: Some(COMMIT.into()),
        dirty: false,
        sha256: digest('d'),
        version: "0.1.0".into(),
        patch_sha256: None,
        build_flags: Some(String::new()),
        extra: Extra::new(),
    }
}

fn hardware() -> Hardware {
    Hardware {
        device: "Example GPU".into(),
        backend: "vulkan".into(),
        driver: "driver 1.2".into(),
        compiler: "naga 30".into(),
        precision: "f32".into(),
        cpu: "Example CPU".into(),
        cpus: 8,
        memory_bytes: 1 << 33,
        peak_flops: Some(1e13),
        extra: Extra::new(),
    }
}

/// A step takes half a second and the hundredth part of its seed, an evaluation a quarter.
fn at(seed: u64, step: u64) -> At {
    let train_s = step as f64 * (0.5 + seed as f64 * 1e-4);
    let tokens = step * STEP_TOKENS;
    let evals = tokens / EVAL_TOKENS;
    At {
        step,
        tokens,
        train_s,
        wall_s: train_s + 0.25 * evals as f64,
    }
}

fn ledger(seed: u64, step: u64) -> Ledger {
    let sha256 = blueberry_rules::sha256(format!("{seed} {step}").as_bytes());
    Ledger {
        tokens: step * STEP_TOKENS,
        sha256,
        extra: Extra::new(),
    }
}

/// Falls as real losses do.
fn loss(seed: u64, step: u64) -> f64 {
    3.9 + 1.6 / (1.0 + step as f64 / 4.0) + 0.004 * ((seed * 7 + step * 13) % 5) as f64
}

fn step_event(seed: u64, step: u64) -> Event {
    // The clock had run when the evaluation before this step ended.
    let at = at(seed, step);
    let wall_s = if at.tokens.is_multiple_of(EVAL_TOKENS) {
        at.wall_s - 0.25
    } else {
        at.wall_s
    };
    Event::Step(Step {
        at: At { wall_s, ..at },
        loss: loss(seed, step),
        lr: 0.02,
        lr_adamw: 0.003,
        grad_norm: 1.25,
        tokens_per_s: STEP_TOKENS as f64 / (0.5 + seed as f64 * 1e-4),
        data_wait_s: 0.0,
        mfu: Some(0.4),
        memory_bytes: Some(1 << 30),
        extra: Extra::new(),
    })
}

fn eval_event(seed: u64, step: u64) -> Event {
    Event::Eval(Eval {
        at: at(seed, step),
        val_loss: loss(seed, step) + 0.05,
        targets: 1024,
        seconds: 0.25,
        ledger: ledger(seed, step),
        extra: Extra::new(),
    })
}

/// Everything between the first line and the end.
pub fn events(seed: u64) -> Vec<Event> {
    let warmup = Warmup {
        at: At::default(),
        seconds: 2.5,
        extra: Extra::new(),
    };
    let mut events = vec![Event::Warmup(warmup)];
    for step in 1..=RUN_TOKENS / STEP_TOKENS {
        events.push(step_event(seed, step));
        if (step * STEP_TOKENS).is_multiple_of(EVAL_TOKENS) {
            events.push(eval_event(seed, step));
        }
    }
    events
}

pub fn end(seed: u64) -> End {
    let last = RUN_TOKENS / STEP_TOKENS;
    End {
        at: at(seed, last),
        status: EndStatus::Completed,
        val_loss: Some(loss(seed, last) + 0.05),
        ledger: Some(ledger(seed, last)),
        reason: None,
        summary: BTreeMap::new(),
        extra: Extra::new(),
    }
}

/// A sealed log of these parts.
pub fn sealed(run: &Run, events: &[Event], end: End) -> Vec<u8> {
    let mut writer = Writer::new(Vec::new(), run).expect("the first line");
    for event in events {
        writer.write(event).expect("an event");
        if matches!(event, Event::Eval(_)) {
            writer.seal().expect("a seal");
        }
    }
    writer.finish(end).expect("the end");
    writer.into_output()
}

/// The log of an eligible run.
pub fn log_of(seed: u64) -> Vec<u8> {
    sealed(&run(seed), &events(seed), end(seed))
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

/// The runs of a claim, as they are read.
pub fn claim_runs() -> Vec<blueberry_rules::LoggedRun> {
    let logged = |seed| {
        let bytes = log_of(seed);
        blueberry_rules::LoggedRun {
            name: format!("runs/seed-{seed}.jsonl.zst"),
            sha256: blueberry_rules::sha256(&bytes),
            log: read(bytes.as_slice(), &Limits::default()).expect("a log"),
        }
    };
    SEEDS.map(logged).to_vec()
}
