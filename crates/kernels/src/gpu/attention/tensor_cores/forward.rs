//! The result and the logarithm of each row's sum, by tensor cores.
// A kernel takes its tensors and sizes one by one, and its loops share their tiles.
#![allow(clippy::too_many_arguments, clippy::too_many_lines)]

use burn::backend::cubecl::dtype_to_storage_type;
use burn::tensor::DType;
use burn_cubecl::tensor::CubeTensor;
use cubecl::ir::ElemType;
use cubecl::prelude::*;

use super::super::{Sizes, first_query, first_tile, seen, start_of};
use super::{
    COLUMNS, ROWS, TILE, VECTOR, by_columns, by_rows, lefts, load, max_of_four, sum_of_four, write, zeros,
};
use crate::gpu::launch::{capped, empty, empty_like, exp_negative};

#[cube(launch)]
fn attention_mma_kernel<F: Float, N: Size>(
    q: &Tensor<Vector<F, N>>,
    k: &Tensor<Vector<F, N>>,
    v: &Tensor<Vector<F, N>>,
    out: &mut Tensor<F>,
    log_sums: &mut Tensor<f32>,
    seq: usize,
    heads: usize,
    kv_heads: usize,
    window: usize,
    scale: f32,
    cap: f32,
    #[comptime] caps: bool,
    #[comptime] vectors: usize,
    #[define(F)] _dtype: ElemType,
) {
    let mut queries = Shared::<[Vector<F, N>]>::new_slice(comptime![TILE * (vectors + 1)]);
    let mut keys = Shared::<[Vector<F, N>]>::new_slice(comptime![TILE * (vectors + 1)]);
    let mut values = Shared::<[Vector<F, N>]>::new_slice(comptime![TILE * (vectors + 1)]);

    let from = first_query(seq, TILE);
    let head = CUBE_POS_X as usize;
    let sequence = CUBE_POS_Y as usize;
    let stride = heads * vectors;
    let kv_stride = kv_heads * vectors;
    let start = start_of(sequence, head, seq, heads, vectors);
    let kv_start = start_of(sequence, head / (heads / kv_heads), seq, kv_heads, vectors);
    let unit = UNIT_POS_X as usize;
    let row = UNIT_POS_Y as usize * ROWS;
    let query = from + row + unit / 4;
    let mut last = from + TILE;
    if last > seq {
        last = seq;
    }

    load(q, &mut queries, start, stride, from, seq, TILE, vectors);
    sync_cube();
    let lefts = lefts(&queries, row, vectors);

    let mut sums = zeros(vectors);
    let mut largest = Array::<f32>::new(2usize);
    let mut totals = Array::<f32>::new(2usize);
    #[unroll]
    for half in 0..2usize {
        largest[half] = f32::new(-1.0e30f32);
        totals[half] = 0.0f32;
    }

    for tile in first_tile(from, window, TILE)..((last - 1) / TILE + 1) {
        let first = tile * TILE;
        sync_cube();
        load(k, &mut keys, kv_start, kv_stride, first, seq, TILE, vectors);
        load(v, &mut values, kv_start, kv_stride, first, seq, TILE, vectors);
        sync_cube();
        let mut scores = zeros(comptime![TILE / COLUMNS]);
        by_rows(&lefts, &keys, &mut scores, TILE, vectors);
        // Whether every query of the tile sees every key of the other.
        let whole = first + TILE <= from + 1 && from + TILE <= first + window && last == from + TILE;
        #[unroll]
        for half in 0..2usize {
            let query = query + half * 8;
            let mut highest = largest[half];
            #[unroll]
            for column in 0..TILE / COLUMNS {
                let pair = scores.index(column)[half];
                let mut kept = Vector::<f32, Const<2>>::zeroed();
                #[unroll]
                for i in 0..2usize {
                    let key = first + column * 8 + unit % 4 * 2 + i;
                    let mut value = capped(pair.extract(i) * scale, cap, caps);
                    if !whole && !seen(query, key, seq, window) {
                        value = f32::new(-1.0e30f32);
                    }
                    kept.insert(i, value);
                    highest = max(highest, value);
                }
                scores.index_mut(column)[half] = kept;
            }
            highest = max_of_four(highest);
            let keep = exp_negative(largest[half] - highest);
            largest[half] = highest;
            let mut total = totals[half] * keep;
            #[unroll]
            for column in 0..TILE / COLUMNS {
                let pair = scores.index(column)[half];
                let mut shares = Vector::<f32, Const<2>>::zeroed();
                #[unroll]
                for i in 0..2usize {
                    let value = pair.extract(i);
                    let mut share = 0.0f32;
                    if value > -0.5e30f32 {
                        share = exp_negative(value - highest);
                    }
                    shares.insert(i, share);
                    total += share;
                }
                scores.index_mut(column)[half] = shares;
            }
            totals[half] = total;
            #[unroll]
            for tile in 0..vectors {
                let pair = sums.index(tile)[half];
                let mut scaled = Vector::<f32, Const<2>>::zeroed();
                scaled.insert(0usize, pair.extract(0usize) * keep);
                scaled.insert(1usize, pair.extract(1usize) * keep);
                sums.index_mut(tile)[half] = scaled;
            }
        }
        by_columns(&scores, &values, &mut sums, TILE, vectors);
    }

    let mut factors = Array::<f32>::new(2usize);
    let lane = unit % 4;
    #[unroll]
    for half in 0..2usize {
        let total = sum_of_four(totals[half]);
        factors[half] = 1.0f32 / total;
        let query = query + half * 8;
        if query < seq && lane == 0 {
            log_sums[(sequence * seq + query) * heads + head] = largest[half] + total.ln();
        }
    }
    write(
        &sums,
        out,
        &factors,
        start * 8,
        stride * 8,
        from + row,
        seq,
        vectors,
    );
}

/// As [`forward`](super::super::forward).
pub(in super::super) fn forward(
    q: CubeTensor,
    k: CubeTensor,
    v: CubeTensor,
    sizes: &Sizes,
) -> (CubeTensor, CubeTensor) {
    let (out, dtype) = (empty_like(&q), dtype_to_storage_type(q.dtype));
    let log_sums = empty(&q, [sizes.batch, sizes.seq, sizes.heads], DType::F32);
    let (grid, dim) = sizes.grid_of_planes(sizes.heads);
    attention_mma_kernel::launch(
        &out.client,
        grid,
        dim,
        VECTOR,
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
        sizes.head_dim / VECTOR,
        dtype,
    );
    (out, log_sums)
}
