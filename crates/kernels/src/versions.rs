//! Which version of each operation a model runs.

use std::collections::BTreeMap;

use burn::tensor::Tensor;

use crate::{AttentionMask, attention};

/// `attention(q, k, v, mask)`, see [`attention`].
pub type Attention = fn(Tensor<4>, Tensor<4>, Tensor<4>, &AttentionMask) -> Tensor<4>;

/// The operations of which a model can be given another version. A test gives a wrong one, to see that
/// the device check finds it.
#[derive(Clone, Copy, Debug)]
pub struct Operations {
    /// Causal attention.
    pub attention: Attention,
}

impl Default for Operations {
    fn default() -> Self {
        Self { attention }
    }
}

/// The version of every operation of this crate, so that a log can say it. `plain` is a composition of
/// Burn's tensor operations, whatever the device.
pub fn versions() -> BTreeMap<String, String> {
    [
        "activation",
        "attention",
        "cross_entropy",
        "global_norm",
        "orthogonalize",
        "rms_norm",
        "rope",
    ]
    .into_iter()
    .map(|name| (name.to_owned(), "plain".to_owned()))
    .collect()
}
