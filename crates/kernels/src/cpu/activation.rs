//! SwiGLU and squared ReLU in one pass each way.

use burn::backend::autodiff::checkpoint::base::Checkpointer;
use burn::backend::autodiff::checkpoint::strategy::CheckpointStrategy;
use burn::backend::autodiff::grads::Gradients;
use burn::backend::autodiff::ops::{Backward, Ops, OpsKind};
use burn::backend::flex::FlexTensor;
use burn::backend::tensor::FloatTensor;
use burn::backend::{Autodiff, Flex, TensorMetadata};
use rayon::prelude::*;

use super::math::{exp_negative, vectorised};
use super::slices::{CHUNK, floats, tensor, uninitialised};

/// `1 / (1 + e^-x)`, without overflow on either side.
#[inline(always)]
fn sigmoid(x: f32) -> f32 {
    let small = exp_negative(-x.abs());
    (if x >= 0.0 { 1.0 } else { small }) / (1.0 + small)
}

vectorised! {
    fn gated(gate: &[f32], up: &[f32], out: &mut [f32]) {
        for ((out, &gate), &up) in out.iter_mut().zip(gate).zip(up) {
            *out = gate * sigmoid(gate) * up;
        }
    }
}

vectorised! {
    /// With `s = sigmoid(gate)`: `dgate = upstream * up * (s + gate * s * (1 - s))`, `dup = upstream * gate * s`.
    fn slopes(gate: &[f32], up: &[f32], upstream: &[f32], dgate: &mut [f32], dup: &mut [f32]) {
        let inputs = gate.iter().zip(up).zip(upstream);
        for (((&gate, &up), &upstream), (dgate, dup)) in inputs.zip(dgate.iter_mut().zip(dup)) {
            let s = sigmoid(gate);
            *dgate = upstream * up * (s + gate * s * (1.0 - s));
            *dup = upstream * gate * s;
        }
    }
}

/// All of one shape.
pub(super) fn swiglu(gate: &FlexTensor, up: &FlexTensor) -> FloatTensor<Flex> {
    let (mut hold_gate, mut hold_up) = (None, None);
    let shape = gate.shape();
    let (gate, up) = (floats(gate, &mut hold_gate), floats(up, &mut hold_up));
    let mut out = uninitialised(gate.len());
    out.par_chunks_mut(CHUNK)
        .zip(gate.par_chunks(CHUNK).zip(up.par_chunks(CHUNK)))
        .for_each(|(out, (gate, up))| gated(gate, up, out));
    tensor(out, &shape)
}

fn swiglu_backward(gate: &FlexTensor, up: &FlexTensor, upstream: &FlexTensor) -> [FloatTensor<Flex>; 2] {
    let (mut hold_gate, mut hold_up, mut hold_upstream) = (None, None, None);
    let shape = gate.shape();
    let (gate, up) = (floats(gate, &mut hold_gate), floats(up, &mut hold_up));
    let upstream = floats(upstream, &mut hold_upstream);
    let (mut dgate, mut dup) = (uninitialised(gate.len()), uninitialised(gate.len()));
    dgate
        .par_chunks_mut(CHUNK)
        .zip(dup.par_chunks_mut(CHUNK))
        .zip(
            gate.par_chunks(CHUNK)
                .zip(up.par_chunks(CHUNK))
                .zip(upstream.par_chunks(CHUNK)),
        )
        .for_each(|((dgate, dup), ((gate, up), upstream))| slopes(gate, up, upstream, dgate, dup));
    [tensor(dgate, &shape), tensor(dup, &shape)]
}

#[derive(Debug)]
struct Swiglu;

impl Backward<Flex, 2> for Swiglu {
    type State = (FlexTensor, FlexTensor);

    fn backward(self, ops: Ops<Self::State, 2>, grads: &mut Gradients, _: &mut Checkpointer) {
        let upstream = grads.consume::<Flex>(&ops.node);
        let gradients = swiglu_backward(&ops.state.0, &ops.state.1, &upstream);
        register!(grads, ops.parents, gradients);
    }
}

pub(super) fn swiglu_tracked<C: CheckpointStrategy>(
    gate: FloatTensor<Autodiff<Flex, C>>,
    up: FloatTensor<Autodiff<Flex, C>>,
) -> FloatTensor<Autodiff<Flex, C>> {
    let prepared = Swiglu
        .prepare::<C>([gate.node(), up.node()])
        .compute_bound()
        .stateful();
    let (gate, up) = (gate.into_primitive(), up.into_primitive());
    let out = swiglu(&gate, &up);
    match prepared {
        OpsKind::Tracked(prep) => prep.finish((gate, up), out),
        OpsKind::UnTracked(prep) => prep.finish(out),
    }
}

vectorised! {
    fn positive_squared(x: &[f32], out: &mut [f32]) {
        for (out, &x) in out.iter_mut().zip(x) {
            let positive = if x > 0.0 { x } else { 0.0 };
            *out = positive * positive;
        }
    }
}

vectorised! {
    /// `2 max(x, 0) upstream`.
    fn positive_squared_slopes(x: &[f32], upstream: &[f32], out: &mut [f32]) {
        for ((out, &x), &upstream) in out.iter_mut().zip(x).zip(upstream) {
            *out = if x > 0.0 { 2.0 * x * upstream } else { 0.0 };
        }
    }
}

/// Any shape.
pub(super) fn relu_squared(x: &FlexTensor) -> FloatTensor<Flex> {
    let mut hold = None;
    let shape = x.shape();
    let x = floats(x, &mut hold);
    let mut out = uninitialised(x.len());
    out.par_chunks_mut(CHUNK)
        .zip(x.par_chunks(CHUNK))
        .for_each(|(out, x)| positive_squared(x, out));
    tensor(out, &shape)
}

fn relu_squared_backward(x: &FlexTensor, upstream: &FlexTensor) -> FloatTensor<Flex> {
    let (mut hold_x, mut hold_upstream) = (None, None);
    let shape = x.shape();
    let (x, upstream) = (floats(x, &mut hold_x), floats(upstream, &mut hold_upstream));
    let mut out = uninitialised(x.len());
    out.par_chunks_mut(CHUNK)
        .zip(x.par_chunks(CHUNK).zip(upstream.par_chunks(CHUNK)))
        .for_each(|(out, (x, upstream))| positive_squared_slopes(x, upstream, out));
    tensor(out, &shape)
}

#[derive(Debug)]
struct ReluSquared;

impl Backward<Flex, 1> for ReluSquared {
    type State = FlexTensor;

    fn backward(self, ops: Ops<Self::State, 1>, grads: &mut Gradients, _: &mut Checkpointer) {
        let upstream = grads.consume::<Flex>(&ops.node);
        register!(grads, ops.parents, [relu_squared_backward(&ops.state, &upstream)]);
    }
}

pub(super) fn relu_squared_tracked<C: CheckpointStrategy>(
    x: FloatTensor<Autodiff<Flex, C>>,
) -> FloatTensor<Autodiff<Flex, C>> {
    let prepared = ReluSquared.prepare::<C>([x.node()]).compute_bound().stateful();
    let x = x.into_primitive();
    let out = relu_squared(&x);
    match prepared {
        OpsKind::Tracked(prep) => prep.finish(x, out),
        OpsKind::UnTracked(prep) => prep.finish(out),
    }
}
