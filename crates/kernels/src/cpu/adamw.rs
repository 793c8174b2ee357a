//! AdamW in one pass over parameter, gradient and both means.

use burn::tensor::{Tensor, TensorData};
use rayon::prelude::*;

use super::math::vectorised;
use super::slices::CHUNK;
use crate::adamw::{AdamwState, AdamwStep};

/// Tensors are on the CPU, and in f32. Means that nobody else holds are updated where they lie.
pub(crate) fn adamw(step: AdamwStep, state: AdamwState, gradient: Tensor<2>) -> AdamwState {
    let device = gradient.device();
    let gradient = gradient.into_data();
    let [mut parameter, mut mean, mut square] =
        [state.parameter, state.mean, state.square].map(Tensor::into_data);
    let Some(slices) = slices(&mut parameter, &mut mean, &mut square, &gradient) else {
        // Another type than f32: not ours.
        let [parameter, mean, square] =
            [parameter, mean, square].map(|data| Tensor::from_data(data, &device));
        let gradient = Tensor::from_data(gradient, &device);
        return crate::adamw::adamw_plain(
            step,
            AdamwState {
                parameter,
                mean,
                square,
            },
            gradient,
        );
    };
    let (p, m, v, g) = slices;
    p.par_chunks_mut(CHUNK)
        .zip(m.par_chunks_mut(CHUNK))
        .zip(v.par_chunks_mut(CHUNK))
        .zip(g.par_chunks(CHUNK))
        .for_each(|(((p, m), v), g)| update(step, p, m, v, g));
    let [parameter, mean, square] = [parameter, mean, square].map(|data| Tensor::from_data(data, &device));
    AdamwState {
        parameter,
        mean,
        square,
    }
}

type Slices<'a> = (&'a mut [f32], &'a mut [f32], &'a mut [f32], &'a [f32]);

fn slices<'a>(
    parameter: &'a mut TensorData,
    mean: &'a mut TensorData,
    square: &'a mut TensorData,
    gradient: &'a TensorData,
) -> Option<Slices<'a>> {
    Some((
        parameter.as_mut_slice().ok()?,
        mean.as_mut_slice().ok()?,
        square.as_mut_slice().ok()?,
        gradient.as_slice().ok()?,
    ))
}

vectorised! {
    fn update(step: AdamwStep, p: &mut [f32], m: &mut [f32], v: &mut [f32], g: &[f32]) {
        let (keep, rate, eps) = (step.keep as f32, step.rate as f32, step.eps as f32);
        let (beta1, beta2) = (step.beta1 as f32, step.beta2 as f32);
        let (fresh1, fresh2) = ((1.0 - step.beta1) as f32, (1.0 - step.beta2) as f32);
        let root_correction = step.root_correction as f32;
        for (((p, m), v), &g) in p.iter_mut().zip(m).zip(v).zip(g) {
            *m = *m * beta1 + g * fresh1;
            *v = *v * beta2 + g * g * fresh2;
            *p = *p * keep - *m / (v.sqrt() / root_correction + eps) * rate;
        }
    }
}
