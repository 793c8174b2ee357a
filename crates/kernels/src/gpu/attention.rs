//! Causal attention by tiles of queries and keys: scores exist for one pair of tiles at a time, in the memory of a cube,
//! and the backward pass makes them again, so memory grows with the sequence and not with its square (Dao et al.,
//! "FlashAttention", 2022).
//!
//! A cube is [`LANES`] units a row of its tile. The backward pass is two kernels, one a tile of queries and one a tile of
//! keys, so that every sum has one owner: no atomics, and the same bits every time.
// A kernel takes its tensors and sizes one by one, and its loops share their tiles.
#![allow(clippy::too_many_arguments, clippy::too_many_lines)]

use burn::backend::autodiff::checkpoint::base::Checkpointer;
use burn::backend::autodiff::checkpoint::strategy::CheckpointStrategy;
use burn::backend::autodiff::grads::Gradients;
use burn::backend::autodiff::ops::{Backward, Ops, OpsKind};
use burn::backend::cubecl::dtype_to_storage_type;
use burn::backend::tensor::FloatTensor;
use burn::backend::{Autodiff, Cube};
use burn::tensor::DType;
use burn_cubecl::tensor::CubeTensor;
use cubecl::ir::ElemType;
use cubecl::prelude::*;

use super::GpuKernels;
use super::launch::{Rows, empty, empty_like, exp_negative, row_of_unit, row_sum, tanh, whole};

/// Units that share a row of a tile.
const LANES: usize = 8;

/// What a score goes through besides the scale.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Scores {
    /// Position `i` sees `j` with `i - window < j <= i`.
    pub window: usize,
    /// Scores stay within `-softcap..softcap`.
    pub softcap: Option<f32>,
}

/// Copies positions `first..first + size` of one head to a tile, zeros where there are none: a row a position, and one
/// value of room, so that rows begin in different banks.
#[cube]
fn load<F: Float>(
    from: &Tensor<F>,
    to: &mut Shared<[f32]>,
    start: usize,
    stride: usize,
    first: usize,
    seq: usize,
    #[comptime] size: usize,
    #[comptime] head_dim: usize,
) {
    let columns = comptime![head_dim.div_ceil(8) * 8];
    let mut at = UNIT_POS as usize;
    while at < size * columns {
        let row = at / columns;
        let column = at % columns;
        let mut value = 0.0f32;
        if first + row < seq && column < head_dim {
            value = f32::cast_from(from[start + (first + row) * stride + column]);
        }
        to[row * (columns + 1) + column] = value;
        at += CUBE_DIM as usize;
    }
}

/// The product of a row of one tile and a row of another.
#[cube]
fn dot(a: &Shared<[f32]>, row: usize, b: &Shared<[f32]>, other: usize, #[comptime] head_dim: usize) -> f32 {
    let width = comptime![head_dim.div_ceil(8) * 8 + 1];
    let mut sum = 0.0f32;
    for i in 0..head_dim {
        sum += a[row * width + i] * b[other * width + i];
    }
    sum
}

/// The score of a product, with the scale and the cap.
#[cube]
fn score(product: f32, scale: f32, cap: f32, #[comptime] caps: bool) -> f32 {
    let mut result = product * scale;
    if comptime![caps] {
        result = cap * tanh(result / cap);
    }
    result
}

/// Whether the query sees the key; neither may lie behind the end.
#[cube]
fn seen(query: usize, key: usize, seq: usize, window: usize) -> bool {
    query < seq && key <= query && query < key + window
}

/// The first key that any query from `query` on sees, rounded down to a tile.
#[cube]
fn first_tile(query: usize, window: usize, #[comptime] size: usize) -> usize {
    let mut first = 0usize;
    if query + 1 > window {
        first = query + 1 - window;
    }
    first / size
}

#[cube(launch)]
fn forward_kernel<F: Float>(
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
    let columns = comptime![head_dim.div_ceil(8) * 8];
    let width = comptime![columns + 1];
    let each = comptime![columns / 8];
    let mut queries = Shared::<[f32]>::new_slice(comptime![size * width]);
    // The keys of a tile, then its values.
    let mut other = Shared::<[f32]>::new_slice(comptime![size * width]);
    let mut scores = Shared::<[f32]>::new_slice(comptime![size * (size + 1)]);

    let from = CUBE_POS_X as usize * size;
    let head = CUBE_POS_Y as usize;
    let sequence = CUBE_POS_Z as usize;
    let stride = heads * head_dim;
    let kv_stride = kv_heads * head_dim;
    let start = sequence * seq * stride + head * head_dim;
    let kv_start = sequence * seq * kv_stride + head / (heads / kv_heads) * head_dim;
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
                value = score(product, scale, cap, caps);
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
                sums[i] += share * other[column * width + lane + i * 8];
            }
        }
    }
    if query < seq {
        #[unroll]
        for i in 0..each {
            let column = lane + i * 8;
            if column < head_dim {
                out[start + query * stride + column] = F::cast_from(sums[i] / total);
            }
        }
        if lane == 0 {
            log_sums[(sequence * seq + query) * heads + head] = largest + total.ln();
        }
    }
}

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
fn slope(share: f32, excess: f32, value: f32, scale: f32, cap: f32, #[comptime] caps: bool) -> f32 {
    let mut result = share * excess * scale;
    if comptime![caps] {
        let part = value / cap;
        result *= 1.0f32 - part * part;
    }
    result
}

#[cube(launch)]
fn queries_kernel<F: Float>(
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
    #[comptime] size: usize,
    #[comptime] head_dim: usize,
    #[define(F)] _dtype: ElemType,
) {
    let columns = comptime![head_dim.div_ceil(8) * 8];
    let width = comptime![columns + 1];
    let each = comptime![columns / 8];
    let mut queries = Shared::<[f32]>::new_slice(comptime![size * width]);
    let mut above = Shared::<[f32]>::new_slice(comptime![size * width]);
    let mut keys = Shared::<[f32]>::new_slice(comptime![size * width]);
    let mut values = Shared::<[f32]>::new_slice(comptime![size * width]);
    let mut slopes = Shared::<[f32]>::new_slice(comptime![size * (size + 1)]);

    let from = CUBE_POS_X as usize * size;
    let head = CUBE_POS_Y as usize;
    let sequence = CUBE_POS_Z as usize;
    let stride = heads * head_dim;
    let kv_stride = kv_heads * head_dim;
    let start = sequence * seq * stride + head * head_dim;
    let kv_start = sequence * seq * kv_stride + head / (heads / kv_heads) * head_dim;
    let row = UNIT_POS_Y as usize;
    let lane = UNIT_POS_X as usize;
    let query = from + row;
    let mut last = from + size;
    if last > seq {
        last = seq;
    }
    let mut log_sum = 0.0f32;
    let mut mean = 0.0f32;
    if query < seq {
        log_sum = log_sums[(sequence * seq + query) * heads + head];
        mean = means[(sequence * seq + query) * heads + head];
    }

    let mut sums = Array::<f32>::new(each);
    #[unroll]
    for i in 0..each {
        sums[i] = 0.0f32;
    }
    load(q, &mut queries, start, stride, from, seq, size, head_dim);
    load(upstream, &mut above, start, stride, from, seq, size, head_dim);

    for tile in first_tile(from, window, size)..((last - 1) / size + 1) {
        let first = tile * size;
        sync_cube();
        load(k, &mut keys, kv_start, kv_stride, first, seq, size, head_dim);
        load(v, &mut values, kv_start, kv_stride, first, seq, size, head_dim);
        sync_cube();
        let mut column = lane;
        while column < size {
            let mut result = 0.0f32;
            if seen(query, first + column, seq, window) {
                let product = dot(&queries, row, &keys, column, head_dim);
                let value = score(product, scale, cap, caps);
                let excess = dot(&above, row, &values, column, head_dim) - mean;
                result = slope(exp_negative(value - log_sum), excess, value, scale, cap, caps);
            }
            slopes[row * (size + 1) + column] = result;
            column += LANES;
        }
        sync_cube();
        for column in 0..size {
            let slope = slopes[row * (size + 1) + column];
            #[unroll]
            for i in 0..each {
                sums[i] += slope * keys[column * width + lane + i * 8];
            }
        }
    }
    if query < seq {
        #[unroll]
        for i in 0..each {
            let column = lane + i * 8;
            if column < head_dim {
                dq[start + query * stride + column] = F::cast_from(sums[i]);
            }
        }
    }
}

/// A cube has a tile of keys and goes through every query that sees one of them, of every head of the group.
#[cube(launch)]
fn keys_kernel<F: Float>(
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
    #[comptime] size: usize,
    #[comptime] head_dim: usize,
    #[define(F)] _dtype: ElemType,
) {
    let columns = comptime![head_dim.div_ceil(8) * 8];
    let width = comptime![columns + 1];
    let each = comptime![columns / 8];
    let mut queries = Shared::<[f32]>::new_slice(comptime![size * width]);
    let mut above = Shared::<[f32]>::new_slice(comptime![size * width]);
    let mut keys = Shared::<[f32]>::new_slice(comptime![size * width]);
    let mut values = Shared::<[f32]>::new_slice(comptime![size * width]);
    let mut shares = Shared::<[f32]>::new_slice(comptime![size * (size + 1)]);
    let mut slopes = Shared::<[f32]>::new_slice(comptime![size * (size + 1)]);

    let from = CUBE_POS_X as usize * size;
    let kv_head = CUBE_POS_Y as usize;
    let sequence = CUBE_POS_Z as usize;
    let stride = heads * head_dim;
    let kv_stride = kv_heads * head_dim;
    let kv_start = sequence * seq * kv_stride + kv_head * head_dim;
    let group = heads / kv_heads;
    let row = UNIT_POS_Y as usize;
    let lane = UNIT_POS_X as usize;
    let key = from + row;
    // One past the last query that sees the last key.
    let mut last = from + size - 1 + window;
    if last > seq {
        last = seq;
    }

    let mut dks = Array::<f32>::new(each);
    let mut dvs = Array::<f32>::new(each);
    #[unroll]
    for i in 0..each {
        dks[i] = 0.0f32;
        dvs[i] = 0.0f32;
    }
    load(k, &mut keys, kv_start, kv_stride, from, seq, size, head_dim);
    load(v, &mut values, kv_start, kv_stride, from, seq, size, head_dim);

    for member in 0..group {
        let head = kv_head * group + member;
        let start = sequence * seq * stride + head * head_dim;
        for tile in (CUBE_POS_X as usize)..((last - 1) / size + 1) {
            let first = tile * size;
            sync_cube();
            load(q, &mut queries, start, stride, first, seq, size, head_dim);
            load(upstream, &mut above, start, stride, first, seq, size, head_dim);
            sync_cube();
            let mut column = lane;
            while column < size {
                let query = first + column;
                let mut share = 0.0f32;
                let mut result = 0.0f32;
                if seen(query, key, seq, window) {
                    let at = (sequence * seq + query) * heads + head;
                    let product = dot(&keys, row, &queries, column, head_dim);
                    let value = score(product, scale, cap, caps);
                    share = exp_negative(value - log_sums[at]);
                    let excess = dot(&values, row, &above, column, head_dim) - means[at];
                    result = slope(share, excess, value, scale, cap, caps);
                }
                shares[row * (size + 1) + column] = share;
                slopes[row * (size + 1) + column] = result;
                column += LANES;
            }
            sync_cube();
            for column in 0..size {
                let share = shares[row * (size + 1) + column];
                let slope = slopes[row * (size + 1) + column];
                #[unroll]
                for i in 0..each {
                    dks[i] += slope * queries[column * width + lane + i * 8];
                    dvs[i] += share * above[column * width + lane + i * 8];
                }
            }
        }
    }
    if key < seq {
        #[unroll]
        for i in 0..each {
            let column = lane + i * 8;
            if column < head_dim {
                dk[kv_start + key * kv_stride + column] = F::cast_from(dks[i]);
                dv[kv_start + key * kv_stride + column] = F::cast_from(dvs[i]);
            }
        }
    }
}

/// Sizes of one call.
struct Sizes {
    batch: usize,
    seq: usize,
    heads: usize,
    kv_heads: usize,
    head_dim: usize,
    window: usize,
    scale: f32,
    cap: f32,
    caps: bool,
}

impl Sizes {
    fn of(q: &CubeTensor, k: &CubeTensor, scores: Scores) -> Self {
        let (q, kv_heads) = (q.meta.shape(), k.meta.shape()[2]);
        Self {
            batch: q[0],
            seq: q[1],
            heads: q[2],
            kv_heads,
            head_dim: q[3],
            window: scores.window.min(q[1]),
            scale: 1.0 / (q[3] as f32).sqrt(),
            cap: scores.softcap.unwrap_or(1.0),
            caps: scores.softcap.is_some(),
        }
    }

    /// The largest tile for which so many tiles of rows and of scores fit into the memory of a cube.
    fn tile(&self, like: &CubeTensor, rows: usize, scores: usize) -> usize {
        let room = like.client.properties().hardware.max_shared_memory_size / size_of::<f32>();
        let width = self.head_dim.div_ceil(8) * 8 + 1;
        let fits = |size: &usize| size * (rows * width + scores * (size + 1)) <= room;
        [32, 16, 8, 4, 2].into_iter().find(fits).unwrap_or(1)
    }

    fn grid(&self, tile: usize, heads: usize) -> (CubeCount, CubeDim) {
        let tiles = self.seq.div_ceil(tile) as u32;
        (
            CubeCount::Static(tiles, heads as u32, self.batch as u32),
            CubeDim::new_2d(LANES as u32, tile as u32),
        )
    }
}

/// The result, and `ln sum exp` of each query's scores (`[batch, seq, heads]`, f32).
pub(super) fn forward(
    q: CubeTensor,
    k: CubeTensor,
    v: CubeTensor,
    scores: Scores,
) -> (CubeTensor, CubeTensor) {
    let (q, k, v) = (whole(q), whole(k), whole(v));
    let sizes = Sizes::of(&q, &k, scores);
    let (out, dtype) = (empty_like(&q), dtype_to_storage_type(q.dtype));
    let log_sums = empty(&q, [sizes.batch, sizes.seq, sizes.heads], DType::F32);
    let tile = sizes.tile(&q, 2, 1);
    let (grid, dim) = sizes.grid(tile, sizes.heads);
    forward_kernel::launch(
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

/// The sum of `a * b` over the last dimension of `[batch, seq, heads, head_dim]`, in f32.
pub(super) fn row_products(a: CubeTensor, b: CubeTensor) -> CubeTensor {
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
pub(super) struct Given {
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
        let tile = sizes.tile(&self.q, 4, 1);
        let (grid, dim) = sizes.grid(tile, sizes.heads);
        queries_kernel::launch(
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
            tile,
            sizes.head_dim,
            dtype,
        );
        dq
    }

    fn dk_dv(&self, sizes: &Sizes) -> (CubeTensor, CubeTensor) {
        let (dk, dv) = (empty_like(&self.k), empty_like(&self.k));
        let dtype = dtype_to_storage_type(self.q.dtype);
        let tile = sizes.tile(&self.q, 4, 2);
        let (grid, dim) = sizes.grid(tile, sizes.kv_heads);
        keys_kernel::launch(
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
            tile,
            sizes.head_dim,
            dtype,
        );
        (dk, dv)
    }
}

/// The gradients of queries, keys and values.
pub(super) fn backward(given: Given, scores: Scores) -> (CubeTensor, CubeTensor, CubeTensor) {
    let given = given.whole();
    let sizes = Sizes::of(&given.q, &given.k, scores);
    let dq = given.dq(&sizes);
    let (dk, dv) = given.dk_dv(&sizes);
    (dq, dk, dv)
}

#[derive(Debug)]
struct Attention;

impl Backward<Cube, 3> for Attention {
    /// Queries, keys, values, result, `ln sum exp`; what the scores go through.
    type State = ([FloatTensor<Cube>; 5], Scores);

    fn backward(self, ops: Ops<Self::State, 3>, grads: &mut Gradients, _: &mut Checkpointer) {
        let ([q, k, v, out, log_sums], scores) = ops.state;
        let upstream = grads.consume::<Cube>(&ops.node);
        let means = Cube::row_products(out, upstream.clone());
        let (dq, dk, dv) = Cube::attention_backward(q, k, v, upstream, log_sums, means, scores);
        register!(grads, ops.parents, [dq, dk, dv]);
    }
}

type Tracked<C> = FloatTensor<Autodiff<Cube, C>>;

pub(super) fn tracked<C: CheckpointStrategy>(
    q: Tracked<C>,
    k: Tracked<C>,
    v: Tracked<C>,
    scores: Scores,
) -> Tracked<C> {
    let prepared = Attention
        .prepare::<C>([q.node(), k.node(), v.node()])
        .compute_bound()
        .stateful();
    let (q, k, v) = (q.into_primitive(), k.into_primitive(), v.into_primitive());
    let (out, log_sums) = Cube::attention_forward(q.clone(), k.clone(), v.clone(), scores);
    match prepared {
        OpsKind::Tracked(prep) => prep.finish(([q, k, v, out.clone(), log_sums], scores), out),
        OpsKind::UnTracked(prep) => prep.finish(out),
    }
}
