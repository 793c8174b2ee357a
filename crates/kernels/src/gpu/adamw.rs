//! AdamW: one launch a parameter, which reads and writes each of its values once.
#![allow(clippy::too_many_arguments)] // A kernel takes its tensors and sizes one by one.

use burn_cubecl::tensor::CubeTensor;
use cubecl::prelude::*;

use super::launch::{flat, owned, whole};
use crate::adamw::AdamwStep;

#[cube(launch)]
fn adamw_kernel(
    parameter: &mut Tensor<f32>,
    mean: &mut Tensor<f32>,
    square: &mut Tensor<f32>,
    gradient: &Tensor<f32>,
    clip: &Tensor<f32>,
    len: usize,
    keep: f32,
    rate: f32,
    beta1: f32,
    beta2: f32,
    fresh1: f32,
    fresh2: f32,
    root_correction: f32,
    eps: f32,
    #[comptime] clipped: bool,
) {
    let at = ABSOLUTE_POS;
    if at < len {
        let mut g = gradient[at];
        if comptime![clipped] {
            g *= clip[0];
        }
        let m = beta1 * mean[at] + fresh1 * g;
        let s = beta2 * square[at] + fresh2 * g * g;
        mean[at] = m;
        square[at] = s;
        parameter[at] = keep * parameter[at] - rate * m / (s.sqrt() / root_correction + eps);
    }
}

/// The parameter, the mean and the mean of squares, in f32; written where they lie if nobody else holds them.
pub(super) fn adamw(
    [parameter, mean, square]: [CubeTensor; 3],
    gradient: CubeTensor,
    clip: CubeTensor,
    clipped: bool,
    step: AdamwStep,
) -> (CubeTensor, CubeTensor, CubeTensor) {
    let (parameter, mean, square) = (owned(parameter), owned(mean), owned(square));
    let len = parameter.meta.num_elements();
    let (grid, dim) = flat(len);
    adamw_kernel::launch(
        &parameter.client,
        grid,
        dim,
        parameter.clone().into_tensor_arg(),
        mean.clone().into_tensor_arg(),
        square.clone().into_tensor_arg(),
        whole(gradient).into_tensor_arg(),
        whole(clip).into_tensor_arg(),
        len,
        step.keep as f32,
        step.rate as f32,
        step.beta1 as f32,
        step.beta2 as f32,
        (1.0 - step.beta1) as f32,
        (1.0 - step.beta2) as f32,
        step.root_correction as f32,
        step.eps as f32,
        clipped,
    );
    (parameter, mean, square)
}
