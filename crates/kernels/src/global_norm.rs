//! The norm of all gradients together, and the factor that clips it, without a round trip to the host.

use burn::tensor::Tensor;

/// The sum of squares of each gradient.
///
/// # Shapes
/// The result is `[gradients]`, in their order.
pub fn squared_norms(gradients: &[Tensor<2>]) -> Tensor<1> {
    #[cfg(feature = "native")]
    if gradients.iter().all(crate::cpu::is_cpu_f32) {
        return crate::cpu::squared_norms(gradients);
    }
    #[cfg(feature = "gpu")]
    if !gradients.is_empty() && gradients.iter().all(crate::gpu::is_gpu_f32) {
        return crate::gpu::squared_norms(gradients);
    }
    squared_norms_plain(gradients)
}

/// The reference of [`squared_norms`].
pub fn squared_norms_plain(gradients: &[Tensor<2>]) -> Tensor<1> {
    Tensor::cat(
        gradients.iter().map(|g| (g.clone() * g.clone()).sum()).collect(),
        0,
    )
}

/// `min(1, max_norm / (norm + 1e-6))`, the factor of PyTorch's `clip_grad_norm_`.
///
/// # Shapes
/// `squared_norms` is `[gradients]`; the result is `[1]`.
pub fn clip_factor(squared_norms: Tensor<1>, max_norm: f64) -> Tensor<1> {
    let norm = squared_norms.sum().sqrt();
    ((norm + 1e-6).recip() * max_norm).clamp_max(1.0)
}

/// The gradient times the factor `[1]`, if there is one.
pub(crate) fn clipped(gradient: Tensor<2>, factor: Option<&Tensor<1>>) -> Tensor<2> {
    match factor {
        Some(factor) => gradient * factor.clone().unsqueeze(),
        None => gradient,
    }
}
