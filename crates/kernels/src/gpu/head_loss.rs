//! Head and loss by chunks of tokens, as on the CPU: the logits of a chunk are made by Burn's product, turned into losses
//! and their gradient by one kernel, and multiplied on at once, so that there are never logits of the whole batch.
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

use super::launch::{UNITS, capped, cubes, empty, empty_like, exp_negative, row_max, row_sum, whole};
use super::product::rounded;
use super::{GpuKernels, drives_cuda};
use crate::LossTerms;

/// Logits of a chunk at most: 128 MiB, what a browser lets a kernel see of one tensor.
const LOGITS: usize = 32 << 20;
/// On CUDA: the gradient of the head is added to once a chunk, and a product of few rows leaves a large card idle.
const CUDA_LOGITS: usize = 128 << 20;

/// One cube a row: its loss `ln sum exp - logit + z (ln sum exp)^2`, and the loss's gradient of the logits before the cap,
/// `softmax (1 + 2 z ln sum exp) - one_hot`, times `1 - (logit / cap)^2` where there is a cap.
#[cube(launch)]
fn cross_entropy_kernel<I: Int>(
    logits: &Tensor<f32>,
    targets: &Tensor<I>,
    losses: &mut Tensor<f32>,
    slopes: &mut Tensor<f32>,
    vocab: usize,
    rows: usize,
    cap: f32,
    z_loss: f32,
    #[comptime] caps: bool,
    #[comptime] units: usize,
    #[define(I)] _dtype: ElemType,
) {
    let mut scratch = Shared::<[f32]>::new_slice(units);
    let row = CUBE_POS;
    let first = row * vocab;
    let lane = UNIT_POS as usize;
    let mut largest = f32::new(-3.0e38f32);
    if row < rows {
        let mut i = lane;
        while i < vocab {
            largest = max(largest, capped(logits[first + i], cap, caps));
            i += CUBE_DIM as usize;
        }
    }
    largest = row_max(largest, &mut scratch);
    let mut sum = 0.0f32;
    if row < rows {
        let mut i = lane;
        while i < vocab {
            sum += exp_negative(capped(logits[first + i], cap, caps) - largest);
            i += CUBE_DIM as usize;
        }
    }
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
            slopes[first + i] = slope;
            i += CUBE_DIM as usize;
        }
    }
}

/// The loss of each row (`[rows]`) and the gradients of the logits, both in f32.
pub(super) fn cross_entropy(
    logits: CubeTensor,
    targets: CubeTensor,
    softcap: Option<f64>,
    z_loss: f64,
) -> (CubeTensor, CubeTensor) {
    let (logits, targets) = (whole(logits), whole(targets));
    let [rows, vocab] = [logits.meta.shape()[0], logits.meta.shape()[1]];
    let (losses, slopes) = (empty(&logits, [rows], DType::F32), empty_like(&logits));
    let dtype = dtype_to_storage_type(targets.dtype);
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
        dtype,
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

/// Tokens of a chunk.
fn chunk_of(x: &FloatTensor<Cube>, vocab: usize) -> usize {
    let logits = if drives_cuda(&x.device()) {
        CUDA_LOGITS
    } else {
        LOGITS
    };
    ((logits / vocab) / 64 * 64).max(64)
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
    let chunk = chunk_of(x, vocab);
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
        let (losses, slopes) = Cube::cross_entropy(logits, targets, terms.softcap, terms.z_loss);
        add(&mut loss, Cube::float_sum(losses));
        if !wanted {
            continue;
        }
        let slopes = rounded(slopes, terms.half);
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
