//! RMSNorm in one pass each way.

use burn::backend::autodiff::checkpoint::base::Checkpointer;
use burn::backend::autodiff::checkpoint::strategy::CheckpointStrategy;
use burn::backend::autodiff::grads::Gradients;
use burn::backend::autodiff::ops::{Backward, Ops, OpsKind};
use burn::backend::flex::FlexTensor;
use burn::backend::tensor::FloatTensor;
use burn::backend::{Autodiff, Flex, TensorMetadata};
use rayon::prelude::*;

use super::math::{LANES, vectorised};
use super::slices::{floats, tensor, uninitialised};

/// Rows that one thread takes at a time; also the unit in which the gain's gradient is gathered, so that its
/// rounding does not depend on the number of threads.
const ROWS: usize = 64;

/// `x` is `[.., n]`, `gain` is `[1, n]`; gives the result and `1 / rms` of each row.
pub(super) fn forward(x: &FlexTensor, gain: &FlexTensor, eps: f64) -> (FloatTensor<Flex>, Vec<f32>) {
    let (mut hold_x, mut hold_gain) = (None, None);
    let shape = x.shape();
    let n = gain.shape()[1];
    let (x, gain) = (floats(x, &mut hold_x), floats(gain, &mut hold_gain));
    let mut out = uninitialised(x.len());
    let mut scales = uninitialised(x.len() / n);
    out.par_chunks_mut(ROWS * n)
        .zip(x.par_chunks(ROWS * n))
        .zip(scales.par_chunks_mut(ROWS))
        .for_each(|((out, x), scales)| normalise(x, gain, eps as f32, out, scales));
    (tensor(out, &shape), scales)
}

vectorised! {
    fn normalise(x: &[f32], gain: &[f32], eps: f32, out: &mut [f32], scales: &mut [f32]) {
        let n = gain.len();
        for ((out, x), scale) in out.chunks_exact_mut(n).zip(x.chunks_exact(n)).zip(scales) {
            let inverse = 1.0 / (dot(x, x) / n as f32 + eps).sqrt();
            *scale = inverse;
            for ((out, &x), &gain) in out.iter_mut().zip(x).zip(gain) {
                *out = x * inverse * gain;
            }
        }
    }
}

#[inline(always)]
fn dot(a: &[f32], b: &[f32]) -> f32 {
    let mut sums = [0.0f32; LANES];
    let ((a, a_rest), (b, b_rest)) = (a.as_chunks::<LANES>(), b.as_chunks::<LANES>());
    for (a, b) in a.iter().zip(b) {
        for lane in 0..LANES {
            sums[lane] += a[lane] * b[lane];
        }
    }
    sums.iter().sum::<f32>() + a_rest.iter().zip(b_rest).map(|(a, b)| a * b).sum::<f32>()
}

vectorised! {
    /// With `h = x / rms` and `u = upstream * gain`: `dx = (u - h * mean(u * h)) / rms`, `dgain = sum over rows
    /// of upstream * h`.
    fn backward_rows(
        x: &[f32],
        gain: &[f32],
        upstream: &[f32],
        scales: &[f32],
        dx: &mut [f32],
        dgain: &mut [f32],
    ) {
        let n = gain.len();
        let rows = x.chunks_exact(n).zip(upstream.chunks_exact(n)).zip(dx.chunks_exact_mut(n)).zip(scales);
        for (((x, upstream), dx), &inverse) in rows {
            for (((dx, &upstream), &gain), (&x, dgain)) in
                dx.iter_mut().zip(upstream).zip(gain).zip(x.iter().zip(dgain.iter_mut()))
            {
                *dx = upstream * gain;
                *dgain += upstream * x * inverse;
            }
            let along = dot(dx, x) * inverse * inverse / n as f32;
            for (dx, &x) in dx.iter_mut().zip(x) {
                *dx = (*dx - x * along) * inverse;
            }
        }
    }
}

fn backward(
    x: &FlexTensor,
    gain: &FlexTensor,
    upstream: &FlexTensor,
    scales: &[f32],
) -> (FloatTensor<Flex>, FloatTensor<Flex>) {
    let (mut hold_x, mut hold_gain, mut hold_upstream) = (None, None, None);
    let shape = x.shape();
    let n = gain.shape()[1];
    let x = floats(x, &mut hold_x);
    let gain = floats(gain, &mut hold_gain);
    let upstream = floats(upstream, &mut hold_upstream);
    let mut dx = uninitialised(x.len());
    let parts: Vec<Vec<f32>> = dx
        .par_chunks_mut(ROWS * n)
        .zip(x.par_chunks(ROWS * n))
        .zip(upstream.par_chunks(ROWS * n))
        .zip(scales.par_chunks(ROWS))
        .map(|(((dx, x), upstream), scales)| {
            let mut dgain = vec![0.0; n];
            backward_rows(x, gain, upstream, scales, dx, &mut dgain);
            dgain
        })
        .collect();
    let mut dgain = vec![0.0f32; n];
    for part in parts {
        dgain.iter_mut().zip(part).for_each(|(sum, part)| *sum += part);
    }
    (tensor(dx, &shape), tensor(dgain, &[1, n]))
}

#[derive(Debug)]
struct RmsNorm;

impl Backward<Flex, 2> for RmsNorm {
    type State = (FlexTensor, FlexTensor, Vec<f32>);

    fn backward(self, ops: Ops<Self::State, 2>, grads: &mut Gradients, _: &mut Checkpointer) {
        let [x_node, gain_node] = ops.parents;
        let (x, gain, scales) = ops.state;
        let upstream = grads.consume::<Flex>(&ops.node);
        let (dx, dgain) = backward(&x, &gain, &upstream, &scales);
        if let Some(node) = x_node {
            grads.register::<Flex>(node.id, dx);
        }
        if let Some(node) = gain_node {
            grads.register::<Flex>(node.id, dgain);
        }
    }
}

pub(super) fn tracked<C: CheckpointStrategy>(
    x: FloatTensor<Autodiff<Flex, C>>,
    gain: FloatTensor<Autodiff<Flex, C>>,
    eps: f64,
) -> FloatTensor<Autodiff<Flex, C>> {
    match RmsNorm
        .prepare::<C>([x.node(), gain.node()])
        .compute_bound()
        .stateful()
    {
        OpsKind::Tracked(prep) => {
            let (x, gain) = (x.into_primitive(), gain.into_primitive());
            let (out, scales) = forward(&x, &gain, eps);
            prep.finish((x, gain, scales), out)
        }
        OpsKind::UnTracked(prep) => prep.finish(forward(&x.into_primitive(), &gain.into_primitive(), eps).0),
    }
}
