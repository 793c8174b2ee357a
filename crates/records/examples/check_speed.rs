//! How long a check of a log of about 100 MB takes, plain and packed.
//!
//! ```sh
//! cargo run --release -p blueberry-records --example check_speed
//! ```

#[path = "../tests/common/mod.rs"]
mod common;

use std::io::sink;
use std::time::Instant;

use blueberry_records::check::{CheckArgs, check};
use blueberry_runlog::{At, End, EndStatus, Event, Extra, Step};

const STEPS: u64 = 390_000;

/// A log of many steps; no rule need hold.
fn long_log() -> Vec<u8> {
    let step = |step: u64| {
        let seconds = step as f64 * 0.123_456_789;
        Event::Step(Step {
            at: At {
                step,
                tokens: step * 256,
                train_s: seconds,
                wall_s: seconds,
            },
            loss: 3.0 + 8.0 / (1.0 + step as f64 / 100.0),
            lr: 0.021_234_5,
            lr_adamw: 0.003_123_4,
            grad_norm: 1.251_234_567_8,
            tokens_per_s: 2_073.600_018_9,
            data_wait_s: 1.25e-5,
            mfu: Some(0.412_345_678),
            memory_bytes: Some(1 << 34),
            extra: Extra::new(),
        })
    };
    let events: Vec<Event> = (1..=STEPS).map(step).collect();
    let end = End {
        at: At {
            step: STEPS,
            tokens: STEPS * 256,
            train_s: 48_148.0,
            wall_s: 48_148.0,
        },
        status: EndStatus::Completed,
        val_loss: Some(3.1),
        ledger: None,
        reason: None,
        summary: Default::default(),
        extra: Extra::new(),
    };
    common::sealed(&common::run(1), &events, end)
}

fn main() {
    let dir = common::Dir::new();
    let plain = long_log();
    let packed = zstd::encode_all(plain.as_slice(), 3).expect("packed");
    println!(
        "{:.1} MB plain, {:.1} MB packed",
        plain.len() as f64 / 1e6,
        packed.len() as f64 / 1e6
    );
    for (name, bytes) in [("run.jsonl", &plain), ("run.jsonl.zst", &packed)] {
        let args = CheckArgs {
            paths: vec![dir.write(name, bytes)],
            category: Some("dash".into()),
            ..CheckArgs::default()
        };
        let start = Instant::now();
        let outcome = check(&args, &mut sink());
        println!("{name}: {:.2} s, {outcome:?}", start.elapsed().as_secs_f64());
    }
}
