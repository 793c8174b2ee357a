//! A log before it is sealed.

use std::collections::BTreeMap;

use blueberry_runlog::*;
use blueberry_shape::ModelConfig;
use serde::Deserialize;
use serde_json::{Value, json};

use super::declared;

const STEP_TOKENS: u64 = 64;
const STEPS: u64 = 16;
const STEP_S: f64 = 0.5;
const EVAL_S: f64 = 0.25;

/// A log before it is sealed: alter it, then take its bytes.
#[derive(Clone)]
pub struct Draft {
    pub run: Run,
    pub events: Vec<Event>,
}

/// A digest of one digit.
pub fn hex(digit: char) -> String {
    digit.to_string().repeat(64)
}

/// Settings as the trainer logs them.
pub fn config(seed: u64) -> Value {
    json!({
        "preset": "small", "seed": seed, "device": "auto", "unchecked_device": false,
        "description": "for tests",
        "model": {"vocab_size": 64, "d_model": 8, "n_layers": 2, "n_heads": 2, "n_kv_heads": 1, "head_dim": 4,
            "d_ff": 16, "activation": "swiglu"},
        "optim": {"muon": {"lr": 0.02}, "adamw": {"lr": 0.003}},
        "schedule": {"kind": "constant"},
        "train": {"tokens": 1000, "seq_len": 32, "micro_batch": 2, "accumulation": 1, "epochs": 1},
        "eval": {"every_tokens": 256, "tokens": 128, "seq_len": 32, "batch": 2},
    })
}

impl Draft {
    /// A log that breaks no rule of the small category.
    ///
    /// Lines: 1 run, 2 warm-up, 3 seal, 4 evaluation at 0, 5 seal, then 4 steps, evaluation, seal, and so on:
    /// step `n` is on line `5 + n + 2 * ((n - 1) / 4)`.
    pub fn valid(seed: u64) -> Self {
        let mut draft = Self {
            run: run(seed),
            events: vec![warmup()],
        };
        let mut at = At::default();
        draft.eval(&mut at, seed);
        for step in 1..=STEPS {
            at = At {
                step,
                tokens: step * STEP_TOKENS,
                train_s: at.train_s + STEP_S,
                wall_s: at.wall_s + STEP_S,
            };
            draft.events.push(step_event(at, seed));
            if step % 4 == 0 {
                draft.eval(&mut at, seed);
            }
        }
        draft.events.push(Event::End(end(at, seed)));
        draft
    }

    fn eval(&mut self, at: &mut At, seed: u64) {
        at.wall_s += EVAL_S;
        self.events.push(Event::Eval(Eval {
            at: *at,
            val_loss: loss(at.tokens, seed),
            targets: 128,
            seconds: EVAL_S,
            ledger: ledger(at.tokens, seed),
            extra: Extra::new(),
        }));
    }

    /// The log, sealed where the trainer seals it.
    pub fn bytes(&self) -> Vec<u8> {
        let mut writer = Writer::new(Vec::new(), &self.run).expect("valid");
        for event in &self.events {
            writer.write(event).expect("valid");
            if !matches!(event, Event::Step(_) | Event::Note(_) | Event::Sample(_)) {
                writer.seal().expect("valid");
            }
        }
        writer.seal().expect("valid");
        writer.into_output()
    }

    /// The step of this number.
    pub fn step(&mut self, number: u64) -> &mut Step {
        self.find(|event| match event {
            Event::Step(step) if step.at.step == number => Some(step),
            _ => None,
        })
    }

    /// The evaluation at so many targets.
    pub fn eval_at(&mut self, tokens: u64) -> &mut Eval {
        self.find(|event| match event {
            Event::Eval(eval) if eval.at.tokens == tokens => Some(eval),
            _ => None,
        })
    }

    pub fn end(&mut self) -> &mut End {
        self.find(|event| match event {
            Event::End(end) => Some(end),
            _ => None,
        })
    }

    pub fn resume(&mut self) -> &mut Resume {
        self.find(|event| match event {
            Event::Resume(resume) => Some(resume),
            _ => None,
        })
    }

    fn find<'a, T>(&'a mut self, wanted: impl FnMut(&'a mut Event) -> Option<&'a mut T>) -> &'a mut T {
        self.events.iter_mut().find_map(wanted).expect("the event")
    }

    /// Where the first event at this step and of this kind stands.
    pub fn position(&self, wanted: impl Fn(&Event) -> bool) -> usize {
        self.events.iter().position(wanted).expect("the event")
    }

    /// Adds seconds to the clocks of every event from `index` on.
    pub fn delay(&mut self, index: usize, train_s: f64, wall_s: f64) {
        for event in &mut self.events[index..] {
            let at = at_mut(event);
            (at.train_s, at.wall_s) = (at.train_s + train_s, at.wall_s + wall_s);
        }
    }

    /// Interrupts the run after step 10 and goes on from a checkpoint of step 8: steps 9 and 10 come again.
    pub fn interrupted(seed: u64) -> Self {
        let mut draft = Self::valid(seed);
        let step = |number| move |event: &Event| matches!(event, Event::Step(step) if step.at.step == number);
        let ninth = draft.position(step(9));
        let redone = draft.events[ninth..].to_vec();
        let saved = draft.events[ninth - 1].at().expect("valid");
        let checkpoint = Checkpoint {
            at: saved,
            path: "8".into(),
            sha256: hex('8'),
            extra: Extra::new(),
        };
        draft.events.truncate(draft.position(step(11)));
        draft.events.insert(ninth, Event::Checkpoint(checkpoint));
        let mut stopped = draft.events.last().expect("valid").at().expect("valid");
        draft.events.push(Event::End(End {
            at: stopped,
            status: EndStatus::Interrupted,
            val_loss: None,
            ledger: None,
            reason: None,
            summary: BTreeMap::new(),
            extra: Extra::new(),
        }));
        let downtime_s = 6.0;
        stopped = At {
            step: 8,
            tokens: saved.tokens,
            wall_s: stopped.wall_s + downtime_s,
            ..stopped
        };
        let extra = json!({"device": "Example GPU", "source_sha256": hex('d')});
        draft.events.push(Event::Resume(Resume {
            at: stopped,
            from_step: 8,
            from_sha256: hex('8'),
            torn_bytes: 0,
            downtime_s,
            extra: extra.as_object().expect("valid").clone(),
        }));
        let resumed = draft.events.len();
        draft.events.extend(redone);
        draft.delay(
            resumed,
            stopped.train_s - saved.train_s,
            stopped.wall_s - saved.wall_s,
        );
        draft
    }
}

fn at_mut(event: &mut Event) -> &mut At {
    match event {
        Event::Warmup(e) => &mut e.at,
        Event::Step(e) => &mut e.at,
        Event::Eval(e) => &mut e.at,
        Event::End(e) => &mut e.at,
        Event::Resume(e) => &mut e.at,
        other => panic!("no clock to alter: {other:?}"),
    }
}

/// From guessing, ln 64 = 4.159, down to about 2.66.
fn loss(tokens: u64, seed: u64) -> f64 {
    let noise = if tokens == 0 { 0.0 } else { 0.002 * seed as f64 };
    4.16 - 1.5 * tokens as f64 / 1024.0 + noise
}

fn ledger(tokens: u64, seed: u64) -> Ledger {
    let sha256 = if tokens == 0 {
        hex('0')
    } else {
        format!("{:064x}", seed * 1_000_000 + tokens)
    };
    Ledger {
        tokens,
        sha256,
        extra: Extra::new(),
    }
}

fn warmup() -> Event {
    Event::Warmup(Warmup {
        at: At::default(),
        seconds: 2.0,
        extra: Extra::new(),
    })
}

fn step_event(at: At, seed: u64) -> Event {
    Event::Step(Step {
        at,
        loss: loss(at.tokens - STEP_TOKENS, seed),
        lr: 0.02,
        lr_adamw: 0.003,
        grad_norm: 1.25,
        tokens_per_s: STEP_TOKENS as f64 / STEP_S,
        data_wait_s: 0.0,
        mfu: None,
        memory_bytes: None,
        extra: Extra::new(),
    })
}

fn end(at: At, seed: u64) -> End {
    End {
        at,
        status: EndStatus::Completed,
        val_loss: Some(loss(at.tokens, seed)),
        ledger: Some(ledger(at.tokens, seed)),
        reason: None,
        summary: BTreeMap::new(),
        extra: Extra::new(),
    }
}

fn run(seed: u64) -> Run {
    let config = config(seed);
    let model = ModelConfig::deserialize(&config["model"]).expect("valid");
    let counts = model.counts();
    Run {
        version: VERSION,
        run_id: format!("small-{seed}"),
        config,
        preset: "small".into(),
        seed,
        model: ModelCounts {
            parameters: counts.parameters,
            matmul_parameters: counts.matmul_parameters,
            table_parameters: counts.table_parameters,
            flops_per_token: model.flops_per_token(32),
            extra: Extra::new(),
        },
        data: DataDigests {
            manifest_sha256: hex('a'),
            validation_sha256: hex('b'),
            tokenizer_sha256: hex('c'),
            train_tokens: 5000,
            extra: Extra::new(),
        },
        target_tokens: 1024,
        source: SourceTree {
            commit: Some("0123456789".repeat(4)),
            dirty: false,
            sha256: hex('d'),
            version: "0.1.0".into(),
            patch_sha256: None,
            build_flags: Some(String::new()),
            extra: Extra::new(),
        },
        hardware: hardware(),
        device_check: DeviceCheck {
            status: CheckStatus::Passed,
            worst_parameter: Some("layers.0.q".into()),
            worst_error: Some(1e-6),
            allowed_error: None,
            cached: false,
            extra: Extra::new(),
        },
        user: None,
        started_unix_s: 1_790_000_000.0 + seed as f64,
        kernels: BTreeMap::new(),
        attempts_sha256: Some(declared(&[1, 2, 3]).sha256().to_owned()),
        extra: Extra::new(),
    }
}

fn hardware() -> Hardware {
    Hardware {
        device: "Example GPU".into(),
        backend: "vulkan".into(),
        driver: "driver 1.2".into(),
        compiler: "naga".into(),
        precision: "f32".into(),
        cpu: "Example CPU".into(),
        cpus: 8,
        memory_bytes: 1 << 33,
        peak_flops: None,
        extra: Extra::new(),
    }
}
