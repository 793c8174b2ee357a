//! Causal attention by tiles of queries and keys: scores exist for one pair of tiles at a time, in the memory of a cube,
//! and the backward pass makes them again, so memory grows with the sequence and not with its square (Dao et al.,
//! "FlashAttention", 2022).
//!
//! A cube has a tile of rows of its own and looks at one other after another. Each of its units, at most [`SIDE`] by
//! [`SIDE`], has every so manieth row and column of the products, in registers: a value that it reads is used as often as
//! it has rows or columns. The backward pass is two kernels, one a tile of queries and one a tile of keys, so that every sum
//! has one owner: no atomics, and the same bits every time.

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

/// Units along a side of a cube, at most.
const SIDE: usize = 8;
/// Values of a head that are read at once.
const VECTOR: usize = 4;
/// Bytes of a cube's memory, where the device has more: with several cubes a processor has something to do while one waits.
const ROOM: usize = 32 * 1024;

type Four = Vector<f32, Const<VECTOR>>;
/// Rows of [`Tiles::stride`] vectors.
type Tile = Shared<[Four]>;

/// What a cube has at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Tiles {
    /// Rows of its own.
    own: usize,
    /// Rows that it looks at.
    other: usize,
    head_dim: usize,
}

impl Tiles {
    /// The largest of which so many pairs, and so many tiles of scores, fit into so many bytes.
    fn largest(head_dim: usize, room: usize, pairs: usize, scores: usize) -> Self {
        let of = |own, other| Self { own, other, head_dim };
        [32, 16, 8, 4, 2]
            .into_iter()
            .flat_map(|size| [of(size, size), of(size, size / 2)])
            .find(|tiles| tiles.bytes(pairs, scores) <= room)
            .unwrap_or(of(1, 1))
    }

    /// Units of a row of scores.
    fn lanes(self) -> usize {
        self.other.min(SIDE)
    }

    /// Units of a column of scores.
    fn height(self) -> usize {
        self.own.min(SIDE)
    }

    /// Rows of a unit.
    fn rows(self) -> usize {
        self.own / self.height()
    }

    /// Columns of scores of a unit.
    fn columns(self) -> usize {
        self.other / self.lanes()
    }

    /// Vectors of a head's row: an even number.
    fn vectors(self) -> usize {
        self.head_dim.div_ceil(2 * VECTOR) * 2
    }

    /// Vectors of a row of sums of a unit.
    fn each(self) -> usize {
        self.vectors().div_ceil(self.lanes())
    }

    /// Vectors from a row of a tile to the next, an odd number, so that neighbouring rows begin in different banks.
    fn stride(self) -> usize {
        self.vectors() + 1
    }

    /// Scores from a row to the next. Behind a row there is a place for each of its units.
    fn width(self) -> usize {
        self.other + SIDE
    }

    /// Bytes of so many pairs of tiles of rows, and of so many of scores.
    fn bytes(self, pairs: usize, scores: usize) -> usize {
        let rows = pairs * (self.own + self.other) * self.stride() * VECTOR;
        (rows + scores * self.own * self.width()) * size_of::<f32>()
    }
}

/// What a score goes through besides the scale.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Scores {
    /// Position `i` sees `j` with `i - window < j <= i`.
    pub window: usize,
    /// Scores stay within `-softcap..softcap`.
    pub softcap: Option<f32>,
}

/// Copies `rows` positions of one head from `first` on to a tile, zeros where there are none: a row a position.
#[cube]
#[allow(clippy::too_many_arguments)] // as a kernel
fn load<F: Float>(
    from: &Tensor<F>,
    to: &mut Tile,
    start: usize,
    stride: usize,
    first: usize,
    seq: usize,
    #[comptime] rows: usize,
    #[comptime] tiles: Tiles,
) {
    let vectors = comptime![tiles.vectors()];
    let mut at = UNIT_POS as usize;
    while at < rows * vectors {
        let row = at / vectors;
        let vector = at % vectors;
        let mut values = Four::zeroed();
        if first + row < seq {
            #[unroll]
            for part in 0..VECTOR {
                let column = vector * VECTOR + part;
                if column < tiles.head_dim {
                    let value = f32::cast_from(from[start + (first + row) * stride + column]);
                    values.insert(part, value);
                }
            }
        }
        to[row * comptime![tiles.stride()] + vector] = values;
        at += CUBE_DIM as usize;
    }
}

/// This unit's row `index` of the cube's own tile.
#[cube]
fn row_of(index: usize, #[comptime] tiles: Tiles) -> usize {
    UNIT_POS_Y as usize + index * comptime![tiles.height()]
}

/// This unit's column `index` of scores, which is a row of the other tile.
#[cube]
fn column_of(index: usize, #[comptime] tiles: Tiles) -> usize {
    UNIT_POS_X as usize + index * comptime![tiles.lanes()]
}

/// So many sums of this unit that nothing was added to.
#[cube]
fn zeros(#[comptime] count: usize) -> Array<f32> {
    let mut sums = Array::<f32>::new(count);
    #[unroll]
    for i in 0..count {
        sums[i] = 0.0f32;
    }
    sums
}

/// The same of vectors: this unit's part of its rows of a head.
#[cube]
fn zero_rows(#[comptime] tiles: Tiles) -> Array<Four> {
    let count = comptime![tiles.rows() * tiles.each()];
    let mut sums = Array::<Four>::new(count);
    #[unroll]
    for i in 0..count {
        sums[i] = Four::zeroed();
    }
    sums
}

/// The products of this unit's rows of a cube's own tile and its rows of another, as many for each row as it has columns.
#[cube]
fn products(own: &Tile, other: &Tile, #[comptime] tiles: Tiles) -> Array<f32> {
    let rows = comptime![tiles.rows()];
    let columns = comptime![tiles.columns()];
    let stride = comptime![tiles.stride()];
    let mut sums = zeros(comptime![rows * columns]);
    let mut left = Array::<Four>::new(rows);
    for i in 0..comptime![tiles.vectors()] {
        #[unroll]
        for row in 0..rows {
            left[row] = own[row_of(row, tiles) * stride + i];
        }
        #[unroll]
        for column in 0..columns {
            let right = other[column_of(column, tiles) * stride + i];
            #[unroll]
            for row in 0..rows {
                #[unroll]
                for part in 0..VECTOR {
                    sums[row * columns + column] += left[row].extract(part) * right.extract(part);
                }
            }
        }
    }
    sums
}

/// Adds to this unit's sums the rows of the other tile, each times a row's weight for it.
#[cube]
fn add_weighted(sums: &mut Array<Four>, weights: &Shared<[f32]>, other: &Tile, #[comptime] tiles: Tiles) {
    let rows = comptime![tiles.rows()];
    let each = comptime![tiles.each()];
    let last = comptime![tiles.vectors() - 1];
    let mut left = Array::<f32>::new(rows);
    for column in 0..comptime![tiles.other] {
        #[unroll]
        for row in 0..rows {
            left[row] = weights[row_of(row, tiles) * comptime![tiles.width()] + column];
        }
        #[unroll]
        for i in 0..each {
            let mut vector = column_of(i, tiles);
            // Who has none left adds to a copy of the last, which is not written.
            if vector > last {
                vector = last;
            }
            let right = other[column * comptime![tiles.stride()] + vector];
            #[unroll]
            for row in 0..rows {
                sums[row * each + i] += Four::new(left[row]) * right;
            }
        }
    }
}

/// Writes this unit's sums to positions from `first` on.
#[cube]
fn write<F: Float>(
    sums: &Array<Four>,
    to: &mut Tensor<F>,
    start: usize,
    stride: usize,
    first: usize,
    seq: usize,
    #[comptime] tiles: Tiles,
) {
    let each = comptime![tiles.each()];
    #[unroll]
    for row in 0..comptime![tiles.rows()] {
        let position = first + row_of(row, tiles);
        if position < seq {
            #[unroll]
            for i in 0..each {
                #[unroll]
                for part in 0..VECTOR {
                    let column = column_of(i, tiles) * VECTOR + part;
                    if column < tiles.head_dim {
                        let value = sums[row * each + i].extract(part);
                        to[start + position * stride + column] = F::cast_from(value);
                    }
                }
            }
        }
    }
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

    fn tiles(&self, like: &CubeTensor, pairs: usize, scores: usize) -> Tiles {
        let hardware = &like.client.properties().hardware;
        Tiles::largest(
            self.head_dim,
            hardware.max_shared_memory_size.min(ROOM),
            pairs,
            scores,
        )
    }

    /// A cube a head, sequence and tile. Devices start cubes along the grid's first side first, so tiles are the last: those
    /// of one length start together, whatever their head.
    fn cubes(&self, tile: usize, heads: usize) -> CubeCount {
        let tiles = self.seq.div_ceil(tile) as u32;
        CubeCount::Static(heads as u32, self.batch as u32, tiles)
    }

    fn grid(&self, tiles: Tiles, heads: usize) -> (CubeCount, CubeDim) {
        (
            self.cubes(tiles.own, heads),
            CubeDim::new_2d(tiles.lanes() as u32, tiles.height() as u32),
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tiles_fit_into_what_there_is_and_a_cubes_units_into_tiles() {
        // Pairs and scores of the three kernels.
        for (pairs, scores) in [(1, 1), (2, 1), (2, 2)] {
            for head_dim in [1, 12, 20, 48, 64, 128, 200, 256] {
                for room in [16 * 1024, 32 * 1024] {
                    let tiles = Tiles::largest(head_dim, room, pairs, scores);
                    assert!(tiles.bytes(pairs, scores) <= room, "{tiles:?} in {room}");
                    assert_eq!(tiles.rows() * tiles.height(), tiles.own, "{tiles:?}");
                    assert_eq!(tiles.columns() * tiles.lanes(), tiles.other, "{tiles:?}");
                    assert!(tiles.vectors() * VECTOR >= head_dim && tiles.stride() % 2 == 1);
                    assert!(tiles.each() * tiles.lanes() >= tiles.vectors());
                }
            }
        }
    }

    /// What WebGPU has everywhere, and what most cards have.
    #[test]
    fn heads_of_64_have_large_tiles() {
        let sides = |room, pairs, scores| {
            let tiles = Tiles::largest(64, room, pairs, scores);
            (tiles.own, tiles.other)
        };
        assert_eq!(sides(16 * 1024, 1, 1), (32, 16));
        assert_eq!(sides(32 * 1024, 1, 1), (32, 32));
        assert_eq!(sides(16 * 1024, 2, 2), (16, 8));
        assert_eq!(sides(32 * 1024, 2, 1), (32, 16));
        assert_eq!(sides(32 * 1024, 2, 2), (32, 16));
    }
}
