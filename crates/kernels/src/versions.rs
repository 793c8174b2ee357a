//! Which version of each operation a model runs.

use std::collections::BTreeMap;

use burn::tensor::{Device, Tensor};
use serde::{Deserialize, Serialize};

use crate::{AttentionMask, attention};

/// The choice between the versions of this crate's own and the references.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kernels {
    /// The device's own version of an operation, where there is one.
    #[default]
    Fused,
    /// The reference of every operation, composed of Burn's: to find out whether a version is to blame.
    Plain,
}

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
        ("global_norm", own),
        ("muon_momentum", own),
        ("orthogonalize", own),
        ("rms_norm", own),
        ("rope", own),
    ]
    .into_iter()
    .map(|(name, version)| (name.to_owned(), version.to_owned()))
    .collect()
}
