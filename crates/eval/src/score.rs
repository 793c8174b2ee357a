//! What answers are worth.

use crate::{Benchmark, Item, Kind};

/// What a model says of one row.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Answer {
    /// Log-likelihood of the continuation in nats, summed over its tokens.
    pub log_likelihood: f64,
    /// Whether each of its tokens is the one that the model finds most likely.
    pub greedy: bool,
}

/// A result.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Score {
    /// What `value` measures. `accuracy_norm`: the share of questions whose right option has the highest log-likelihood
    /// a byte of its continuation, so that short ones have no advantage. `accuracy`: the share of continuations that
    /// the model would say itself.
    pub metric: &'static str,
    /// 0 to 1.
    pub value: f64,
    /// The share whose right option has the highest log-likelihood, whatever its length; none in a cloze.
    pub unnormalized: Option<f64>,
    /// What guessing gives.
    pub chance: f64,
}

/// The score of `answers`, which are one a row of every item, in order.
///
/// # Panics
/// If their number is another.
pub fn score(benchmark: &Benchmark, answers: &[Answer]) -> Score {
    let items = &benchmark.items;
    let rows: usize = items.iter().map(|item| item.options.len()).sum();
    assert_eq!(answers.len(), rows, "one answer a row");
    let mut rest = answers;
    let answered = items.iter().map(|item| {
        let (of_item, after) = rest.split_at(item.options.len());
        rest = after;
        (item, of_item)
    });
    let answered: Vec<(&Item, &[Answer])> = answered.collect();
    let share = |right: &dyn Fn(&Item, &[Answer]) -> bool| {
        let count = answered
            .iter()
            .filter(|(item, answers)| right(item, answers))
            .count();
        count as f64 / items.len() as f64
    };
    match benchmark.kind {
        Kind::Cloze => Score {
            metric: "accuracy",
            value: share(&|_, answers| answers.iter().all(|answer| answer.greedy)),
            unnormalized: None,
            chance: 0.0,
        },
        Kind::Choice => {
            let chances = items.iter().map(|item| 1.0 / item.options.len() as f64);
            Score {
                metric: "accuracy_norm",
                value: share(&|item, answers| {
                    let bytes = |index: usize| item.options[index].continuation.len() as f64;
                    best(answers, |index, answer| answer.log_likelihood / bytes(index)) == item.gold
                }),
                unnormalized: Some(share(&|item, answers| {
                    best(answers, |_, answer| answer.log_likelihood) == item.gold
                })),
                chance: chances.sum::<f64>() / items.len() as f64,
            }
        }
    }
}

/// Index of the highest value; of equal ones the first.
fn best(answers: &[Answer], value: impl Fn(usize, &Answer) -> f64) -> usize {
    let mut found = (0, f64::NEG_INFINITY);
    for (index, answer) in answers.iter().enumerate() {
        let value = value(index, answer);
        if value > found.1 {
            found = (index, value);
        }
    }
    found.0
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Pair;

    fn benchmark(kind: Kind, items: &[(&[&str], usize)]) -> Benchmark {
        let option = |text: &&str| Pair {
            context: "x".into(),
            continuation: (*text).into(),
        };
        let items = items.iter().map(|(options, gold)| Item {
            options: options.iter().map(option).collect(),
            gold: *gold,
        });
        Benchmark {
            name: "x".into(),
            sha256: String::new(),
            kind,
            items: items.collect(),
        }
    }

    fn answers(values: &[f64]) -> Vec<Answer> {
        let answer = |&log_likelihood: &f64| Answer {
            log_likelihood,
            greedy: log_likelihood > -1.0,
        };
        values.iter().map(answer).collect()
    }

    #[test]
    fn a_choice_is_judged_by_likelihood_a_byte() {
        let benchmark = benchmark(
            Kind::Choice,
            &[(&[" aa", " aaaaa"], 1), (&[" b", " c", " d", " e"], 2)],
        );
        // The first: -3 for 3 bytes, -4 for 6; by the sum alone the wrong one.
        let score = score(&benchmark, &answers(&[-3.0, -4.0, -2.0, -1.5, -1.0, -9.0]));
        assert_eq!(
            score,
            Score {
                metric: "accuracy_norm",
                value: 1.0,
                unnormalized: Some(0.5),
                chance: 0.375
            }
        );
    }

    #[test]
    fn a_cloze_is_judged_by_what_the_model_would_say() {
        let benchmark = benchmark(
            Kind::Cloze,
            &[(&[" a"], 0), (&[" b"], 0), (&[" c"], 0), (&[" d"], 0)],
        );
        let score = score(&benchmark, &answers(&[-0.1, -2.0, -0.5, -0.9]));
        assert_eq!(
            (score.metric, score.value, score.unnormalized),
            ("accuracy", 0.75, None)
        );
    }

    #[test]
    fn a_model_that_knows_nothing_takes_the_first() {
        let benchmark = benchmark(Kind::Choice, &[(&[" a", " b"], 0), (&[" a", " b"], 1)]);
        let score = score(&benchmark, &answers(&[f64::NAN, f64::NAN, -1.0, -1.0]));
        assert_eq!((score.value, score.chance), (0.5, 0.5));
    }
}
