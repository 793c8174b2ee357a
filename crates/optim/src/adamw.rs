//! AdamW, one parameter at a time.

use burn::tensor::Tensor;

use crate::AdamwConfig;

/// Running means of one parameter's gradient.
#[derive(Clone, Debug)]
pub(crate) struct AdamwState {
    /// Mean of gradients.
    pub mean: Tensor<2>,
    /// Mean of squared gradients.
    pub square: Tensor<2>,
}

impl AdamwState {
    pub fn zeros_like(parameter: &Tensor<2>) -> Self {
        Self {
            mean: parameter.zeros_like(),
            square: parameter.zeros_like(),
        }
    }
}

/// The parameter after step `step` (from 1): algorithm 2 of Loshchilov and Hutter with `eps` outside the
/// root, as PyTorch does.
pub(crate) fn update(
    config: &AdamwConfig,
    (lr, weight_decay): (f64, f64),
    step: u64,
    parameter: Tensor<2>,
    gradient: Tensor<2>,
    state: &mut AdamwState,
) -> Tensor<2> {
    let correction = |beta: f64| 1.0 - beta.powf(step as f64);
    let square = gradient.clone() * gradient.clone();
    state.mean = state.mean.clone() * config.beta1 + gradient * (1.0 - config.beta1);
    state.square = state.square.clone() * config.beta2 + square * (1.0 - config.beta2);
    let root = state.square.clone().sqrt() / correction(config.beta2).sqrt() + config.eps;
    let direction = state.mean.clone() / root;
    parameter * (1.0 - lr * weight_decay) - direction * (lr / correction(config.beta1))
}
