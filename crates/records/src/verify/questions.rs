//! What a verifier asks a model, and what it makes of the answers.
//!
//! A program can say of itself what it likes. Here it is asked for the logits of one place in each of many rows of the
//! validation set that nobody knew before. What follows the place there is not told: other tokens stand behind it, and in
//! some rows others again when a second process is asked. A model that sees ahead gives other logits then, and one that is
//! not as good as its log gives a worse loss. What is left to a forger is to carry the validation set in the program or in
//! the run's folder, or another model; its source shows that.

use blueberry_rules::Asked;
use serde::Serialize;

/// Rows that are drawn: so many that chance moves their mean loss by a twentieth of a nat or so.
const ROWS: usize = 2048;
/// Their length at most.
const MOST_LENGTH: usize = 1024;
/// The shortest rows that say anything.
const LEAST_LENGTH: usize = 8;
/// Rows that are asked again with other tokens behind the place.
const CHANGED: usize = 64;
/// Rows that are asked again as they were: what differs there is the program's own noise.
const UNCHANGED: usize = 32;
/// In place of what is no number: more than any loss, or change of a logit, that is one.
const NO_NUMBER: f64 = 1e9;

/// A row of tokens and the place in it whose next token is asked for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct Row {
    /// The tokens.
    tokens: Vec<u16>,
    /// Places among them, rising.
    positions: Vec<usize>,
}

/// What is asked.
#[derive(Debug, Clone)]
pub(super) struct Questions {
    vocab: usize,
    /// Asked first: the losses are taken of these.
    first: Vec<Row>,
    /// Asked by another process: the first [`CHANGED`] of them with other tokens behind, and [`UNCHANGED`] as they were.
    second: Vec<Row>,
    /// The token that follows the place of each of the first.
    targets: Vec<u16>,
}

impl Questions {
    /// Draws rows of `validation` of at most `seq_len` tokens, for a model over `vocab` tokens; `random` gives 64 bits that
    /// nobody could know. None where there is too little to draw from.
    pub(super) fn draw(
        validation: &[u16],
        vocab: usize,
        seq_len: usize,
        mut random: impl FnMut() -> u64,
    ) -> Option<Self> {
        let length = seq_len.min(MOST_LENGTH);
        let fits = (3..=1 << 16).contains(&vocab) && length >= LEAST_LENGTH && validation.len() > length;
        let known = validation.iter().all(|&token| usize::from(token) < vocab);
        if !fits || !known {
            return None;
        }
        let mut below = |count: usize| (random() % count as u64) as usize;
        let mut questions = Self {
            vocab,
            first: Vec::new(),
            second: Vec::new(),
            targets: Vec::new(),
        };
        for number in 0..ROWS {
            let from = below(validation.len() - length);
            let real = &validation[from..from + length];
            // The place: all up to it is real.
            let place = length / 2 + below(length / 2 - 1);
            let (mut tokens, mut others) = (real[..=place].to_vec(), real[..=place].to_vec());
            for &told in &real[place + 1..] {
                // Three different tokens: the real one, and one for each process.
                let shift = 1 + below(vocab - 1);
                let mut other = 1 + below(vocab - 2);
                other += usize::from(other >= shift);
                let token = |shift| ((usize::from(told) + shift) % vocab) as u16;
                tokens.push(token(shift));
                others.push(token(other));
            }
            let row = |tokens| Row {
                tokens,
                positions: vec![place],
            };
            if number < CHANGED {
                questions.second.push(row(others));
            } else if number < CHANGED + UNCHANGED {
                questions.second.push(row(tokens.clone()));
            }
            questions.first.push(row(tokens));
            questions.targets.push(real[place + 1]);
        }
        Some(questions)
    }

    /// The two lists of rows, each for a process of its own, as `blueberry logits` reads them.
    pub(super) fn texts(&self) -> [String; 2] {
        #[derive(Serialize)]
        struct File<'a> {
            rows: &'a [Row],
        }
        [&self.first, &self.second].map(|rows| serde_json::to_string(&File { rows }).unwrap_or_default())
    }

    /// Bytes of the answer to each.
    pub(super) fn answer_bytes(&self) -> [u64; 2] {
        [&self.first, &self.second].map(|rows| (rows.len() * self.vocab * size_of::<f32>()) as u64)
    }

    /// What the answers say: little-endian f32, the vocabulary's logits for each row. None where they are not as long as they
    /// have to be.
    pub(super) fn hear(&self, answers: [&[u8]; 2]) -> Option<Asked> {
        let fits = |(answer, bytes): (&&[u8], u64)| answer.len() as u64 == bytes;
        if !answers.iter().zip(self.answer_bytes()).all(fits) {
            return None;
        }
        let [first, second] = answers.map(|answer| answer.chunks_exact(self.vocab * size_of::<f32>()));
        let (loss, standard_error) = mean(
            first
                .clone()
                .zip(&self.targets)
                .map(|(logits, &target)| cross_entropy(logits, target)),
        );
        let changes: Vec<f64> = first.zip(second).map(|(a, b)| largest_change(a, b)).collect();
        let (changed, unchanged) = changes.split_at(CHANGED);
        let largest = |changes: &[f64]| changes.iter().copied().fold(0.0, larger);
        Some(Asked {
            loss: number(loss),
            standard_error: number(standard_error),
            places: self.targets.len() as u64,
            influence: number(largest(changed)),
            noise: number(largest(unchanged)),
            logged_loss: None,
        })
    }
}

/// The mean and its standard error.
fn mean(losses: impl Iterator<Item = f64>) -> (f64, f64) {
    let losses: Vec<f64> = losses.collect();
    let count = losses.len() as f64;
    let mean = losses.iter().sum::<f64>() / count;
    let squares: f64 = losses.iter().map(|one| (one - mean).powi(2)).sum();
    (mean, (squares / (count - 1.0) / count).sqrt())
}

/// By how much two rows of logits differ at most. Twice an infinity is no difference: a vocabulary may be padded so.
fn largest_change(a: &[u8], b: &[u8]) -> f64 {
    let changes = numbers(a)
        .zip(numbers(b))
        .map(|(a, b)| if a == b { 0.0 } else { (a - b).abs() });
    changes.fold(0.0, larger)
}

/// What is no number is larger than any.
fn larger(a: f64, b: f64) -> f64 {
    if a.is_nan() || a > b { a } else { b }
}

/// JSON, in which this is kept, has no NaN and no infinity.
fn number(value: f64) -> f64 {
    if value.is_finite() { value } else { NO_NUMBER }
}

fn numbers(bytes: &[u8]) -> impl Iterator<Item = f64> {
    let (chunks, _) = bytes.as_chunks::<4>();
    chunks.iter().map(|&chunk| f64::from(f32::from_le_bytes(chunk)))
}

/// The loss of one place: its probabilities are made here, so they sum to 1.
fn cross_entropy(logits: &[u8], target: u16) -> f64 {
    let largest = numbers(logits).fold(f64::NEG_INFINITY, f64::max);
    let sum: f64 = numbers(logits).map(|logit| (logit - largest).exp()).sum();
    let own = numbers(logits).nth(usize::from(target)).unwrap_or(f64::NAN);
    largest + sum.ln() - own
}

#[cfg(test)]
mod tests {
    use super::*;

    const VOCAB: usize = 11;

    /// A text in which every token follows from the one before.
    fn text() -> Vec<u16> {
        (0..500).map(|at: u32| (at * 7 % VOCAB as u32) as u16).collect()
    }

    /// By a fixed rule, so that a failure comes again.
    fn questions(validation: &[u16], seq_len: usize) -> Option<Questions> {
        let mut state = 1u64;
        Questions::draw(validation, VOCAB, seq_len, move || {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            state >> 20
        })
    }

    /// The answers of a model that gives `right` to the token which follows in the text, as far as it sees: `ahead` tokens
    /// beyond the place, whose sum moves its first logit.
    fn answers(questions: &Questions, right: f32, ahead: usize) -> [Vec<u8>; 2] {
        [&questions.first, &questions.second].map(|rows| {
            let logits = rows.iter().flat_map(|row| {
                let mut logits = [0f32; VOCAB];
                let place = row.positions[0];
                logits[(usize::from(row.tokens[place]) + 7) % VOCAB] = right;
                let seen = row.tokens.iter().skip(place + 1).take(ahead);
                logits[0] += seen.map(|&token| f32::from(token) * 0.1).sum::<f32>();
                logits
            });
            logits.flat_map(f32::to_le_bytes).collect()
        })
    }

    fn asked(right: f32, ahead: usize) -> Asked {
        let questions = questions(&text(), 64).unwrap();
        let [first, second] = answers(&questions, right, ahead);
        questions.hear([&first, &second]).unwrap()
    }

    #[test]
    fn the_loss_is_that_of_the_logits() {
        let even = asked(0.0, 0);
        assert!((even.loss - (VOCAB as f64).ln()).abs() < 1e-9, "{even:?}");
        assert_eq!((even.influence, even.noise, even.places), (0.0, 0.0, 2048));
        // e^2 of e^2 + 10.
        let good = asked(2.0, 0);
        let expected = (1.0 + 10.0 * (-2f64).exp()).ln();
        assert!(
            (good.loss - expected).abs() < 1e-6 && good.standard_error < 1e-6,
            "{good:?}"
        );
    }

    #[test]
    fn a_mean_has_its_error() {
        let (mean, error) = mean([1.0, 3.0, 1.0, 3.0].into_iter());
        assert_eq!(mean, 2.0);
        assert!((error - (4.0f64 / 3.0 / 4.0).sqrt()).abs() < 1e-12, "{error}");
    }

    #[test]
    fn a_model_that_sees_ahead_gives_itself_away() {
        for ahead in [1, 2, 40] {
            let seen = asked(2.0, ahead);
            assert!(seen.influence > 0.05 && seen.noise == 0.0, "{ahead}: {seen:?}");
        }
    }

    #[test]
    fn a_program_that_answers_by_chance_is_noisy() {
        let questions = questions(&text(), 64).unwrap();
        let [first, mut second] = answers(&questions, 2.0, 0);
        for bytes in second.as_chunks_mut::<4>().0 {
            *bytes = (f32::from_le_bytes(*bytes) + 0.5).to_le_bytes();
        }
        let heard = questions.hear([&first, &second]).unwrap();
        assert_eq!((heard.influence, heard.noise), (0.5, 0.5));
    }

    #[test]
    fn what_follows_a_place_is_never_told() {
        let questions = questions(&text(), 64).unwrap();
        assert_eq!(
            (questions.first.len(), questions.second.len()),
            (ROWS, CHANGED + UNCHANGED)
        );
        for (number, (row, &target)) in questions.first.iter().zip(&questions.targets).enumerate() {
            let [place] = row.positions[..] else {
                panic!("one place")
            };
            let first = u32::from(row.tokens[0]);
            let real: Vec<u16> = (0..64)
                .map(|at| ((first + at * 7) % VOCAB as u32) as u16)
                .collect();
            assert_eq!((row.tokens.len(), &row.tokens[..=place]), (64, &real[..=place]));
            assert_eq!(target, real[place + 1]);
            let told = row.tokens.iter().zip(&real).skip(place + 1);
            assert!(told.clone().count() > 0);
            for (a, c) in told {
                assert!(a != c && usize::from(*a) < VOCAB, "{a} {c}");
            }
            let Some(again) = questions.second.get(number) else {
                continue;
            };
            assert_eq!(again.positions, row.positions);
            assert_eq!(again.tokens[..=place], row.tokens[..=place]);
            let tails = again.tokens.iter().zip(&row.tokens).zip(&real).skip(place + 1);
            for ((b, a), c) in tails {
                assert_eq!(a != b, number < CHANGED);
                assert!(b != c && usize::from(*b) < VOCAB, "{b} {c}");
            }
        }
    }

    #[test]
    fn answers_that_are_short_or_no_numbers_are_no_answers() {
        let questions = questions(&text(), 64).unwrap();
        let [first, second] = answers(&questions, 1.0, 0);
        assert_eq!(questions.hear([&first[4..], &second]), None);
        assert_eq!(questions.hear([&first, &[]]), None);
        let all = |value: f32, like: &[u8]| -> Vec<u8> {
            like.chunks(4).flat_map(|_| value.to_le_bytes()).collect()
        };
        let heard = questions.hear([&all(f32::NAN, &first), &second]).unwrap();
        assert_eq!((heard.loss, heard.influence), (NO_NUMBER, NO_NUMBER));
        let [a, b] = [&first, &second].map(|like| all(f32::NEG_INFINITY, like));
        let heard = questions.hear([&a, &b]).unwrap();
        assert_eq!(
            (heard.loss, heard.influence),
            (NO_NUMBER, 0.0),
            "the same infinity is no change"
        );
    }

    #[test]
    fn too_little_text_and_foreign_tokens_are_not_asked_about() {
        assert!(questions(&text(), 7).is_none(), "rows are too short");
        assert!(questions(&text()[..64], 64).is_none(), "no row is that long");
        assert!(
            questions(&[VOCAB as u16; 100], 64).is_none(),
            "a token that the model lacks"
        );
        assert!(questions(&text(), 8).is_some());
    }
}
