//! The forward pass.
//!
//! Departures from the textbook transformer (Vaswani et al., 2017), each a field of [`ModelConfig`] or
//! always on:
//! - RMSNorm before each half of a block and before the head; no biases, no dropout.
//! - Fewer key/value heads than query heads; queries and keys are normalised per head.
//! - Rotary positions on halves (the layout of exported checkpoints), none added to the embedding.
//! - SwiGLU or squared ReLU.
//! - Per layer, a sliding window or a learned value vector a token.
//! - The head may be the embedding; logits may be capped by a tanh.

use blueberry_kernels::{
    AttentionMask, Operations, RopeTable, cross_entropy, relu_squared, rms_norm, rope, soft_cap, swiglu,
};
use burn::tensor::{Device, Int, Tensor};

use crate::{Layer, ModelConfig, Weights};

/// A config together with what depends on the sequence length and the device, ready to run weights.
///
/// Weights are passed in, not held: the optimiser owns and replaces them.
#[derive(Clone, Debug)]
pub struct Model {
    config: ModelConfig,
    rope: RopeTable,
    /// One mask a layer; layers of the same window share it.
    masks: Vec<AttentionMask>,
    operations: Operations,
}

impl Model {
    /// Prepares sequences of `seq` tokens. `window_limit` caps the window of every layer that has one, for
    /// a schedule that
    /// widens windows during training.
    pub fn new(config: &ModelConfig, seq: usize, window_limit: Option<usize>, device: &Device) -> Self {
        Self {
            config: config.clone(),
            rope: RopeTable::new(seq, config.head_dim, config.rope_base, device),
            masks: layer_masks(config, seq, window_limit, device),
            operations: Operations::default(),
        }
    }

    /// The same model with other versions of its operations.
    #[must_use]
    pub fn with_operations(self, operations: Operations) -> Self {
        Self { operations, ..self }
    }

    /// The logits of the next token at every position.
    ///
    /// # Shapes
    /// `tokens` is `[batch, seq]` with the `seq` of [`Model::new`]; the result is `[batch * seq, vocab]`.
    pub fn logits(&self, weights: &Weights<Tensor<2>>, tokens: Tensor<2, Int>) -> Tensor<2> {
        let c = &self.config;
        let [batch, seq] = tokens.dims();
        let tokens = tokens.reshape([batch * seq]);
        let mut x = weights
            .embed
            .clone()
            .select(0, tokens.clone())
            .reshape([batch, seq, c.d_model]);
        if c.embed_scale {
            x = x * (c.d_model as f64).sqrt();
        }
        for (index, layer) in weights.layers.iter().enumerate() {
            x = self.block(layer, index, x, &tokens);
        }
        let x = rms_norm(x, weights.final_norm.clone(), c.norm_eps).reshape([batch * seq, c.d_model]);
        let logits = match &weights.head {
            Some(head) => x.matmul(head.clone()),
            None => x.matmul(weights.embed.clone().transpose()),
        };
        match c.softcap {
            Some(cap) => soft_cap(logits, cap),
            None => logits,
        }
    }

    /// Mean cross-entropy of the targets, in nats a token.
    ///
    /// # Shapes
    /// `tokens` and `targets` are `[batch, seq]`; the result is `[1]`.
    pub fn loss(
        &self,
        weights: &Weights<Tensor<2>>,
        tokens: Tensor<2, Int>,
        targets: Tensor<2, Int>,
    ) -> Tensor<1> {
        let [batch, seq] = targets.dims();
        cross_entropy(self.logits(weights, tokens), targets.reshape([batch * seq]))
    }

    /// One block. `x` is `[batch, seq, d_model]`, `tokens` is `[batch * seq]`.
    fn block(
        &self,
        layer: &Layer<Tensor<2>>,
        index: usize,
        x: Tensor<3>,
        tokens: &Tensor<1, Int>,
    ) -> Tensor<3> {
        let eps = self.config.norm_eps;
        let normed = rms_norm(x.clone(), layer.attn_norm.clone(), eps);
        let x = x + self.self_attention(layer, index, normed, tokens);
        let normed = rms_norm(x.clone(), layer.ffn_norm.clone(), eps);
        x + feed_forward(layer, normed)
    }

    /// `x` and the result are `[batch, seq, d_model]`.
    fn self_attention(
        &self,
        layer: &Layer<Tensor<2>>,
        index: usize,
        x: Tensor<3>,
        tokens: &Tensor<1, Int>,
    ) -> Tensor<3> {
        let c = &self.config;
        let [batch, seq, _] = x.dims();
        let heads = |x: Tensor<3>, n| x.reshape([batch, seq, n, c.head_dim]).swap_dims(1, 2);
        let q = heads(linear(x.clone(), &layer.q), c.n_heads);
        let k = heads(linear(x.clone(), &layer.k), c.n_kv_heads);
        let mut v = linear(x, &layer.v);
        if let Some(table) = &layer.value_embed {
            let [_, kv_dim] = table.dims();
            v = v + table
                .clone()
                .select(0, tokens.clone())
                .reshape([batch, seq, kv_dim]);
        }
        let q = rope(self.head_norm(q, layer.q_norm.as_ref()), &self.rope);
        let k = rope(self.head_norm(k, layer.k_norm.as_ref()), &self.rope);
        let mixed = (self.operations.attention)(q, k, heads(v, c.n_kv_heads), &self.masks[index]);
        linear(
            mixed
                .swap_dims(1, 2)
                .reshape([batch, seq, c.n_heads * c.head_dim]),
            &layer.o,
        )
    }

    fn head_norm(&self, x: Tensor<4>, gain: Option<&Tensor<2>>) -> Tensor<4> {
        match gain {
            Some(gain) => rms_norm(x, gain.clone(), self.config.norm_eps),
            None => x,
        }
    }
}

fn feed_forward(layer: &Layer<Tensor<2>>, x: Tensor<3>) -> Tensor<3> {
    let up = linear(x.clone(), &layer.up);
    let inner = match &layer.gate {
        Some(gate) => swiglu(linear(x, gate), up),
        None => relu_squared(up),
    };
    linear(inner, &layer.down)
}

/// `x w` with `x` as one tall matrix: a single product is faster than one a batch.
fn linear(x: Tensor<3>, w: &Tensor<2>) -> Tensor<3> {
    let [batch, seq, width] = x.dims();
    let [_, out] = w.dims();
    x.reshape([batch * seq, width])
        .matmul(w.clone())
        .reshape([batch, seq, out])
}

fn layer_masks(
    config: &ModelConfig,
    seq: usize,
    window_limit: Option<usize>,
    device: &Device,
) -> Vec<AttentionMask> {
    let mut built: Vec<(Option<usize>, AttentionMask)> = Vec::new();
    (0..config.n_layers)
        .map(|layer| {
            let window = config
                .layer_window(layer)
                .map(|w| window_limit.map_or(w, |limit| w.min(limit)));
            if let Some((_, mask)) = built.iter().find(|(known, _)| *known == window) {
                return mask.clone();
            }
            let mask = AttentionMask::new(seq, window, device);
            built.push((window, mask.clone()));
            mask
        })
        .collect()
}
