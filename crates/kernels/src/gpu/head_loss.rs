//! Head and loss by chunks of tokens, as on the CPU: the logits of a chunk are made by a product, turned into losses and
//! their gradient by one kernel, and multiplied on at once, so that there are never logits of the whole batch.
//!
//! The gradients are made in the forward pass, for an upstream gradient of 1 and a sum in place of a mean: the backward
//! pass only scales them, and a 16-bit float never sees the small numbers of a mean.
#![allow(clippy::too_many_arguments)] // A kernel takes its tensors and sizes one by one.

use burn::backend::autodiff::checkpoint::base::Checkpointer;
use burn::backend::autodiff::checkpoint::strategy::CheckpointStrategy;
use burn::backend::autodiff::grads::Gradients;
use burn::backend::autodiff::ops::{Backward, Ops, OpsKind};
use burn::backend::cubecl::dtype_to_storage_type;
use burn::backend::ops::{FloatTensorOps, IntTensorOps};
use burn::backend::tensor::{FloatTensor, IntTensor};
use burn::backend::{Autodiff, Cube, TensorMetadata};
use burn::tensor::{DType, Shape, Slice};
use burn_cubecl::tensor::CubeTensor;
use cubecl::ir::ElemType;
use cubecl::prelude::*;

use super::launch::{UNITS, capped, cubes, empty, exp_negative, row_max, row_sum, whole};
use super::product::rounded;
use super::{GpuKernels, drives_cuda};
use crate::{LossTerms, head_chunk};

/// One cube a row, which is read twice, for the sum and for the gradient: its loss `ln sum exp - logit + z (ln sum exp)^2`,
/// and the loss's gradient of the logits before the cap, `softmax (1 + 2 z ln sum exp) - one_hot`, times
/// `1 - (logit / cap)^2` where there is a cap.
#[cube(launch)]
fn cross_entropy_kernel<F: Float, I: Int>(
    logits: &Tensor<f32>,
    targets: &Tensor<I>,
    losses: &mut Tensor<f32>,
    slopes: &mut Tensor<F>,
    vocab: usize,
    rows: usize,
    cap: f32,
    z_loss: f32,
    #[comptime] caps: bool,
    #[comptime] units: usize,
    #[define(F, I)] _dtypes: [ElemType; 2],
) {
    let mut scratch = Shared::<[f32]>::new_slice(units);
    let row = CUBE_POS;
    let first = row * vocab;
    let lane = UNIT_POS as usize;
    let mut own = f32::new(-3.0e38f32);
    let mut sum = 0.0f32;
    if row < rows {
        let mut i = lane;
        while i < vocab {
            let logit = capped(logits[first + i], cap, caps);
            // The sum is of shares of the largest so far (Milakov and Gimelshein, "Online normalizer calculation for
            // softmax", 2018).
            if logit > own {
                sum = sum * exp_negative(own - logit) + 1.0f32;
                own = logit;
            } else {
                sum += exp_negative(logit - own);
            }
            i += CUBE_DIM as usize;
        }
    }
    let largest = row_max(own, &mut scratch);
    sum *= exp_negative(own - largest);
    sum = row_sum(sum, &mut scratch);
    if row < rows {
        let log_sum = largest + sum.ln();
        let target = u32::cast_from(targets[row]) as usize;
        let share = (1.0f32 + 2.0f32 * z_loss * log_sum) / sum;
        let mut i = lane;
        while i < vocab {
            let logit = capped(logits[first + i], cap, caps);
            let mut slope = exp_negative(logit - largest) * share;
            if i == target {
                slope -= 1.0f32;
                losses[row] = log_sum - logit + z_loss * log_sum * log_sum;
            }
            if comptime![caps] {
                let part = logit / cap;
                slope *= 1.0f32 - part * part;
            }
            slopes[first + i] = F::cast_from(slope);
            i += CUBE_DIM as usize;
        }
    }
}

/// The loss of each row (`[rows]`, f32) and the gradients of the logits, the latter as `dtype`.
pub(super) fn cross_entropy(
    logits: CubeTensor,
    targets: CubeTensor,
    softcap: Option<f64>,
    z_loss: f64,
    dtype: DType,
) -> (CubeTensor, CubeTensor) {
    let (logits, targets) = (whole(logits), whole(targets));
    let [rows, vocab] = [logits.meta.shape()[0], logits.meta.shape()[1]];
    let losses = empty(&logits, [rows], DType::F32);
    let slopes = empty(&logits, [rows, vocab], dtype);
    let dtypes = [dtype, targets.dtype].map(dtype_to_storage_type);
    cross_entropy_kernel::launch(
        &losses.client,
        cubes(rows),
        CubeDim::new_1d(UNITS),
        logits.into_tensor_arg(),
        targets.into_tensor_arg(),
        losses.clone().into_tensor_arg(),
        slopes.clone().into_tensor_arg(),
        vocab,
        rows,
        softcap.unwrap_or(1.0) as f32,
        z_loss as f32,
        softcap.is_some(),
        UNITS as usize,
        dtypes,
    );
    (losses, slopes)
}

/// The sum of losses, and its gradients of `x` and of the head.
struct Sums {
    loss: FloatTensor<Cube>,
    slopes: Option<[FloatTensor<Cube>; 2]>,
}

fn product(a: FloatTensor<Cube>, b: FloatTensor<Cube>) -> FloatTensor<Cube> {
    <Cube as GpuKernels>::product(a, b, true)
}

fn rows_of(from: usize, to: usize) -> Slice {
    Slice::from(from..to)
}

/// `x` is `[tokens, d_model]`, `head` is `[vocab, d_model]` where it is tied, else `[d_model, vocab]`.
fn run(
    x: &FloatTensor<Cube>,
    head: &FloatTensor<Cube>,
    targets: &IntTensor<Cube>,
    tied: bool,
    terms: LossTerms,
    wanted: bool,
) -> Sums {
    let tokens = x.shape()[0];
    let vocab = head.shape()[usize::from(!tied)];
    let chunk = head_chunk(tokens, vocab, drives_cuda(&x.device()));
    let narrow = terms.half.map_or(DType::F32, DType::from);
    // Once for all chunks, and before any transposing, which would make the pass over the table a slow one.
    let [x, head] = [x, head].map(|tensor| rounded(tensor.clone(), terms.half));
    let matrix = if tied { Cube::float_transpose(head) } else { head };
    let (mut loss, mut dhead) = (None, None);
    let mut dx = Vec::new();
    for from in (0..tokens).step_by(chunk) {
        let rows = rows_of(from, (from + chunk).min(tokens));
        let x = Cube::float_slice(x.clone(), &[rows]);
        let targets = Cube::int_slice(targets.clone(), &[rows]);
        let logits = product(x.clone(), matrix.clone());
        let (losses, slopes) = Cube::cross_entropy(logits, targets, terms.softcap, terms.z_loss, narrow);
        add(&mut loss, Cube::float_sum(losses));
        if !wanted {
            continue;
        }
        dx.push(product(slopes.clone(), Cube::float_transpose(matrix.clone())));
        add(
            &mut dhead,
            if tied {
                product(Cube::float_transpose(slopes), x)
            } else {
                product(Cube::float_transpose(x), slopes)
            },
        );
    }
    let loss = loss.unwrap_or_else(|| Cube::float_sum(x));
    let slopes = dhead.map(|dhead| {
        let dx = if dx.len() == 1 {
            dx.remove(0)
        } else {
            Cube::float_cat(dx, 0)
        };
        [dx, dhead]
    });
    Sums { loss, slopes }
}

fn add(sum: &mut Option<FloatTensor<Cube>>, term: FloatTensor<Cube>) {
    *sum = Some(match sum.take() {
        Some(sum) => Cube::float_add(sum, term),
        None => term,
    });
}

fn mean(loss: FloatTensor<Cube>, tokens: usize) -> FloatTensor<Cube> {
    Cube::float_mul_scalar(loss, (1.0 / tokens as f64).into())
}

/// The loss alone.
pub(super) fn value(
    x: &FloatTensor<Cube>,
    head: &FloatTensor<Cube>,
    targets: &IntTensor<Cube>,
    tied: bool,
    terms: LossTerms,
) -> FloatTensor<Cube> {
    mean(run(x, head, targets, tied, terms, false).loss, x.shape()[0])
}

#[derive(Debug)]
struct HeadLoss;

impl Backward<Cube, 2> for HeadLoss {
    /// The gradients of both parents for the sum of losses, and the number of tokens.
    type State = (Option<[FloatTensor<Cube>; 2]>, usize);

    fn backward(self, ops: Ops<Self::State, 2>, grads: &mut Gradients, _: &mut Checkpointer) {
        let (slopes, tokens) = ops.state;
        let upstream = mean(grads.consume::<Cube>(&ops.node), tokens);
        let upstream = Cube::float_reshape(upstream, Shape::from([1, 1]));
        if let Some(slopes) = slopes {
            let slopes = slopes.map(|slope| Cube::float_mul(slope, upstream.clone()));
            register!(grads, ops.parents, slopes);
        }
    }
}

type Tracked<C> = FloatTensor<Autodiff<Cube, C>>;

pub(super) fn tracked<C: CheckpointStrategy>(
    x: Tracked<C>,
    head: Tracked<C>,
    targets: &IntTensor<Cube>,
    tied: bool,
    terms: LossTerms,
) -> Tracked<C> {
    let prepared = HeadLoss
        .prepare::<C>([x.node(), head.node()])
        .compute_bound()
        .stateful();
    let (x, head) = (x.into_primitive(), head.into_primitive());
    match prepared {
        OpsKind::Tracked(prep) => {
            let sums = run(&x, &head, targets, tied, terms, true);
            let tokens = x.shape()[0];
            prep.finish((sums.slopes, tokens), mean(sums.loss, tokens))
        }
        OpsKind::UnTracked(prep) => prep.finish(value(&x, &head, targets, tied, terms)),
    }
}
