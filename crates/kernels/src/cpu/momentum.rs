//! Muon's passes over values: momentum with its look-ahead, and the step itself.

use rayon::prelude::*;

use super::math::vectorised;
use super::product::Parallelism;
use super::slices::CHUNK;
use crate::muon::MuonStep;

/// Advances `momentum` by the gradient times `clip`, and writes Nesterov's look-ahead of it.
pub(super) fn momentum(
    step: MuonStep,
    clip: f32,
    gradient: &[f32],
    momentum: &mut [f32],
    ahead: &mut [f32],
    threads: Parallelism,
) {
    match threads {
        Parallelism::None => advance(step, clip, gradient, momentum, ahead),
        Parallelism::Rayon(_) => gradient
            .par_chunks(CHUNK)
            .zip(momentum.par_chunks_mut(CHUNK))
            .zip(ahead.par_chunks_mut(CHUNK))
            .for_each(|((gradient, momentum), ahead)| advance(step, clip, gradient, momentum, ahead)),
    }
}

/// `parameter <- keep parameter - rate direction`.
pub(super) fn step(step: MuonStep, parameter: &mut [f32], direction: &[f32], threads: Parallelism) {
    match threads {
        Parallelism::None => take(step, parameter, direction),
        Parallelism::Rayon(_) => parameter
            .par_chunks_mut(CHUNK)
            .zip(direction.par_chunks(CHUNK))
            .for_each(|(parameter, direction)| take(step, parameter, direction)),
    }
}

vectorised! {
    fn advance(step: MuonStep, clip: f32, gradient: &[f32], momentum: &mut [f32], ahead: &mut [f32]) {
        let (stays, fresh) = (step.momentum as f32, (1.0 - step.momentum) as f32);
        for ((&gradient, momentum), ahead) in gradient.iter().zip(momentum).zip(ahead) {
            let fresh = gradient * clip * fresh;
            *momentum = *momentum * stays + fresh;
            *ahead = fresh + *momentum * stays;
        }
    }
}

vectorised! {
    fn take(step: MuonStep, parameter: &mut [f32], direction: &[f32]) {
        let (keep, rate) = (step.keep as f32, step.rate as f32);
        for (parameter, direction) in parameter.iter_mut().zip(direction) {
            *parameter = *parameter * keep - direction * rate;
        }
    }
}
