//! Runs made of numbers, and numbers by chance.
#![allow(dead_code)] // each test file uses a part

use blueberry_replay::{Axis, Metric, Position, RunData};
use blueberry_runlog::Run;
use blueberry_runlog::import::{Format, Table};
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{RngCore, SeedableRng};

pub struct Chance(ChaCha8Rng);

impl Chance {
    pub fn new(seed: u64) -> Self {
        Self(ChaCha8Rng::seed_from_u64(seed))
    }

    /// 0 to 1, without 1.
    pub fn unit(&mut self) -> f64 {
        (self.0.next_u64() >> 11) as f64 / (1u64 << 53) as f64
    }

    pub fn between(&mut self, from: f64, to: f64) -> f64 {
        from + (to - from) * self.unit()
    }

    /// 0 to `count`, without it.
    pub fn below(&mut self, count: usize) -> usize {
        (self.unit() * count as f64) as usize
    }
}

/// An evaluation: tokens, seconds, loss.
pub type Eval = (f64, f64, f64);

/// A run of evaluations.
pub fn evaluated(name: &str, evals: &[Eval]) -> RunData {
    let mut run = RunData::new(name, Format::Csv);
    let mut table = Table::new(&[Axis::Tokens, Axis::TrainS], &[Metric::ValLoss]);
    for &(tokens, train_s, loss) in evals {
        let at = Position {
            tokens: Some(tokens),
            train_s: Some(train_s),
            ..Position::default()
        };
        table
            .push(&at, [(&Metric::ValLoss, loss)])
            .expect("rows in order");
    }
    run.tables.push(table);
    run
}

/// The same run as somebody's own, or as one that names nobody.
pub fn made_by(user: Option<&str>, mut run: RunData) -> RunData {
    let log = include_bytes!("../../../runlog/tests/small.jsonl");
    let first = log.split(|&byte| byte == b'\n').next().expect("a line");
    let mut first = Run::parse(first).expect("a first line");
    first.user = user.map(str::to_owned);
    run.run = Some(Box::new(first));
    run
}

/// A run of training losses, 1,000 targets apart.
pub fn trained(losses: &[f64]) -> RunData {
    let mut run = RunData::new("trained", Format::Csv);
    let mut table = Table::new(&[Axis::Tokens], &[Metric::TrainLoss]);
    for (row, &loss) in losses.iter().enumerate() {
        let at = Position {
            tokens: Some(1000.0 * row as f64),
            ..Position::default()
        };
        table
            .push(&at, [(&Metric::TrainLoss, loss)])
            .expect("rows in order");
    }
    run.tables.push(table);
    run
}

/// Evaluations of a run that mostly learns: some stop early, jump over bars, or are not numbers.
pub fn learning(chance: &mut Chance) -> Vec<Eval> {
    let count = chance.below(60);
    let (mut loss, mut seconds) = (chance.between(6.0, 11.0), 0.0);
    let pace = chance.between(5.0, 50.0);
    let mut evals = Vec::new();
    for index in 0..count {
        loss = (loss - chance.between(-0.05, 1.2) * (loss - 2.7) * 0.2).max(2.0);
        seconds += pace * chance.between(0.5, 1.5);
        let shown = if chance.below(25) == 0 { f64::NAN } else { loss };
        evals.push((1e6 * (index + 1) as f64, seconds, shown));
    }
    evals
}
