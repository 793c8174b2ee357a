//! What the optimisers are set to. Every field stands in the `[optim]` table of a preset.

use blueberry_kernels::Orthogonalize;
use serde::{Deserialize, Serialize};
use thiserror::Error;

/// Both optimisers and the clip.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OptimConfig {
    /// Largest global gradient norm; larger gradients are scaled down to it. 0 means no clip.
    #[serde(default = "one")]
    pub clip: f64,
    /// For the hidden matrices.
    pub muon: MuonConfig,
    /// For embedding, head, value embeddings and gains.
    pub adamw: AdamwConfig,
}

/// Muon (Jordan et al., 2024).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MuonConfig {
    /// Learning rate; the update has singular values near `lr`.
    pub lr: f64,
    /// Share of the old momentum that stays.
    #[serde(default = "momentum")]
    pub momentum: f64,
    /// Decoupled weight decay, times `lr`.
    #[serde(default)]
    pub weight_decay: f64,
    /// The iteration.
    #[serde(default)]
    pub method: Orthogonalize,
    /// What the iteration computes in.
    #[serde(default)]
    pub precision: MuonPrecision,
}

/// What Muon's iteration computes in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum MuonPrecision {
    /// 32-bit floats.
    #[default]
    F32,
    /// A 16-bit float where the device multiplies matrices of it, else 32 bits. The iteration only has to
    /// bring singular values near 1, so the lost digits cost nothing that was measured.
    Half,
}

/// AdamW (Loshchilov and Hutter, 2019).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AdamwConfig {
    /// Learning rate.
    pub lr: f64,
    /// Decay of the mean of gradients.
    #[serde(default = "beta1")]
    pub beta1: f64,
    /// Decay of the mean of squared gradients.
    #[serde(default = "beta2")]
    pub beta2: f64,
    /// Added to the root of the mean of squares.
    #[serde(default = "epsilon")]
    pub eps: f64,
    /// Decoupled weight decay, times `lr`; of embedding, head and value embeddings.
    #[serde(default)]
    pub weight_decay: f64,
    /// Whether gains decay too, as the reference system's do.
    #[serde(default)]
    pub decay_gains: bool,
}

fn one() -> f64 {
    1.0
}

fn momentum() -> f64 {
    0.95
}

fn beta1() -> f64 {
    0.9
}

fn beta2() -> f64 {
    0.95
}

fn epsilon() -> f64 {
    1e-8
}

/// A setting outside its range.
#[derive(Debug, Error, PartialEq)]
#[error("optim.{field} = {value}: must be {range}")]
pub struct OptimConfigError {
    field: &'static str,
    value: f64,
    range: &'static str,
}

impl OptimConfig {
    /// Checks every number.
    ///
    /// # Errors
    /// The first one outside its range.
    pub fn validate(&self) -> Result<(), OptimConfigError> {
        let (muon, adamw) = (&self.muon, &self.adamw);
        for (field, value) in [
            ("clip", self.clip),
            ("muon.lr", muon.lr),
            ("muon.weight_decay", muon.weight_decay),
            ("adamw.lr", adamw.lr),
            ("adamw.eps", adamw.eps),
            ("adamw.weight_decay", adamw.weight_decay),
        ] {
            if !(value.is_finite() && value >= 0.0) {
                return Err(OptimConfigError {
                    field,
                    value,
                    range: "a finite number, 0 or more",
                });
            }
        }
        for (field, value) in [
            ("muon.momentum", muon.momentum),
            ("adamw.beta1", adamw.beta1),
            ("adamw.beta2", adamw.beta2),
        ] {
            if !(0.0..1.0).contains(&value) {
                return Err(OptimConfigError {
                    field,
                    value,
                    range: "at least 0 and below 1",
                });
            }
        }
        Ok(())
    }
}
