//! What Muon does besides making matrices orthogonal: one launch a matrix before, which fills its place in the batch,
//! and one after, which reads it.
#![allow(clippy::too_many_arguments)] // A kernel takes its tensors and sizes one by one.

use burn::backend::cubecl::dtype_to_storage_type;
use burn_cubecl::tensor::CubeTensor;
use cubecl::ir::ElemType;
use cubecl::prelude::*;

use super::launch::{flat, owned, whole};
use crate::muon::MuonStep;

#[cube(launch)]
fn momentum_kernel<F: Float>(
    momentum: &mut Tensor<f32>,
    gradient: &Tensor<f32>,
    clip: &Tensor<f32>,
    batch: &mut Tensor<F>,
    first: usize,
    len: usize,
    stays: f32,
    share: f32,
    #[comptime] clipped: bool,
    #[define(F)] _dtype: ElemType,
) {
    let at = ABSOLUTE_POS;
    if at < len {
        let mut fresh = share * gradient[at];
        if comptime![clipped] {
            fresh *= clip[0];
        }
        let m = stays * momentum[at] + fresh;
        momentum[at] = m;
        batch[first + at] = F::cast_from(stays * m + fresh);
    }
}

/// The new momentum, and the batch `[matrices, rows, cols]` with Nesterov's look-ahead in place `index`; both are written
/// where they lie if nobody else holds them. `clip` is read where `clipped` says so.
pub(super) fn momentum(
    momentum: CubeTensor,
    batch: CubeTensor,
    gradient: CubeTensor,
    clip: CubeTensor,
    clipped: bool,
    index: usize,
    step: MuonStep,
) -> (CubeTensor, CubeTensor) {
    let (momentum, batch) = (owned(momentum), owned(batch));
    let len = momentum.meta.num_elements();
    let (grid, dim) = flat(len);
    momentum_kernel::launch(
        &momentum.client,
        grid,
        dim,
        momentum.clone().into_tensor_arg(),
        whole(gradient).into_tensor_arg(),
        whole(clip).into_tensor_arg(),
        batch.clone().into_tensor_arg(),
        index * len,
        len,
        step.momentum as f32,
        (1.0 - step.momentum) as f32,
        clipped,
        dtype_to_storage_type(batch.dtype),
    );
    (momentum, batch)
}

#[cube(launch)]
fn apply_kernel<F: Float>(
    parameter: &mut Tensor<f32>,
    directions: &Tensor<F>,
    first: usize,
    len: usize,
    keep: f32,
    rate: f32,
    #[define(F)] _dtype: ElemType,
) {
    let at = ABSOLUTE_POS;
    if at < len {
        parameter[at] = keep * parameter[at] - rate * f32::cast_from(directions[first + at]);
    }
}

/// The parameter after a step along matrix `index` of `directions`, `[matrices, rows, cols]`; written where it lies if
/// nobody else holds it.
pub(super) fn apply(
    parameter: CubeTensor,
    directions: CubeTensor,
    index: usize,
    step: MuonStep,
) -> CubeTensor {
    let parameter = owned(parameter);
    let len = parameter.meta.num_elements();
    let (grid, dim) = flat(len);
    let dtype = dtype_to_storage_type(directions.dtype);
    apply_kernel::launch(
        &parameter.client,
        grid,
        dim,
        parameter.clone().into_tensor_arg(),
        whole(directions).into_tensor_arg(),
        index * len,
        len,
        step.keep as f32,
        step.rate as f32,
        dtype,
    );
    parameter
}
