//! RMSNorm in one pass each way.

use burn::backend::autodiff::checkpoint::base::Checkpointer;
use burn::backend::autodiff::checkpoint::strategy::CheckpointStrategy;
use burn::backend::autodiff::grads::Gradients;
use burn::backend::autodiff::ops::{Backward, Ops, OpsKind};
use burn::backend::flex::FlexTensor;
use burn::backend::tensor::FloatTensor;
use burn::backend::{Autodiff, Flex, TensorMetadata};
use rayon::prelude::*;

use super::math::{dot, vectorised};
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
) -> [FloatTensor<Flex>; 2] {
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
    [tensor(dx, &shape), tensor(dgain, &[1, n])]
}

#[derive(Debug)]
struct RmsNorm;

impl Backward<Flex, 2> for RmsNorm {
    type State = (FlexTensor, FlexTensor, Vec<f32>);

    fn backward(self, ops: Ops<Self::State, 2>, grads: &mut Gradients, _: &mut Checkpointer) {
        let (x, gain, scales) = ops.state;
        let upstream = grads.consume::<Flex>(&ops.node);
        register!(grads, ops.parents, backward(&x, &gain, &upstream, &scales));
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

/// `x + delta`, and the sum normalised, in one pass; also `1 / rms` of each row.
pub(super) fn add_forward(
    x: &FlexTensor,
    delta: &FlexTensor,
    gain: &FlexTensor,
    eps: f64,
) -> ([FloatTensor<Flex>; 2], Vec<f32>) {
    let (mut hold_x, mut hold_delta, mut hold_gain) = (None, None, None);
    let shape = x.shape();
    let n = gain.shape()[1];
    let (x, delta) = (floats(x, &mut hold_x), floats(delta, &mut hold_delta));
    let gain = floats(gain, &mut hold_gain);
    let (mut sum, mut out) = (uninitialised(x.len()), uninitialised(x.len()));
    let mut scales = uninitialised(x.len() / n);
    out.par_chunks_mut(ROWS * n)
        .zip(sum.par_chunks_mut(ROWS * n).zip(scales.par_chunks_mut(ROWS)))
        .zip(x.par_chunks(ROWS * n).zip(delta.par_chunks(ROWS * n)))
        .for_each(|((out, (sum, scales)), (x, delta))| {
            for ((sum, x), delta) in sum.iter_mut().zip(x).zip(delta) {
                *sum = x + delta;
            }
            normalise(sum, gain, eps as f32, out, scales);
        });
    ([tensor(sum, &shape), tensor(out, &shape)], scales)
}

/// The sum's gradient goes to both of its terms.
#[derive(Debug)]
struct Sum;

impl Backward<Flex, 2> for Sum {
    type State = ();

    fn backward(self, ops: Ops<Self::State, 2>, grads: &mut Gradients, _: &mut Checkpointer) {
        let upstream = grads.consume::<Flex>(&ops.node);
        register!(grads, ops.parents, [upstream.clone(), upstream]);
    }
}

type Tracked<C> = FloatTensor<Autodiff<Flex, C>>;

/// Two nodes, the sum and its normalisation, filled by one pass.
pub(super) fn add_tracked<C: CheckpointStrategy>(
    x: FloatTensor<Autodiff<Flex, C>>,
    delta: FloatTensor<Autodiff<Flex, C>>,
    gain: FloatTensor<Autodiff<Flex, C>>,
    eps: f64,
) -> (Tracked<C>, Tracked<C>) {
    let prepared = Sum
        .prepare::<C>([x.node(), delta.node()])
        .compute_bound()
        .stateful();
    let gain_node = gain.node();
    let (x, delta, gain) = (x.into_primitive(), delta.into_primitive(), gain.into_primitive());
    let ([sum, out], scales) = add_forward(&x, &delta, &gain, eps);
    let summed = match prepared {
        OpsKind::Tracked(prep) => prep.finish((), sum.clone()),
        OpsKind::UnTracked(prep) => prep.finish(sum.clone()),
    };
    let prepared = RmsNorm
        .prepare::<C>([summed.node(), gain_node])
        .compute_bound()
        .stateful();
    let normed = match prepared {
        OpsKind::Tracked(prep) => prep.finish((sum, gain, scales), out),
        OpsKind::UnTracked(prep) => prep.finish(out),
    };
    (summed, normed)
}
