//! The loss: cross-entropy of the next token.

use burn::tensor::{Int, Tensor, activation};

/// `cap * tanh(x / cap)`: keeps logits within `-cap..cap` (Gemma 2, 2024). Any shape.
pub fn soft_cap<const D: usize>(x: Tensor<D>, cap: f64) -> Tensor<D> {
    (x / cap).tanh() * cap
}

/// Mean over all tokens of `-ln p(target)`, in nats.
///
/// # Shapes
/// `logits` is `[tokens, vocab]`, `targets` is `[tokens]`; the result is `[1]`.
pub fn cross_entropy(logits: Tensor<2>, targets: Tensor<1, Int>) -> Tensor<1> {
    #[cfg(feature = "native")]
    if crate::cpu::is_cpu(&logits.device()) {
        return crate::cpu::cross_entropy(logits, targets);
    }
    cross_entropy_plain(logits, targets)
}

/// The reference of [`cross_entropy`].
pub fn cross_entropy_plain(logits: Tensor<2>, targets: Tensor<1, Int>) -> Tensor<1> {
    let log_probabilities = activation::log_softmax(logits, 1);
    log_probabilities
        .gather(1, targets.unsqueeze_dim::<2>(1))
        .mean()
        .neg()
}
