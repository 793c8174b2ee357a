//! Causal attention by tiles of queries and keys: scores exist for one pair of tiles at a time, in the memory of a cube,
//! and the backward pass makes them again, so memory grows with the sequence and not with its square (Dao et al.,
//! "FlashAttention", 2022).
//!
//! A cube is [`LANES`] units a row of its tile. The backward pass is two kernels, one a tile of queries and one a tile of
//! keys, so that every sum has one owner: no atomics, and the same bits every time.

use burn::backend::autodiff::checkpoint::base::Checkpointer;
use burn::backend::autodiff::checkpoint::strategy::CheckpointStrategy;
use burn::backend::autodiff::grads::Gradients;
use burn::backend::autodiff::ops::{Backward, Ops, OpsKind};
use burn::backend::tensor::FloatTensor;
use burn::backend::{Autodiff, Cube};
use burn_cubecl::tensor::CubeTensor;
use cubecl::prelude::*;

use super::GpuKernels;

mod backward;
mod forward;
mod tensor_cores;

pub(super) use backward::{Given, backward, row_products};
pub(super) use forward::forward;

/// Units that share a row of a tile.
const LANES: usize = 8;

/// Values of a head's row in a tile: what its units share evenly.
fn columns(head_dim: usize) -> usize {
    head_dim.next_multiple_of(LANES)
}

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
#[allow(clippy::too_many_arguments)] // as a kernel
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
    let columns = comptime![columns(head_dim)];
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
    let width = comptime![columns(head_dim) + 1];
    let mut sum = 0.0f32;
    for i in 0..head_dim {
        sum += a[row * width + i] * b[other * width + i];
    }
    sum
}

/// Where a head of a sequence begins in `[batch, seq, heads, head_dim]`.
#[cube]
fn start_of(sequence: usize, head: usize, seq: usize, heads: usize, #[comptime] head_dim: usize) -> usize {
    (sequence * seq * heads + head) * head_dim
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

/// The first row of this cube's tile of queries. The last tile, whose queries see the most keys, is that of the cubes that
/// start first, so that the last cubes to run are short.
#[cube]
fn first_query(seq: usize, #[comptime] size: usize) -> usize {
    (seq.div_ceil(size) - 1 - CUBE_POS_Z as usize) * size
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
        let width = columns(self.head_dim) + 1;
        let fits = |size: &usize| size * (rows * width + scores * (size + 1)) <= room;
        [32, 16, 8, 4, 2].into_iter().find(fits).unwrap_or(1)
    }

    /// A cube a head, sequence and tile. Devices start cubes along the grid's first side first, so tiles are the last: those
    /// of one length start together, whatever their head.
    fn cubes(&self, tile: usize, heads: usize) -> CubeCount {
        let tiles = self.seq.div_ceil(tile) as u32;
        CubeCount::Static(heads as u32, self.batch as u32, tiles)
    }

    fn grid(&self, tile: usize, heads: usize) -> (CubeCount, CubeDim) {
        (
            self.cubes(tile, heads),
            CubeDim::new_2d(LANES as u32, tile as u32),
        )
    }

    /// The grid of the kernels of [`tensor_cores`].
    fn grid_of_planes(&self, heads: usize) -> (CubeCount, CubeDim) {
        (
            self.cubes(tensor_cores::TILE, heads),
            CubeDim::new_2d(tensor_cores::PLANE, tensor_cores::PLANES as u32),
        )
    }
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
