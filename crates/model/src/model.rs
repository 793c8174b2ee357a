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
use burn::tensor::{Device, FloatDType, Int, Tensor, activation};

use crate::{Activation, Layer, ModelConfig, Weights};

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
    half: Option<FloatDType>,
    device: Device,
}

/// The residual stream, `[batch, seq, d_model]`: `x + delta`. What the last half of a block adds is not yet added: the
/// next normalisation does it on its way.
#[derive(Clone, Debug)]
pub struct Stream {
    x: Tensor<3>,
    delta: Option<Tensor<3>>,
}

impl Stream {
    /// A stream of one tensor, `[batch, seq, d_model]`.
    pub fn new(x: Tensor<3>) -> Self {
        Self { x, delta: None }
    }

    /// The sum, `[batch, seq, d_model]`.
    pub fn sum(self) -> Tensor<3> {
        match self.delta {
            Some(delta) => self.x + delta,
            None => self.x,
        }
    }
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
            half: None,
            device: device.clone(),
        }
    }

    /// The same model with other versions of its operations.
    #[must_use]
    pub fn with_operations(self, operations: Operations) -> Self {
        Self { operations, ..self }
    }

    /// The same model with its large products (projections, feed-forward, head) in `half`, see
    /// [`product`](blueberry_kernels::product), and what is between them in
    /// [`activations_in`](blueberry_kernels::activations_in).
    #[must_use]
    pub fn with_half(self, half: Option<FloatDType>) -> Self {
        Self { half, ..self }
    }

    /// The logits of the next token at every position.
    ///
    /// # Shapes
    /// `tokens` is `[batch, seq]` with the `seq` of [`Model::new`]; the result is `[batch * seq, vocab]`.
    pub fn logits(&self, weights: &Weights<Tensor<2>>, tokens: Tensor<2, Int>) -> Tensor<2> {
        let stream = self.stream(weights, tokens);
        logits(
            self.last(&weights.final_norm, stream),
            Self::head(weights),
            self.terms(0.0),
            self.operations.product,
        )
    }

    /// The log-probabilities of the next token at some positions.
    ///
    /// # Shapes
    /// `tokens` is `[batch, seq]` with the `seq` of [`Model::new`]; `positions` is `[n]`, indices into `batch * seq`; the
    /// result is `[n, vocab]`.
    pub fn log_probabilities(
        &self,
        weights: &Weights<Tensor<2>>,
        tokens: Tensor<2, Int>,
        positions: Tensor<1, Int>,
    ) -> Tensor<2> {
        let stream = self.stream(weights, tokens);
        let x = self.last(&weights.final_norm, stream).select(0, positions);
        activation::log_softmax(
            logits(x, Self::head(weights), self.terms(0.0), self.operations.product),
            1,
        )
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
        let stream = self.stream(weights, tokens);
        self.loss_of_stream(&weights.final_norm, Self::head(weights), stream, targets, z_loss)
    }

    /// The stream after the last block. `tokens` is `[batch, seq]`.
    #[allow(clippy::needless_pass_by_value)] // A tensor is a handle, and is passed on like one.
    fn stream(&self, weights: &Weights<Tensor<2>>, tokens: Tensor<2, Int>) -> Stream {
        let first = self.embed(&weights.embed, tokens.clone());
        let layers = weights.layers.iter().enumerate();
        layers.fold(first, |stream, (index, layer)| {
            self.block(layer, index, stream, tokens.clone())
        })
    }

    /// The matrix that makes logits.
    pub fn head(weights: &Weights<Tensor<2>>) -> Head {
        match &weights.head {
            Some(matrix) => Head::Own(matrix.clone()),
            None => Head::Tied(weights.embed.clone()),
        }
    }

    /// The stream before the first block. `tokens` is `[batch, seq]`, `table` the embedding.
    pub fn embed(&self, table: &Tensor<2>, tokens: Tensor<2, Int>) -> Stream {
        let c = &self.config;
        let [batch, seq] = tokens.dims();
        let rows = (self.operations.embedding)(table.clone(), tokens.reshape([batch * seq]));
        let x = rows.reshape([batch, seq, c.d_model]);
        Stream::new(if c.embed_scale {
            x * (c.d_model as f64).sqrt()
        } else {
            x
        })
    }

    /// The stream after block `index`. `tokens` is `[batch, seq]`.
    pub fn block(
        &self,
        layer: &Layer<Tensor<2>>,
        index: usize,
        stream: Stream,
        tokens: Tensor<2, Int>,
    ) -> Stream {
        let narrow = self.narrow();
        let (sum, normed) = self.add_norm(stream, &layer.attn_norm, narrow);
        let mixed = self.self_attention(layer, index, normed, tokens);
        let after_attention = Stream {
            x: sum,
            delta: Some(mixed),
        };
        let (sum, normed) = self.add_norm(after_attention, &layer.ffn_norm, narrow);
        Stream {
            x: sum,
            delta: Some(self.feed_forward(layer, normed)),
        }
    }

    /// The loss from the stream after the last block; see [`Model::loss`]. `head` as of [`Model::head`].
    pub fn loss_of_stream(
        &self,
        final_norm: &Tensor<2>,
        head: Head,
        stream: Stream,
        targets: Tensor<2, Int>,
        z_loss: f64,
    ) -> Tensor<1> {
        let [batch, seq] = targets.dims();
        let x = self.last(final_norm, stream);
        (self.operations.head_loss)(x, head, targets.reshape([batch * seq]), self.terms(z_loss))
    }

    fn terms(&self, z_loss: f64) -> LossTerms {
        LossTerms {
            softcap: self.config.softcap,
            z_loss,
            half: self.half,
        }
    }

    /// What the head is applied to, `[batch * seq, d_model]`.
    fn last(&self, gain: &Tensor<2>, stream: Stream) -> Tensor<2> {
        let [batch, seq, d_model] = stream.x.dims();
        let (_, normed) = self.add_norm(stream, gain, None);
        normed.reshape([batch * seq, d_model])
    }

    /// The sum of the stream, and that normalised, in `narrow` if any; both are `[batch, seq, d_model]`.
    fn add_norm(
        &self,
        stream: Stream,
        gain: &Tensor<2>,
        narrow: Option<FloatDType>,
    ) -> (Tensor<3>, Tensor<3>) {
        let (Stream { x, delta }, eps) = (stream, self.config.norm_eps);
        match delta {
            Some(delta) => (self.operations.add_rms_norm)(x, delta, gain.clone(), eps, narrow).into(),
            None => (
                x.clone(),
                (self.operations.rms_norm)(x, gain.clone(), eps, narrow),
            ),
        }
    }

    /// `x`, in the type of activations, and the result are `[batch, seq, d_model]`; `tokens` is `[batch, seq]`.
    fn self_attention(
        &self,
        layer: &Layer<Tensor<2>>,
        index: usize,
        x: Tensor<3>,
        tokens: Tensor<2, Int>,
    ) -> Tensor<3> {
        let c = &self.config;
        let [batch, seq, _] = x.dims();
        let heads = |x: Tensor<3>, n| x.reshape([batch, seq, n, c.head_dim]);
        let rotated = |x, gain: &Option<Tensor<2>>| {
            (self.operations.qk_norm_rope)(x, gain.clone(), &self.rope, c.norm_eps)
        };
        let q = rotated(heads(self.inner(x.clone(), &layer.q), c.n_heads), &layer.q_norm);
        let k = rotated(
            heads(self.inner(x.clone(), &layer.k), c.n_kv_heads),
            &layer.k_norm,
        );
        let mut v = self.inner(x, &layer.v);
        if let Some(table) = &layer.value_embed {
            let [_, kv_dim] = table.dims();
            let rows = (self.operations.embedding)(table.clone(), tokens.reshape([batch * seq]));
            let rows = rows.reshape([batch, seq, kv_dim]);
            v = v + self.narrow().map_or(rows.clone(), |narrow| rows.cast(narrow));
        }
        let mixed = (self.operations.attention)(q, k, heads(v, c.n_kv_heads), &self.masks[index]);
        self.linear(mixed.reshape([batch, seq, c.n_heads * c.head_dim]), &layer.o)
    }

    /// `x`, in the type of activations, and the result are `[batch, seq, d_model]`.
    fn feed_forward(&self, layer: &Layer<Tensor<2>>, x: Tensor<3>) -> Tensor<3> {
        let up = self.inner(x.clone(), &layer.up);
        let inner = match (self.config.activation, &layer.gate) {
            (Activation::Swiglu, Some(gate)) => (self.operations.swiglu)(self.inner(x, gate), up),
            (Activation::Relu2, None) => (self.operations.relu_squared)(up),
            (Activation::Swiglu, None) | (Activation::Relu2, Some(_)) => {
                unreachable!("the list of weights has a gate by `Activation::is_gated`")
            }
        };
        self.linear(inner, &layer.down)
    }

    /// `x w` in f32, as the residual stream is.
    fn linear(&self, x: Tensor<3>, w: &Tensor<2>) -> Tensor<3> {
        self.product(x, w, true)
    }

    /// `x w` in the type of activations.
    fn inner(&self, x: Tensor<3>, w: &Tensor<2>) -> Tensor<3> {
        self.product(x, w, false)
    }

    /// With `x` as one tall matrix: a single product is faster than one a batch.
    fn product(&self, x: Tensor<3>, w: &Tensor<2>, wide: bool) -> Tensor<3> {
        let [batch, seq, width] = x.dims();
        let [_, out] = w.dims();
        let x = x.reshape([batch * seq, width]);
        (self.operations.product)(x, w.clone(), self.half, wide).reshape([batch, seq, out])
    }

    /// The 16-bit float that activations are in, if any.
    fn narrow(&self) -> Option<FloatDType> {
        (self.operations.activations_in)(&self.device, self.half)
    }
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
