//! Which version of each operation a model runs.

use std::collections::BTreeMap;

use burn::tensor::{Device, FloatDType, Int, Tensor};
use serde::{Deserialize, Serialize};

use crate::{
    AttentionMask, Head, LossTerms, Product, RopeTable, activations_in, add_rms_norm, add_rms_norm_plain,
    attention, attention_plain, embedding, embedding_plain, head_loss, head_loss_plain, product,
    product_plain, qk_norm_rope, qk_norm_rope_plain, relu_squared, relu_squared_plain, rms_norm,
    rms_norm_plain, swiglu, swiglu_plain,
};

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

/// The operations of a model, each a plain function over tensors. A test gives a wrong one, to see that the device
/// check finds it.
#[derive(Clone, Copy, Debug)]
pub struct Operations {
    /// See [`attention`].
    pub attention: fn(Tensor<4>, Tensor<4>, Tensor<4>, &AttentionMask) -> Tensor<4>,
    /// See [`embedding`].
    pub embedding: fn(Tensor<2>, Tensor<1, Int>) -> Tensor<2>,
    /// See [`head_loss`].
    pub head_loss: fn(Tensor<2>, Head, Tensor<1, Int>, LossTerms) -> Tensor<1>,
    /// See [`activations_in`].
    pub activations_in: fn(&Device, Option<FloatDType>) -> Option<FloatDType>,
    /// See [`product`].
    pub product: Product,
    /// See [`qk_norm_rope`].
    pub qk_norm_rope: fn(Tensor<4>, Option<Tensor<2>>, &RopeTable, f64) -> Tensor<4>,
    /// See [`rms_norm`].
    pub rms_norm: fn(Tensor<3>, Tensor<2>, f64, Option<FloatDType>) -> Tensor<3>,
    /// See [`add_rms_norm`].
    pub add_rms_norm: fn(Tensor<3>, Tensor<3>, Tensor<2>, f64, Option<FloatDType>) -> [Tensor<3>; 2],
    /// See [`swiglu`].
    pub swiglu: fn(Tensor<3>, Tensor<3>) -> Tensor<3>,
    /// See [`relu_squared`].
    pub relu_squared: fn(Tensor<3>) -> Tensor<3>,
}

impl Default for Operations {
    fn default() -> Self {
        Self::new(Kernels::default())
    }
}

impl Operations {
    /// All of one kind.
    #[must_use]
    pub fn new(kernels: Kernels) -> Self {
        match kernels {
            Kernels::Fused => Self {
                attention,
                embedding,
                head_loss,
                activations_in,
                product,
                qk_norm_rope,
                rms_norm,
                add_rms_norm,
                swiglu,
                relu_squared,
            },
            Kernels::Plain => Self {
                attention: attention_plain,
                embedding: embedding_plain,
                head_loss: head_loss_plain,
                activations_in: |_, _| None,
                product: product_plain,
                qk_norm_rope: qk_norm_rope_plain,
                rms_norm: rms_norm_plain,
                add_rms_norm: add_rms_norm_plain,
                swiglu: swiglu_plain,
                relu_squared: relu_squared_plain,
            },
        }
    }
}

/// The version of every operation on `device`, so that a log can say it: `plain` is a composition of Burn's tensor
/// operations, `cpu` is one pass of this crate's own, `gpu` one CubeCL kernel or a few of them (of `product`:
/// a routine that is not tuned, where it takes the shape; of `orthogonalize`: its products are so). `half` is that of
/// [`product`].
pub fn versions(device: &Device, kernels: Kernels, half: Option<FloatDType>) -> BTreeMap<String, String> {
    let own = own_version(device, kernels);
    let product = if own == "gpu" && may_round_products(device) {
        own
    } else {
        "plain"
    };
    let head_loss = if own == "cpu" && half.is_some() {
        "plain"
    } else {
        own
    };
    [
        ("adamw", own),
        ("add_rms_norm", own),
        ("attention", own),
        ("embedding", own),
        ("global_norm", own),
        ("head_loss", head_loss),
        ("muon_momentum", own),
        ("orthogonalize", if own == "cpu" { own } else { product }),
        ("product", product),
        ("qk_norm_rope", own),
        ("relu_squared", own),
        ("rms_norm", own),
        ("swiglu", own),
    ]
    .into_iter()
    .map(|(name, version)| (name.to_owned(), version.to_owned()))
    .collect()
}

/// Whether `device` rounds the factors of an f32 product to TF32, as CubeCL's products by tensor cores do on CUDA. (Burn's
/// own choice among products may take one that does not.)
pub fn may_round_products(device: &Device) -> bool {
    #[cfg(feature = "gpu")]
    if crate::gpu::is_cuda(device) {
        return true;
    }
    let _ = device;
    false
}

fn own_version(device: &Device, kernels: Kernels) -> &'static str {
    if kernels == Kernels::Plain {
        return "plain";
    }
    #[cfg(feature = "native")]
    if crate::cpu::is_cpu(device) {
        return "cpu";
    }
    #[cfg(feature = "gpu")]
    if crate::gpu::is_gpu(device) {
        return "gpu";
    }
    let _ = device;
    "plain"
}
