//! What a verifier asks a model, and what it makes of the answers.
//!
//! A program can say of itself what it likes. Here it is asked for logits at places of the validation set that nobody
//! knew before, twice and by two processes, and behind each place stand other tokens each time, none of them the
//! validation set's: a model that sees ahead gives other logits, and one that is not as good as its log gives a worse
//! loss. What is left to a forger is to carry the validation set in the program, which its source shows.

use blueberry_rules::Asked;
use serde::Serialize;

/// Rows that are drawn: many, since places of one row have much in common.
const ROWS: usize = 64;
/// Their length at most: the logits of a place are as many as the vocabulary.
const MOST_LENGTH: usize = 1024;
/// The shortest rows that say anything.
const LEAST_LENGTH: usize = 8;
/// Places of a row whose loss is taken, the last ones before its cut.
const PLACES: usize = 32;
/// Every how manieth of them is asked for again.
const AGAIN_EVERY: usize = 8;
/// In place of what is no number: more than any loss, or change of a logit, that is one.
const NO_NUMBER: f64 = 1e9;

/// A row of tokens and the places in it whose next token is asked for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Row {
    /// The tokens.
    pub tokens: Vec<u16>,
    /// Places among them, rising.
    pub positions: Vec<usize>,
}

/// What is asked.
#[derive(Debug, Clone)]
pub struct Questions {
    vocab: usize,
    /// Asked first: the losses are taken of these.
    first: Vec<Row>,
    /// Asked by another process: the same places, fewer of them, with other tokens behind.
    second: Vec<Row>,
    /// The token that follows each place of the first.
    targets: Vec<u16>,
}

impl Questions {
    /// Draws rows of `validation` of at most `seq_len` tokens, for a model over `vocab` tokens; `random` gives 64 bits that
    /// nobody could know. None where there is too little to draw from.
    #[must_use]
    pub fn draw(
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
        for _ in 0..ROWS {
            let from = below(validation.len() - length);
            let real = &validation[from..from + length];
            // The last place: all up to it is real, and what follows it is not told.
            let cut = length / 2 + below(length / 2 - 1);
            let positions: Vec<usize> = ((cut + 1).saturating_sub(PLACES).max(length / 4)..=cut).collect();
            let again = positions
                .iter()
                .rev()
                .step_by(AGAIN_EVERY)
                .rev()
                .copied()
                .collect();
            questions.targets.extend(positions.iter().map(|&at| real[at + 1]));
            let (mut tokens, mut others) = (real[..=cut].to_vec(), real[..=cut].to_vec());
            for &told in &real[cut + 1..] {
                // Three different tokens: the real one, and one for each process.
                let shift = 1 + below(vocab - 1);
                let mut other = 1 + below(vocab - 2);
                other += usize::from(other >= shift);
                let token = |shift| ((usize::from(told) + shift) % vocab) as u16;
                tokens.push(token(shift));
                others.push(token(other));
            }
            questions.first.push(Row { tokens, positions });
            questions.second.push(Row {
                tokens: others,
                positions: again,
            });
        }
        Some(questions)
    }

    /// The two lists of rows, each for a process of its own, as `blueberry logits` reads them.
    #[must_use]
    pub fn texts(&self) -> [String; 2] {
        #[derive(Serialize)]
        struct File<'a> {
            rows: &'a [Row],
        }
        [&self.first, &self.second].map(|rows| serde_json::to_string(&File { rows }).unwrap_or_default())
    }

    /// Bytes of the answer to each.
    #[must_use]
    pub fn answer_bytes(&self) -> [u64; 2] {
        [&self.first, &self.second].map(|rows| {
            let places: usize = rows.iter().map(|row| row.positions.len()).sum();
            (places * self.vocab * size_of::<f32>()) as u64
        })
    }

    /// What the answers say: little-endian f32, a row of the vocabulary for each place in its order. None where they are not
    /// as long as they have to be.
    #[must_use]
    pub fn hear(&self, answers: [&[u8]; 2]) -> Option<Asked> {
        let fits = |(answer, bytes): (&&[u8], u64)| answer.len() as u64 == bytes;
        if !answers.iter().zip(self.answer_bytes()).all(fits) {
            return None;
        }
        let [first, second] = answers.map(|answer| answer.chunks_exact(self.vocab * size_of::<f32>()));
        let first: Vec<&[u8]> = first.collect();
        let losses: Vec<f64> = first
            .iter()
            .zip(&self.targets)
            .map(|(logits, &target)| cross_entropy(logits, target))
            .collect();
        let mut influence = 0.0;
        for (logits, place) in second.zip(self.again()) {
            for (a, b) in numbers(first[place]).zip(numbers(logits)) {
                let change = (a - b).abs();
                // What is no number is the largest change, and stays it.
                if change.is_nan() || change > influence {
                    influence = change;
                }
            }
        }
        let (loss, standard_error) = self.mean_of_rows(&losses);
        Some(Asked {
            loss: number(loss),
            standard_error: number(standard_error),
            places: losses.len() as u64,
            influence: number(influence),
            logged_loss: None,
        })
    }

    /// Which places of the first list those of the second are.
    fn again(&self) -> impl Iterator<Item = usize> {
        let mut begin = 0;
        self.first
            .iter()
            .zip(&self.second)
            .flat_map(move |(first, second)| {
                let from = begin;
                begin += first.positions.len();
                let start = first.positions[0];
                second.positions.iter().map(move |at| from + at - start)
            })
    }

    /// The mean and its standard error. Places of one row have much in common, so the error is that of the rows' means.
    fn mean_of_rows(&self, losses: &[f64]) -> (f64, f64) {
        let mut rest = losses;
        let means: Vec<f64> = self
            .first
            .iter()
            .map(|row| {
                let (own, others) = rest.split_at(row.positions.len());
                rest = others;
                own.iter().sum::<f64>() / own.len() as f64
            })
            .collect();
        let count = means.len() as f64;
        let mean = means.iter().sum::<f64>() / count;
        let squares: f64 = means.iter().map(|one| (one - mean).powi(2)).sum();
        (mean, (squares / (count - 1.0) / count).sqrt())
    }
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
            let places = rows
                .iter()
                .flat_map(|row| row.positions.iter().map(move |&at| (row, at)));
            let logits = places.flat_map(|(row, at)| {
                let mut logits = [0f32; VOCAB];
                logits[(usize::from(row.tokens[at]) + 7) % VOCAB] = right;
                let seen = row.tokens.iter().skip(at + 1).take(ahead);
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
        assert!(even.influence == 0.0 && even.standard_error < 1e-9, "{even:?}");
        // e^2 of e^2 + 10.
        let good = asked(2.0, 0);
        assert!(
            (good.loss - (1.0 + 10.0 * (-2f64).exp()).ln()).abs() < 1e-6,
            "{good:?}"
        );
    }

    #[test]
    fn a_model_that_sees_ahead_gives_itself_away() {
        for ahead in [1, 2, 40] {
            assert!(asked(2.0, ahead).influence > 0.05, "{ahead}");
        }
    }

    #[test]
    fn what_follows_a_place_is_never_told() {
        let text = text();
        let questions = questions(&text, 64).unwrap();
        let mut targets = questions.targets.iter();
        for (first, second) in questions.first.iter().zip(&questions.second) {
            let cut = *first.positions.last().unwrap();
            assert_eq!((first.tokens.len(), second.tokens.len()), (64, 64));
            assert_eq!(
                second.positions.last(),
                Some(&cut),
                "the last place is asked for twice"
            );
            assert!(second.positions.iter().all(|at| first.positions.contains(at)));
            assert_eq!(first.tokens[..=cut], second.tokens[..=cut]);
            let real: Vec<u16> = (0..64)
                .map(|at: u32| ((u32::from(first.tokens[0]) + at * 7) % VOCAB as u32) as u16)
                .collect();
            assert_eq!(first.tokens[..=cut], real[..=cut]);
            let told = first.tokens.iter().zip(&second.tokens).zip(&real).skip(cut + 1);
            for ((a, b), c) in told {
                assert!(
                    a != b && a != c && b != c && usize::from(*a.max(b)) < VOCAB,
                    "{a} {b} {c}"
                );
            }
            for &at in &first.positions {
                assert_eq!(targets.next(), Some(&real[at + 1]));
            }
        }
        assert_eq!(targets.next(), None);
    }

    #[test]
    fn answers_that_are_short_or_no_numbers_are_no_answers() {
        let questions = questions(&text(), 64).unwrap();
        let [first, second] = answers(&questions, 1.0, 0);
        assert_eq!(questions.hear([&first[4..], &second]), None);
        assert_eq!(questions.hear([&first, &[]]), None);
        let nan: Vec<u8> = first.chunks(4).flat_map(|_| f32::NAN.to_le_bytes()).collect();
        let heard = questions.hear([&nan, &second]).unwrap();
        assert_eq!((heard.loss, heard.influence), (NO_NUMBER, NO_NUMBER));
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
