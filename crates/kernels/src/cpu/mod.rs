//! What runs on the CPU in one pass over memory, where Burn's composition takes many.
//!
//! Each operation is one node of Burn's autodiff with a backward of its own, reached through the extension trait
//! [`CpuOperations`], which only Burn's CPU backend implements. The public functions beside the references
//! choose it by the device of their arguments ([`is_cpu`]). The optimiser's operations are not differentiated and read
//! and write the backend's tensors directly.

mod adamw;
mod attention;
mod cross_entropy;
mod global_norm;
mod math;
mod momentum;
mod muon;
mod orthogonalize;
mod product;
mod rms_norm;
mod rope;
mod slices;
mod swiglu;

use burn::backend::autodiff::checkpoint::strategy::CheckpointStrategy;
use burn::backend::tensor::{FloatTensor, IntTensor};
use burn::backend::{Autodiff, Backend, Dispatch, DispatchDevice, Flex, backend_extension};
use burn::tensor::{Device, Int, Tensor};

pub(crate) use adamw::adamw;
pub(crate) use global_norm::squared_norms;
pub(crate) use muon::{muon, orthogonalize};
pub(crate) use slices::is_cpu_f32;

/// Whether tensors of `device` lie in the memory of the CPU backend.
pub(crate) fn is_cpu(device: &Device) -> bool {
    fn flex(device: &DispatchDevice) -> bool {
        match device {
            DispatchDevice::Flex(_) => true,
            DispatchDevice::Autodiff(device) => flex(&device.clone().inner()),
            _ => false,
        }
    }
    flex(device.as_dispatch())
}

/// The operations, on primitives of one backend.
#[backend_extension(Flex, Autodiff)]
pub(crate) trait CpuOperations: Backend {
    /// See [`crate::attention`]; `window` may exceed the sequence.
    fn attention(
        q: FloatTensor<Self>,
        k: FloatTensor<Self>,
        v: FloatTensor<Self>,
        window: usize,
    ) -> FloatTensor<Self>;
    /// See [`crate::cross_entropy`].
    fn cross_entropy(logits: FloatTensor<Self>, targets: IntTensor<Self>) -> FloatTensor<Self>;
    /// See [`crate::rms_norm`].
    fn rms_norm(x: FloatTensor<Self>, gain: FloatTensor<Self>, eps: f64) -> FloatTensor<Self>;
    /// See [`crate::rope`].
    fn rope(x: FloatTensor<Self>, cos: FloatTensor<Self>, sin: FloatTensor<Self>) -> FloatTensor<Self>;
    /// See [`crate::swiglu`].
    fn swiglu(gate: FloatTensor<Self>, up: FloatTensor<Self>) -> FloatTensor<Self>;
}

impl CpuOperations for Flex {
    fn attention(
        q: FloatTensor<Self>,
        k: FloatTensor<Self>,
        v: FloatTensor<Self>,
        window: usize,
    ) -> FloatTensor<Self> {
        attention::forward(&q, &k, &v, window).0
    }

    fn cross_entropy(logits: FloatTensor<Self>, targets: IntTensor<Self>) -> FloatTensor<Self> {
        cross_entropy::forward(&logits, &targets).0
    }

    fn rms_norm(x: FloatTensor<Self>, gain: FloatTensor<Self>, eps: f64) -> FloatTensor<Self> {
        rms_norm::forward(&x, &gain, eps).0
    }

    fn rope(x: FloatTensor<Self>, cos: FloatTensor<Self>, sin: FloatTensor<Self>) -> FloatTensor<Self> {
        rope::forward(&x, &cos, &sin)
    }

    fn swiglu(gate: FloatTensor<Self>, up: FloatTensor<Self>) -> FloatTensor<Self> {
        swiglu::forward(&gate, &up)
    }
}

impl<C: CheckpointStrategy> CpuOperations for Autodiff<Flex, C> {
    fn attention(
        q: FloatTensor<Self>,
        k: FloatTensor<Self>,
        v: FloatTensor<Self>,
        window: usize,
    ) -> FloatTensor<Self> {
        attention::tracked::<C>(q, k, v, window)
    }

    fn cross_entropy(logits: FloatTensor<Self>, targets: IntTensor<Self>) -> FloatTensor<Self> {
        cross_entropy::tracked::<C>(logits, targets)
    }

    fn rms_norm(x: FloatTensor<Self>, gain: FloatTensor<Self>, eps: f64) -> FloatTensor<Self> {
        rms_norm::tracked::<C>(x, gain, eps)
    }

    fn rope(x: FloatTensor<Self>, cos: FloatTensor<Self>, sin: FloatTensor<Self>) -> FloatTensor<Self> {
        rope::tracked::<C>(x, cos, sin)
    }

    fn swiglu(gate: FloatTensor<Self>, up: FloatTensor<Self>) -> FloatTensor<Self> {
        swiglu::tracked::<C>(gate, up)
    }
}

/// Tensors are on the CPU.
pub(crate) fn attention(q: Tensor<4>, k: Tensor<4>, v: Tensor<4>, window: usize) -> Tensor<4> {
    let [q, k, v] = [q, k, v].map(Tensor::into_dispatch);
    Tensor::from_dispatch(<Dispatch as CpuOperations>::attention(q, k, v, window))
}

/// Tensors are on the CPU.
pub(crate) fn cross_entropy(logits: Tensor<2>, targets: Tensor<1, Int>) -> Tensor<1> {
    let loss = <Dispatch as CpuOperations>::cross_entropy(logits.into_dispatch(), targets.into_dispatch());
    Tensor::from_dispatch(loss)
}

/// Tensors are on the CPU.
pub(crate) fn rms_norm<const D: usize>(x: Tensor<D>, gain: Tensor<2>, eps: f64) -> Tensor<D> {
    let normed = <Dispatch as CpuOperations>::rms_norm(x.into_dispatch(), gain.into_dispatch(), eps);
    Tensor::from_dispatch(normed)
}

/// Tensors are on the CPU.
pub(crate) fn rope(x: Tensor<4>, cos: Tensor<4>, sin: Tensor<4>) -> Tensor<4> {
    let [x, cos, sin] = [x, cos, sin].map(Tensor::into_dispatch);
    Tensor::from_dispatch(<Dispatch as CpuOperations>::rope(x, cos, sin))
}

/// Tensors are on the CPU.
pub(crate) fn swiglu<const D: usize>(gate: Tensor<D>, up: Tensor<D>) -> Tensor<D> {
    let [gate, up] = [gate, up].map(Tensor::into_dispatch);
    Tensor::from_dispatch(<Dispatch as CpuOperations>::swiglu(gate, up))
}
