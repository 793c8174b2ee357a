//! Root-mean-square normalisation.

use burn::tensor::{FloatDType, Tensor};

/// `x / sqrt(mean(x^2) + eps) * gain` over the last dimension (Zhang and Sennrich, 2019), rounded to `half` where there is
/// one: it is what a product reads.
///
/// # Shapes
/// `x` and the result are `[.., n]`; `gain` is `[1, n]`.
pub fn rms_norm<const D: usize>(
    x: Tensor<D>,
    gain: Tensor<2>,
    eps: f64,
    half: Option<FloatDType>,
) -> Tensor<D> {
    #[cfg(feature = "native")]
    if crate::cpu::is_cpu(&x.device()) {
        return rounded(crate::cpu::rms_norm(x, gain, eps), half);
    }
    #[cfg(feature = "gpu")]
    if crate::gpu::is_gpu(&x.device()) {
        return crate::gpu::rms_norm(x, gain, eps, half);
    }
    rms_norm_plain(x, gain, eps, half)
}

fn rounded<const D: usize>(x: Tensor<D>, half: Option<FloatDType>) -> Tensor<D> {
    match half {
        Some(half) => x.cast(half),
        None => x,
    }
}

/// The reference of [`rms_norm`].
pub fn rms_norm_plain<const D: usize>(
    x: Tensor<D>,
    gain: Tensor<2>,
    eps: f64,
    half: Option<FloatDType>,
) -> Tensor<D> {
    let mean_square = (x.clone() * x.clone()).mean_dim(D - 1);
    let mut broadcast = [1; D];
    broadcast[D - 1] = gain.dims()[1];
    rounded(x / (mean_square + eps).sqrt() * gain.reshape(broadcast), half)
}

/// The sum of a residual stream and what a layer adds to it, and the sum's [`rms_norm`], which alone is rounded to `half`:
/// what stands between two layers.
///
/// # Shapes
/// `x`, `delta` and both results are `[.., n]`; `gain` is `[1, n]`.
pub fn add_rms_norm<const D: usize>(
    x: Tensor<D>,
    delta: Tensor<D>,
    gain: Tensor<2>,
    eps: f64,
    half: Option<FloatDType>,
) -> [Tensor<D>; 2] {
    #[cfg(feature = "native")]
    if crate::cpu::is_cpu(&x.device()) {
        let [sum, normed] = crate::cpu::add_rms_norm(x, delta, gain, eps);
        return [sum, rounded(normed, half)];
    }
    #[cfg(feature = "gpu")]
    if crate::gpu::is_gpu(&x.device()) {
        return crate::gpu::add_rms_norm(x, delta, gain, eps, half);
    }
    add_rms_norm_plain(x, delta, gain, eps, half)
}

/// The reference of [`add_rms_norm`].
pub fn add_rms_norm_plain<const D: usize>(
    x: Tensor<D>,
    delta: Tensor<D>,
    gain: Tensor<2>,
    eps: f64,
    half: Option<FloatDType>,
) -> [Tensor<D>; 2] {
    let sum = x + delta;
    [sum.clone(), rms_norm_plain(sum, gain, eps, half)]
}
