//! Root-mean-square normalisation.

use burn::tensor::Tensor;

/// `x / sqrt(mean(x^2) + eps) * gain` over the last dimension (Zhang and Sennrich, 2019).
///
/// # Shapes
/// `x` and the result are `[.., n]`; `gain` is `[1, n]`.
pub fn rms_norm<const D: usize>(x: Tensor<D>, gain: Tensor<2>, eps: f64) -> Tensor<D> {
    #[cfg(feature = "native")]
    if crate::cpu::is_cpu(&x.device()) {
        return crate::cpu::rms_norm(x, gain, eps);
    }
    #[cfg(feature = "gpu")]
    if crate::gpu::is_gpu(&x.device()) {
        return crate::gpu::rms_norm(x, gain, eps);
    }
    rms_norm_plain(x, gain, eps)
}

/// The reference of [`rms_norm`].
pub fn rms_norm_plain<const D: usize>(x: Tensor<D>, gain: Tensor<2>, eps: f64) -> Tensor<D> {
    let mean_square = (x.clone() * x.clone()).mean_dim(D - 1);
    let mut broadcast = [1; D];
    broadcast[D - 1] = gain.dims()[1];
    x / (mean_square + eps).sqrt() * gain.reshape(broadcast)
}

/// The sum of a residual stream and what a layer adds to it, and the sum's [`rms_norm`]: what stands between two layers.
///
/// # Shapes
/// `x`, `delta` and both results are `[.., n]`; `gain` is `[1, n]`.
pub fn add_rms_norm<const D: usize>(
    x: Tensor<D>,
    delta: Tensor<D>,
    gain: Tensor<2>,
    eps: f64,
) -> [Tensor<D>; 2] {
    #[cfg(feature = "native")]
    if crate::cpu::is_cpu(&x.device()) {
        return crate::cpu::add_rms_norm(x, delta, gain, eps);
    }
    #[cfg(feature = "gpu")]
    if crate::gpu::is_gpu(&x.device()) {
        return crate::gpu::add_rms_norm(x, delta, gain, eps);
    }
    add_rms_norm_plain(x, delta, gain, eps)
}

/// The reference of [`add_rms_norm`].
pub fn add_rms_norm_plain<const D: usize>(
    x: Tensor<D>,
    delta: Tensor<D>,
    gain: Tensor<2>,
    eps: f64,
) -> [Tensor<D>; 2] {
    let sum = x + delta;
    [sum.clone(), rms_norm_plain(sum, gain, eps)]
}
