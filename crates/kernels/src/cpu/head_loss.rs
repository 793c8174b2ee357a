//! Head and loss by chunks of tokens: the logits of a chunk are made, turned into their gradient where they lie, and
//! multiplied on at once, so that there are never logits of the whole batch.
//!
//! The gradients are made in the forward pass, for an upstream gradient of 1: the loss is a scalar, so the backward
//! pass only scales them. Otherwise the logits would have to be kept, or made twice.

use burn::backend::autodiff::checkpoint::base::Checkpointer;
use burn::backend::autodiff::checkpoint::strategy::CheckpointStrategy;
use burn::backend::autodiff::grads::Gradients;
use burn::backend::autodiff::ops::{Backward, Ops, OpsKind};
use burn::backend::flex::FlexTensor;
use burn::backend::tensor::{FloatTensor, IntTensor};
use burn::backend::{Autodiff, Flex, TensorMetadata};
use rayon::prelude::*;

use super::math::{LANES, exp_negative, tanh, vectorised};
use super::product::{ALL_THREADS, Matrix, Target, product_on};
use super::slices::{CHUNK, floats, scalar, tensor, tokens, uninitialised};
use crate::LossTerms;

/// Logits of a chunk at most: 24 MB. More rows make better products, fewer stay in the cache.
const LOGITS: usize = 6 << 20;

/// One call: `x` is `tokens x d_model`, `head` is `d_model x vocab`.
struct Call<'a> {
    x: &'a [f32],
    head: Matrix<'a>,
    tied: bool,
    targets: &'a [usize],
    vocab: usize,
    d_model: usize,
    terms: Terms,
}

/// [`LossTerms`] in f32.
#[derive(Clone, Copy)]
struct Terms {
    softcap: Option<f32>,
    z_loss: f32,
}

/// What the backward pass registers, but for the upstream gradient: of `x`, and of the head in its own layout.
#[derive(Clone, Debug)]
struct Slopes {
    x: Vec<f32>,
    head: Vec<f32>,
}

impl Call<'_> {
    /// Rows of a chunk: a multiple of 16, for the products.
    fn chunk(&self) -> usize {
        ((LOGITS / self.vocab) / 16 * 16).clamp(16, self.targets.len().max(16))
    }

    /// The mean loss; writes the gradients where they are wanted.
    fn run(&self, mut slopes: Option<&mut Slopes>) -> f32 {
        let count = self.targets.len();
        let mut scratch = uninitialised(self.chunk().min(count) * self.vocab);
        let mut total = 0.0;
        for (index, targets) in self.targets.chunks(self.chunk()).enumerate() {
            let first = index * self.chunk();
            let logits = &mut scratch[..targets.len() * self.vocab];
            let x = &self.x[first * self.d_model..(first + targets.len()) * self.d_model];
            let x = Matrix::new(x, targets.len(), self.d_model);
            let target = Target::new(logits, targets.len(), self.vocab);
            product_on(ALL_THREADS, target, 0.0, x, self.head, 1.0);
            total += self.losses(logits, targets, slopes.is_some());
            if let Some(slopes) = &mut slopes {
                self.multiply_on(logits, x, first, slopes);
            }
        }
        (total / count as f64) as f32
    }

    fn slopes(&self) -> Slopes {
        Slopes {
            x: uninitialised(self.x.len()),
            head: uninitialised(self.d_model * self.vocab),
        }
    }

    /// The sum of the chunk's losses; turns its logits into their gradient if it is wanted.
    fn losses(&self, logits: &mut [f32], targets: &[usize], wanted: bool) -> f64 {
        let scale = 1.0 / self.targets.len() as f32;
        let losses: Vec<f64> = logits
            .par_chunks_exact_mut(self.vocab)
            .zip(targets)
            .map(|(row, &target)| {
                if let Some(cap) = self.terms.softcap {
                    cap_row(row, cap);
                }
                let (log_sum, logit) = (log_sum(row), row[target]);
                if wanted {
                    slope_of_row(row, target, log_sum, scale, self.terms);
                }
                let z = f64::from(self.terms.z_loss) * f64::from(log_sum).powi(2);
                f64::from(log_sum) - f64::from(logit) + z
            })
            .collect();
        // One after the other: the sum must not depend on which thread was first.
        losses.iter().sum()
    }

    /// Adds the chunk's part of both gradients.
    fn multiply_on(&self, slopes: &[f32], x: Matrix<'_>, first: usize, out: &mut Slopes) {
        let rows = slopes.len() / self.vocab;
        let slopes = Matrix::new(slopes, rows, self.vocab);
        let dx = &mut out.x[first * self.d_model..(first + rows) * self.d_model];
        let dx = Target::new(dx, rows, self.d_model);
        product_on(ALL_THREADS, dx, 0.0, slopes, self.head.t(), 1.0);
        let keep = if first == 0 { 0.0 } else { 1.0 };
        if self.tied {
            let dhead = Target::new(&mut out.head, self.vocab, self.d_model);
            product_on(ALL_THREADS, dhead, keep, slopes.t(), x, 1.0);
        } else {
            let dhead = Target::new(&mut out.head, self.d_model, self.vocab);
            product_on(ALL_THREADS, dhead, keep, x.t(), slopes, 1.0);
        }
    }
}

vectorised! {
    fn cap_row(row: &mut [f32], cap: f32) {
        let inverse = 1.0 / cap;
        for x in row {
            *x = cap * tanh(*x * inverse);
        }
    }
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
    /// `row` comes in as (capped) logits and goes out as the loss's gradient of the logits before the cap:
    /// `(softmax * (1 + 2 z log_sum) - one_hot) * scale`, times `1 - (logit / cap)^2` where there is a cap.
    fn slope_of_row(row: &mut [f32], target: usize, log_sum: f32, scale: f32, terms: Terms) {
        let share = scale * (1.0 + 2.0 * terms.z_loss * log_sum);
        let logit = row[target];
        let Some(cap) = terms.softcap else {
            for x in row.iter_mut() {
                *x = exp_negative(*x - log_sum) * share;
            }
            row[target] -= scale;
            return;
        };
        let inverse = 1.0 / cap;
        for x in row.iter_mut() {
            let capped = *x * inverse;
            *x = exp_negative(*x - log_sum) * share * (1.0 - capped * capped);
        }
        row[target] -= scale * (1.0 - (logit * inverse) * (logit * inverse));
    }
}

/// Calls `run` with tensors as slices. `x` is `[tokens, d_model]`; `head` is `[vocab, d_model]` where it is tied, else
/// `[d_model, vocab]`.
fn with_call<R>(
    x: &FlexTensor,
    (head, tied): (&FlexTensor, bool),
    targets: &FlexTensor,
    terms: LossTerms,
    run: impl FnOnce(&Call<'_>) -> R,
) -> R {
    let (mut hold_x, mut hold_head) = (None, None);
    let [rows, cols] = sizes(head);
    let matrix = Matrix::new(floats(head, &mut hold_head), rows, cols);
    let (vocab, d_model) = if tied { (rows, cols) } else { (cols, rows) };
    run(&Call {
        x: floats(x, &mut hold_x),
        head: if tied { matrix.t() } else { matrix },
        tied,
        targets: &tokens(targets),
        vocab,
        d_model,
        terms: Terms {
            softcap: terms.softcap.map(|cap| cap as f32),
            z_loss: terms.z_loss as f32,
        },
    })
}

fn sizes(tensor: &FlexTensor) -> [usize; 2] {
    [tensor.shape()[0], tensor.shape()[1]]
}

/// The loss alone.
pub(super) fn value(
    x: &FlexTensor,
    head: (&FlexTensor, bool),
    targets: &FlexTensor,
    terms: LossTerms,
) -> FloatTensor<Flex> {
    tensor(
        vec![with_call(x, head, targets, terms, |call| call.run(None))],
        &[1],
    )
}

#[derive(Debug)]
struct HeadLoss;

impl Backward<Flex, 2> for HeadLoss {
    /// The gradients of both parents and their shapes.
    type State = [(Vec<f32>, [usize; 2]); 2];

    fn backward(self, ops: Ops<Self::State, 2>, grads: &mut Gradients, _: &mut Checkpointer) {
        let upstream = scalar(grads.consume::<Flex>(&ops.node));
        let gradients = ops.state.map(|(mut slopes, shape)| {
            if upstream != 1.0 {
                let scale = |chunk: &mut [f32]| chunk.iter_mut().for_each(|x| *x *= upstream);
                slopes.par_chunks_mut(CHUNK).for_each(scale);
            }
            tensor(slopes, &shape)
        });
        register!(grads, ops.parents, gradients);
    }
}

pub(super) fn tracked<C: CheckpointStrategy>(
    x: FloatTensor<Autodiff<Flex, C>>,
    head: FloatTensor<Autodiff<Flex, C>>,
    tied: bool,
    targets: &IntTensor<Autodiff<Flex, C>>,
    terms: LossTerms,
) -> FloatTensor<Autodiff<Flex, C>> {
    let prepared = HeadLoss
        .prepare::<C>([x.node(), head.node()])
        .compute_bound()
        .stateful();
    let (x, head) = (x.into_primitive(), head.into_primitive());
    match prepared {
        OpsKind::Tracked(prep) => {
            let (loss, slopes) = with_call(&x, (&head, tied), targets, terms, |call| {
                let mut slopes = call.slopes();
                (call.run(Some(&mut slopes)), slopes)
            });
            let state = [(slopes.x, sizes(&x)), (slopes.head, sizes(&head))];
            prep.finish(state, tensor(vec![loss], &[1]))
        }
        OpsKind::UnTracked(prep) => prep.finish(value(&x, (&head, tied), targets, terms)),
    }
}
