//! A small log that has every event.
#![allow(dead_code)] // each test file uses a part

use std::collections::BTreeMap;

use blueberry_runlog::*;
use serde_json::json;

pub fn run() -> Run {
    Run {
        version: VERSION,
        run_id: "tiny-1".into(),
        config: json!({"steps": 3, "optim": {"lr": 0.02, "name": "muon"}}),
        preset: "tiny".into(),
        seed: u64::MAX,
        model: ModelCounts {
            parameters: 300,
            matmul_parameters: 200,
            table_parameters: 100,
            flops_per_token: 1200.0,
            extra: Extra::new(),
        },
        data: DataDigests {
            manifest_sha256: "aa".into(),
            validation_sha256: "bb".into(),
            tokenizer_sha256: "cc".into(),
            train_tokens: 9000,
            extra: Extra::new(),
        },
        target_tokens: 3072,
        source: SourceTree {
            commit: Some("0123abc".into()),
            dirty: false,
            sha256: "dd".into(),
            version: "0.1.0".into(),
            patch_sha256: None,
            build_flags: None,
            extra: Extra::new(),
        },
        hardware: hardware(),
        device_check: DeviceCheck {
            status: CheckStatus::Passed,
            worst_parameter: Some("blocks.0.attention.query".into()),
            worst_error: Some(1.5e-7),
            allowed_error: None,
            cached: false,
            extra: Extra::new(),
        },
        user: Some("ada".into()),
        started_unix_s: 1_790_000_000.25,
        kernels: BTreeMap::from([("attention".into(), "2".into())]),
        attempts_sha256: None,
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

/// The header at a step of 1024 tokens and half a second.
pub fn at(step: u64) -> At {
    let seconds = 0.5 * step as f64;
    At {
        step,
        tokens: 1024 * step,
        train_s: seconds,
        wall_s: seconds + 0.1,
    }
}

pub fn step(step: u64, loss: f64) -> Event {
    Event::Step(Step {
        at: at(step),
        loss,
        lr: 0.02,
        lr_adamw: 0.003,
        grad_norm: 1.25,
        tokens_per_s: 2048.0,
        data_wait_s: 0.0,
        mfu: Some(0.4),
        memory_bytes: Some(1 << 30),
        extra: Extra::new(),
    })
}

pub fn ledger() -> Ledger {
    Ledger {
        tokens: 3072,
        sha256: "ee".into(),
        extra: Extra::new(),
    }
}

pub fn note(text: &str) -> Event {
    Event::Note(Note {
        at: at(1),
        kind: "fallback".into(),
        text: text.into(),
        extra: Extra::new(),
    })
}

pub fn resume() -> Event {
    Event::Resume(Resume {
        at: at(1),
        from_step: 1,
        from_sha256: "ff".into(),
        torn_bytes: 12,
        downtime_s: 60.0,
        extra: Extra::new(),
    })
}

pub fn end(status: EndStatus) -> End {
    End {
        at: at(3),
        status,
        val_loss: Some(3.25),
        ledger: Some(ledger()),
        reason: None,
        summary: BTreeMap::from([("best_val_loss".into(), 3.25)]),
        extra: Extra::new(),
    }
}

fn results() -> Vec<Event> {
    let at = at(3);
    let extra = Extra::new();
    vec![
        Event::Eval(Eval {
            at,
            val_loss: 3.25,
            targets: 4096,
            seconds: 0.25,
            ledger: ledger(),
            extra: extra.clone(),
        }),
        Event::Sample(Sample {
            at,
            prompt: "Once".into(),
            text: " upon\na \"time\"".into(),
            extra: extra.clone(),
        }),
        Event::Benchmark(Benchmark {
            at,
            name: "hellaswag".into(),
            metric: "accuracy".into(),
            value: 0.26,
            extra,
        }),
    ]
}

/// An event of some later build.
pub fn unknown() -> Event {
    let line = json!({"event": "weather", "zeta": [1, null, {"b": 0.1}], "alpha": "warm"});
    Event::Unknown(line.as_object().expect("an object").clone())
}

/// Everything but seals and the final `end`.
pub fn events() -> Vec<Event> {
    let warmup = Warmup {
        at: At::default(),
        seconds: 12.5,
        extra: Extra::new(),
    };
    let checkpoint = Checkpoint {
        at: at(1),
        path: "step-1.ckpt".into(),
        sha256: "ff".into(),
        extra: Extra::new(),
    };
    let mut events = vec![
        Event::Warmup(warmup),
        step(1, 10.8),
        Event::Checkpoint(checkpoint),
        Event::End(end(EndStatus::Interrupted)),
        resume(),
        note("fused attention is off: no subgroups"),
        step(2, f64::NAN),
        step(3, 9.5),
        unknown(),
    ];
    events.extend(results());
    events
}

/// The whole log: a seal after every fourth event and after the end.
pub fn log() -> Vec<u8> {
    let mut writer = Writer::new(Vec::new(), &run()).expect("the first line");
    for (index, event) in events().iter().enumerate() {
        writer.write(event).expect("an event");
        if index % 4 == 3 {
            writer.seal().expect("a seal");
        }
    }
    writer.finish(end(EndStatus::Completed)).expect("the end");
    writer.into_output()
}

pub fn read_all(log: &[u8]) -> Result<RunLog, ReadError> {
    read(log, &Limits::default())
}

/// The log's first line followed by `rest`.
pub fn after_run(rest: &str) -> Vec<u8> {
    let writer = Writer::new(Vec::new(), &run()).expect("the first line");
    [&writer.into_output(), rest.as_bytes()].concat()
}
