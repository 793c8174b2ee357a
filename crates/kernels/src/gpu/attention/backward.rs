//! The gradients, from scores that are made again.
// A kernel takes its tensors and sizes one by one, and its loops share their tiles.
#![allow(clippy::too_many_arguments, clippy::too_many_lines)]

use burn::backend::cubecl::dtype_to_storage_type;
use burn::tensor::DType;
use burn_cubecl::tensor::CubeTensor;
use cubecl::ir::ElemType;
use cubecl::prelude::*;

use super::{
    Scores, Sizes, Tile, Tiles, add_weighted, column_of, first_query, first_tile, load, products, row_of,
    seen, start_of, tensor_cores, write, zero_rows, zeros,
};
use crate::gpu::launch::{Rows, capped, empty, empty_like, exp_negative, row_of_unit, row_sum, whole};

/// The sum of `a * b` over each row of `[rows, n]`.
#[cube(launch)]
fn row_products_kernel<F: Float>(
    a: &Tensor<F>,
    b: &Tensor<F>,
    sums: &mut Tensor<f32>,
    n: usize,
    rows: usize,
    #[comptime] units: usize,
    #[define(F)] _dtype: ElemType,
) {
    let mut scratch = Shared::<[f32]>::new_slice(units);
    let row = row_of_unit();
    let mut sum = 0.0f32;
    if row < rows {
        let mut i = UNIT_POS_X as usize;
        while i < n {
            sum += f32::cast_from(a[row * n + i]) * f32::cast_from(b[row * n + i]);
            i += CUBE_DIM_X as usize;
        }
    }
    sum = row_sum(sum, &mut scratch);
    if row < rows && UNIT_POS_X == 0 {
        sums[row] = sum;
    }
}

/// The gradient of a product of a query and a key: the share of the score times what its gradient exceeds the row's mean
/// by, and on through cap and scale.
#[cube]
pub(super) fn slope(
    share: f32,
    excess: f32,
    value: f32,
    scale: f32,
    cap: f32,
    #[comptime] caps: bool,
) -> f32 {
    let mut result = share * excess * scale;
    if comptime![caps] {
        let part = value / cap;
        result *= 1.0f32 - part * part;
    }
    result
}

#[cube(launch)]
fn attention_queries_kernel<F: Float>(
    q: &Tensor<F>,
    k: &Tensor<F>,
    v: &Tensor<F>,
    upstream: &Tensor<F>,
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
    #[comptime] tiles: Tiles,
    #[define(F)] _dtype: ElemType,
) {
    let rows = comptime![tiles.rows()];
    let columns = comptime![tiles.columns()];
    let width = comptime![tiles.width()];
    let head_dim = comptime![tiles.head_dim];
    let mut queries = Tile::new_slice(comptime![tiles.own * tiles.stride()]);
    let mut above = Tile::new_slice(comptime![tiles.own * tiles.stride()]);
    let mut keys = Tile::new_slice(comptime![tiles.other * tiles.stride()]);
    let mut values = Tile::new_slice(comptime![tiles.other * tiles.stride()]);
    let mut slopes = Shared::<[f32]>::new_slice(comptime![tiles.own * width]);

    let from = first_query(seq, tiles.own);
    let head = CUBE_POS_X as usize;
    let sequence = CUBE_POS_Y as usize;
    let stride = heads * head_dim;
    let kv_stride = kv_heads * head_dim;
    let start = start_of(sequence, head, seq, heads, head_dim);
    let kv_start = start_of(sequence, head / (heads / kv_heads), seq, kv_heads, head_dim);
    let mut last = from + tiles.own;
    if last > seq {
        last = seq;
    }
    let mut row_log_sums = zeros(rows);
    let mut row_means = zeros(rows);
    #[unroll]
    for row in 0..rows {
        let query = from + row_of(row, tiles);
        if query < seq {
            row_log_sums[row] = log_sums[(sequence * seq + query) * heads + head];
            row_means[row] = means[(sequence * seq + query) * heads + head];
        }
    }

    let mut sums = zero_rows(tiles);
    load(q, &mut queries, start, stride, from, seq, tiles.own, tiles);
    load(upstream, &mut above, start, stride, from, seq, tiles.own, tiles);

    for tile in first_tile(from, window, tiles.other)..((last - 1) / tiles.other + 1) {
        let first = tile * tiles.other;
        sync_cube();
        load(k, &mut keys, kv_start, kv_stride, first, seq, tiles.other, tiles);
        load(
            v,
            &mut values,
            kv_start,
            kv_stride,
            first,
            seq,
            tiles.other,
            tiles,
        );
        sync_cube();
        let scores = products(&queries, &keys, tiles);
        let gradients = products(&above, &values, tiles);
        #[unroll]
        for row in 0..rows {
            let query = from + row_of(row, tiles);
            #[unroll]
            for column in 0..columns {
                let mut result = 0.0f32;
                if seen(query, first + column_of(column, tiles), seq, window) {
                    let value = capped(scores[row * columns + column] * scale, cap, caps);
                    let share = exp_negative(value - row_log_sums[row]);
                    let excess = gradients[row * columns + column] - row_means[row];
                    result = slope(share, excess, value, scale, cap, caps);
                }
                slopes[row_of(row, tiles) * width + column_of(column, tiles)] = result;
            }
        }
        sync_cube();
        add_weighted(&mut sums, &slopes, &keys, tiles);
    }
    write(&sums, dq, start, stride, from, seq, tiles);
}

/// A cube has a tile of keys and goes through every query that sees one of them, of every head of the group.
#[cube(launch)]
fn attention_keys_kernel<F: Float>(
    q: &Tensor<F>,
    k: &Tensor<F>,
    v: &Tensor<F>,
    upstream: &Tensor<F>,
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
    #[comptime] tiles: Tiles,
    #[define(F)] _dtype: ElemType,
) {
    let rows = comptime![tiles.rows()];
    let columns = comptime![tiles.columns()];
    let width = comptime![tiles.width()];
    let head_dim = comptime![tiles.head_dim];
    let mut queries = Tile::new_slice(comptime![tiles.other * tiles.stride()]);
    let mut above = Tile::new_slice(comptime![tiles.other * tiles.stride()]);
    let mut keys = Tile::new_slice(comptime![tiles.own * tiles.stride()]);
    let mut values = Tile::new_slice(comptime![tiles.own * tiles.stride()]);
    let mut shares = Shared::<[f32]>::new_slice(comptime![tiles.own * width]);
    let mut slopes = Shared::<[f32]>::new_slice(comptime![tiles.own * width]);

    // The first keys are seen by the most queries, so these cubes are the longest.
    let from = CUBE_POS_Z as usize * tiles.own;
    let kv_head = CUBE_POS_X as usize;
    let sequence = CUBE_POS_Y as usize;
    let stride = heads * head_dim;
    let kv_stride = kv_heads * head_dim;
    let kv_start = start_of(sequence, kv_head, seq, kv_heads, head_dim);
    let group = heads / kv_heads;
    // One past the last query that sees the last key.
    let mut last = from + tiles.own - 1 + window;
    if last > seq {
        last = seq;
    }

    let mut dks = zero_rows(tiles);
    let mut dvs = zero_rows(tiles);
    load(k, &mut keys, kv_start, kv_stride, from, seq, tiles.own, tiles);
    load(v, &mut values, kv_start, kv_stride, from, seq, tiles.own, tiles);

    for member in 0..group {
        let head = kv_head * group + member;
        let start = start_of(sequence, head, seq, heads, head_dim);
        for tile in (from / tiles.other)..((last - 1) / tiles.other + 1) {
            let first = tile * tiles.other;
            sync_cube();
            load(q, &mut queries, start, stride, first, seq, tiles.other, tiles);
            load(
                upstream,
                &mut above,
                start,
                stride,
                first,
                seq,
                tiles.other,
                tiles,
            );
            sync_cube();
            let scores = products(&keys, &queries, tiles);
            let gradients = products(&values, &above, tiles);
            #[unroll]
            for column in 0..columns {
                let query = first + column_of(column, tiles);
                let mut log_sum = 0.0f32;
                let mut mean = 0.0f32;
                if query < seq {
                    log_sum = log_sums[(sequence * seq + query) * heads + head];
                    mean = means[(sequence * seq + query) * heads + head];
                }
                #[unroll]
                for row in 0..rows {
                    let mut share = 0.0f32;
                    let mut result = 0.0f32;
                    if seen(query, from + row_of(row, tiles), seq, window) {
                        let value = capped(scores[row * columns + column] * scale, cap, caps);
                        share = exp_negative(value - log_sum);
                        let excess = gradients[row * columns + column] - mean;
                        result = slope(share, excess, value, scale, cap, caps);
                    }
                    let at = row_of(row, tiles) * width + column_of(column, tiles);
                    shares[at] = share;
                    slopes[at] = result;
                }
            }
            sync_cube();
            add_weighted(&mut dks, &slopes, &queries, tiles);
            add_weighted(&mut dvs, &shares, &above, tiles);
        }
    }
    write(&dks, dk, kv_start, kv_stride, from, seq, tiles);
    write(&dvs, dv, kv_start, kv_stride, from, seq, tiles);
}

/// The sum of `a * b` over the last dimension of `[batch, seq, heads, head_dim]`, in f32.
pub(in crate::gpu) fn row_products(a: CubeTensor, b: CubeTensor) -> CubeTensor {
    let (a, b) = (whole(a), whole(b));
    let shape = a.meta.shape();
    let (dims, n) = ([shape[0], shape[1], shape[2]], shape[3]);
    let rows = dims.iter().product();
    let (sums, dtype) = (empty(&a, dims, DType::F32), dtype_to_storage_type(a.dtype));
    let grid = Rows::new(rows, n);
    row_products_kernel::launch(
        &sums.client,
        grid.count,
        grid.dim,
        a.into_tensor_arg(),
        b.into_tensor_arg(),
        sums.clone().into_tensor_arg(),
        n,
        rows,
        grid.units,
        dtype,
    );
    sums
}

/// What the backward pass reads.
pub(in crate::gpu) struct Given {
    pub q: CubeTensor,
    pub k: CubeTensor,
    pub v: CubeTensor,
    pub upstream: CubeTensor,
    pub log_sums: CubeTensor,
    /// Of each query, the sum of result times upstream gradient: the mean of its scores' gradients.
    pub means: CubeTensor,
}

impl Given {
    fn whole(self) -> Self {
        Self {
            q: whole(self.q),
            k: whole(self.k),
            v: whole(self.v),
            upstream: whole(self.upstream),
            log_sums: whole(self.log_sums),
            means: whole(self.means),
        }
    }

    fn dq(&self, sizes: &Sizes) -> CubeTensor {
        let (dq, dtype) = (empty_like(&self.q), dtype_to_storage_type(self.q.dtype));
        let tiles = sizes.tiles(&self.q, 2, 1);
        let (grid, dim) = sizes.grid(tiles, sizes.heads);
        attention_queries_kernel::launch(
            &dq.client,
            grid,
            dim,
            self.q.clone().into_tensor_arg(),
            self.k.clone().into_tensor_arg(),
            self.v.clone().into_tensor_arg(),
            self.upstream.clone().into_tensor_arg(),
            self.log_sums.clone().into_tensor_arg(),
            self.means.clone().into_tensor_arg(),
            dq.clone().into_tensor_arg(),
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
        dq
    }

    fn dk_dv(&self, sizes: &Sizes) -> (CubeTensor, CubeTensor) {
        let (dk, dv) = (empty_like(&self.k), empty_like(&self.k));
        let dtype = dtype_to_storage_type(self.q.dtype);
        let tiles = sizes.tiles(&self.q, 2, 2);
        let (grid, dim) = sizes.grid(tiles, sizes.kv_heads);
        attention_keys_kernel::launch(
            &dk.client,
            grid,
            dim,
            self.q.clone().into_tensor_arg(),
            self.k.clone().into_tensor_arg(),
            self.v.clone().into_tensor_arg(),
            self.upstream.clone().into_tensor_arg(),
            self.log_sums.clone().into_tensor_arg(),
            self.means.clone().into_tensor_arg(),
            dk.clone().into_tensor_arg(),
            dv.clone().into_tensor_arg(),
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
        (dk, dv)
    }
}

/// The gradients of queries, keys and values.
pub(in crate::gpu) fn backward(given: Given, scores: Scores) -> (CubeTensor, CubeTensor, CubeTensor) {
    let given = given.whole();
    let sizes = Sizes::of(&given.q, &given.k, scores);
    if tensor_cores::fits(&given.q) {
        return tensor_cores::backward(given, &sizes);
    }
    let dq = given.dq(&sizes);
    let (dk, dv) = given.dk_dv(&sizes);
    (dq, dk, dv)
}
