//! A head's normalisation and its rotation in one pass each way.

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

/// Positions that one thread takes at a time; also the unit in which the gain's gradient is gathered, so that its
/// rounding does not depend on the number of threads.
const POSITIONS: usize = 32;

/// The angles, `[1, seq, 1, head_dim / 2]` each. Constants: they get no gradient.
#[derive(Clone, Debug)]
pub(super) struct Angles {
    pub cos: FlexTensor,
    pub sin: FlexTensor,
}

/// Sizes of one call; positions of all sequences stand below one another.
#[derive(Clone, Copy)]
struct Shape {
    seq: usize,
    heads: usize,
    head_dim: usize,
}

impl Shape {
    fn of(x: &FlexTensor) -> Self {
        let shape = x.shape();
        Self {
            seq: shape[1],
            heads: shape[2],
            head_dim: shape[3],
        }
    }

    /// Values of one position.
    fn width(self) -> usize {
        self.heads * self.head_dim
    }

    /// Values that one thread takes at a time.
    fn chunk(self) -> usize {
        POSITIONS * self.width()
    }
}

/// A position's cosines and sines.
fn angles<'a>(cos: &'a [f32], sin: &'a [f32], position: usize, half: usize) -> (&'a [f32], &'a [f32]) {
    let range = position * half..(position + 1) * half;
    (&cos[range.clone()], &sin[range])
}

/// `x` is `[batch, seq, heads, head_dim]`, the gain (which comes with its epsilon) is `[1, head_dim]`; gives the result, and of each head `1 / rms`
/// where there is a gain.
pub(super) fn forward(
    x: &FlexTensor,
    gain: Option<(&FlexTensor, f64)>,
    table: &Angles,
) -> (FloatTensor<Flex>, Vec<f32>) {
    let (mut hold_x, mut hold_gain, mut hold_cos, mut hold_sin) = (None, None, None, None);
    let (dims, shape) = (x.shape(), Shape::of(x));
    let x = floats(x, &mut hold_x);
    let gain = gain.map(|(gain, eps)| (floats(gain, &mut hold_gain), eps as f32));
    let (cos, sin) = (
        floats(&table.cos, &mut hold_cos),
        floats(&table.sin, &mut hold_sin),
    );
    let mut out = uninitialised(x.len());
    let mut scales = vec![1.0; x.len() / shape.head_dim];
    out.par_chunks_mut(shape.chunk())
        .zip(x.par_chunks(shape.chunk()))
        .zip(scales.par_chunks_mut(POSITIONS * shape.heads))
        .enumerate()
        .for_each(|(chunk, ((out, x), scales))| {
            let rows = out
                .chunks_exact_mut(shape.width())
                .zip(x.chunks_exact(shape.width()));
            for (row, ((out, x), scales)) in rows.zip(scales.chunks_exact_mut(shape.heads)).enumerate() {
                let position = (chunk * POSITIONS + row) % shape.seq;
                out.copy_from_slice(x);
                if let Some((gain, eps)) = gain {
                    normalise(out, gain, eps, scales);
                }
                let (cos, sin) = angles(cos, sin, position, shape.head_dim / 2);
                rotate(out, cos, sin, 1.0);
            }
        });
    (tensor(out, &dims), scales)
}

vectorised! {
    /// Turns each head of a position in place. A `sign` of -1 turns the other way, which is the transpose and so the
    /// gradient.
    fn rotate(heads: &mut [f32], cos: &[f32], sin: &[f32], sign: f32) {
        let half = cos.len();
        for head in heads.chunks_exact_mut(2 * half) {
            let (a, b) = head.split_at_mut(half);
            for ((a, b), (&cos, &sin)) in a.iter_mut().zip(b).zip(cos.iter().zip(sin)) {
                let (x, y, sine) = (*a, *b, sign * sin);
                *a = x * cos - y * sine;
                *b = y * cos + x * sine;
            }
        }
    }
}

vectorised! {
    fn normalise(heads: &mut [f32], gain: &[f32], eps: f32, scales: &mut [f32]) {
        let n = gain.len();
        for (head, scale) in heads.chunks_exact_mut(n).zip(scales) {
            let inverse = 1.0 / (dot(head, head) / n as f32 + eps).sqrt();
            *scale = inverse;
            for (x, &gain) in head.iter_mut().zip(gain) {
                *x *= inverse * gain;
            }
        }
    }
}

vectorised! {
    /// `slopes` come in as the gradient of the normalised heads and go out as that of `x`; see
    /// [`super::rms_norm`] for the formula.
    fn normalise_backward(slopes: &mut [f32], x: &[f32], gain: &[f32], scales: &[f32], dgain: &mut [f32]) {
        let n = gain.len();
        for ((slopes, x), &inverse) in slopes.chunks_exact_mut(n).zip(x.chunks_exact(n)).zip(scales) {
            for (((slope, &x), &gain), dgain) in slopes.iter_mut().zip(x).zip(gain).zip(dgain.iter_mut()) {
                *dgain += *slope * x * inverse;
                *slope *= gain;
            }
            let along = dot(slopes, x) * inverse * inverse / n as f32;
            for (slope, &x) in slopes.iter_mut().zip(x) {
                *slope = (*slope - x * along) * inverse;
            }
        }
    }
}

/// What the backward pass needs of a normalisation.
#[derive(Clone, Debug)]
struct Normed {
    x: FlexTensor,
    gain: FlexTensor,
    scales: Vec<f32>,
}

/// The gradient of `x`, and of the gain where there is one.
fn backward(
    upstream: &FlexTensor,
    table: &Angles,
    normed: Option<&Normed>,
) -> (FloatTensor<Flex>, Option<FloatTensor<Flex>>) {
    let (mut hold, mut hold_x, mut hold_gain) = (None, None, None);
    let (mut hold_cos, mut hold_sin) = (None, None);
    let (dims, shape) = (upstream.shape(), Shape::of(upstream));
    let upstream = floats(upstream, &mut hold);
    let (cos, sin) = (
        floats(&table.cos, &mut hold_cos),
        floats(&table.sin, &mut hold_sin),
    );
    let normed = normed.map(|normed| {
        let (x, gain) = (
            floats(&normed.x, &mut hold_x),
            floats(&normed.gain, &mut hold_gain),
        );
        (x, gain, normed.scales.as_slice())
    });
    let mut dx = uninitialised(upstream.len());
    let parts: Vec<Vec<f32>> = dx
        .par_chunks_mut(shape.chunk())
        .zip(upstream.par_chunks(shape.chunk()))
        .enumerate()
        .map(|(chunk, (dx, upstream))| {
            dx.copy_from_slice(upstream);
            for (row, dx) in dx.chunks_exact_mut(shape.width()).enumerate() {
                let position = (chunk * POSITIONS + row) % shape.seq;
                let (cos, sin) = angles(cos, sin, position, shape.head_dim / 2);
                rotate(dx, cos, sin, -1.0);
            }
            let Some((x, gain, scales)) = normed else {
                return Vec::new();
            };
            let mut dgain = vec![0.0; shape.head_dim];
            let x = &x[chunk * shape.chunk()..][..dx.len()];
            let scales = &scales[chunk * POSITIONS * shape.heads..];
            normalise_backward(dx, x, gain, scales, &mut dgain);
            dgain
        })
        .collect();
    let dgain = normed.map(|_| {
        let mut dgain = vec![0.0f32; shape.head_dim];
        for part in parts {
            dgain.iter_mut().zip(part).for_each(|(sum, part)| *sum += part);
        }
        tensor(dgain, &[1, shape.head_dim])
    });
    (tensor(dx, &dims), dgain)
}

/// Normalisation and rotation.
#[derive(Debug)]
struct QkNormRope;

impl Backward<Flex, 2> for QkNormRope {
    type State = (Angles, Normed);

    fn backward(self, ops: Ops<Self::State, 2>, grads: &mut Gradients, _: &mut Checkpointer) {
        let upstream = grads.consume::<Flex>(&ops.node);
        let (table, normed) = &ops.state;
        let (dx, dgain) = backward(&upstream, table, Some(normed));
        let [x, gain] = ops.parents;
        register!(grads, [x], [dx]);
        if let Some(dgain) = dgain {
            register!(grads, [gain], [dgain]);
        }
    }
}

/// Rotation alone.
#[derive(Debug)]
struct Rope;

impl Backward<Flex, 1> for Rope {
    type State = Angles;

    fn backward(self, ops: Ops<Self::State, 1>, grads: &mut Gradients, _: &mut Checkpointer) {
        let upstream = grads.consume::<Flex>(&ops.node);
        register!(grads, ops.parents, [backward(&upstream, &ops.state, None).0]);
    }
}

pub(super) fn rope_tracked<C: CheckpointStrategy>(
    x: FloatTensor<Autodiff<Flex, C>>,
    table: Angles,
) -> FloatTensor<Autodiff<Flex, C>> {
    let prepared = Rope.prepare::<C>([x.node()]).compute_bound().stateful();
    let (out, _) = forward(&x.into_primitive(), None, &table);
    match prepared {
        OpsKind::Tracked(prep) => prep.finish(table, out),
        OpsKind::UnTracked(prep) => prep.finish(out),
    }
}

pub(super) fn tracked<C: CheckpointStrategy>(
    x: FloatTensor<Autodiff<Flex, C>>,
    gain: FloatTensor<Autodiff<Flex, C>>,
    table: Angles,
    eps: f64,
) -> FloatTensor<Autodiff<Flex, C>> {
    let prepared = QkNormRope
        .prepare::<C>([x.node(), gain.node()])
        .compute_bound()
        .stateful();
    let (x, gain) = (x.into_primitive(), gain.into_primitive());
    let (out, scales) = forward(&x, Some((&gain, eps)), &table);
    match prepared {
        OpsKind::Tracked(prep) => prep.finish((table, Normed { x, gain, scales }), out),
        OpsKind::UnTracked(prep) => prep.finish(out),
    }
}
