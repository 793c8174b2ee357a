//! How likely a model finds given continuations.

use burn::tensor::{Int, Tensor, TensorData};

use crate::trainer::read;
use crate::{StepError, Trainer};

/// Tokens of a pass at most, padding included, unless one row has more: bounds the logits that are held.
const PASS_TOKENS: usize = 1024;
/// Rows are padded to a multiple of so many tokens, since masks and position tables are made once a length.
const LENGTH_STEP: usize = 32;

/// How likely the tokens of a row are from some token on.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Likelihood {
    /// Sum of the tokens' log-probabilities, nats.
    pub log_likelihood: f64,
    /// Whether each token is the most likely one at its place.
    pub greedy: bool,
}

impl Trainer {
    /// The likelihood of each row's tokens from index `from` on, given those before; `rows` are `(tokens, from)` with
    /// `from` from 1 to below the number of tokens.
    ///
    /// Rows are padded behind their end, which no causal model sees, and run several at a time. `progress` is told how
    /// many rows are done; where it says `false`, the rest is left and nothing returned.
    ///
    /// # Errors
    /// [`StepError`]: the device fails, or a likelihood is no finite number.
    ///
    /// # Panics
    /// If a `from` is out of range.
    pub async fn likelihoods(
        &mut self,
        rows: &[(&[u16], usize)],
        mut progress: impl FnMut(usize) -> bool,
    ) -> Result<Option<Vec<Likelihood>>, StepError> {
        assert!(
            rows.iter().all(|(tokens, from)| (1..tokens.len()).contains(from)),
            "a token that is asked for has one before it"
        );
        // By length, so that little is padded.
        let mut order: Vec<usize> = (0..rows.len()).collect();
        order.sort_by_key(|&row| padded(rows[row].0));
        let nothing = Likelihood {
            log_likelihood: 0.0,
            greedy: true,
        };
        let mut found = vec![nothing; rows.len()];
        let mut done = 0;
        while done < order.len() {
            if !progress(done) {
                return Ok(None);
            }
            let pass = pass(rows, &order[done..]);
            for (row, token) in pass.iter().zip(self.one_pass(rows, pass).await?).flat_map(spread) {
                found[row].log_likelihood += token.log_likelihood;
                found[row].greedy &= token.greedy;
            }
            done += pass.len();
        }
        match found.iter().find(|row| !row.log_likelihood.is_finite()) {
            None => Ok(Some(found)),
            Some(row) => Err(StepError::NotFinite {
                what: "a log-likelihood".into(),
                value: row.log_likelihood,
            }),
        }
    }

    /// For each row of `pass`, each of its tokens that is asked for.
    async fn one_pass(
        &mut self,
        rows: &[(&[u16], usize)],
        pass: &[usize],
    ) -> Result<Vec<Vec<Likelihood>>, StepError> {
        let chosen: Vec<(&[u16], usize)> = pass.iter().map(|&row| rows[row]).collect();
        let seq = chosen
            .iter()
            .map(|(tokens, _)| padded(tokens))
            .max()
            .unwrap_or(LENGTH_STEP);
        let mut inputs = vec![0i32; chosen.len() * seq];
        let (mut positions, mut targets) = (Vec::new(), Vec::new());
        for (index, (tokens, from)) in chosen.iter().enumerate() {
            let start = index * seq;
            for (input, &token) in inputs[start..].iter_mut().zip(&tokens[..tokens.len() - 1]) {
                *input = i32::from(token);
            }
            // The token at `place` is what follows the input before it.
            for (place, &token) in tokens.iter().enumerate().skip(*from) {
                positions.push((start + place - 1) as i32);
                targets.push(i32::from(token));
            }
        }
        let inputs = TensorData::new(inputs, [chosen.len(), seq]);
        let inputs = Tensor::<2, Int>::from_data(inputs, self.device());
        let on_device = |values: &[i32]| Tensor::<1, Int>::from_data(values, self.device());
        let (positions, targets) = (on_device(&positions), on_device(&targets));
        let log_probabilities = self.log_probabilities(inputs, positions);
        let largest = log_probabilities.clone().max_dim(1);
        let of_target = log_probabilities.gather(1, targets.unsqueeze_dim(1));
        let mut values = read(Tensor::cat(vec![of_target, largest], 1)).await?.into_iter();
        let mut next = || Some((values.next()?, values.next()?));
        let likelihoods = |(tokens, from): &(&[u16], usize)| {
            let pairs = (*from..tokens.len()).map_while(|_| next());
            pairs
                .map(|(of_target, largest)| Likelihood {
                    log_likelihood: of_target.into(),
                    greedy: of_target >= largest,
                })
                .collect()
        };
        Ok(chosen.iter().map(likelihoods).collect())
    }
}

/// Inputs of a row, rounded up.
fn padded(tokens: &[u16]) -> usize {
    (tokens.len() - 1).next_multiple_of(LENGTH_STEP)
}

/// As many of the next rows of `order`, at least one, as fit into a pass. Rows get longer.
fn pass<'a>(rows: &[(&[u16], usize)], order: &'a [usize]) -> &'a [usize] {
    let fits =
        |&(index, &row): &(usize, &usize)| index == 0 || (index + 1) * padded(rows[row].0) <= PASS_TOKENS;
    let count = order.iter().enumerate().take_while(fits).count();
    &order[..count]
}

fn spread((&row, tokens): (&usize, Vec<Likelihood>)) -> impl Iterator<Item = (usize, Likelihood)> {
    tokens.into_iter().map(move |token| (row, token))
}

#[cfg(all(test, feature = "native"))]
mod tests {
    use burn::tensor::Device;

    use super::*;
    use crate::device_check::check_optim;
    use crate::{Batch, check_config};

    fn trainer() -> Trainer {
        Trainer::new(&check_config(), &check_optim(), 1, &Device::flex(), None)
    }

    fn tokens(length: usize, salt: usize) -> Vec<u16> {
        (0..length)
            .map(|i| ((i * i * 5 + i * 3 + salt * 17) % 89) as u16)
            .collect()
    }

    /// Rows of many lengths, so that several are padded and passes are full.
    #[test]
    fn a_whole_row_is_as_likely_as_its_loss_says() {
        let mut trainer = trainer();
        let rows: Vec<Vec<u16>> = (2..90).map(|length| tokens(length, length)).collect();
        let asked: Vec<(&[u16], usize)> = rows.iter().map(|row| (&row[..], 1)).collect();
        let found = pollster::block_on(trainer.likelihoods(&asked, |_| true))
            .unwrap()
            .unwrap();
        for (row, found) in rows.iter().zip(found) {
            let batch = Batch::new(row.clone(), row.len() - 1).unwrap();
            let loss = pollster::block_on(trainer.loss(&batch)).unwrap();
            let expected = -loss * (row.len() - 1) as f64;
            // Rounding of f32 sums of up to 88 terms.
            let error = (found.log_likelihood - expected).abs() / expected.abs();
            assert!(error < 1e-4, "{} tokens: {found:?}, not {expected}", row.len());
        }
    }

    #[test]
    fn the_end_of_a_row_is_what_the_whole_has_more_than_its_beginning() {
        let mut trainer = trainer();
        let row = tokens(40, 3);
        let asked = [(&row[..], 1), (&row[..30], 1), (&row[..], 30)];
        let found = pollster::block_on(trainer.likelihoods(&asked, |_| true))
            .unwrap()
            .unwrap();
        let [whole, beginning, end] = [0, 1, 2].map(|index| found[index].log_likelihood);
        assert!((whole - beginning - end).abs() < 1e-4 * whole.abs(), "{found:?}");
    }

    #[test]
    fn what_the_model_would_say_is_greedy_and_nothing_else_is() {
        let mut trainer = trainer();
        let mut row = tokens(12, 5);
        let logits = pollster::block_on(read(trainer.logits(&row))).unwrap();
        let last = &logits[11 * 89..];
        let said = (0..89).max_by(|&a, &b| last[a].total_cmp(&last[b])).unwrap() as u16;
        row.push(said);
        let mut other = row.clone();
        other[12] = (said + 1) % 89;
        let asked = [(&row[..], 12), (&other[..], 12)];
        let found = pollster::block_on(trainer.likelihoods(&asked, |_| true))
            .unwrap()
            .unwrap();
        assert_eq!([found[0].greedy, found[1].greedy], [true, false]);
        assert!(found[0].log_likelihood > found[1].log_likelihood);
    }

    #[test]
    fn it_stops_when_told() {
        let row = tokens(4, 1);
        let asked = [(&row[..], 1)];
        assert_eq!(
            pollster::block_on(trainer().likelihoods(&asked, |_| false)).unwrap(),
            None
        );
    }
}
