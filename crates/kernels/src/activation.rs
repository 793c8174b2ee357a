//! The non-linearities of the feed-forward network.

use burn::tensor::{Tensor, activation};

/// `x * sigmoid(x)`. Any shape.
pub fn silu<const D: usize>(x: Tensor<D>) -> Tensor<D> {
    activation::silu(x)
}

/// `silu(gate) * up` (Shazeer, "GLU Variants Improve Transformer", 2020).
///
/// # Shapes
/// `gate`, `up` and the result are alike.
pub fn swiglu<const D: usize>(gate: Tensor<D>, up: Tensor<D>) -> Tensor<D> {
    #[cfg(feature = "native")]
    if crate::cpu::is_cpu(&gate.device()) {
        return crate::cpu::swiglu(gate, up);
    }
    #[cfg(feature = "gpu")]
    if crate::gpu::is_gpu(&gate.device()) {
        return crate::gpu::swiglu(gate, up);
    }
    swiglu_plain(gate, up)
}

/// The reference of [`swiglu`].
pub fn swiglu_plain<const D: usize>(gate: Tensor<D>, up: Tensor<D>) -> Tensor<D> {
    silu(gate) * up
}

/// `max(x, 0)^2` (So et al., "Primer", 2021). Any shape.
pub fn relu_squared<const D: usize>(x: Tensor<D>) -> Tensor<D> {
    #[cfg(feature = "native")]
    if crate::cpu::is_cpu(&x.device()) {
        return crate::cpu::relu_squared(x);
    }
    #[cfg(feature = "gpu")]
    if crate::gpu::is_gpu(&x.device()) {
        return crate::gpu::relu_squared(x);
    }
    relu_squared_plain(x)
}

/// The reference of [`relu_squared`].
pub fn relu_squared_plain<const D: usize>(x: Tensor<D>) -> Tensor<D> {
    let positive = activation::relu(x);
    positive.clone() * positive
}
