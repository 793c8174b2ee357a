//! The rows of a table, one a token.

use burn::tensor::{Int, Tensor};

/// The rows that the tokens name.
///
/// # Shapes
/// `table` is `[vocab, n]`, `tokens` is `[tokens]`; the result is `[tokens, n]`.
pub fn embedding(table: Tensor<2>, tokens: Tensor<1, Int>) -> Tensor<2> {
    #[cfg(feature = "native")]
    if crate::cpu::is_cpu(&table.device()) {
        return crate::cpu::embedding(table, tokens);
    }
    #[cfg(feature = "gpu")]
    if crate::gpu::is_gpu(&table.device()) {
        return crate::gpu::embedding(table, tokens);
    }
    embedding_plain(table, tokens)
}

/// The reference of [`embedding`].
pub fn embedding_plain(table: Tensor<2>, tokens: Tensor<1, Int>) -> Tensor<2> {
    table.select(0, tokens)
}
