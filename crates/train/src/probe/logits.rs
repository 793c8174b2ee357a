//! The two questions, for anything that gives logits and a loss.

/// What a model gives for a row of tokens.
#[derive(Clone, Debug, PartialEq)]
pub struct Outputs {
    /// The logits of the next token at every position but the last, `[seq, vocab]` row by row.
    pub logits: Vec<f32>,
    /// The loss that training would see: mean over the `seq` targets, nats a token.
    pub loss: f64,
}

/// What a probe found.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ProbeReport {
    /// What the probabilities behind the loss sum to over the vocabulary, where that is farthest from 1: the factor by
    /// which the loss calls its targets likelier than a softmax of the logits does, as a geometric mean over a row.
    pub worst_probability_sum: f64,
    /// The largest change of a logit by a change of later tokens.
    pub worst_future_influence: f64,
}

/// Rows of tokens that are tried.
const ROWS: u64 = 2;

/// Asks a model over `vocab` tokens, at rows of `seq` inputs: whether a change of later tokens changes earlier logits,
/// and whether its loss is that of probabilities which sum to 1. `run` is given `seq + 1` tokens; the last is a target
/// only.
///
/// A mask that leaks shows at some position or other, so later tokens are changed from the second on, from the middle on
/// and at the end alone. A loss that is not normalised cannot be told from its logits, so it is held against theirs.
///
/// # Errors
/// Those of `run`.
pub async fn check_logits<E>(
    vocab: usize,
    seq: usize,
    mut run: impl AsyncFnMut(&[u16]) -> Result<Outputs, E>,
) -> Result<ProbeReport, E> {
    let mut report = ProbeReport {
        worst_probability_sum: 1.0,
        worst_future_influence: 0.0,
    };
    for row in 0..ROWS {
        let tokens: Vec<u16> = (0..=seq as u64).map(|at| draw(row << 32 | at, vocab)).collect();
        let before = run(&tokens).await?;
        report.add_sum(probability_sum(&before, &tokens[1..], vocab));
        for cut in cuts(seq) {
            let after = run(&changed(&tokens, cut, vocab)).await?;
            report.add_influence(largest_change(&before.logits, &after.logits, cut * vocab));
        }
    }
    Ok(report)
}

impl ProbeReport {
    fn add_sum(&mut self, sum: f64) {
        // On the scale on which 1/277 is as far from 1 as 277. A sum that is no number is the farthest.
        let far = |sum: f64| sum.ln().abs();
        if is_worse(far(sum), far(self.worst_probability_sum)) {
            self.worst_probability_sum = sum;
        }
    }

    fn add_influence(&mut self, change: f64) {
        if is_worse(change, self.worst_future_influence) {
            self.worst_future_influence = change;
        }
    }
}

/// What is no number is worse than any number.
fn is_worse(value: f64, than: f64) -> bool {
    value.is_nan() || value > than
}

/// From which token on a row is changed.
fn cuts(seq: usize) -> impl Iterator<Item = usize> {
    let mut cuts = vec![1, seq / 2, seq.saturating_sub(1)];
    cuts.retain(|&cut| (1..seq).contains(&cut));
    cuts.dedup();
    cuts.into_iter()
}

/// The row with every token from `cut` on replaced by another.
fn changed(tokens: &[u16], cut: usize, vocab: usize) -> Vec<u16> {
    let others = vocab.saturating_sub(1).max(1);
    let other = |(at, &token): (usize, &u16)| {
        let shift = if at < cut {
            0
        } else {
            1 + usize::from(draw(at as u64 ^ 0xa5a5, others))
        };
        ((usize::from(token) + shift) % vocab) as u16
    };
    tokens.iter().enumerate().map(other).collect()
}

/// The largest difference among the first `count` values; infinite where some are missing.
fn largest_change(before: &[f32], after: &[f32], count: usize) -> f64 {
    if before.len() < count || after.len() < count {
        return f64::INFINITY;
    }
    let pairs = before.iter().zip(after).take(count);
    let changes = pairs.map(|(&a, &b)| (f64::from(a) - f64::from(b)).abs());
    changes.fold(0.0, |largest, change| {
        if is_worse(change, largest) {
            change
        } else {
            largest
        }
    })
}

/// The factor of [`ProbeReport::worst_probability_sum`].
fn probability_sum(outputs: &Outputs, targets: &[u16], vocab: usize) -> f64 {
    let rows = outputs.logits.chunks_exact(vocab);
    if rows.len() != targets.len() {
        return f64::NAN;
    }
    let losses = rows.zip(targets).map(|(row, &target)| cross_entropy(row, target));
    (losses.sum::<f64>() / targets.len() as f64 - outputs.loss).exp()
}

/// The loss of one position, in double precision.
fn cross_entropy(logits: &[f32], target: u16) -> f64 {
    let largest = f64::from(logits.iter().copied().fold(f32::NEG_INFINITY, f32::max));
    let sum: f64 = logits
        .iter()
        .map(|&logit| (f64::from(logit) - largest).exp())
        .sum();
    largest + sum.ln() - f64::from(logits[usize::from(target)])
}

/// A token by a fixed rule (SplitMix64's finaliser), so that a probe finds the same again.
fn draw(seed: u64, vocab: usize) -> u16 {
    let x = seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let x = (x ^ x >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let x = (x ^ x >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
    ((x ^ x >> 31) % vocab.max(1) as u64) as u16
}

#[cfg(all(test, feature = "native"))]
mod tests {
    use super::*;

    const VOCAB: usize = 11;
    const SEQ: usize = 9;

    /// Logits at a position from the sum of all tokens up to `ahead` beyond it; the loss is off by `bonus`.
    fn model(ahead: usize, bonus: f64) -> impl Fn(&[u16]) -> Outputs {
        move |tokens| {
            let position = |at: usize| {
                let seen = &tokens[..(at + 1 + ahead).min(SEQ)];
                let sum: usize = seen.iter().map(|&token| usize::from(token) + 1).sum();
                (0..VOCAB).map(move |v| (sum * (v + 3) % 7) as f32)
            };
            let logits: Vec<f32> = (0..SEQ).flat_map(position).collect();
            let rows = logits.chunks_exact(VOCAB).zip(&tokens[1..]);
            let loss =
                rows.map(|(row, &target)| cross_entropy(row, target)).sum::<f64>() / SEQ as f64 - bonus;
            Outputs { logits, loss }
        }
    }

    fn probe(run: impl Fn(&[u16]) -> Outputs) -> ProbeReport {
        let checked = check_logits(VOCAB, SEQ, async |tokens| Ok::<_, ()>(run(tokens)));
        pollster::block_on(checked).expect("no errors")
    }

    #[test]
    fn a_causal_model_with_a_true_loss_is_clean() {
        let report = probe(model(0, 0.0));
        assert_eq!(report.worst_future_influence, 0.0);
        assert!((report.worst_probability_sum - 1.0).abs() < 1e-12, "{report:?}");
    }

    #[test]
    fn a_mask_that_leaks_one_token_or_all_is_found() {
        for ahead in [1, 2, SEQ] {
            assert!(probe(model(ahead, 0.0)).worst_future_influence >= 1.0);
        }
    }

    #[test]
    fn a_leak_at_the_last_position_alone_is_found() {
        let leak = |tokens: &[u16]| {
            let mut outputs = model(0, 0.0)(tokens);
            outputs.logits[(SEQ - 2) * VOCAB] += f32::from(tokens[SEQ - 1]);
            outputs
        };
        assert!(probe(leak).worst_future_influence >= 1.0);
    }

    #[test]
    fn probabilities_that_sum_to_277_are_found() {
        let report = probe(model(0, 277f64.ln()));
        assert!((report.worst_probability_sum - 277.0).abs() < 1e-9, "{report:?}");
        let report = probe(model(0, -(277f64.ln())));
        assert!(
            (report.worst_probability_sum * 277.0 - 1.0).abs() < 1e-9,
            "{report:?}"
        );
    }

    #[test]
    fn what_is_no_number_or_too_short_is_the_worst_of_all() {
        let nan = |tokens: &[u16]| Outputs {
            logits: vec![f32::NAN; SEQ * VOCAB],
            ..model(0, 0.0)(tokens)
        };
        let report = probe(nan);
        assert!(report.worst_probability_sum.is_nan() && report.worst_future_influence.is_nan());
        let short = |tokens: &[u16]| Outputs {
            logits: Vec::new(),
            ..model(0, 0.0)(tokens)
        };
        let report = probe(short);
        assert!(report.worst_probability_sum.is_nan() && report.worst_future_influence.is_infinite());
    }

    #[test]
    fn every_later_token_is_another() {
        let tokens: Vec<u16> = (0..10).collect();
        for cut in 1..10 {
            let other = changed(&tokens, cut, 10);
            assert_eq!(other[..cut], tokens[..cut]);
            assert!(
                other[cut..]
                    .iter()
                    .zip(&tokens[cut..])
                    .all(|(a, b)| a != b && *a < 10)
            );
        }
    }

    #[test]
    fn cross_entropy_of_even_odds() {
        assert!((cross_entropy(&[2.0; 4], 1) - 4f64.ln()).abs() < 1e-15);
        // e^0 / (e^0 + e^1) = 0.268941...
        assert!((cross_entropy(&[0.0, 1.0], 0) - 1.313_261_687_518_222_8).abs() < 1e-12);
    }
}
