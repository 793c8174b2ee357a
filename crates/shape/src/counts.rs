//! Parameters and FLOPs by formula.

use serde::{Deserialize, Serialize};

use crate::{Kind, ModelConfig, ParameterSpec, Weights};

/// How large a model is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counts {
    /// All parameters.
    pub parameters: u64,
    /// Parameters that every token is multiplied with: hidden matrices and the head, tied or not.
    pub matmul_parameters: u64,
    /// Parameters that a token only looks up: an input-only embedding and value embeddings.
    pub table_parameters: u64,
}

impl ModelConfig {
    /// Counts the parameters.
    pub fn counts(&self) -> Counts {
        let specs = Weights::specs(self).into_vec();
        let count = |wanted: &dyn Fn(&ParameterSpec) -> bool| -> u64 {
            specs
                .iter()
                .filter(|spec| wanted(spec))
                .map(|spec| spec.len() as u64)
                .sum()
        };
        let tied = self.tied;
        Counts {
            parameters: count(&|_| true),
            matmul_parameters: count(&|spec| match spec.kind {
                Kind::Matrix | Kind::Head => true,
                Kind::Embedding => tied,
                Kind::Table | Kind::Gain => false,
            }),
            table_parameters: count(&|spec| match spec.kind {
                Kind::Table => true,
                Kind::Embedding => !tied,
                Kind::Matrix | Kind::Head | Kind::Gain => false,
            }),
        }
    }

    /// Floating-point operations of a training step, forward and backward, a token: `6 *
    /// matmul_parameters` for the products, and for each layer `12 * n_heads * head_dim *` the mean number
    /// of positions that a position sees (`seq / 2` without a window; PaLM, 2022, appendix B, halved
    /// because attention is causal).
    pub fn flops_per_token(&self, seq: usize) -> f64 {
        let attention: f64 = (0..self.n_layers)
            .map(|layer| {
                let seen = mean_seen(seq, self.layer_window(layer));
                12.0 * (self.n_heads * self.head_dim) as f64 * seen
            })
            .sum();
        6.0 * self.counts().matmul_parameters as f64 + attention
    }
}

/// Mean number of positions seen over a sequence: `seq / 2`, or with a window `w < seq` the area under
/// `min(i, w)`, `w - w^2 / (2 seq)`.
fn mean_seen(seq: usize, window: Option<usize>) -> f64 {
    let seq = seq as f64;
    let window = window.map_or(seq, |w| (w as f64).min(seq));
    window - window * window / (2.0 * seq)
}
