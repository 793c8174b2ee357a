//! The numbers of one parameter's step.

use blueberry_kernels::{AdamwStep, MuonStep};
use blueberry_model::Kind;

use crate::{AdamwConfig, MuonConfig};

/// A step of a matrix of `shape` (in, out), with the learning rate multiplied by `factor`. The direction is scaled by
/// `sqrt(max(1, out / in))`, which keeps the size of an update's effect alike for tall and wide matrices.
pub(crate) fn muon(config: &MuonConfig, factor: f64, [fan_in, fan_out]: [usize; 2]) -> MuonStep {
    let lr = config.lr * factor;
    let scale = (fan_out as f64 / fan_in as f64).max(1.0).sqrt();
    MuonStep {
        momentum: config.momentum,
        keep: 1.0 - lr * config.weight_decay,
        rate: lr * scale,
    }
}

/// Step `step` (from 1) of a parameter that AdamW has, with the learning rate multiplied by `factor`.
pub(crate) fn adamw(config: &AdamwConfig, factor: f64, kind: Kind, step: u64) -> AdamwStep {
    let lr = config.lr * factor;
    let decays = kind != Kind::Gain || config.decay_gains;
    let decay = if decays { config.weight_decay } else { 0.0 };
    let correction = |beta: f64| 1.0 - beta.powf(step as f64);
    AdamwStep {
        keep: 1.0 - lr * decay,
        rate: lr / correction(config.beta1),
        beta1: config.beta1,
        beta2: config.beta2,
        root_correction: correction(config.beta2).sqrt(),
        eps: config.eps,
    }
}
