//! How long the page's work takes natively: `cargo run --release -p blueberry-replay --example speed`.
//!
//! Prints one JSON object a line; times are the best and the median of the repetitions, in milliseconds.

use std::fmt::Write as _;
use std::hint::black_box;
use std::time::Instant;

use blueberry_replay::{
    Axis, Comparison, Curve, Metric, Position, Race, RunData, Scale, Settings, Span, View,
};
use blueberry_runlog::import::{Follow, Format, Table, import};
use blueberry_runlog::{Limits, decompress};

const ROWS: u32 = 1_000_000;

fn main() {
    let log = log();
    let report = |what: &str, count: usize, work: &mut dyn FnMut()| report(what, count, work);
    println!("{{\"log_bytes\":{},\"rows\":{ROWS}}}", log.len());
    report("import a log of 1M steps", 7, &mut || {
        black_box(import("log", &log[..], &Limits::default()).expect("a log"));
    });
    report("follow it in pieces of 64 KiB", 7, &mut || {
        let mut follow = Follow::new("log", &Limits::default());
        log.chunks(1 << 16)
            .for_each(|piece| follow.push(piece).expect("a log"));
        black_box(follow.run());
    });
    report("only pass it through decompress, plain", 5, &mut || {
        std::io::copy(
            &mut decompress(&log[..], u64::MAX).expect("a start"),
            &mut std::io::sink(),
        )
        .expect("a log");
    });
    let run = import("log", &log[..], &Limits::default())
        .expect("a log")
        .runs
        .remove(0);
    drop(log);
    let values: usize = run
        .tables
        .iter()
        .map(|table| table.rows() * (4 + table.columns().len()))
        .sum();
    println!("{{\"what\":\"memory of its columns\",\"bytes\":{}}}", 8 * values);
    report("prepare a curve of 1M rows", 7, &mut || {
        black_box(Curve::new(&run, &Metric::TrainLoss, 1e6));
    });
    let curve = Curve::new(&run, &Metric::TrainLoss, 1e6).expect("a loss");
    for (what, part) in [("all", 1.0), ("a thousandth", 1e-3)] {
        let view = view(&run, part);
        report(&format!("draw {what} of 8 curves of 1M rows"), 101, &mut || {
            for _ in 0..8 {
                black_box(view.stroke(&run, &Metric::TrainLoss, &curve));
            }
        });
    }
    let race = race(100);
    let mut at = 0.0;
    report("the state of 100 runs with their splits", 1001, &mut || {
        at += 1.0;
        black_box(race.state(at));
    });
    report("the splits of 100 runs", 1001, &mut || {
        at += 1.0;
        black_box(race.splits().at(Axis::TrainS, at));
    });
}

fn report(what: &str, count: usize, work: &mut dyn FnMut()) {
    let mut times: Vec<f64> = (0..count)
        .map(|_| {
            let start = Instant::now();
            work();
            start.elapsed().as_secs_f64() * 1e3
        })
        .collect();
    times.sort_by(f64::total_cmp);
    println!(
        "{{\"what\":\"{what}\",\"best_ms\":{:.4},\"median_ms\":{:.4}}}",
        times[0],
        times[count / 2]
    );
}

/// A log as the trainer writes it, with the digits that real numbers have.
fn log() -> Vec<u8> {
    let first = include_str!("../../runlog/tests/small.jsonl")
        .lines()
        .next()
        .expect("a first line");
    let mut log = format!("{first}\n");
    for step in 1..=ROWS {
        let seconds = f64::from(step) * 0.1234567;
        let loss = 3.0 + 7.0 / f64::from(step).sqrt() + noise(step) * 0.1;
        // Writing to a string cannot fail.
        let _ = writeln!(
            log,
            "{{\"event\":\"step\",\"step\":{step},\"tokens\":{},\"train_s\":{seconds},\"wall_s\":{},\"loss\":{loss},\
             \"lr\":{},\"lr_adamw\":0.0003,\"grad_norm\":{},\"tokens_per_s\":{},\"data_wait_s\":{},\"mfu\":{},\
             \"memory_bytes\":11811160064}}",
            u64::from(step) * 16_384,
            seconds * 1.01,
            0.02 * (1.0 - f64::from(step) / f64::from(ROWS)),
            0.5 + noise(step + 1),
            50_000.0 + 100.0 * noise(step + 2),
            1e-5 * noise(step + 3),
            0.4 + 0.01 * noise(step + 4),
        );
    }
    log.into_bytes()
}

/// A number from 0 to 1 that looks like chance.
fn noise(seed: u32) -> f64 {
    f64::from(seed.wrapping_mul(2_654_435_761) >> 8) / f64::from(1u32 << 24)
}

fn view(run: &RunData, part: f64) -> View {
    let end = run.furthest(Axis::Tokens).expect("tokens");
    View {
        axis: Axis::Tokens,
        x: Span::new(0.3 * end, 0.3 * end + part * 0.7 * end, Scale::Linear),
        y: Span::new(2.0, 11.0, Scale::Linear),
        width: 1920,
        height: 600,
        until: f64::INFINITY,
    }
}

/// Runs of 400 evaluations each.
fn race(count: u32) -> Race {
    let runs = (0..count).map(|index| {
        let mut run = RunData::new("run", Format::Csv);
        let mut table = Table::new(&[Axis::Tokens, Axis::TrainS], &[Metric::ValLoss]);
        for row in 1..=400u32 {
            let at = Position {
                tokens: Some(f64::from(row) * 1e6),
                train_s: Some(f64::from(row) * (5.0 + noise(index))),
                ..Position::default()
            };
            let loss = 2.7 + 8.0 / f64::from(row).powf(0.5 + 0.1 * noise(index + 7));
            table
                .push(&at, [(&Metric::ValLoss, loss)])
                .expect("rows in order");
        }
        run.tables.push(table);
        run
    });
    let settings = Settings {
        axis: Axis::TrainS,
        comparison: Comparison::BestSegments,
        ..Settings::default()
    };
    Race::new(runs.collect(), settings)
}
