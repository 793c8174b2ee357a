//! The result, with what the backward pass needs of the scores: the logarithm of each row's sum.
// A kernel takes its tensors and sizes one by one, and its loops share their tiles.
#![allow(clippy::too_many_arguments, clippy::too_many_lines)]

use burn::backend::cubecl::dtype_to_storage_type;
use burn::tensor::DType;
use burn_cubecl::tensor::CubeTensor;
use cubecl::ir::ElemType;
use cubecl::prelude::*;

use super::{
    LANES, Scores, Sizes, columns, dot, first_query, first_tile, load, seen, start_of, tensor_cores,
};
use crate::gpu::drives_cuda;
use crate::gpu::fallback::fell_back;
use crate::gpu::launch::{capped, empty, empty_like, exp_negative, whole};

#[cube(launch)]
fn attention_kernel<F: Float>(
    q: &Tensor<F>,
    k: &Tensor<F>,
    v: &Tensor<F>,
    out: &mut Tensor<F>,
    log_sums: &mut Tensor<f32>,
    seq: usize,
    heads: usize,
    kv_heads: usize,
    window: usize,
    scale: f32,
    cap: f32,
    #[comptime] caps: bool,
    #[comptime] size: usize,
    #[comptime] head_dim: usize,
    #[define(F)] _dtype: ElemType,
) {
    let width = comptime![columns(head_dim) + 1];
    let each = comptime![columns(head_dim) / LANES];
    let mut queries = Shared::<[f32]>::new_slice(comptime![size * width]);
    // The keys of a tile, then its values.
    let mut other = Shared::<[f32]>::new_slice(comptime![size * width]);
    let mut scores = Shared::<[f32]>::new_slice(comptime![size * (size + 1)]);

    let from = first_query(seq, size);
    let head = CUBE_POS_X as usize;
    let sequence = CUBE_POS_Y as usize;
    let stride = heads * head_dim;
    let kv_stride = kv_heads * head_dim;
    let start = start_of(sequence, head, seq, heads, head_dim);
    let kv_start = start_of(sequence, head / (heads / kv_heads), seq, kv_heads, head_dim);
    let row = UNIT_POS_Y as usize;
    let lane = UNIT_POS_X as usize;
    let query = from + row;
    let mut last = from + size;
    if last > seq {
        last = seq;
    }

    let mut sums = Array::<f32>::new(each);
    #[unroll]
    for i in 0..each {
        sums[i] = 0.0f32;
    }
    let mut largest = f32::new(-1.0e30f32);
    let mut total = 0.0f32;
    load(q, &mut queries, start, stride, from, seq, size, head_dim);

    for tile in first_tile(from, window, size)..((last - 1) / size + 1) {
        let first = tile * size;
        sync_cube();
        load(k, &mut other, kv_start, kv_stride, first, seq, size, head_dim);
        sync_cube();
        let mut column = lane;
        while column < size {
            let mut value = f32::new(-1.0e30f32);
            if seen(query, first + column, seq, window) {
                let product = dot(&queries, row, &other, column, head_dim);
                value = capped(product * scale, cap, caps);
            }
            scores[row * (size + 1) + column] = value;
            column += LANES;
        }
        sync_cube();
        load(v, &mut other, kv_start, kv_stride, first, seq, size, head_dim);
        let mut highest = largest;
        for column in 0..size {
            highest = max(highest, scores[row * (size + 1) + column]);
        }
        sync_cube();
        let mut column = lane;
        while column < size {
            let value = scores[row * (size + 1) + column];
            let mut share = 0.0f32;
            if value > -0.5e30f32 {
                share = exp_negative(value - highest);
            }
            scores[row * (size + 1) + column] = share;
            column += LANES;
        }
        sync_cube();
        let keep = exp_negative(largest - highest);
        largest = highest;
        total *= keep;
        #[unroll]
        for i in 0..each {
            sums[i] *= keep;
        }
        for column in 0..size {
            let share = scores[row * (size + 1) + column];
            total += share;
            #[unroll]
            for i in 0..each {
                sums[i] += share * other[column * width + lane + i * LANES];
            }
        }
    }
    if query < seq {
        #[unroll]
        for i in 0..each {
            let column = lane + i * LANES;
            if column < head_dim {
                out[start + query * stride + column] = F::cast_from(sums[i] / total);
            }
        }
        if lane == 0 {
            log_sums[(sequence * seq + query) * heads + head] = largest + total.ln();
        }
    }
}

/// The result, and `ln sum exp` of each query's scores (`[batch, seq, heads]`, f32).
pub(in crate::gpu) fn forward(
    q: CubeTensor,
    k: CubeTensor,
    v: CubeTensor,
    scores: Scores,
) -> (CubeTensor, CubeTensor) {
    let (q, k, v) = (whole(q), whole(k), whole(v));
    let sizes = Sizes::of(&q, &k, scores);
    if tensor_cores::fits(&q) {
        return tensor_cores::forward(q, k, v, &sizes);
    }
    // The backward pass takes the same way.
    if q.dtype != DType::F32 && drives_cuda(&q.device) {
        let head_dim = q.meta.shape()[3];
        fell_back(format!(
            "attention with heads of {head_dim} in {:?} is without tensor cores, which take multiples of 16 up to 128",
            q.dtype
        ));
    }
    let (out, dtype) = (empty_like(&q), dtype_to_storage_type(q.dtype));
    let log_sums = empty(&q, [sizes.batch, sizes.seq, sizes.heads], DType::F32);
    let tile = sizes.tile(&q, 2, 1);
    let (grid, dim) = sizes.grid(tile, sizes.heads);
    attention_kernel::launch(
        &out.client,
        grid,
        dim,
        q.into_tensor_arg(),
        k.into_tensor_arg(),
        v.into_tensor_arg(),
        out.clone().into_tensor_arg(),
        log_sums.clone().into_tensor_arg(),
        sizes.seq,
        sizes.heads,
        sizes.kv_heads,
        sizes.window,
        sizes.scale,
        sizes.cap,
        sizes.caps,
        tile,
        sizes.head_dim,
        dtype,
    );
    (out, log_sums)
}
