//! What every launch shares: tensors whose values lie row by row, grids, and the sum over a row.

use burn::backend::cubecl::dtype_to_storage_type;
use burn::tensor::{DType, Shape};
use burn_cubecl::CubeDevice;
use burn_cubecl::kernel::into_contiguous;
use burn_cubecl::ops::numeric::{empty_device_contiguous_dtype, full_device_dtype, zeros};
use burn_cubecl::tensor::CubeTensor;
use cubecl::prelude::*;

use super::poison::is_poisoned;

/// Cubes along one side of a grid at most: WebGPU's limit.
const SIDE: usize = 65_535;

/// Units of a cube in a pass without rows.
pub(super) const UNITS: u32 = 256;

/// The values row by row; a copy where the tensor was a view. The strides are those of rows too, where Burn takes any for
/// a side of one.
pub(super) fn whole(tensor: CubeTensor) -> CubeTensor {
    let mut tensor = into_contiguous(tensor);
    let mut stride = 1;
    for side in (0..tensor.meta.num_dims()).rev() {
        tensor.meta.strides_mut()[side] = stride;
        stride *= tensor.meta.shape()[side];
    }
    tensor
}

/// The same, and nobody else's: a kernel may write to it.
pub(super) fn owned(tensor: CubeTensor) -> CubeTensor {
    let tensor = into_contiguous(tensor);
    if tensor.can_mut() {
        return tensor;
    }
    let copy = tensor.copy();
    drop(tensor);
    into_contiguous(copy)
}

/// Not yet written, on the device of `like`.
pub(super) fn empty<const D: usize>(like: &CubeTensor, shape: [usize; D], dtype: DType) -> CubeTensor {
    empty_shape(like, Shape::from(shape), dtype)
}

/// Not yet written, of the shape and type of `like`.
pub(super) fn empty_like(like: &CubeTensor) -> CubeTensor {
    empty_shape(like, like.meta.shape().clone(), like.dtype)
}

/// Not yet written, of the shape of `like`.
pub(super) fn empty_as(like: &CubeTensor, dtype: DType) -> CubeTensor {
    empty_shape(like, like.meta.shape().clone(), dtype)
}

fn empty_shape(like: &CubeTensor, shape: Shape, dtype: DType) -> CubeTensor {
    if is_poisoned() && dtype.is_float() {
        let nan = InputScalar::new(f32::NAN, dtype_to_storage_type(dtype));
        return whole(full_device_dtype(
            like.client.clone(),
            shape,
            like.device.clone(),
            nan,
            dtype,
        ));
    }
    empty_device_contiguous_dtype(like.client.clone(), like.device.clone(), shape, dtype)
}

/// Zeros, on the device of `like`.
pub(super) fn zeroed<const D: usize>(like: &CubeTensor, shape: [usize; D], dtype: DType) -> CubeTensor {
    let device: CubeDevice = like.device.clone();
    whole(zeros(device, Shape::from(shape), dtype))
}

/// A grid of so many cubes, and some that a kernel must ignore: fewer than it has lines.
pub(super) fn cubes(count: usize) -> CubeCount {
    let [x, y] = sides(count);
    CubeCount::Static(x, y, 1)
}

/// A line as long as the others leave it, so that one cube too many for a line is not a line of them.
fn sides(count: usize) -> [u32; 2] {
    let y = count.div_ceil(SIDE).max(1);
    [count.div_ceil(y).max(1) as u32, y as u32]
}

/// A grid with one unit a value, in cubes of [`UNITS`].
pub(super) fn flat(values: usize) -> (CubeCount, CubeDim) {
    (cubes(values.div_ceil(UNITS as usize)), CubeDim::new_1d(UNITS))
}

/// How rows are shared out: `x` units a row and `y` rows a cube.
pub(super) struct Rows {
    pub count: CubeCount,
    pub dim: CubeDim,
    /// Units of a cube.
    pub units: usize,
}

impl Rows {
    pub(super) fn new(rows: usize, width: usize) -> Self {
        let (lanes, at_once) = if width > 256 { (256, 1) } else { (32, 8) };
        Self {
            count: cubes(rows.div_ceil(at_once)),
            dim: CubeDim::new_2d(lanes, at_once as u32),
            units: lanes as usize * at_once,
        }
    }
}

/// The row of this unit in a grid of [`Rows`].
#[cube]
pub(super) fn row_of_unit() -> usize {
    CUBE_POS * CUBE_DIM_Y as usize + UNIT_POS_Y as usize
}

/// The sum of a value over the units of a row, in an order that depends on nothing else. Every unit of the cube must
/// call it; `scratch` holds one value a unit.
#[cube]
pub(super) fn row_sum(value: f32, scratch: &mut Shared<[f32]>) -> f32 {
    let unit = UNIT_POS as usize;
    let lane = UNIT_POS_X;
    scratch[unit] = value;
    sync_cube();
    let mut width = CUBE_DIM_X / 2u32;
    while width > 0u32 {
        if lane < width {
            let other = scratch[unit + width as usize];
            scratch[unit] += other;
        }
        sync_cube();
        width /= 2u32;
    }
    let sum = scratch[unit - lane as usize];
    sync_cube();
    sum
}

/// As [`row_sum`], the largest.
#[cube]
pub(super) fn row_max(value: f32, scratch: &mut Shared<[f32]>) -> f32 {
    let unit = UNIT_POS as usize;
    let lane = UNIT_POS_X;
    scratch[unit] = value;
    sync_cube();
    let mut width = CUBE_DIM_X / 2u32;
    while width > 0u32 {
        if lane < width {
            let other = scratch[unit + width as usize];
            let own = scratch[unit];
            scratch[unit] = max(own, other);
        }
        sync_cube();
        width /= 2u32;
    }
    let largest = scratch[unit - lane as usize];
    sync_cube();
    largest
}

/// `exp(x)` for `x <= 0`, 0 where a float has nothing smaller: shaders need not know what is beyond.
#[cube]
pub(super) fn exp_negative(x: f32) -> f32 {
    // What is no number stays none.
    let mut result = x.exp();
    if x <= -87.0f32 {
        result = 0.0f32;
    }
    result
}

/// `tanh(x)` from an exponential that cannot overflow, which a shader's own may.
#[cube]
fn tanh(x: f32) -> f32 {
    let mut positive = x;
    if x < 0.0f32 {
        positive = 0.0f32 - x;
    }
    let e = exp_negative(0.0f32 - 2.0f32 * positive);
    let mut result = (1.0f32 - e) / (1.0f32 + e);
    // There the quotient loses the digits of a small x; the next term of the series is under 6e-8 of it.
    if positive < 0.1f32 {
        let square = positive * positive;
        result = positive - positive * square * (0.33333334f32 - square * 0.13333334f32);
    }
    if x < 0.0f32 {
        result = 0.0f32 - result;
    }
    result
}

/// `cap * tanh(x / cap)`, or `x` where nothing is capped.
#[cube]
pub(super) fn capped(x: f32, cap: f32, #[comptime] caps: bool) -> f32 {
    let mut result = x;
    if comptime![caps] {
        result = cap * tanh(x / cap);
    }
    result
}

/// The sum of a value over the units of a column of the cube, whose height is a power of two: in an order that depends on
/// nothing else. Every unit must call it, once; `scratch` holds one value a unit.
#[cube]
pub(super) fn column_sum(value: f32, scratch: &mut Shared<[f32]>) -> f32 {
    let unit = UNIT_POS as usize;
    scratch[unit] = value;
    sync_cube();
    let mut height = CUBE_DIM_Y / 2u32;
    while height > 0u32 {
        if UNIT_POS_Y < height {
            let other = scratch[unit + (height * CUBE_DIM_X) as usize];
            scratch[unit] += other;
        }
        sync_cube();
        height /= 2u32;
    }
    scratch[UNIT_POS_X as usize]
}

#[cube(launch)]
fn sum_parts_kernel(
    parts: &Tensor<f32>,
    sums: &mut Tensor<f32>,
    n: usize,
    count: usize,
    #[comptime] units: usize,
) {
    let mut scratch = Shared::<[f32]>::new_slice(units);
    let column = CUBE_POS * CUBE_DIM_X as usize + UNIT_POS_X as usize;
    let mut own = 0.0f32;
    if column < n {
        let mut part = UNIT_POS_Y as usize;
        while part < count {
            own += parts[part * n + column];
            part += CUBE_DIM_Y as usize;
        }
    }
    let sum = column_sum(own, &mut scratch);
    if column < n && UNIT_POS_Y == 0 {
        sums[column] = sum;
    }
}

/// The sum of the rows of `[parts, n]`, as `[1, n]`. Eight units share a column of many parts, which is long to walk and
/// narrow; the parts of a few are taken one after the other.
pub(super) fn sum_parts(parts: CubeTensor) -> CubeTensor {
    let [count, n] = [parts.meta.shape()[0], parts.meta.shape()[1]];
    let sums = empty(&parts, [1, n], DType::F32);
    let height = if count >= 32 { 8 } else { 1 };
    let width = UNITS / height;
    sum_parts_kernel::launch(
        &sums.client,
        cubes(n.div_ceil(width as usize)),
        CubeDim::new_2d(width, height),
        parts.into_tensor_arg(),
        sums.clone().into_tensor_arg(),
        n,
        count,
        UNITS as usize,
    );
    sums
}

/// How the rows of a sum over rows are shared out, so that its rounding depends on the shape alone: rows of a part,
/// parts.
pub(super) fn parts(rows: usize) -> (usize, usize) {
    let chunk = rows.div_ceil(256).max(64);
    (chunk, rows.div_ceil(chunk).max(1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_grid_holds_every_cube_and_fewer_more_than_it_has_lines() {
        assert_eq!(sides(0), [1, 1]);
        assert_eq!(sides(SIDE), [SIDE as u32, 1]);
        assert_eq!(sides(SIDE + 1), [32_768, 2]);
        for count in [1, 7, SIDE - 1, SIDE + 2, 2 * SIDE + 1, 98_304, 12_345_678] {
            let [x, y] = sides(count).map(|side| side as usize);
            assert!(
                x <= SIDE && y <= SIDE && x * y >= count && x * y - count < y,
                "{count}: {x} x {y}"
            );
        }
    }
}
