//! The gradients by tensor cores, from scores that are made again.
// A kernel takes its tensors and sizes one by one, and its loops share their tiles.
#![allow(clippy::too_many_arguments, clippy::too_many_lines)]

use burn::backend::cubecl::dtype_to_storage_type;
use burn_cubecl::tensor::CubeTensor;
use cubecl::ir::ElemType;
use cubecl::prelude::*;

use super::super::backward::slope;
use super::super::{Given, Sizes, first_query, first_tile, seen, start_of};
use super::{COLUMNS, ROWS, TILE, VECTOR, by_columns, by_rows, lefts, load, write, zeros};
use crate::gpu::launch::{capped, empty_like, exp_negative};

/// Queries that a cube's keys are seen by together: fewer, as there are two sums to keep.
const QUERIES: usize = 32;

#[cube(launch)]
fn attention_queries_mma_kernel<F: Float, N: Size>(
    q: &Tensor<Vector<F, N>>,
    k: &Tensor<Vector<F, N>>,
    v: &Tensor<Vector<F, N>>,
    upstream: &Tensor<Vector<F, N>>,
    log_sums: &Tensor<f32>,
    means: &Tensor<f32>,
    dq: &mut Tensor<F>,
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
    // The queries, then the keys; the gradients above, then the values.
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

    load(q, &mut keys, start, stride, from, seq, TILE, vectors);
    load(upstream, &mut values, start, stride, from, seq, TILE, vectors);
    sync_cube();
    let queries = lefts(&keys, row, vectors);
    let above = lefts(&values, row, vectors);

    let mut sums = zeros(vectors);
    let mut log_sum = Array::<f32>::new(2usize);
    let mut mean = Array::<f32>::new(2usize);
    #[unroll]
    for half in 0..2usize {
        log_sum[half] = 0.0f32;
        mean[half] = 0.0f32;
        let query = query + half * 8;
        if query < seq {
            log_sum[half] = log_sums[(sequence * seq + query) * heads + head];
            mean[half] = means[(sequence * seq + query) * heads + head];
        }
    }

    for tile in first_tile(from, window, TILE)..((last - 1) / TILE + 1) {
        let first = tile * TILE;
        sync_cube();
        load(k, &mut keys, kv_start, kv_stride, first, seq, TILE, vectors);
        load(v, &mut values, kv_start, kv_stride, first, seq, TILE, vectors);
        sync_cube();
        let mut scores = zeros(comptime![TILE / COLUMNS]);
        by_rows(&queries, &keys, &mut scores, TILE, vectors);
        let mut products = zeros(comptime![TILE / COLUMNS]);
        by_rows(&above, &values, &mut products, TILE, vectors);
        let whole = first + TILE <= from + 1 && from + TILE <= first + window && last == from + TILE;
        #[unroll]
        for half in 0..2usize {
            let query = query + half * 8;
            #[unroll]
            for column in 0..TILE / COLUMNS {
                let pair = scores.index(column)[half];
                let excess = products.index(column)[half];
                let mut slopes = Vector::<f32, Const<2>>::zeroed();
                #[unroll]
                for i in 0..2usize {
                    let key = first + column * 8 + unit % 4 * 2 + i;
                    let mut result = 0.0f32;
                    if whole || seen(query, key, seq, window) {
                        let value = capped(pair.extract(i) * scale, cap, caps);
                        let share = exp_negative(value - log_sum[half]);
                        result = slope(share, excess.extract(i) - mean[half], value, scale, cap, caps);
                    }
                    slopes.insert(i, result);
                }
                scores.index_mut(column)[half] = slopes;
            }
        }
        by_columns(&scores, &keys, &mut sums, TILE, vectors);
    }
    let mut factors = Array::<f32>::new(2usize);
    factors[0] = 1.0f32;
    factors[1] = 1.0f32;
    write(
        &sums,
        dq,
        &factors,
        start * 8,
        stride * 8,
        from + row,
        seq,
        vectors,
    );
}

/// A cube has a tile of keys and goes through every query that sees one of them, of every head of the group. Its rows
/// are keys, so that the scores lie as the next products' left operands.
#[cube(launch)]
fn attention_keys_mma_kernel<F: Float, N: Size>(
    q: &Tensor<Vector<F, N>>,
    k: &Tensor<Vector<F, N>>,
    v: &Tensor<Vector<F, N>>,
    upstream: &Tensor<Vector<F, N>>,
    log_sums: &Tensor<f32>,
    means: &Tensor<f32>,
    dk: &mut Tensor<F>,
    dv: &mut Tensor<F>,
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
    // The keys, then the queries; the values, then the gradients above.
    let mut queries = Shared::<[Vector<F, N>]>::new_slice(comptime![TILE * (vectors + 1)]);
    let mut above = Shared::<[Vector<F, N>]>::new_slice(comptime![TILE * (vectors + 1)]);
    let mut log_sum = Shared::<[f32]>::new_slice(QUERIES);
    let mut mean = Shared::<[f32]>::new_slice(QUERIES);

    // The first keys are seen by the most queries, so these cubes are the longest.
    let from = CUBE_POS_Z as usize * TILE;
    let kv_head = CUBE_POS_X as usize;
    let sequence = CUBE_POS_Y as usize;
    let stride = heads * vectors;
    let kv_stride = kv_heads * vectors;
    let kv_start = start_of(sequence, kv_head, seq, kv_heads, vectors);
    let group = heads / kv_heads;
    let unit = UNIT_POS_X as usize;
    let row = UNIT_POS_Y as usize * ROWS;
    let key = from + row + unit / 4;
    // One past the last query that sees the last key.
    let mut last = from + TILE - 1 + window;
    if last > seq {
        last = seq;
    }

    load(k, &mut queries, kv_start, kv_stride, from, seq, TILE, vectors);
    load(v, &mut above, kv_start, kv_stride, from, seq, TILE, vectors);
    sync_cube();
    let keys = lefts(&queries, row, vectors);
    let values = lefts(&above, row, vectors);
    let mut dks = zeros(vectors);
    let mut dvs = zeros(vectors);

    for member in 0..group {
        let head = kv_head * group + member;
        let start = start_of(sequence, head, seq, heads, vectors);
        for tile in from / QUERIES..((last - 1) / QUERIES + 1) {
            let first = tile * QUERIES;
            sync_cube();
            load(q, &mut queries, start, stride, first, seq, QUERIES, vectors);
            load(upstream, &mut above, start, stride, first, seq, QUERIES, vectors);
            let at = UNIT_POS as usize;
            if at < QUERIES {
                log_sum[at] = 0.0f32;
                mean[at] = 0.0f32;
                if first + at < seq {
                    log_sum[at] = log_sums[(sequence * seq + first + at) * heads + head];
                    mean[at] = means[(sequence * seq + first + at) * heads + head];
                }
            }
            sync_cube();
            let mut shares = zeros(comptime![QUERIES / COLUMNS]);
            by_rows(&keys, &queries, &mut shares, QUERIES, vectors);
            let mut slopes = zeros(comptime![QUERIES / COLUMNS]);
            by_rows(&values, &above, &mut slopes, QUERIES, vectors);
            let whole =
                from + TILE <= first + 1 && first + QUERIES <= from + window && first + QUERIES <= seq;
            #[unroll]
            for half in 0..2usize {
                let key = key + half * 8;
                #[unroll]
                for column in 0..QUERIES / COLUMNS {
                    let pair = shares.index(column)[half];
                    let excess = slopes.index(column)[half];
                    let mut both = Vector::<f32, Const<2>>::zeroed();
                    let mut results = Vector::<f32, Const<2>>::zeroed();
                    #[unroll]
                    for i in 0..2usize {
                        let at = column * 8 + unit % 4 * 2 + i;
                        let mut share = 0.0f32;
                        let mut result = 0.0f32;
                        if whole || seen(first + at, key, seq, window) {
                            let value = capped(pair.extract(i) * scale, cap, caps);
                            share = exp_negative(value - log_sum[at]);
                            result = slope(share, excess.extract(i) - mean[at], value, scale, cap, caps);
                        }
                        both.insert(i, share);
                        results.insert(i, result);
                    }
                    shares.index_mut(column)[half] = both;
                    slopes.index_mut(column)[half] = results;
                }
            }
            by_columns(&shares, &above, &mut dvs, QUERIES, vectors);
            by_columns(&slopes, &queries, &mut dks, QUERIES, vectors);
        }
    }
    let mut factors = Array::<f32>::new(2usize);
    factors[0] = 1.0f32;
    factors[1] = 1.0f32;
    let (to, step) = (kv_start * 8, kv_stride * 8);
    write(&dks, dk, &factors, to, step, from + row, seq, vectors);
    write(&dvs, dv, &factors, to, step, from + row, seq, vectors);
}

/// As [`backward`](super::super::backward()).
pub(in super::super) fn backward(given: Given, sizes: &Sizes) -> (CubeTensor, CubeTensor, CubeTensor) {
    let dtype = dtype_to_storage_type(given.q.dtype);
    let (dq, dk, dv) = (empty_like(&given.q), empty_like(&given.k), empty_like(&given.k));
    let (grid, dim) = sizes.grid_of_planes(sizes.heads);
    attention_queries_mma_kernel::launch(
        &dq.client,
        grid,
        dim,
        VECTOR,
        given.q.clone().into_tensor_arg(),
        given.k.clone().into_tensor_arg(),
        given.v.clone().into_tensor_arg(),
        given.upstream.clone().into_tensor_arg(),
        given.log_sums.clone().into_tensor_arg(),
        given.means.clone().into_tensor_arg(),
        dq.clone().into_tensor_arg(),
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
    let (grid, dim) = sizes.grid_of_planes(sizes.kv_heads);
    attention_keys_mma_kernel::launch(
        &dk.client,
        grid,
        dim,
        VECTOR,
        given.q.into_tensor_arg(),
        given.k.into_tensor_arg(),
        given.v.into_tensor_arg(),
        given.upstream.into_tensor_arg(),
        given.log_sums.into_tensor_arg(),
        given.means.into_tensor_arg(),
        dk.clone().into_tensor_arg(),
        dv.clone().into_tensor_arg(),
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
    (dq, dk, dv)
}
