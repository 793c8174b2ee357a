//! New values in the place of old ones, for a recording that reads there.

use burn::backend::cubecl::dtype_to_storage_type;
use burn_cubecl::tensor::CubeTensor;
use cubecl::ir::ElemType;
use cubecl::prelude::*;

use super::launch::{flat, whole};

#[cube(launch)]
fn refill_kernel<I: Int>(
    source: &Tensor<I>,
    target: &mut Tensor<I>,
    len: usize,
    cols: usize,
    stride: usize,
    #[define(I)] _dtype: ElemType,
) {
    let at = ABSOLUTE_POS;
    if at < len {
        // The rows of the target may be padded; those of the source are not.
        target[at / cols * stride + at % cols] = source[at];
    }
}

/// `target` with the values of `source`, which is a matrix of its shape and type.
pub(super) fn refill(target: CubeTensor, source: CubeTensor) -> CubeTensor {
    let (grid, dim) = flat(target.meta.num_elements());
    refill_kernel::launch(
        &target.client,
        grid,
        dim,
        whole(source).into_tensor_arg(),
        target.clone().into_tensor_arg(),
        target.meta.num_elements(),
        target.meta.shape()[1].max(1),
        target.meta.strides()[0],
        dtype_to_storage_type(target.dtype),
    );
    target
}
