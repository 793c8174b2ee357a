//! Tensors of the CPU backend as slices, and new ones from vectors.

use burn::backend::flex::FlexTensor;
use burn::backend::tensor::FloatTensor;
use burn::backend::{DispatchDevice, Flex};
use burn::tensor::{DType, Tensor, TensorData};

/// Values that one thread takes at a time in a pass without rows.
pub(crate) const CHUNK: usize = 1 << 14;

/// The values of a tensor, row by row; `hold` keeps a copy where the tensor was a view.
pub(crate) fn floats<'a>(tensor: &'a FlexTensor, hold: &'a mut Option<FlexTensor>) -> &'a [f32] {
    view(tensor, hold)
}

fn view<'a, E: burn::tensor::Element + bytemuck::Pod>(
    tensor: &'a FlexTensor,
    hold: &'a mut Option<FlexTensor>,
) -> &'a [E] {
    if let Some(slice) = tensor.as_slice() {
        return slice;
    }
    let copy: &FlexTensor = hold.insert(tensor.to_contiguous());
    // Contiguous now, and of the type that the caller asked for.
    copy.as_slice().unwrap_or_default()
}

/// Token ids, whatever integer the backend keeps them in.
pub(crate) fn tokens(tensor: &FlexTensor) -> Vec<usize> {
    tensor
        .clone()
        .into_data()
        .iter::<i64>()
        .map(|token| token as usize)
        .collect()
}

/// A new tensor from values, row by row.
pub(crate) fn tensor(values: Vec<f32>, shape: &[usize]) -> FloatTensor<Flex> {
    FlexTensor::from_data(TensorData::new(values, shape.to_vec()))
}

/// A vector that is not yet written; every element must be.
///
/// Zeroing costs as much as the pass that writes it.
pub(crate) fn uninitialised(len: usize) -> Vec<f32> {
    let mut values = Vec::with_capacity(len);
    // SAFETY: any bits are an f32, and the callers write all of it before they read any.
    #[allow(clippy::uninit_vec)]
    unsafe {
        values.set_len(len);
    }
    values
}

/// Whether a tensor is a plain one (no autodiff) of the CPU backend, in f32.
pub(crate) fn is_cpu_f32<const D: usize>(tensor: &Tensor<D>) -> bool {
    matches!(tensor.device().as_dispatch(), DispatchDevice::Flex(_)) && tensor.dtype() == DType::F32
}

/// The backend's own tensor behind one for which [`is_cpu_f32`] holds.
///
/// # Panics
/// For any other tensor.
pub(crate) fn to_flex<const D: usize>(tensor: Tensor<D>) -> FlexTensor {
    // What the caller has asked about.
    #[allow(clippy::expect_used)]
    tensor
        .try_into_primitive::<Flex>()
        .expect("a plain tensor of the CPU")
}

/// The reverse of [`to_flex`].
pub(crate) fn from_flex<const D: usize>(tensor: FlexTensor) -> Tensor<D> {
    Tensor::from_primitive::<Flex>(tensor)
}

/// The tensor with its values row by row and nothing else in its memory, so that its storage is its values; copied
/// only where it was a view.
#[allow(clippy::needless_pass_by_value)] // It must be the last to hold the memory.
pub(crate) fn whole(tensor: FlexTensor) -> FlexTensor {
    // With `tensor` dropped at the end, nobody new holds the memory.
    tensor.to_contiguous()
}

/// The one value of a factor that gradients are multiplied by; 1 where there is none.
pub(crate) fn factor(tensor: Option<&Tensor<1>>) -> f32 {
    let value = |tensor: &Tensor<1>| tensor.to_data().iter::<f32>().next();
    tensor.and_then(value).unwrap_or(1.0)
}

/// The one value of a tensor; NaN where it has none.
#[allow(clippy::needless_pass_by_value)] // Reading one out uses it up.
pub(crate) fn scalar(tensor: FloatTensor<Flex>) -> f32 {
    tensor.into_data().iter::<f32>().next().unwrap_or(f32::NAN)
}
