//! Cross-entropy in two passes: one for each row's maximum and sum, one for its gradient.

use burn::backend::autodiff::checkpoint::base::Checkpointer;
use burn::backend::autodiff::checkpoint::strategy::CheckpointStrategy;
use burn::backend::autodiff::grads::Gradients;
use burn::backend::autodiff::ops::{Backward, Ops, OpsKind};
use burn::backend::flex::FlexTensor;
use burn::backend::tensor::{FloatTensor, IntTensor};
use burn::backend::{Autodiff, Flex, TensorMetadata};
use rayon::prelude::*;

use super::math::{LANES, exp_negative, vectorised};
use super::slices::{floats, tensor, tokens, uninitialised};

/// What the backward pass needs of a row: `ln sum exp` of its logits.
type LogSums = Vec<f32>;

/// `logits` is `[tokens, vocab]`, `targets` is `[tokens]`; gives the mean loss `[1]` and each row's log-sum.
pub(super) fn forward(logits: &FlexTensor, targets: &FlexTensor) -> (FloatTensor<Flex>, LogSums) {
    let mut hold = None;
    let vocab = logits.shape()[1];
    let values = floats(logits, &mut hold);
    let log_sums: LogSums = values.par_chunks_exact(vocab).map(log_sum).collect();
    let losses = values.chunks_exact(vocab).zip(tokens(targets)).zip(&log_sums);
    let total: f64 = losses
        .map(|((row, target), &sum)| f64::from(sum) - f64::from(row[target]))
        .sum();
    let mean = (total / log_sums.len() as f64) as f32;
    (tensor(vec![mean], &[1]), log_sums)
}

vectorised! {
    /// `ln sum_j exp(row_j)`, by the row's maximum.
    fn log_sum(row: &[f32]) -> f32 {
        let mut largest = [f32::NEG_INFINITY; LANES];
        let (chunks, rest) = row.as_chunks::<LANES>();
        for chunk in chunks {
            for lane in 0..LANES {
                largest[lane] = if chunk[lane] > largest[lane] { chunk[lane] } else { largest[lane] };
            }
        }
        let largest = largest.iter().chain(rest).copied().fold(f32::NEG_INFINITY, f32::max);
        let mut sums = [0.0f32; LANES];
        for chunk in chunks {
            for lane in 0..LANES {
                sums[lane] += exp_negative(chunk[lane] - largest);
            }
        }
        let rest: f32 = rest.iter().map(|&x| exp_negative(x - largest)).sum();
        largest + (sums.iter().sum::<f32>() + rest).ln()
    }
}

vectorised! {
    /// `exp(row - log_sum) * scale`, the softmax of a row times `scale`.
    fn scaled_softmax(row: &[f32], log_sum: f32, scale: f32, out: &mut [f32]) {
        for (out, &x) in out.iter_mut().zip(row) {
            *out = exp_negative(x - log_sum) * scale;
        }
    }
}

/// `d loss / d logits = (softmax(logits) - one_hot(target)) * upstream / tokens`.
fn backward(logits: &FlexTensor, targets: &[usize], log_sums: &[f32], upstream: f32) -> FloatTensor<Flex> {
    let mut hold = None;
    let shape = logits.shape();
    let vocab = shape[1];
    let scale = upstream / targets.len() as f32;
    let values = floats(logits, &mut hold);
    let mut gradient = uninitialised(values.len());
    gradient
        .par_chunks_exact_mut(vocab)
        .zip(values.par_chunks_exact(vocab))
        .zip(targets.par_iter().zip(log_sums))
        .for_each(|((out, row), (&target, &log_sum))| {
            scaled_softmax(row, log_sum, scale, out);
            out[target] -= scale;
        });
    tensor(gradient, &[shape[0], vocab])
}

#[derive(Debug)]
struct CrossEntropy;

impl Backward<Flex, 1> for CrossEntropy {
    type State = (FlexTensor, Vec<usize>, LogSums);

    fn backward(self, ops: Ops<Self::State, 1>, grads: &mut Gradients, _: &mut Checkpointer) {
        let [parent] = ops.parents;
        let (logits, targets, log_sums) = ops.state;
        let upstream = grads
            .consume::<Flex>(&ops.node)
            .into_data()
            .iter::<f32>()
            .next()
            .unwrap_or(f32::NAN);
        if let Some(parent) = parent {
            grads.register::<Flex>(parent.id, backward(&logits, &targets, &log_sums, upstream));
        }
    }
}

pub(super) fn tracked<C: CheckpointStrategy>(
    logits: FloatTensor<Autodiff<Flex, C>>,
    targets: IntTensor<Autodiff<Flex, C>>,
) -> FloatTensor<Autodiff<Flex, C>> {
    match CrossEntropy
        .prepare::<C>([logits.node()])
        .compute_bound()
        .stateful()
    {
        OpsKind::Tracked(prep) => {
            let logits = logits.into_primitive();
            let (loss, log_sums) = forward(&logits, &targets);
            prep.finish((logits, tokens(&targets), log_sums), loss)
        }
        OpsKind::UnTracked(prep) => prep.finish(forward(&logits.into_primitive(), &targets).0),
    }
}
