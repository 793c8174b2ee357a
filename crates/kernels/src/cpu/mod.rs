//! What runs on the CPU in one pass over memory, where Burn's composition takes many.
//!
//! Each operation is one node of Burn's autodiff with a backward of its own, reached through the extension trait
//! [`CpuOperations`], which only Burn's CPU backend implements. The public functions beside the references
//! choose it by the device of their arguments ([`is_cpu`]). The optimiser's operations are not differentiated and read
//! and write the backend's tensors directly.

/// Gives each parent of a node its gradient, where it wants one. A macro, since the type of a parent has no public name.
macro_rules! register {
    ($grads:expr, $parents:expr, $gradients:expr) => {
        for (parent, gradient) in $parents.into_iter().zip($gradients) {
            if let Some(parent) = parent {
                $grads.register::<burn::backend::Flex>(parent.id, gradient);
            }
        }
    };
}

mod activation;
mod adamw;
mod attention;
mod embedding;
mod global_norm;
mod head_loss;
mod math;
mod momentum;
mod muon;
mod orthogonalize;
mod product;
mod qk_norm_rope;
mod rms_norm;
mod slices;

use attention::Scores;
use burn::backend::autodiff::checkpoint::strategy::CheckpointStrategy;
use burn::backend::tensor::{FloatTensor, IntTensor};
use burn::backend::{Autodiff, Backend, Dispatch, DispatchDevice, Flex, backend_extension};
use burn::tensor::{Device, Int, Tensor};
use qk_norm_rope::Angles;

use crate::{Head, LossTerms};

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

/// The operations, on primitives of one backend. The functions of the same names at the crate's root say what each
/// computes; numbers stand for the structs that they take.
#[backend_extension(Flex, Autodiff)]
pub(crate) trait CpuOperations: Backend {
    /// `window` may exceed the sequence.
    fn attention(
        q: FloatTensor<Self>,
        k: FloatTensor<Self>,
        v: FloatTensor<Self>,
        window: usize,
        softcap: Option<f64>,
    ) -> FloatTensor<Self>;
    fn embedding(table: FloatTensor<Self>, tokens: IntTensor<Self>) -> FloatTensor<Self>;
    /// `tied` says which of [`Head`]'s layouts `head` has.
    fn head_loss(
        x: FloatTensor<Self>,
        head: FloatTensor<Self>,
        targets: IntTensor<Self>,
        tied: bool,
        terms: LossTerms,
    ) -> FloatTensor<Self>;
    fn qk_norm_rope(
        x: FloatTensor<Self>,
        gain: FloatTensor<Self>,
        cos: FloatTensor<Self>,
        sin: FloatTensor<Self>,
        eps: f64,
    ) -> FloatTensor<Self>;
    /// [`crate::qk_norm_rope`] without a gain.
    fn rope(x: FloatTensor<Self>, cos: FloatTensor<Self>, sin: FloatTensor<Self>) -> FloatTensor<Self>;
    fn rms_norm(x: FloatTensor<Self>, gain: FloatTensor<Self>, eps: f64) -> FloatTensor<Self>;
    fn add_rms_norm(
        x: FloatTensor<Self>,
        delta: FloatTensor<Self>,
        gain: FloatTensor<Self>,
        eps: f64,
    ) -> (FloatTensor<Self>, FloatTensor<Self>);
    fn swiglu(gate: FloatTensor<Self>, up: FloatTensor<Self>) -> FloatTensor<Self>;
    fn relu_squared(x: FloatTensor<Self>) -> FloatTensor<Self>;
}

fn constants<C: CheckpointStrategy>(
    cos: FloatTensor<Autodiff<Flex, C>>,
    sin: FloatTensor<Autodiff<Flex, C>>,
) -> Angles {
    Angles {
        cos: cos.into_primitive(),
        sin: sin.into_primitive(),
    }
}

fn scores(window: usize, softcap: Option<f64>) -> Scores {
    Scores {
        window,
        softcap: softcap.map(|cap| cap as f32),
    }
}

impl CpuOperations for Flex {
    fn attention(
        q: FloatTensor<Self>,
        k: FloatTensor<Self>,
        v: FloatTensor<Self>,
        window: usize,
        softcap: Option<f64>,
    ) -> FloatTensor<Self> {
        attention::forward(&q, &k, &v, scores(window, softcap)).0
    }

    fn embedding(table: FloatTensor<Self>, tokens: IntTensor<Self>) -> FloatTensor<Self> {
        embedding::forward(&table, &slices::tokens(&tokens))
    }

    fn head_loss(
        x: FloatTensor<Self>,
        head: FloatTensor<Self>,
        targets: IntTensor<Self>,
        tied: bool,
        terms: LossTerms,
    ) -> FloatTensor<Self> {
        head_loss::value(&x, (&head, tied), &targets, terms)
    }

    fn qk_norm_rope(
        x: FloatTensor<Self>,
        gain: FloatTensor<Self>,
        cos: FloatTensor<Self>,
        sin: FloatTensor<Self>,
        eps: f64,
    ) -> FloatTensor<Self> {
        qk_norm_rope::forward(&x, Some((&gain, eps)), &Angles { cos, sin }).0
    }

    fn rope(x: FloatTensor<Self>, cos: FloatTensor<Self>, sin: FloatTensor<Self>) -> FloatTensor<Self> {
        qk_norm_rope::forward(&x, None, &Angles { cos, sin }).0
    }

    fn rms_norm(x: FloatTensor<Self>, gain: FloatTensor<Self>, eps: f64) -> FloatTensor<Self> {
        rms_norm::forward(&x, &gain, eps).0
    }

    fn add_rms_norm(
        x: FloatTensor<Self>,
        delta: FloatTensor<Self>,
        gain: FloatTensor<Self>,
        eps: f64,
    ) -> (FloatTensor<Self>, FloatTensor<Self>) {
        let ([sum, normed], _) = rms_norm::add_forward(&x, &delta, &gain, eps);
        (sum, normed)
    }

    fn swiglu(gate: FloatTensor<Self>, up: FloatTensor<Self>) -> FloatTensor<Self> {
        activation::swiglu(&gate, &up)
    }

    fn relu_squared(x: FloatTensor<Self>) -> FloatTensor<Self> {
        activation::relu_squared(&x)
    }
}

impl<C: CheckpointStrategy> CpuOperations for Autodiff<Flex, C> {
    fn attention(
        q: FloatTensor<Self>,
        k: FloatTensor<Self>,
        v: FloatTensor<Self>,
        window: usize,
        softcap: Option<f64>,
    ) -> FloatTensor<Self> {
        attention::tracked::<C>(q, k, v, scores(window, softcap))
    }

    fn embedding(table: FloatTensor<Self>, tokens: IntTensor<Self>) -> FloatTensor<Self> {
        embedding::tracked::<C>(table, &tokens)
    }

    fn head_loss(
        x: FloatTensor<Self>,
        head: FloatTensor<Self>,
        targets: IntTensor<Self>,
        tied: bool,
        terms: LossTerms,
    ) -> FloatTensor<Self> {
        head_loss::tracked::<C>(x, head, tied, &targets, terms)
    }

    fn qk_norm_rope(
        x: FloatTensor<Self>,
        gain: FloatTensor<Self>,
        cos: FloatTensor<Self>,
        sin: FloatTensor<Self>,
        eps: f64,
    ) -> FloatTensor<Self> {
        qk_norm_rope::tracked::<C>(x, gain, constants::<C>(cos, sin), eps)
    }

    fn rope(x: FloatTensor<Self>, cos: FloatTensor<Self>, sin: FloatTensor<Self>) -> FloatTensor<Self> {
        qk_norm_rope::rope_tracked::<C>(x, constants::<C>(cos, sin))
    }

    fn rms_norm(x: FloatTensor<Self>, gain: FloatTensor<Self>, eps: f64) -> FloatTensor<Self> {
        rms_norm::tracked::<C>(x, gain, eps)
    }

    fn add_rms_norm(
        x: FloatTensor<Self>,
        delta: FloatTensor<Self>,
        gain: FloatTensor<Self>,
        eps: f64,
    ) -> (FloatTensor<Self>, FloatTensor<Self>) {
        rms_norm::add_tracked::<C>(x, delta, gain, eps)
    }

    fn swiglu(gate: FloatTensor<Self>, up: FloatTensor<Self>) -> FloatTensor<Self> {
        activation::swiglu_tracked::<C>(gate, up)
    }

    fn relu_squared(x: FloatTensor<Self>) -> FloatTensor<Self> {
        activation::relu_squared_tracked::<C>(x)
    }
}

// The same on tensors, all of which are on the CPU.

pub(crate) fn attention(
    q: Tensor<4>,
    k: Tensor<4>,
    v: Tensor<4>,
    window: usize,
    softcap: Option<f64>,
) -> Tensor<4> {
    let [q, k, v] = [q, k, v].map(Tensor::into_dispatch);
    Tensor::from_dispatch(<Dispatch as CpuOperations>::attention(q, k, v, window, softcap))
}

pub(crate) fn embedding(table: Tensor<2>, tokens: Tensor<1, Int>) -> Tensor<2> {
    let rows = <Dispatch as CpuOperations>::embedding(table.into_dispatch(), tokens.into_dispatch());
    Tensor::from_dispatch(rows)
}

pub(crate) fn head_loss(x: Tensor<2>, head: Head, targets: Tensor<1, Int>, terms: LossTerms) -> Tensor<1> {
    let (head, tied) = match head {
        Head::Tied(table) => (table, true),
        Head::Own(matrix) => (matrix, false),
    };
    let (x, head, targets) = (x.into_dispatch(), head.into_dispatch(), targets.into_dispatch());
    Tensor::from_dispatch(<Dispatch as CpuOperations>::head_loss(
        x, head, targets, tied, terms,
    ))
}

pub(crate) fn qk_norm_rope(
    x: Tensor<4>,
    gain: Option<Tensor<2>>,
    cos: Tensor<4>,
    sin: Tensor<4>,
    eps: f64,
) -> Tensor<4> {
    let [x, cos, sin] = [x, cos, sin].map(Tensor::into_dispatch);
    Tensor::from_dispatch(match gain {
        Some(gain) => <Dispatch as CpuOperations>::qk_norm_rope(x, gain.into_dispatch(), cos, sin, eps),
        None => <Dispatch as CpuOperations>::rope(x, cos, sin),
    })
}

pub(crate) fn rms_norm<const D: usize>(x: Tensor<D>, gain: Tensor<2>, eps: f64) -> Tensor<D> {
    let normed = <Dispatch as CpuOperations>::rms_norm(x.into_dispatch(), gain.into_dispatch(), eps);
    Tensor::from_dispatch(normed)
}

pub(crate) fn add_rms_norm<const D: usize>(
    x: Tensor<D>,
    delta: Tensor<D>,
    gain: Tensor<2>,
    eps: f64,
) -> [Tensor<D>; 2] {
    let [x, delta] = [x, delta].map(Tensor::into_dispatch);
    let (sum, normed) = <Dispatch as CpuOperations>::add_rms_norm(x, delta, gain.into_dispatch(), eps);
    [sum, normed].map(Tensor::from_dispatch)
}

pub(crate) fn swiglu<const D: usize>(gate: Tensor<D>, up: Tensor<D>) -> Tensor<D> {
    let [gate, up] = [gate, up].map(Tensor::into_dispatch);
    Tensor::from_dispatch(<Dispatch as CpuOperations>::swiglu(gate, up))
}

pub(crate) fn relu_squared<const D: usize>(x: Tensor<D>) -> Tensor<D> {
    Tensor::from_dispatch(<Dispatch as CpuOperations>::relu_squared(x.into_dispatch()))
}
