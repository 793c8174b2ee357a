//! Causal attention with grouped queries, an optional sliding window and an optional soft-cap.

use burn::tensor::{Device, Tensor, TensorData, activation};

use crate::soft_cap;

/// What is added to a score that must not be seen. Finite, because a shader compiler may assume that
/// there are no infinities; far below any score, so that its share is exactly zero in f32.
const HIDDEN: f32 = -1e30;

/// Which earlier positions a position sees.
#[derive(Clone, Debug)]
pub struct AttentionMask {
    /// Position `i` sees `j` with `i - window < j <= i`.
    window: usize,
    /// The same as a term added to the scores, `[1, 1, 1, seq, seq]`: 0 where seen, [`HIDDEN`] elsewhere. Not there
    /// where the operation needs none.
    bias: Option<Tensor<5>>,
    /// Caps the scores before the mask.
    softcap: Option<f64>,
}

impl AttentionMask {
    /// Position `i` sees `j` with `i - window < j <= i`; without a window, every `j <= i`.
    pub fn new(seq: usize, window: Option<usize>, device: &Device) -> Self {
        let window = window.unwrap_or(seq).min(seq);
        let bias = (!has_own(device)).then(|| bias(seq, window, device));
        Self {
            window,
            bias,
            softcap: None,
        }
    }

    /// The same, with scores kept within `-cap..cap`.
    #[must_use]
    pub fn with_softcap(self, softcap: Option<f64>) -> Self {
        Self { softcap, ..self }
    }
}

fn bias(seq: usize, window: usize, device: &Device) -> Tensor<5> {
    let bias: Vec<f32> = (0..seq)
        .flat_map(|i| (0..seq).map(move |j| if j <= i && i - j < window { 0.0 } else { HIDDEN }))
        .collect();
    Tensor::from_data(TensorData::new(bias, [1, 1, 1, seq, seq]), device)
}

/// Whether there is a version for the device that needs no mask of the size of the scores.
fn has_own(device: &Device) -> bool {
    #[cfg(feature = "native")]
    if crate::cpu::is_cpu(device) {
        return true;
    }
    #[cfg(feature = "gpu")]
    if crate::gpu::is_gpu(device) {
        return true;
    }
    let _ = device;
    false
}

/// `softmax(cap(q k^T / sqrt(head_dim)) + mask) v`, query head `h` using key/value head
/// `h / (heads / kv_heads)` (Ainslie et al., "GQA", 2023); `cap` is [`soft_cap`] where the mask has one.
///
/// # Shapes
/// `q` and the result are `[batch, seq, heads, head_dim]`, `k` and `v` are
/// `[batch, seq, kv_heads, head_dim]`; `kv_heads` divides `heads`.
pub fn attention(q: Tensor<4>, k: Tensor<4>, v: Tensor<4>, mask: &AttentionMask) -> Tensor<4> {
    #[cfg(feature = "native")]
    if crate::cpu::is_cpu(&q.device()) {
        return crate::cpu::attention(q, k, v, mask.window, mask.softcap);
    }
    #[cfg(feature = "gpu")]
    if crate::gpu::is_gpu(&q.device()) {
        return crate::gpu::attention(q, k, v, mask.window, mask.softcap);
    }
    attention_plain(q, k, v, mask)
}

/// The reference of [`attention`].
pub fn attention_plain(q: Tensor<4>, k: Tensor<4>, v: Tensor<4>, mask: &AttentionMask) -> Tensor<4> {
    let [batch, seq, heads, head_dim] = q.dims();
    let [q, k, v] = [q, k, v].map(|x| x.swap_dims(1, 2));
    let bias = mask
        .bias
        .clone()
        .unwrap_or_else(|| bias(seq, mask.window, &q.device().without_autodiff()));
    let kv_heads = k.dims()[1];
    let group = heads / kv_heads;
    // The queries of a group stand below one another, so that keys and values are never repeated.
    let q = q.reshape([batch, kv_heads, group * seq, head_dim]);
    let scale = 1.0 / (head_dim as f64).sqrt();
    let scores = (q * scale)
        .matmul(k.swap_dims(2, 3))
        .reshape([batch, kv_heads, group, seq, seq]);
    let scores = match mask.softcap {
        Some(cap) => soft_cap(scores, cap),
        None => scores,
    };
    let shares = activation::softmax(scores + bias, 4);
    shares
        .reshape([batch, kv_heads, group * seq, seq])
        .matmul(v)
        .reshape([batch, heads, seq, head_dim])
        .swap_dims(1, 2)
}
