//! The tree of parameters: names, shapes, and what each is for.

use crate::ModelConfig;

/// What a parameter is for; decides its optimiser and how it is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A hidden matrix, used in a product with every token.
    Matrix,
    /// The token embedding; a lookup table, and the head too where tied.
    Embedding,
    /// The head, where it is not tied.
    Head,
    /// A further lookup table.
    Table,
    /// A gain of a normalisation.
    Gain,
}

/// How a parameter starts.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Init {
    /// Normal with mean 0 and this standard deviation.
    Normal(f64),
    /// All ones.
    Ones,
    /// All zeros.
    Zeros,
}

/// One parameter. Matrices are stored `[in, out]` and applied as `x w`; gains are `[1, n]`.
#[derive(Clone, Debug, PartialEq)]
pub struct ParameterSpec {
    /// Its name in checkpoints and messages, as `layers.3.q`.
    pub name: String,
    /// Rows and columns.
    pub shape: [usize; 2],
    /// What it is for.
    pub kind: Kind,
    /// How it starts.
    pub init: Init,
}

impl ParameterSpec {
    /// Number of values.
    pub fn len(&self) -> usize {
        self.shape[0] * self.shape[1]
    }

    /// Whether it has no values.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// The parameters of one block.
#[derive(Clone, Debug)]
pub struct Layer<T> {
    /// Gain before attention, `[1, d_model]`.
    pub attn_norm: T,
    /// Query projection, `[d_model, n_heads * head_dim]`.
    pub q: T,
    /// Key projection, `[d_model, n_kv_heads * head_dim]`.
    pub k: T,
    /// Value projection, `[d_model, n_kv_heads * head_dim]`.
    pub v: T,
    /// Output projection, `[n_heads * head_dim, d_model]`.
    pub o: T,
    /// Per-head gain of the queries, `[1, head_dim]`.
    pub q_norm: Option<T>,
    /// Per-head gain of the keys, `[1, head_dim]`.
    pub k_norm: Option<T>,
    /// A vector a token that is added to its values, `[vocab_size, n_kv_heads * head_dim]`.
    pub value_embed: Option<T>,
    /// Gain before the feed-forward network, `[1, d_model]`.
    pub ffn_norm: T,
    /// Gate projection of SwiGLU, `[d_model, d_ff]`.
    pub gate: Option<T>,
    /// Up projection, `[d_model, d_ff]`.
    pub up: T,
    /// Down projection, `[d_ff, d_model]`.
    pub down: T,
}

/// All parameters of a model, with a `T` at each leaf.
#[derive(Clone, Debug)]
pub struct Weights<T> {
    /// Token embedding, `[vocab_size, d_model]`.
    pub embed: T,
    /// The blocks.
    pub layers: Vec<Layer<T>>,
    /// Gain before the head, `[1, d_model]`.
    pub final_norm: T,
    /// The head where it is not tied, `[d_model, vocab_size]`.
    pub head: Option<T>,
}

impl Weights<ParameterSpec> {
    /// The parameters that a config asks for: the one place where they are listed.
    pub fn specs(config: &ModelConfig) -> Self {
        let c = config;
        let normal = Init::Normal(c.init_std);
        Self {
            embed: spec("embed".into(), [c.vocab_size, c.d_model], Kind::Embedding, normal),
            layers: (0..c.n_layers).map(|layer| layer_specs(c, layer)).collect(),
            final_norm: spec("final_norm".into(), [1, c.d_model], Kind::Gain, Init::Ones),
            head: (!c.tied).then(|| spec("head".into(), [c.d_model, c.vocab_size], Kind::Head, normal)),
        }
    }
}

fn spec(name: String, shape: [usize; 2], kind: Kind, init: Init) -> ParameterSpec {
    ParameterSpec {
        name,
        shape,
        kind,
        init,
    }
}

fn layer_specs(c: &ModelConfig, layer: usize) -> Layer<ParameterSpec> {
    let normal = Init::Normal(c.init_std);
    let output = if c.zero_init_outputs { Init::Zeros } else { normal };
    let (q_dim, kv_dim) = (c.n_heads * c.head_dim, c.n_kv_heads * c.head_dim);
    let named = |name: &str, shape, kind, init| spec(format!("layers.{layer}.{name}"), shape, kind, init);
    let gain = |name: &str, n| named(name, [1, n], Kind::Gain, Init::Ones);
    let matrix = |name: &str, rows, cols, init| named(name, [rows, cols], Kind::Matrix, init);
    Layer {
        attn_norm: gain("attn_norm", c.d_model),
        q: matrix("q", c.d_model, q_dim, normal),
        k: matrix("k", c.d_model, kv_dim, normal),
        v: matrix("v", c.d_model, kv_dim, normal),
        o: matrix("o", q_dim, c.d_model, output),
        q_norm: c.qk_norm.then(|| gain("q_norm", c.head_dim)),
        k_norm: c.qk_norm.then(|| gain("k_norm", c.head_dim)),
        value_embed: c
            .value_embeddings
            .contains(&layer)
            .then(|| named("value_embed", [c.vocab_size, kv_dim], Kind::Table, normal)),
        ffn_norm: gain("ffn_norm", c.d_model),
        gate: c
            .activation
            .is_gated()
            .then(|| matrix("gate", c.d_model, c.d_ff, normal)),
        up: matrix("up", c.d_model, c.d_ff, normal),
        down: matrix("down", c.d_ff, c.d_model, output),
    }
}

impl<T> Layer<T> {
    /// The leaves in the order in which [`Weights::into_vec`] has them.
    pub fn into_vec(self) -> Vec<T> {
        let mut leaves = Vec::new();
        self.map(&mut |leaf| leaves.push(leaf));
        leaves
    }

    /// Applies `f` to every leaf, always in the same order.
    pub fn map<U>(self, f: &mut impl FnMut(T) -> U) -> Layer<U> {
        Layer {
            attn_norm: f(self.attn_norm),
            q: f(self.q),
            k: f(self.k),
            v: f(self.v),
            o: f(self.o),
            q_norm: self.q_norm.map(&mut *f),
            k_norm: self.k_norm.map(&mut *f),
            value_embed: self.value_embed.map(&mut *f),
            ffn_norm: f(self.ffn_norm),
            gate: self.gate.map(&mut *f),
            up: f(self.up),
            down: f(self.down),
        }
    }
}

impl<T> Weights<T> {
    /// Applies `f` to every leaf, always in the same order.
    pub fn map<U>(self, mut f: impl FnMut(T) -> U) -> Weights<U> {
        Weights {
            embed: f(self.embed),
            layers: self.layers.into_iter().map(|layer| layer.map(&mut f)).collect(),
            final_norm: f(self.final_norm),
            head: self.head.map(&mut f),
        }
    }

    /// The leaves in the order of [`Weights::map`].
    pub fn into_vec(self) -> Vec<T> {
        let mut leaves = Vec::new();
        self.map(|leaf| leaves.push(leaf));
        leaves
    }
}
