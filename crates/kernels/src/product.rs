//! The product of activations and weights.

use burn::tensor::{Device, FloatDType, Tensor};

/// The 16-bit float that activations are in between products of `half` on `device`, if any: bf16 on CUDA.
/// Elsewhere they are f32. The residual stream, weights and their gradients always are.
pub fn activations_in(device: &Device, half: Option<FloatDType>) -> Option<FloatDType> {
    #[cfg(feature = "gpu")]
    if crate::gpu::is_cuda(device) {
        if half == Some(FloatDType::F16) {
            crate::gpu::fell_back(
                "activations between products of f16 are f32, and attention of those is without tensor cores; bf16 has them"
                    .into(),
            );
        }
        return half.filter(|&half| half == FloatDType::BF16);
    }
    let _ = (device, half);
    None
}

/// `x w`; with `half`, both are rounded to that 16-bit float first. Devices add up in f32, and the result is f32, unless
/// it is not `wide`: then it is in [`activations_in`] where there is one.
///
/// # Shapes
/// `x` is `[rows, in]`, `w` is `[in, out]`; the result is `[rows, out]`.
pub fn product(x: Tensor<2>, w: Tensor<2>, half: Option<FloatDType>, wide: bool) -> Tensor<2> {
    let wide = wide || activations_in(&x.device(), half).is_none();
    #[cfg(feature = "gpu")]
    if crate::gpu::is_cuda(&x.device()) {
        return crate::gpu::product(x, w, half, wide);
    }
    product_plain(x, w, half, wide)
}

/// The reference of [`product`]: f32, `wide` or not.
pub fn product_plain(x: Tensor<2>, w: Tensor<2>, half: Option<FloatDType>, _wide: bool) -> Tensor<2> {
    match half {
        None => x.matmul(w),
        Some(half) => x.cast(half).matmul(w.cast(half)).cast(FloatDType::F32),
    }
}

/// The gradient of a product's weights, `x^T upstream`, where the device is a GPU: of `parts` parts of the rows, which are
/// added up in their order. On CUDA the backward pass of [`product`] takes it.
///
/// # Shapes
/// `x` is `[rows, in]`, `upstream` is `[rows, out]`, plain tensors of one float; `parts` divides the rows. The result is
/// `[in, out]`, in f32.
#[cfg(feature = "gpu")]
pub fn weight_gradient(x: Tensor<2>, upstream: Tensor<2>, parts: usize) -> Tensor<2> {
    crate::gpu::weight_gradient(x, upstream, parts)
}
