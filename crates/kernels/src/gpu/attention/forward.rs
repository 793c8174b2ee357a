//! The result, with what the backward pass needs of the scores: the logarithm of each row's sum.
// A kernel takes its tensors and sizes one by one, and its loops share their tiles.
#![allow(clippy::too_many_arguments, clippy::too_many_lines)]

use burn::backend::cubecl::dtype_to_storage_type;
use burn::tensor::DType;
use burn_cubecl::tensor::CubeTensor;
use cubecl::ir::ElemType;
use cubecl::prelude::*;

use super::{
    Four, Scores, Sizes, Tile, Tiles, add_weighted, column_of, first_query, first_tile, load, products,
    row_of, seen, start_of, tensor_cores, write, zero_rows, zeros,
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
    #[comptime] tiles: Tiles,
    #[define(F)] _dtype: ElemType,
) {
    let rows = comptime![tiles.rows()];
    let columns = comptime![tiles.columns()];
    let each = comptime![tiles.each()];
    let width = comptime![tiles.width()];
    let head_dim = comptime![tiles.head_dim];
    let mut queries = Tile::new_slice(comptime![tiles.own * tiles.stride()]);
    // The keys of a tile, then its values.
    let mut other = Tile::new_slice(comptime![tiles.other * tiles.stride()]);
    let mut scores = Shared::<[f32]>::new_slice(comptime![tiles.own * width]);

    let from = first_query(seq, tiles.own);
    let head = CUBE_POS_X as usize;
    let sequence = CUBE_POS_Y as usize;
    let stride = heads * head_dim;
    let kv_stride = kv_heads * head_dim;
    let start = start_of(sequence, head, seq, heads, head_dim);
    let kv_start = start_of(sequence, head / (heads / kv_heads), seq, kv_heads, head_dim);
    let lane = UNIT_POS_X as usize;
    let mut last = from + tiles.own;
    if last > seq {
        last = seq;
    }

    let mut sums = zero_rows(tiles);
    let mut largest = Array::<f32>::new(rows);
    // Of this unit's columns.
    let mut totals = zeros(rows);
    #[unroll]
    for row in 0..rows {
        largest[row] = f32::new(-1.0e30f32);
    }
    load(q, &mut queries, start, stride, from, seq, tiles.own, tiles);

    for tile in first_tile(from, window, tiles.other)..((last - 1) / tiles.other + 1) {
        let first = tile * tiles.other;
        sync_cube();
        load(k, &mut other, kv_start, kv_stride, first, seq, tiles.other, tiles);
        sync_cube();
        let mut values = products(&queries, &other, tiles);
        #[unroll]
        for row in 0..rows {
            let query = from + row_of(row, tiles);
            let mut highest = largest[row];
            #[unroll]
            for column in 0..columns {
                let mut value = f32::new(-1.0e30f32);
                if seen(query, first + column_of(column, tiles), seq, window) {
                    value = capped(values[row * columns + column] * scale, cap, caps);
                }
                values[row * columns + column] = value;
                highest = max(highest, value);
            }
            scores[row_of(row, tiles) * width + tiles.other + lane] = highest;
        }
        sync_cube();
        load(v, &mut other, kv_start, kv_stride, first, seq, tiles.other, tiles);
        #[unroll]
        for row in 0..rows {
            let at = row_of(row, tiles) * width;
            let mut highest = f32::new(-1.0e30f32);
            #[unroll]
            for unit in 0..comptime![tiles.lanes()] {
                highest = max(highest, scores[at + tiles.other + unit]);
            }
            let keep = exp_negative(largest[row] - highest);
            largest[row] = highest;
            totals[row] *= keep;
            #[unroll]
            for column in 0..columns {
                let value = values[row * columns + column];
                let mut share = 0.0f32;
                if value > -0.5e30f32 {
                    share = exp_negative(value - highest);
                }
                scores[at + column_of(column, tiles)] = share;
                totals[row] += share;
            }
            #[unroll]
            for i in 0..each {
                sums[row * each + i] *= Four::new(keep);
            }
        }
        sync_cube();
        add_weighted(&mut sums, &scores, &other, tiles);
    }
    #[unroll]
    for row in 0..rows {
        scores[row_of(row, tiles) * width + tiles.other + lane] = totals[row];
    }
    sync_cube();
    #[unroll]
    for row in 0..rows {
        let at = row_of(row, tiles) * width + tiles.other;
        let mut total = 0.0f32;
        #[unroll]
        for unit in 0..comptime![tiles.lanes()] {
            total += scores[at + unit];
        }
        #[unroll]
        for i in 0..each {
            sums[row * each + i] /= Four::new(total);
        }
        let query = from + row_of(row, tiles);
        if query < seq && lane == 0 {
            log_sums[(sequence * seq + query) * heads + head] = largest[row] + total.ln();
        }
    }
    write(&sums, out, start, stride, from, seq, tiles);
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
    let tiles = sizes.tiles(&q, 1, 1);
    let (grid, dim) = sizes.grid(tiles, sizes.heads);
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
        tiles,
        dtype,
    );
    (out, log_sums)
}
