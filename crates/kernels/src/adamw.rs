//! One AdamW update of all its parameters.

use burn::tensor::Tensor;

use crate::global_norm::clipped;

/// The numbers of one step of a parameter.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct AdamwStep {
    /// What the weight is multiplied by, `1 - lr * weight_decay`.
    pub keep: f64,
    /// The rate with the mean's bias correction, `lr / (1 - beta1^t)`.
    pub rate: f64,
    /// Share of the old mean that stays.
    pub beta1: f64,
    /// Share of the old mean of squares that stays.
    pub beta2: f64,
    /// Root of the bias correction of the mean of squares, `sqrt(1 - beta2^t)`.
    pub root_correction: f64,
    /// Added to the root.
    pub eps: f64,
}

/// A parameter, its gradient's mean and its gradient's mean of squares; all of one shape.
#[derive(Clone, Debug)]
pub struct AdamwState {
    /// The parameter.
    pub parameter: Tensor<2>,
    /// Mean of gradients.
    pub mean: Tensor<2>,
    /// Mean of squared gradients.
    pub square: Tensor<2>,
}

/// A parameter's part of a step: its numbers, its state, and its gradient before the clip.
#[derive(Clone, Debug)]
pub struct AdamwUpdate {
    /// The numbers.
    pub step: AdamwStep,
    /// What changes.
    pub state: AdamwState,
    /// The gradient, of the parameter's shape.
    pub gradient: Tensor<2>,
}

/// Algorithm 2 of Loshchilov and Hutter (2019), with `eps` outside the root as PyTorch has it, for each of the
/// parameters. With `g` the gradient times `clip` (`[1]`, if given):
/// `mean <- beta1 mean + (1 - beta1) g`, `square <- beta2 square + (1 - beta2) g^2`,
/// `p <- keep p - rate mean / (sqrt(square) / root_correction + eps)`.
///
/// Tensors are plain ones (no autodiff). The new states are in the order of the updates.
pub fn adamw(updates: Vec<AdamwUpdate>, clip: Option<&Tensor<1>>) -> Vec<AdamwState> {
    #[cfg(feature = "native")]
    if updates
        .iter()
        .all(|update| update.tensors().into_iter().all(crate::cpu::is_cpu_f32))
    {
        return crate::cpu::adamw(updates, clip);
    }
    #[cfg(feature = "gpu")]
    if updates
        .iter()
        .all(|update| update.tensors().into_iter().all(crate::gpu::is_gpu_f32))
    {
        return crate::gpu::adamw(updates, clip);
    }
    adamw_plain(updates, clip)
}

/// The reference of [`adamw`].
pub fn adamw_plain(updates: Vec<AdamwUpdate>, clip: Option<&Tensor<1>>) -> Vec<AdamwState> {
    let update = |update: AdamwUpdate| {
        let gradient = row_by_row(update.gradient);
        plain(update.step, update.state, clipped(gradient, clip))
    };
    updates.into_iter().map(update).collect()
}

/// Burn 0.22.1 gives a gradient of one row the strides of a column at times, and then fuses the update into a kernel that
/// reads every value but the first from another's place.
fn row_by_row(gradient: Tensor<2>) -> Tensor<2> {
    #[cfg(feature = "gpu")]
    if crate::gpu::is_gpu_f32(&gradient) {
        return crate::gpu::dense(gradient);
    }
    gradient
}

fn plain(step: AdamwStep, state: AdamwState, gradient: Tensor<2>) -> AdamwState {
    let squared = gradient.clone() * gradient.clone();
    let mean = state.mean * step.beta1 + gradient * (1.0 - step.beta1);
    let square = state.square * step.beta2 + squared * (1.0 - step.beta2);
    let root = square.clone().sqrt() / step.root_correction + step.eps;
    let parameter = state.parameter * step.keep - mean.clone() / root * step.rate;
    AdamwState {
        parameter,
        mean,
        square,
    }
}

#[cfg(any(feature = "native", feature = "gpu"))]
impl AdamwUpdate {
    fn tensors(&self) -> [&Tensor<2>; 4] {
        let state = &self.state;
        [&state.parameter, &state.mean, &state.square, &self.gradient]
    }
}
