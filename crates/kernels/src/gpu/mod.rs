//! What runs on a GPU as one kernel where Burn's composition takes many: one CubeCL source each, for CUDA and for WGPU
//! (Vulkan, Metal, the browser).
//!
//! There are two layers. [`GpuKernels`] launches kernels on plain tensors; Burn's fusion takes it as a custom operation.
//! [`GpuOperations`] is what the public functions call: each is one node of Burn's autodiff with a backward of its own.
//! Kernels add up in f32 whatever they read, sum in an order that depends on sizes alone, and use neither atomics nor, but
//! for attention by tensor cores on CUDA, subgroups, which some devices lack.

/// Gives each parent of a node its gradient, where it wants one. A macro, since the type of a parent has no public name.
macro_rules! register {
    ($grads:expr, $parents:expr, $gradients:expr) => {
        for (parent, gradient) in $parents.into_iter().zip($gradients) {
            if let Some(parent) = parent {
                $grads.register::<burn::backend::Cube>(parent.id, gradient);
            }
        }
    };
}

mod activation;
mod adamw;
mod attention;
mod embedding;
mod fallback;
mod global_norm;
mod head_loss;
mod kernels;
mod launch;
mod muon;
mod operations;
mod poison;
mod product;
mod qk_norm_rope;
mod refill;
mod rms_norm;
mod weight_gradient;

use burn::backend::DispatchDevice;
use burn::tensor::{DType, Device, Tensor};
use burn_cubecl::CubeDevice;

use kernels::GpuKernels;

pub(crate) use fallback::fell_back;
pub use fallback::take_fallbacks;
pub(crate) use operations::{
    adamw, add_rms_norm, attention, dense, embedding, head_loss, muon, plain_product, product, qk_norm_rope,
    refill, relu_squared, rms_norm, squared_norms, swiglu, weight_gradient,
};
pub use poison::{poison_unwritten, unwritten};

/// Whether tensors of `device` lie in the memory of a device that CubeCL drives.
pub(crate) fn is_gpu(device: &Device) -> bool {
    fn cube(device: &DispatchDevice) -> bool {
        match device {
            DispatchDevice::Cube(_) => true,
            DispatchDevice::Autodiff(device) => cube(&device.clone().inner()),
            _ => false,
        }
    }
    cube(device.as_dispatch())
}

/// Buffers that a kernel of `device`, which is a GPU, may name.
fn max_bindings(device: &Device) -> usize {
    match device.clone().without_autodiff().as_dispatch() {
        DispatchDevice::Cube(device) => device.client().properties().hardware.max_bindings as usize,
        _ => 0,
    }
}

/// Whether it is CUDA that drives `device`.
pub(crate) fn is_cuda(device: &Device) -> bool {
    match device.clone().without_autodiff().as_dispatch() {
        DispatchDevice::Cube(device) => drives_cuda(device),
        _ => false,
    }
}

fn drives_cuda(device: &CubeDevice) -> bool {
    #[cfg(feature = "native")]
    if matches!(device, CubeDevice::Cuda(_)) {
        return true;
    }
    let _ = device;
    false
}

/// Whether a tensor is a plain one (no autodiff) of such a device, in f32.
pub(crate) fn is_gpu_f32<const D: usize>(tensor: &Tensor<D>) -> bool {
    matches!(tensor.device().as_dispatch(), DispatchDevice::Cube(_)) && tensor.dtype() == DType::F32
}
