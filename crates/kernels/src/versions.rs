//! Which version of each operation a model runs.

use std::collections::BTreeMap;

use burn::tensor::{Device, Tensor};

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

/// The version of every operation on `device`, so that a log can say it: `plain` is a composition of Burn's tensor
/// operations, `cpu` is one pass of this crate's own.
pub fn versions(device: &Device) -> BTreeMap<String, String> {
    #[cfg(feature = "native")]
    let own = if crate::cpu::is_cpu(device) {
        "cpu"
    } else {
        "plain"
    };
    #[cfg(not(feature = "native"))]
    let (own, _) = ("plain", device);
    [
        ("swiglu", own),
        ("relu_squared", "plain"),
        ("adamw", own),
        ("attention", own),
        ("cross_entropy", own),
        ("global_norm", "plain"),
        ("orthogonalize", "plain"),
        ("rms_norm", own),
        ("rope", own),
    ]
    .into_iter()
    .map(|(name, version)| (name.to_owned(), version.to_owned()))
    .collect()
}
