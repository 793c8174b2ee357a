//! The non-linearities: one unit a value. Only their arguments are kept for the backward pass.
#![allow(clippy::too_many_arguments)] // A kernel takes its tensors and sizes one by one.

use burn::backend::autodiff::checkpoint::base::Checkpointer;
use burn::backend::autodiff::checkpoint::strategy::CheckpointStrategy;
use burn::backend::autodiff::grads::Gradients;
use burn::backend::autodiff::ops::{Backward, Ops, OpsKind};
use burn::backend::cubecl::dtype_to_storage_type;
use burn::backend::tensor::FloatTensor;
use burn::backend::{Autodiff, Cube};
use burn_cubecl::tensor::CubeTensor;
use cubecl::ir::ElemType;
use cubecl::prelude::*;

use super::GpuKernels;
use super::launch::{empty_like, exp_negative, flat, whole};

/// From an exponential that cannot overflow.
#[cube]
fn sigmoid(x: f32) -> f32 {
    let mut positive = x;
    if x < 0.0f32 {
        positive = 0.0f32 - x;
    }
    let e = exp_negative(0.0f32 - positive);
    let mut result = 1.0f32 / (1.0f32 + e);
    if x < 0.0f32 {
        result = e / (1.0f32 + e);
    }
    result
}

#[cube(launch)]
fn swiglu_kernel<F: Float>(
    gate: &Tensor<F>,
    up: &Tensor<F>,
    out: &mut Tensor<F>,
    len: usize,
    #[define(F)] _dtype: ElemType,
) {
    let at = ABSOLUTE_POS;
    if at < len {
        let x = f32::cast_from(gate[at]);
        out[at] = F::cast_from(x * sigmoid(x) * f32::cast_from(up[at]));
    }
}

/// `silu' = s (1 + x (1 - s))` with `s` the sigmoid of `x`.
#[cube(launch)]
fn swiglu_backward_kernel<F: Float>(
    gate: &Tensor<F>,
    up: &Tensor<F>,
    upstream: &Tensor<F>,
    dgate: &mut Tensor<F>,
    dup: &mut Tensor<F>,
    len: usize,
    #[define(F)] _dtype: ElemType,
) {
    let at = ABSOLUTE_POS;
    if at < len {
        let x = f32::cast_from(gate[at]);
        let s = sigmoid(x);
        let slope = f32::cast_from(upstream[at]);
        dup[at] = F::cast_from(slope * x * s);
        dgate[at] = F::cast_from(slope * f32::cast_from(up[at]) * s * (1.0f32 + x * (1.0f32 - s)));
    }
}

#[cube(launch)]
fn relu_squared_kernel<F: Float>(
    x: &Tensor<F>,
    out: &mut Tensor<F>,
    len: usize,
    #[define(F)] _dtype: ElemType,
) {
    let at = ABSOLUTE_POS;
    if at < len {
        let positive = max(f32::cast_from(x[at]), 0.0f32);
        out[at] = F::cast_from(positive * positive);
    }
}

#[cube(launch)]
fn relu_squared_backward_kernel<F: Float>(
    x: &Tensor<F>,
    upstream: &Tensor<F>,
    dx: &mut Tensor<F>,
    len: usize,
    #[define(F)] _dtype: ElemType,
) {
    let at = ABSOLUTE_POS;
    if at < len {
        let positive = max(f32::cast_from(x[at]), 0.0f32);
        dx[at] = F::cast_from(2.0f32 * positive * f32::cast_from(upstream[at]));
    }
}

pub(super) fn swiglu(gate: CubeTensor, up: CubeTensor) -> CubeTensor {
    let (gate, up) = (whole(gate), whole(up));
    let (out, len, dtype) = (
        empty_like(&gate),
        gate.meta.num_elements(),
        dtype_to_storage_type(gate.dtype),
    );
    let (grid, dim) = flat(len);
    swiglu_kernel::launch(
        &out.client,
        grid,
        dim,
        gate.into_tensor_arg(),
        up.into_tensor_arg(),
        out.clone().into_tensor_arg(),
        len,
        dtype,
    );
    out
}

pub(super) fn swiglu_backward(
    gate: CubeTensor,
    up: CubeTensor,
    upstream: CubeTensor,
) -> (CubeTensor, CubeTensor) {
    let (gate, up, upstream) = (whole(gate), whole(up), whole(upstream));
    let (dgate, dup) = (empty_like(&gate), empty_like(&gate));
    let (len, dtype) = (gate.meta.num_elements(), dtype_to_storage_type(gate.dtype));
    let (grid, dim) = flat(len);
    swiglu_backward_kernel::launch(
        &dup.client,
        grid,
        dim,
        gate.into_tensor_arg(),
        up.into_tensor_arg(),
        upstream.into_tensor_arg(),
        dgate.clone().into_tensor_arg(),
        dup.clone().into_tensor_arg(),
        len,
        dtype,
    );
    (dgate, dup)
}

pub(super) fn relu_squared(x: CubeTensor) -> CubeTensor {
    let x = whole(x);
    let (out, len, dtype) = (
        empty_like(&x),
        x.meta.num_elements(),
        dtype_to_storage_type(x.dtype),
    );
    let (grid, dim) = flat(len);
    relu_squared_kernel::launch(
        &out.client,
        grid,
        dim,
        x.into_tensor_arg(),
        out.clone().into_tensor_arg(),
        len,
        dtype,
    );
    out
}

pub(super) fn relu_squared_backward(x: CubeTensor, upstream: CubeTensor) -> CubeTensor {
    let (x, upstream) = (whole(x), whole(upstream));
    let (dx, len, dtype) = (
        empty_like(&x),
        x.meta.num_elements(),
        dtype_to_storage_type(x.dtype),
    );
    let (grid, dim) = flat(len);
    relu_squared_backward_kernel::launch(
        &dx.client,
        grid,
        dim,
        x.into_tensor_arg(),
        upstream.into_tensor_arg(),
        dx.clone().into_tensor_arg(),
        len,
        dtype,
    );
    dx
}

#[derive(Debug)]
struct Swiglu;

impl Backward<Cube, 2> for Swiglu {
    /// Gate and up.
    type State = [FloatTensor<Cube>; 2];

    fn backward(self, ops: Ops<Self::State, 2>, grads: &mut Gradients, _: &mut Checkpointer) {
        let [gate, up] = ops.state;
        let upstream = grads.consume::<Cube>(&ops.node);
        let (dgate, dup) = Cube::swiglu_backward(gate, up, upstream);
        register!(grads, ops.parents, [dgate, dup]);
    }
}

type Tracked<C> = FloatTensor<Autodiff<Cube, C>>;

pub(super) fn swiglu_tracked<C: CheckpointStrategy>(gate: Tracked<C>, up: Tracked<C>) -> Tracked<C> {
    let prepared = Swiglu
        .prepare::<C>([gate.node(), up.node()])
        .compute_bound()
        .stateful();
    let (gate, up) = (gate.into_primitive(), up.into_primitive());
    let out = Cube::swiglu_forward(gate.clone(), up.clone());
    match prepared {
        OpsKind::Tracked(prep) => prep.finish([gate, up], out),
        OpsKind::UnTracked(prep) => prep.finish(out),
    }
}

#[derive(Debug)]
struct ReluSquared;

impl Backward<Cube, 1> for ReluSquared {
    type State = FloatTensor<Cube>;

    fn backward(self, ops: Ops<Self::State, 1>, grads: &mut Gradients, _: &mut Checkpointer) {
        let upstream = grads.consume::<Cube>(&ops.node);
        let dx = Cube::relu_squared_backward(ops.state, upstream);
        register!(grads, ops.parents, [dx]);
    }
}

pub(super) fn relu_squared_tracked<C: CheckpointStrategy>(x: Tracked<C>) -> Tracked<C> {
    let prepared = ReluSquared.prepare::<C>([x.node()]).compute_bound().stateful();
    let x = x.into_primitive();
    let out = Cube::relu_squared_forward(x.clone());
    match prepared {
        OpsKind::Tracked(prep) => prep.finish(x, out),
        OpsKind::UnTracked(prep) => prep.finish(out),
    }
}
