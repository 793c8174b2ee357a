//! The rotation in one pass each way.

use burn::backend::autodiff::checkpoint::base::Checkpointer;
use burn::backend::autodiff::checkpoint::strategy::CheckpointStrategy;
use burn::backend::autodiff::grads::Gradients;
use burn::backend::autodiff::ops::{Backward, Ops, OpsKind};
use burn::backend::flex::FlexTensor;
use burn::backend::tensor::FloatTensor;
use burn::backend::{Autodiff, Flex, TensorMetadata};
use rayon::prelude::*;

use super::math::vectorised;
use super::slices::{floats, tensor, uninitialised};

/// `x` is `[batch, heads, seq, head_dim]`, `cos` and `sin` are `[1, 1, seq, head_dim / 2]`. A `sign` of -1 turns the
/// other way, which is the transpose and so the gradient.
fn rotate(x: &FlexTensor, cos: &FlexTensor, sin: &FlexTensor, sign: f32) -> FloatTensor<Flex> {
    let (mut hold_x, mut hold_cos, mut hold_sin) = (None, None, None);
    let shape = x.shape();
    let (seq, head_dim) = (shape[2], shape[3]);
    let x = floats(x, &mut hold_x);
    let (cos, sin) = (floats(cos, &mut hold_cos), floats(sin, &mut hold_sin));
    let mut out = uninitialised(x.len());
    out.par_chunks_mut(seq * head_dim)
        .zip(x.par_chunks(seq * head_dim))
        .for_each(|(out, x)| rotate_head(x, cos, sin, sign, out, head_dim));
    tensor(out, &shape)
}

vectorised! {
    fn rotate_head(x: &[f32], cos: &[f32], sin: &[f32], sign: f32, out: &mut [f32], head_dim: usize) {
        let half = head_dim / 2;
        let angles = cos.chunks_exact(half).zip(sin.chunks_exact(half));
        let rows = x.chunks_exact(head_dim).zip(out.chunks_exact_mut(head_dim));
        for ((x, out), (cos, sin)) in rows.zip(angles) {
            let ((a, b), (out_a, out_b)) = (x.split_at(half), out.split_at_mut(half));
            for i in 0..half {
                let sine = sign * sin[i];
                out_a[i] = a[i] * cos[i] - b[i] * sine;
                out_b[i] = b[i] * cos[i] + a[i] * sine;
            }
        }
    }
}

pub(super) fn forward(x: &FlexTensor, cos: &FlexTensor, sin: &FlexTensor) -> FloatTensor<Flex> {
    rotate(x, cos, sin, 1.0)
}

#[derive(Debug)]
struct Rope;

impl Backward<Flex, 1> for Rope {
    type State = (FlexTensor, FlexTensor);

    fn backward(self, ops: Ops<Self::State, 1>, grads: &mut Gradients, _: &mut Checkpointer) {
        let [parent] = ops.parents;
        let upstream = grads.consume::<Flex>(&ops.node);
        if let Some(parent) = parent {
            let (cos, sin) = &ops.state;
            grads.register::<Flex>(parent.id, rotate(&upstream, cos, sin, -1.0));
        }
    }
}

/// The angles are constants: they get no gradient.
pub(super) fn tracked<C: CheckpointStrategy>(
    x: FloatTensor<Autodiff<Flex, C>>,
    cos: FloatTensor<Autodiff<Flex, C>>,
    sin: FloatTensor<Autodiff<Flex, C>>,
) -> FloatTensor<Autodiff<Flex, C>> {
    let prepared = Rope.prepare::<C>([x.node()]).compute_bound().stateful();
    let (x, cos, sin) = (x.into_primitive(), cos.into_primitive(), sin.into_primitive());
    let out = forward(&x, &cos, &sin);
    match prepared {
        OpsKind::Tracked(prep) => prep.finish((cos, sin), out),
        OpsKind::UnTracked(prep) => prep.finish(out),
    }
}
