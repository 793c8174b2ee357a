//! Text from the model.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{RngCore, SeedableRng};

use crate::trainer::read;
use crate::{SampleSettings, StepError, Trainer};

/// Draws `settings.length` tokens after `prompt`; stops early at `stop`. The same seed and weights give
/// the same text.
///
/// # Errors
/// [`StepError::Device`].
pub async fn sample(
    trainer: &mut Trainer,
    settings: &SampleSettings,
    prompt: &[u16],
    stop: Option<u16>,
    seed: u64,
) -> Result<Vec<u16>, StepError> {
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    let mut tokens = prompt.to_vec();
    let mut drawn = Vec::new();
    while drawn.len() < settings.length {
        // A fixed length, so that a GPU compiles once; attention is causal, so the filling is not seen.
        let seen = &tokens[tokens.len().saturating_sub(settings.context)..];
        let mut window = seen.to_vec();
        window.resize(settings.context, 0);
        let last = seen.len().saturating_sub(1);
        let logits = read(trainer.logits(&window).narrow(0, last, 1)).await?;
        let token = draw(&logits, settings.temperature, uniform(&mut random));
        if Some(token) == stop {
            break;
        }
        tokens.push(token);
        drawn.push(token);
    }
    Ok(drawn)
}

/// A number in `0..1` from the 53 bits that an f64 holds.
fn uniform(random: &mut ChaCha8Rng) -> f64 {
    (random.next_u64() >> 11) as f64 / (1u64 << 53) as f64
}

/// The index at which the cumulated softmax of `logits / temperature` passes `point` (0 to 1).
fn draw(logits: &[f32], temperature: f64, point: f64) -> u16 {
    let largest = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let weights: Vec<f64> = logits
        .iter()
        .map(|&logit| (f64::from(logit - largest) / temperature).exp())
        .collect();
    let mut left = point * weights.iter().sum::<f64>();
    for (index, weight) in weights.iter().enumerate() {
        left -= weight;
        if left < 0.0 {
            return index as u16;
        }
    }
    weights.len().saturating_sub(1) as u16
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_draw_follows_the_shares() {
        // Shares 1/4, 1/2, 1/4.
        let logits = [0.0, 2f32.ln(), 0.0];
        let points = [0.0, 0.24, 0.26, 0.74, 0.76, 0.999];
        let drawn: Vec<u16> = points.iter().map(|&point| draw(&logits, 1.0, point)).collect();
        assert_eq!(drawn, [0, 0, 1, 1, 2, 2]);
    }

    #[test]
    fn a_low_temperature_takes_the_largest() {
        assert_eq!(draw(&[1.0, 1.5, 0.0], 1e-3, 0.99), 1);
    }
}
