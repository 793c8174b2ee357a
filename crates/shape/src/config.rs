//! What the model is built like.

use serde::{Deserialize, Serialize};
use thiserror::Error;

/// The non-linearity of the feed-forward network.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Activation {
    /// `(silu(x gate) * (x up)) down`: three matrices.
    Swiglu,
    /// `relu(x up)^2 down`: two matrices.
    Relu2,
}

impl Activation {
    /// Every one: what checks a device or an operation runs them all.
    pub const ALL: [Self; 2] = [Self::Swiglu, Self::Relu2];

    /// Whether the network has a `gate` beside `up`.
    #[must_use]
    pub fn is_gated(self) -> bool {
        match self {
            Self::Swiglu => true,
            Self::Relu2 => false,
        }
    }
}

/// The model's shape. Every field stands in the `[model]` table of a preset.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ModelConfig {
    /// Rows of the embedding; at least the tokenizer's vocabulary.
    pub vocab_size: usize,
    /// Width of the residual stream.
    pub d_model: usize,
    /// Number of blocks.
    pub n_layers: usize,
    /// Query heads.
    pub n_heads: usize,
    /// Key/value heads; divides `n_heads`.
    pub n_kv_heads: usize,
    /// Width of a head; even, because RoPE rotates pairs.
    pub head_dim: usize,
    /// Inner width of the feed-forward network.
    pub d_ff: usize,
    /// Non-linearity of the feed-forward network.
    pub activation: Activation,
    /// Whether the head is the embedding, transposed.
    #[serde(default = "yes")]
    pub tied: bool,
    /// Whether the embedding's output is multiplied by `sqrt(d_model)`.
    #[serde(default)]
    pub embed_scale: bool,
    /// Whether queries and keys are RMS-normalised per head.
    #[serde(default = "yes")]
    pub qk_norm: bool,
    /// Caps logits to `-softcap..softcap` by a tanh.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub softcap: Option<f64>,
    /// The same for the scores of attention.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub attention_softcap: Option<f64>,
    /// Layers whose values also get a learned vector for the token itself.
    #[serde(default)]
    pub value_embeddings: Vec<usize>,
    /// Sliding window of each layer in tokens, repeated over the layers; 0 means none. Empty: no windows.
    #[serde(default)]
    pub window: Vec<usize>,
    /// Whether the matrices that write into the residual stream start at zero.
    #[serde(default)]
    pub zero_init_outputs: bool,
    /// Standard deviation of the initial weights.
    #[serde(default = "init_std")]
    pub init_std: f64,
    /// Base of RoPE's angles.
    #[serde(default = "rope_base")]
    pub rope_base: f64,
    /// Added to the mean square in every normalisation.
    #[serde(default = "norm_eps")]
    pub norm_eps: f64,
}

fn yes() -> bool {
    true
}

fn init_std() -> f64 {
    0.02
}

fn rope_base() -> f64 {
    10_000.0
}

/// The machine epsilon of f32.
fn norm_eps() -> f64 {
    f64::from(f32::EPSILON)
}

/// Why a config builds no model.
#[derive(Debug, Error, PartialEq)]
pub enum ConfigError {
    /// A size is zero or beyond what any machine of today holds.
    #[error("model.{field} = {value}: must be between 1 and {max}")]
    Size {
        /// The field.
        field: &'static str,
        /// Its value.
        value: usize,
        /// The largest allowed.
        max: usize,
    },
    /// Query heads do not fall into equal groups.
    #[error(
        "model.n_heads = {n_heads} is not a multiple of model.n_kv_heads = {n_kv_heads}: each key/value head serves an equal group of query heads"
    )]
    Heads {
        /// Query heads.
        n_heads: usize,
        /// Key/value heads.
        n_kv_heads: usize,
    },
    /// RoPE needs pairs.
    #[error("model.head_dim = {0} is odd: RoPE rotates pairs, choose an even width")]
    HeadDim(usize),
    /// A layer that is not there.
    #[error("model.value_embeddings names layer {layer}, but there are layers 0 to {last}")]
    Layer {
        /// The layer named.
        layer: usize,
        /// The last layer.
        last: usize,
    },
    /// A number that makes no sense.
    #[error("model.{field} = {value}: must be a finite number above 0")]
    Number {
        /// The field.
        field: &'static str,
        /// Its value.
        value: f64,
    },
}

impl ModelConfig {
    /// Checks what the types do not.
    ///
    /// # Errors
    /// The first field that makes no model, with its value.
    pub fn validate(&self) -> Result<(), ConfigError> {
        for (field, value, max) in [
            ("vocab_size", self.vocab_size, 1 << 16),
            ("d_model", self.d_model, 1 << 16),
            ("n_layers", self.n_layers, 1024),
            ("n_heads", self.n_heads, 1024),
            ("n_kv_heads", self.n_kv_heads, 1024),
            ("head_dim", self.head_dim, 4096),
            ("d_ff", self.d_ff, 1 << 20),
        ] {
            if value == 0 || value > max {
                return Err(ConfigError::Size { field, value, max });
            }
        }
        if !self.n_heads.is_multiple_of(self.n_kv_heads) {
            return Err(ConfigError::Heads {
                n_heads: self.n_heads,
                n_kv_heads: self.n_kv_heads,
            });
        }
        if !self.head_dim.is_multiple_of(2) {
            return Err(ConfigError::HeadDim(self.head_dim));
        }
        if let Some(&layer) = self
            .value_embeddings
            .iter()
            .find(|&&layer| layer >= self.n_layers)
        {
            return Err(ConfigError::Layer {
                layer,
                last: self.n_layers - 1,
            });
        }
        self.validate_numbers()
    }

    fn validate_numbers(&self) -> Result<(), ConfigError> {
        for (field, value) in [
            ("softcap", self.softcap.unwrap_or(1.0)),
            ("attention_softcap", self.attention_softcap.unwrap_or(1.0)),
            ("init_std", self.init_std),
            ("rope_base", self.rope_base),
            ("norm_eps", self.norm_eps),
        ] {
            if !(value.is_finite() && value > 0.0) {
                return Err(ConfigError::Number { field, value });
            }
        }
        Ok(())
    }

    /// The sliding window of a layer, `None` where it sees everything before it.
    pub fn layer_window(&self, layer: usize) -> Option<usize> {
        let window = *self.window.get(layer % self.window.len().max(1))?;
        (window > 0).then_some(window)
    }
}
