//! The product of activations and weights.

use burn::tensor::{FloatDType, Tensor};

/// `x w`; with `half`, both are rounded to that 16-bit float first. Devices add up in f32, and the result is f32 again:
/// weights, gradients and all that is not a product stay in f32.
///
/// # Shapes
/// `x` is `[rows, in]`, `w` is `[in, out]`; the result is `[rows, out]`.
pub fn product(x: Tensor<2>, w: Tensor<2>, half: Option<FloatDType>) -> Tensor<2> {
    #[cfg(feature = "native")]
    if let Some(half) = half.filter(|_| crate::gpu::is_cuda(&x.device())) {
        return crate::gpu::product(x, w, half);
    }
    product_plain(x, w, half)
}

/// The reference of [`product`].
pub fn product_plain(x: Tensor<2>, w: Tensor<2>, half: Option<FloatDType>) -> Tensor<2> {
    match half {
        None => x.matmul(w),
        Some(half) => x.cast(half).matmul(w.cast(half)).cast(FloatDType::F32),
    }
}
