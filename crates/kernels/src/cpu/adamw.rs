//! AdamW in one pass over parameters, gradients and both means.

use burn::backend::flex::FlexTensor;
use burn::tensor::Tensor;
use rayon::prelude::*;

use super::math::vectorised;
use super::slices::{CHUNK, factor, from_flex, to_flex, whole};
use crate::adamw::{AdamwState, AdamwStep, AdamwUpdate};

struct Tensors {
    step: AdamwStep,
    parameter: FlexTensor,
    mean: FlexTensor,
    square: FlexTensor,
    gradient: FlexTensor,
}

/// One thread's part of a pass: up to [`CHUNK`] values.
struct Chunk<'a> {
    step: AdamwStep,
    parameter: &'a mut [f32],
    mean: &'a mut [f32],
    square: &'a mut [f32],
    gradient: &'a [f32],
}

/// Tensors are on the CPU, and in f32. What nobody else holds is updated where it lies.
pub(crate) fn adamw(updates: Vec<AdamwUpdate>, clip: Option<&Tensor<1>>) -> Vec<AdamwState> {
    let clip = factor(clip);
    let mut tensors: Vec<Tensors> = updates.into_iter().map(Tensors::new).collect();
    let chunks: Vec<Chunk<'_>> = tensors.iter_mut().flat_map(Tensors::chunks).collect();
    chunks.into_par_iter().for_each(|chunk| chunk.update(clip));
    tensors.into_iter().map(Tensors::state).collect()
}

impl Tensors {
    fn new(update: AdamwUpdate) -> Self {
        let AdamwUpdate {
            step,
            state,
            gradient,
        } = update;
        let [parameter, mean, square, gradient] =
            [state.parameter, state.mean, state.square, gradient].map(|tensor| whole(to_flex(tensor)));
        Self {
            step,
            parameter,
            mean,
            square,
            gradient,
        }
    }

    fn chunks(&mut self) -> impl Iterator<Item = Chunk<'_>> {
        let step = self.step;
        self.parameter
            .storage_mut()
            .chunks_mut(CHUNK)
            .zip(self.mean.storage_mut().chunks_mut(CHUNK))
            .zip(self.square.storage_mut().chunks_mut(CHUNK))
            .zip(self.gradient.storage().chunks(CHUNK))
            .map(move |(((parameter, mean), square), gradient)| Chunk {
                step,
                parameter,
                mean,
                square,
                gradient,
            })
    }

    fn state(self) -> AdamwState {
        let [parameter, mean, square] = [self.parameter, self.mean, self.square].map(from_flex);
        AdamwState {
            parameter,
            mean,
            square,
        }
    }
}

impl Chunk<'_> {
    fn update(self, clip: f32) {
        update(
            self.step,
            clip,
            self.parameter,
            self.mean,
            self.square,
            self.gradient,
        );
    }
}

vectorised! {
    fn update(step: AdamwStep, clip: f32, p: &mut [f32], m: &mut [f32], v: &mut [f32], g: &[f32]) {
        let (keep, rate, eps) = (step.keep as f32, step.rate as f32, step.eps as f32);
        let (beta1, beta2) = (step.beta1 as f32, step.beta2 as f32);
        let (fresh1, fresh2) = ((1.0 - step.beta1) as f32, (1.0 - step.beta2) as f32);
        let root_correction = step.root_correction as f32;
        for (((p, m), v), &g) in p.iter_mut().zip(m).zip(v).zip(g) {
            let g = g * clip;
            *m = *m * beta1 + g * fresh1;
            *v = *v * beta2 + g * g * fresh2;
            *p = *p * keep - *m / (v.sqrt() / root_correction + eps) * rate;
        }
    }
}
