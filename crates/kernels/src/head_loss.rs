//! The head and the loss in one: logits, soft-cap, cross-entropy of the next token.

use burn::tensor::{FloatDType, Int, Tensor, activation};

use crate::product_plain;

/// Logits that a GPU makes at a time at most: 128 MiB, what a browser lets a kernel see of one tensor.
const GPU_LOGITS: usize = 32 << 20;
/// On CUDA, 805 MB: the gradient of the head is added to once a chunk, and a product of few rows leaves a large card idle.
const CUDA_LOGITS: usize = 4096 * 49_152;

/// Tokens of which a GPU, or one that CUDA drives, makes the logits at a time: chunks of one size, so that none of few rows
/// is left over, in multiples of 64 tokens.
pub fn head_chunk(tokens: usize, vocab: usize, cuda: bool) -> usize {
    let logits = if cuda { CUDA_LOGITS } else { GPU_LOGITS };
    let most = (logits / vocab / 64 * 64).max(64);
    let chunks = tokens.div_ceil(most).max(1);
    tokens.div_ceil(chunks).next_multiple_of(64)
}

/// The matrix that turns the last hidden state into logits.
#[derive(Clone, Debug)]
pub enum Head {
    /// The embedding, `[vocab, d_model]`.
    Tied(Tensor<2>),
    /// A matrix of its own, `[d_model, vocab]`.
    Own(Tensor<2>),
}

/// What is done to the logits besides the cross-entropy.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct LossTerms {
    /// Caps the logits by [`soft_cap`].
    pub softcap: Option<f64>,
    /// Adds `z_loss * (ln sum exp logits)^2`, which keeps logits from drifting (Chowdhery et al., "PaLM", 2022,
    /// section 5); 0 adds nothing.
    pub z_loss: f64,
    /// The 16-bit float of the product, see [`product`](crate::product).
    pub half: Option<FloatDType>,
}

/// `cap * tanh(x / cap)`: keeps logits within `-cap..cap` (Gemma 2, 2024). Any shape.
pub fn soft_cap<const D: usize>(x: Tensor<D>, cap: f64) -> Tensor<D> {
    (x / cap).tanh() * cap
}

/// [`product`](crate::product) or its reference.
pub type Product = fn(Tensor<2>, Tensor<2>, Option<FloatDType>, bool) -> Tensor<2>;

/// The logits of every token, in f32.
///
/// # Shapes
/// `x` is `[tokens, d_model]`; the result is `[tokens, vocab]`.
pub fn logits(x: Tensor<2>, head: Head, terms: LossTerms, product: Product) -> Tensor<2> {
    let matrix = match head {
        Head::Tied(table) => table.transpose(),
        Head::Own(matrix) => matrix,
    };
    let logits = product(x, matrix, terms.half, true);
    match terms.softcap {
        Some(cap) => soft_cap(logits, cap),
        None => logits,
    }
}

/// Mean over all tokens of `-ln p(target)` in nats, with the terms asked for. A device's own version never holds
/// the logits of more than a chunk of tokens. The CPU's computes in f32, so with `half` the reference runs there.
///
/// # Shapes
/// `x` is `[tokens, d_model]`, `targets` is `[tokens]`; the result is `[1]`.
pub fn head_loss(x: Tensor<2>, head: Head, targets: Tensor<1, Int>, terms: LossTerms) -> Tensor<1> {
    #[cfg(feature = "native")]
    if terms.half.is_none() && crate::cpu::is_cpu(&x.device()) {
        return crate::cpu::head_loss(x, head, targets, terms);
    }
    #[cfg(feature = "gpu")]
    if x.dtype() == burn::tensor::DType::F32 && crate::gpu::is_gpu(&x.device()) {
        return crate::gpu::head_loss(x, head, targets, terms);
    }
    head_loss_plain(x, head, targets, terms)
}

/// The reference of [`head_loss`].
pub fn head_loss_plain(x: Tensor<2>, head: Head, targets: Tensor<1, Int>, terms: LossTerms) -> Tensor<1> {
    let logits = logits(x, head, terms, product_plain);
    let z = (terms.z_loss != 0.0).then(|| log_sum_exp(logits.clone()).powi_scalar(2).mean() * terms.z_loss);
    let log_probabilities = activation::log_softmax(logits, 1);
    let loss = log_probabilities
        .gather(1, targets.unsqueeze_dim::<2>(1))
        .mean()
        .neg();
    match z {
        Some(z) => loss + z,
        None => loss,
    }
}

/// `[rows, n]` to `[rows, 1]`.
fn log_sum_exp(x: Tensor<2>) -> Tensor<2> {
    let largest = x.clone().detach().max_dim(1);
    (x - largest.clone()).exp().sum_dim(1).log() + largest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chunks_are_of_one_size() {
        assert_eq!(head_chunk(8192, 49_152, true), 4096);
        // Two chunks of half of them, not 4,096 and 8.
        assert_eq!(head_chunk(4104, 49_152, true), 2112);
        assert_eq!(head_chunk(8192, 49_152, false), 640);
        assert_eq!(head_chunk(1, 49_152, false), 64);
        // A vocabulary beyond what may be seen at once.
        assert_eq!(head_chunk(200, 1 << 30, false), 64);
    }
}
