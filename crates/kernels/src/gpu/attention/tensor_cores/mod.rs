//! The same by tensor cores, where a device has their instructions for 16-bit floats: products of fragments that the
//! units of a plane hold in registers, summed in f32. Scores never leave the registers (Dao, "FlashAttention-2", 2023).
//!
//! A fragment's layout is that of `mma.m16n8k16` and `ldmatrix` (NVIDIA, "PTX ISA", section "Matrix multiply-accumulate
//! operation using mma instruction"). Of the sums, 16 rows by 8 columns, a unit holds columns `2 t` and `2 t + 1` of rows
//! `g` and `g + 8`, where `g` is its number divided by four and `t` the rest. Two of them side by side lie as a left
//! operand of 16 by 16 does, so that one product's result goes into the next one as it is.

use burn_cubecl::tensor::CubeTensor;
use cubecl::cmma::{MatrixIdent, MmaDefinition};
use cubecl::ir::features::MmaConfig;
use cubecl::ir::{ElemType, FloatKind};
use cubecl::prelude::*;

mod backward;
mod forward;

pub(super) use backward::backward;
pub(super) use forward::forward;

/// Rows of a left operand and of sums, and the length of the sums of one instruction.
const ROWS: usize = 16;
/// Columns of sums.
const COLUMNS: usize = 8;
/// Units of a plane.
pub(super) const PLANE: u32 = 32;
/// Planes of a cube; each has [`ROWS`] rows of its tile.
pub(super) const PLANES: usize = 4;
/// Rows of a cube, and keys that its queries look at together.
pub(super) const TILE: usize = PLANES * ROWS;
/// Values that are read at once, 16 bytes.
const VECTOR: usize = 8;

/// Values of a register.
type Two = Const<2>;
/// A unit's registers of 16 by 16 values.
type Left<F> = Array<Vector<F, Two>>;
/// A unit's registers of 16 by 8 sums.
type Sums = Array<Vector<f32, Two>>;

/// Whether the device of `q` multiplies fragments of its type, and a head fills them.
pub(super) fn fits(q: &CubeTensor) -> bool {
    let half = match q.dtype {
        burn::tensor::DType::BF16 => FloatKind::BF16,
        burn::tensor::DType::F16 => FloatKind::F16,
        _ => return false,
    };
    let properties = q.client.properties();
    let half = ElemType::Float(half);
    let wanted = MmaConfig {
        a_type: half,
        b_type: half,
        cd_type: ElemType::Float(FloatKind::F32),
        m: ROWS as u32,
        n: COLUMNS as u32,
        k: ROWS as u32,
    };
    let head_dim = q.meta.shape()[3];
    let hardware = &properties.hardware;
    properties.features.matmul.mma.contains(&wanted)
        && properties.features.matmul.ldmatrix.contains(&half)
        && (hardware.plane_size_min, hardware.plane_size_max) == (PLANE, PLANE)
        // Above, a unit's registers do not suffice.
        && head_dim.is_multiple_of(ROWS)
        && head_dim <= 128
}

/// As [`load`](super::load), in the type of the tensor. Rows are [`VECTOR`]s, and one of room keeps the addresses of
/// eight rows in different banks.
#[cube]
#[allow(clippy::too_many_arguments)] // as a kernel
fn load<F: Float, N: Size>(
    from: &Tensor<Vector<F, N>>,
    to: &mut Shared<[Vector<F, N>]>,
    start: usize,
    stride: usize,
    first: usize,
    seq: usize,
    #[comptime] rows: usize,
    #[comptime] vectors: usize,
) {
    let mut at = UNIT_POS as usize;
    while at < rows * vectors {
        let row = at / vectors;
        let column = at % vectors;
        let mut value = Vector::<F, N>::zeroed();
        if first + row < seq {
            value = from[start + (first + row) * stride + column];
        }
        to[row * (vectors + 1) + column] = value;
        at += CUBE_DIM as usize;
    }
}

/// So many fragments of zeros.
#[cube]
fn zeros(#[comptime] count: usize) -> Sequence<Sums> {
    let mut sums = Sequence::<Sums>::new();
    #[unroll]
    for _ in 0..count {
        let mut fragment = Array::<Vector<f32, Two>>::new(2usize);
        fragment[0] = Vector::zeroed();
        fragment[1] = Vector::zeroed();
        sums.push(fragment);
    }
    sums
}

/// The plane's [`ROWS`] rows of a tile as left operands.
#[cube]
fn lefts<F: Float, N: Size>(
    tile: &Shared<[Vector<F, N>]>,
    row: usize,
    #[comptime] vectors: usize,
) -> Sequence<Left<F>> {
    let mma = MmaDefinition::<F, F, f32>::new(16usize, 8usize, 16usize);
    let unit = UNIT_POS_X as usize;
    let mut all = Sequence::<Left<F>>::new();
    #[unroll]
    for step in 0..vectors / 2 {
        let at = (row + unit % 16) * (vectors + 1) + step * 2 + unit / 16;
        let loaded = mma.load_matrix::<Vector<F, N>, Two>(&tile[at..at + 1], MatrixIdent::A, 4usize, false);
        all.push(loaded);
    }
    all
}

/// Sums as a left operand: columns `16 step ..` of the next product's.
#[cube]
fn as_left<F: Float>(sums: &Sequence<Sums>, #[comptime] step: usize) -> Left<F> {
    let mut left = Array::<Vector<F, Two>>::new(4usize);
    let first = sums.index(step * 2);
    let second = sums.index(step * 2 + 1);
    left[0] = Vector::cast_from(first[0]);
    left[1] = Vector::cast_from(first[1]);
    left[2] = Vector::cast_from(second[0]);
    left[3] = Vector::cast_from(second[1]);
    left
}

/// Adds to two fragments of sums the product of `left` and what `at` addresses.
#[cube]
fn multiply<F: Float, N: Size>(
    left: &Left<F>,
    tile: &Shared<[Vector<F, N>]>,
    at: usize,
    sums: &mut Sequence<Sums>,
    #[comptime] pair: usize,
    #[comptime] transpose: bool,
) {
    let mma = MmaDefinition::<F, F, f32>::new(16usize, 8usize, 16usize);
    let loaded = mma.load_matrix::<Vector<F, N>, Two>(&tile[at..at + 1], MatrixIdent::B, 4usize, transpose);
    let mut first = Array::<Vector<F, Two>>::new(2usize);
    first[0] = loaded[0];
    first[1] = loaded[1];
    mma.execute_inplace(left, &first, sums.index_mut(pair * 2));
    let mut second = Array::<Vector<F, Two>>::new(2usize);
    second[0] = loaded[2];
    second[1] = loaded[3];
    mma.execute_inplace(left, &second, sums.index_mut(pair * 2 + 1));
}

/// Adds the products of the rows of the left operands with the first `count` rows of a tile, one column of sums each.
#[cube]
fn by_rows<F: Float, N: Size>(
    lefts: &Sequence<Left<F>>,
    tile: &Shared<[Vector<F, N>]>,
    sums: &mut Sequence<Sums>,
    #[comptime] count: usize,
    #[comptime] vectors: usize,
) {
    let unit = UNIT_POS_X as usize;
    #[unroll]
    for step in 0..vectors / 2 {
        #[unroll]
        for pair in 0..count / 16 {
            let row = pair * 16 + unit % 8 + unit / 16 * 8;
            let at = row * (vectors + 1) + step * 2 + unit / 8 % 2;
            multiply(lefts.index(step), tile, at, sums, pair, false);
        }
    }
}

/// Adds the first `count` rows of a tile, weighed by the columns of `weights`.
#[cube]
fn by_columns<F: Float, N: Size>(
    weights: &Sequence<Sums>,
    tile: &Shared<[Vector<F, N>]>,
    sums: &mut Sequence<Sums>,
    #[comptime] count: usize,
    #[comptime] vectors: usize,
) {
    let unit = UNIT_POS_X as usize;
    #[unroll]
    for step in 0..count / 16 {
        let left = as_left::<F>(weights, step);
        #[unroll]
        for pair in 0..vectors / 2 {
            let at = (step * 16 + unit % 16) * (vectors + 1) + pair * 2 + unit / 16;
            multiply(&left, tile, at, sums, pair, true);
        }
    }
}

/// Writes a plane's rows of sums, each times a factor of its row.
#[cube]
fn write<F: Float>(
    sums: &Sequence<Sums>,
    to: &mut Tensor<F>,
    factors: &Array<f32>,
    start: usize,
    stride: usize,
    first: usize,
    seq: usize,
    #[comptime] vectors: usize,
) {
    let unit = UNIT_POS_X as usize;
    #[unroll]
    for half in 0..2usize {
        let row = first + unit / 4 + half * 8;
        if row < seq {
            let at = start + row * stride + unit % 4 * 2;
            #[unroll]
            for tile in 0..vectors {
                let fragment = sums.index(tile);
                let pair = fragment[half];
                to[at + tile * 8] = F::cast_from(pair.extract(0usize) * factors[half]);
                to[at + tile * 8 + 1] = F::cast_from(pair.extract(1usize) * factors[half]);
            }
        }
    }
}

/// The sum over the four units that share a row.
#[cube]
fn sum_of_four(value: f32) -> f32 {
    let value = value + plane_shuffle_xor(value, 1u32);
    value + plane_shuffle_xor(value, 2u32)
}

/// The largest of the four units that share a row.
#[cube]
fn max_of_four(value: f32) -> f32 {
    let value = max(value, plane_shuffle_xor(value, 1u32));
    max(value, plane_shuffle_xor(value, 2u32))
}
