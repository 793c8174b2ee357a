//! The forward pass.
//!
//! Departures from the textbook transformer (Vaswani et al., 2017), each a field of [`ModelConfig`] or
//! always on:
//! - RMSNorm before each half of a block and before the head; no biases, no dropout.
//! - Fewer key/value heads than query heads; queries and keys are normalised per head.
//! - Rotary positions on halves (the layout of exported checkpoints), none added to the embedding.
//! - SwiGLU or squared ReLU.
//! - Per layer, a sliding window or a learned value vector a token.
//! - The head may be the embedding; logits, and the scores of attention, may be capped by a tanh.

use blueberry_kernels::{AttentionMask, Head, LossTerms, Operations, RopeTable, logits};
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
        logits(self.hidden(weights, tokens), head(weights), self.config.softcap)
    }

    /// Mean cross-entropy of the targets in nats a token, plus `z_loss` (see [`LossTerms`]).
    ///
    /// # Shapes
    /// `tokens` and `targets` are `[batch, seq]`; the result is `[1]`.
    pub fn loss(
        &self,
        weights: &Weights<Tensor<2>>,
        tokens: Tensor<2, Int>,
        targets: Tensor<2, Int>,
        z_loss: f64,
    ) -> Tensor<1> {
        let [batch, seq] = targets.dims();
        let terms = LossTerms {
            softcap: self.config.softcap,
            z_loss,
        };
        let x = self.hidden(weights, tokens);
        (self.operations.head_loss)(x, head(weights), targets.reshape([batch * seq]), terms)
    }

    /// What the head is applied to. `tokens` is `[batch, seq]`; the result is `[batch * seq, d_model]`.
    fn hidden(&self, weights: &Weights<Tensor<2>>, tokens: Tensor<2, Int>) -> Tensor<2> {
        let c = &self.config;
        let [batch, seq] = tokens.dims();
        let tokens = tokens.reshape([batch * seq]);
        let mut x = (self.operations.embedding)(weights.embed.clone(), tokens.clone())
            .reshape([batch, seq, c.d_model]);
        if c.embed_scale {
            x = x * (c.d_model as f64).sqrt();
        }
        // What the last half of a block adds, not yet added: the next normalisation does it on its way.
        let mut delta = None;
        for (index, layer) in weights.layers.iter().enumerate() {
            let (sum, normed) = self.add_norm(x, delta, &layer.attn_norm);
            let mixed = self.self_attention(layer, index, normed, &tokens);
            let (sum, normed) = self.add_norm(sum, Some(mixed), &layer.ffn_norm);
            delta = Some(self.feed_forward(layer, normed));
            x = sum;
        }
        let (_, normed) = self.add_norm(x, delta, &weights.final_norm);
        normed.reshape([batch * seq, c.d_model])
    }

    /// `x + delta`, and that normalised; all are `[batch, seq, d_model]`.
    fn add_norm(&self, x: Tensor<3>, delta: Option<Tensor<3>>, gain: &Tensor<2>) -> (Tensor<3>, Tensor<3>) {
        let eps = self.config.norm_eps;
        match delta {
            Some(delta) => (self.operations.add_rms_norm)(x, delta, gain.clone(), eps).into(),
            None => (x.clone(), (self.operations.rms_norm)(x, gain.clone(), eps)),
        }
    }

    /// `x` and the result are `[batch, seq, d_model]`; `tokens` is `[batch * seq]`.
    fn self_attention(
        &self,
        layer: &Layer<Tensor<2>>,
        index: usize,
        x: Tensor<3>,
        tokens: &Tensor<1, Int>,
    ) -> Tensor<3> {
        let c = &self.config;
        let [batch, seq, _] = x.dims();
        let heads = |x: Tensor<3>, n| x.reshape([batch, seq, n, c.head_dim]);
        let rotated = |x, gain: &Option<Tensor<2>>| {
            (self.operations.qk_norm_rope)(x, gain.clone(), &self.rope, c.norm_eps)
        };
        let q = rotated(heads(linear(x.clone(), &layer.q), c.n_heads), &layer.q_norm);
        let k = rotated(heads(linear(x.clone(), &layer.k), c.n_kv_heads), &layer.k_norm);
        let mut v = linear(x, &layer.v);
        if let Some(table) = &layer.value_embed {
            let [_, kv_dim] = table.dims();
            let rows = (self.operations.embedding)(table.clone(), tokens.clone());
            v = v + rows.reshape([batch, seq, kv_dim]);
        }
        let mixed = (self.operations.attention)(q, k, heads(v, c.n_kv_heads), &self.masks[index]);
        linear(mixed.reshape([batch, seq, c.n_heads * c.head_dim]), &layer.o)
    }

    /// `x` and the result are `[batch, seq, d_model]`.
    fn feed_forward(&self, layer: &Layer<Tensor<2>>, x: Tensor<3>) -> Tensor<3> {
        let up = linear(x.clone(), &layer.up);
        let inner = match &layer.gate {
            Some(gate) => (self.operations.swiglu)(linear(x, gate), up),
            None => (self.operations.relu_squared)(up),
        };
        linear(inner, &layer.down)
    }
}

fn head(weights: &Weights<Tensor<2>>) -> Head {
    match &weights.head {
        Some(matrix) => Head::Own(matrix.clone()),
        None => Head::Tied(weights.embed.clone()),
    }
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
            let mask = AttentionMask::new(seq, window, device).with_softcap(config.attention_softcap);
            built.push((window, mask.clone()));
            mask
        })
        .collect()
}
