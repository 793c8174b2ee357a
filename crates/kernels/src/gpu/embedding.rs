//! The sum of gradients by token, in the tokens' order and without atomics: the places of one token are linked into a
//! list, and one cube walks each list.
#![allow(clippy::too_many_arguments)] // A kernel takes its tensors and sizes one by one.

use burn::backend::autodiff::checkpoint::base::Checkpointer;
use burn::backend::autodiff::checkpoint::strategy::CheckpointStrategy;
use burn::backend::autodiff::grads::Gradients;
use burn::backend::autodiff::ops::{Backward, Ops, OpsKind};
use burn::backend::cubecl::dtype_to_storage_type;
use burn::backend::ops::FloatTensorOps;
use burn::backend::tensor::{FloatTensor, IntTensor};
use burn::backend::{Autodiff, Cube, TensorMetadata};
use burn::tensor::DType;
use burn_cubecl::tensor::CubeTensor;
use cubecl::ir::ElemType;
use cubecl::prelude::*;

use super::GpuKernels;
use super::launch::{UNITS, cubes, empty, flat, whole, zeroed};

/// Where each place's token comes next (`count` where it does not), and a 1 at every place that comes after another.
#[cube(launch)]
fn link_kernel<I: Int>(
    tokens: &Tensor<I>,
    next: &mut Tensor<u32>,
    later: &mut Tensor<u32>,
    count: usize,
    #[define(I)] _dtype: ElemType,
) {
    let place = ABSOLUTE_POS;
    if place < count {
        let token = u32::cast_from(tokens[place]);
        let mut found = count;
        let mut at = place + 1;
        while at < found {
            if u32::cast_from(tokens[at]) == token {
                found = at;
            }
            at += 1;
        }
        next[place] = found as u32;
        if found < count {
            later[found] = 1u32;
        }
    }
}

#[cube(launch)]
fn sum_kernel<F: Float, I: Int>(
    upstream: &Tensor<F>,
    tokens: &Tensor<I>,
    next: &Tensor<u32>,
    later: &Tensor<u32>,
    sums: &mut Tensor<F>,
    count: usize,
    n: usize,
    #[define(F, I)] _dtypes: [ElemType; 2],
) {
    let place = CUBE_POS;
    if place < count && later[place] == 0u32 {
        let row = u32::cast_from(tokens[place]) as usize * n;
        let mut column = UNIT_POS as usize;
        while column < n {
            let mut sum = 0.0f32;
            let mut at = place;
            while at < count {
                sum += f32::cast_from(upstream[at * n + column]);
                at = next[at] as usize;
            }
            sums[row + column] = F::cast_from(sum);
            column += CUBE_DIM as usize;
        }
    }
}

/// `upstream` is `[tokens, n]`; gives `[vocab, n]`.
pub(super) fn backward(upstream: CubeTensor, tokens: CubeTensor, vocab: usize) -> CubeTensor {
    let (upstream, tokens) = (whole(upstream), whole(tokens));
    let [count, n] = [upstream.meta.shape()[0], upstream.meta.shape()[1]];
    let next = empty(&upstream, [count], DType::U32);
    let later = zeroed(&upstream, [count], DType::U32);
    let sums = zeroed(&upstream, [vocab, n], upstream.dtype);
    let dtypes = [
        dtype_to_storage_type(upstream.dtype),
        dtype_to_storage_type(tokens.dtype),
    ];
    let (grid, dim) = flat(count);
    link_kernel::launch(
        &sums.client,
        grid,
        dim,
        tokens.clone().into_tensor_arg(),
        next.clone().into_tensor_arg(),
        later.clone().into_tensor_arg(),
        count,
        dtypes[1],
    );
    sum_kernel::launch(
        &sums.client,
        cubes(count),
        CubeDim::new_1d(UNITS),
        upstream.into_tensor_arg(),
        tokens.into_tensor_arg(),
        next.into_tensor_arg(),
        later.into_tensor_arg(),
        sums.clone().into_tensor_arg(),
        count,
        n,
        dtypes,
    );
    sums
}

#[derive(Debug)]
struct Embedding;

impl Backward<Cube, 1> for Embedding {
    /// The tokens, and the rows of the table.
    type State = (IntTensor<Cube>, usize);

    fn backward(self, ops: Ops<Self::State, 1>, grads: &mut Gradients, _: &mut Checkpointer) {
        let (tokens, vocab) = ops.state;
        let upstream = grads.consume::<Cube>(&ops.node);
        let gradient = Cube::embedding_backward(upstream, tokens, vocab);
        register!(grads, ops.parents, [gradient]);
    }
}

pub(super) fn tracked<C: CheckpointStrategy>(
    table: FloatTensor<Autodiff<Cube, C>>,
    tokens: IntTensor<Cube>,
) -> FloatTensor<Autodiff<Cube, C>> {
    let prepared = Embedding.prepare::<C>([table.node()]).compute_bound().stateful();
    let table = table.into_primitive();
    let vocab = table.shape()[0];
    let out = Cube::float_select(table, 0, tokens.clone());
    match prepared {
        OpsKind::Tracked(prep) => prep.finish((tokens, vocab), out),
        OpsKind::UnTracked(prep) => prep.finish(out),
    }
}
