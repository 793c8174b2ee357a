//! AdamW, one parameter at a time.

use blueberry_kernels::{AdamwState, AdamwStep, adamw};
use burn::tensor::Tensor;

use crate::AdamwConfig;

/// Running means of one parameter's gradient.
#[derive(Clone, Debug)]
pub(crate) struct Means {
    /// Mean of gradients.
    pub mean: Tensor<2>,
    /// Mean of squared gradients.
    pub square: Tensor<2>,
}

impl Means {
    pub fn zeros_like(parameter: &Tensor<2>) -> Self {
        Self {
            mean: parameter.zeros_like(),
            square: parameter.zeros_like(),
        }
    }
}

/// The parameter and its means after step `step` (from 1).
pub(crate) fn update(
    config: &AdamwConfig,
    (lr, weight_decay): (f64, f64),
    step: u64,
    parameter: Tensor<2>,
    gradient: Tensor<2>,
    means: Means,
) -> (Tensor<2>, Means) {
    let correction = |beta: f64| 1.0 - beta.powf(step as f64);
    let numbers = AdamwStep {
        keep: 1.0 - lr * weight_decay,
        rate: lr / correction(config.beta1),
        beta1: config.beta1,
        beta2: config.beta2,
        root_correction: correction(config.beta2).sqrt(),
        eps: config.eps,
    };
    let state = AdamwState {
        parameter,
        mean: means.mean,
        square: means.square,
    };
    let AdamwState {
        parameter,
        mean,
        square,
    } = adamw(numbers, state, gradient);
    (parameter, Means { mean, square })
}
