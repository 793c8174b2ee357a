//! Contests simulated with a fixed seed: how often the rules would name a record that is none.
//!
//! Assumptions. Runs of one recipe differ by normal noise of 0.004 nats, what two runs of one seed of a published
//! recipe differ by. Training times differ by normal noise of 0.2 %. A drifting machine changes its speed by 3 %
//! from the first to the last run of a contest, steadily, in a curve or in one jump, and there is a random walk
//! of 0.1 % a run besides.
//! The rates are printed: `cargo test -p blueberry-rules --test simulation -- --nocapture`.

use blueberry_rules::{Pair, challenger_is_below, stats};
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{RngCore, SeedableRng};

const CONTESTS: u32 = 20_000;
const LOSS_NOISE: f64 = 0.004;
const TIME_NOISE: f64 = 0.002;
const WALK: f64 = 0.001;
const DRIFT: f64 = 0.03;
const SEEDS: usize = 3;

struct Noise(ChaCha8Rng);

impl Noise {
    fn new() -> Self {
        Self(ChaCha8Rng::seed_from_u64(20_261_125))
    }

    /// Above 0, at most 1.
    fn uniform(&mut self) -> f64 {
        ((self.0.next_u64() >> 11) as f64 + 1.0) / (1_u64 << 53) as f64
    }

    /// Standard normal (Box and Muller).
    fn normal(&mut self) -> f64 {
        (-2.0 * self.uniform().ln()).sqrt() * (std::f64::consts::TAU * self.uniform()).cos()
    }

    /// The losses of a set of runs without any gain.
    fn losses(&mut self) -> [f64; SEEDS] {
        std::array::from_fn(|_| 3.6 + LOSS_NOISE * self.normal())
    }
}

fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}

fn better(challenger: &[f64], record: &[f64]) -> bool {
    stats::below_other(challenger, record).is_ok_and(|test| test.is_below())
}

/// Share of the contests in which `event` happens.
fn rate(name: &str, mut event: impl FnMut() -> bool) -> f64 {
    let hits = (0..CONTESTS).filter(|_| event()).count();
    let rate = hits as f64 / f64::from(CONTESTS);
    println!("{name}: {:.2} % of {CONTESTS} contests", 100.0 * rate);
    rate
}

/// An author trains 20 sets of three seeds without any gain and hands in the best set. A set is declared before it
/// runs and counts whole, so seeds cannot be picked out of it; sets can. The claim only opens the door: a verifier
/// runs both recipes again, with seeds of its own, and that decides.
#[test]
fn the_best_of_twenty_without_a_gain_is_no_record() {
    let mut noise = Noise::new();
    let best = |noise: &mut Noise| {
        let sets: [_; 20] = std::array::from_fn(|_| noise.losses());
        sets.into_iter()
            .min_by(|a, b| mean(a).total_cmp(&mean(b)))
            .unwrap()
    };
    let naive = rate("a lower mean alone names a false record", || {
        let record = noise.losses();
        mean(&best(&mut noise)) < mean(&record)
    });
    let claimed = rate("the claim's own t-test names a false record", || {
        let record = noise.losses();
        better(&best(&mut noise), &record)
    });
    let verified = rate("claim and verification name a false record", || {
        let record = noise.losses();
        better(&best(&mut noise), &record) && better(&noise.losses(), &noise.losses())
    });
    assert!(
        naive > 0.5 && claimed > 0.05,
        "picking would pay without a verification"
    );
    assert!(verified <= 0.01, "{verified}");
}

/// How the machine's speed changes over a contest, from 0 at its start to 1 at its end.
type Shape = fn(f64) -> f64;

const SHAPES: [(&str, Shape); 4] = [
    ("steadily", |x| x),
    ("ever faster", |x| x * x),
    ("at once, then less", f64::sqrt),
    ("in one jump", |x| if x < 0.4 { 0.0 } else { 1.0 }),
];

/// The times of two programs by turns, A B B A ..., the challenger `gain` faster.
fn by_turns(noise: &mut Noise, pairs: usize, gain: f64, drift: f64, shape: Shape) -> Vec<Pair> {
    let last = 2.0 * pairs as f64 - 1.0;
    let mut walk = 0.0;
    let mut time = |noise: &mut Noise, run: usize, program: f64| {
        walk += WALK * noise.normal();
        program * (1.0 + drift * shape(run as f64 / last) + walk) * (1.0 + TIME_NOISE * noise.normal())
    };
    let pair = |index: usize| {
        let challenger_first = index.is_multiple_of(2);
        let programs = if challenger_first {
            [1.0 - gain, 1.0]
        } else {
            [1.0, 1.0 - gain]
        };
        let [first, second] = [0, 1].map(|turn| time(noise, 2 * index + turn, programs[turn]));
        let (challenger, record) = if challenger_first {
            (first, second)
        } else {
            (second, first)
        };
        Pair {
            challenger,
            record,
            challenger_first,
        }
    };
    (0..pairs).map(pair).collect()
}

fn named(pairs: &[Pair]) -> bool {
    challenger_is_below(pairs).is_ok_and(|test| test.is_below())
}

/// The challenger is half a percent slower, so naming it is wrong, whichever way the machine drifts.
#[test]
fn a_drifting_machine_does_not_pick_the_winner() {
    let mut noise = Noise::new();
    for (name, shape) in SHAPES {
        for drift in [DRIFT, -DRIFT] {
            let label = format!("by turns, 4 pairs, {:+.0} % {name}: wrong winner", 100.0 * drift);
            let wrong = rate(&label, || named(&by_turns(&mut noise, 4, -0.005, drift, shape)));
            assert!(wrong <= 0.01, "{label}: {wrong}");
        }
    }
    // One after the other instead, all of the record's runs first, on a machine that gets faster.
    let apart = rate("one after the other, -3 %: wrong winner", || {
        let time = |noise: &mut Noise, run: f64, program: f64| {
            program * (1.0 - DRIFT * run / 7.0) * (1.0 + TIME_NOISE * noise.normal())
        };
        let record: Vec<f64> = (0..4).map(|run| time(&mut noise, f64::from(run), 1.0)).collect();
        let challenger: Vec<f64> = (4..8)
            .map(|run| time(&mut noise, f64::from(run), 1.005))
            .collect();
        better(&challenger, &record)
    });
    assert!(apart > 0.1, "without turns drift would pick the winner: {apart}");
}

/// A test that never names a winner would be right too: one that is 3 % faster is found.
#[test]
fn a_real_gain_is_found_in_spite_of_the_drift() {
    let mut noise = Noise::new();
    let found = rate("by turns, 4 pairs, 3 % gain, +3 % steadily: found", || {
        named(&by_turns(&mut noise, 4, 0.03, DRIFT, |x| x))
    });
    assert!(found > 0.9, "{found}");
}
