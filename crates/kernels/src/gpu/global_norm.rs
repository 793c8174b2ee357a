//! The sums of squares of many tensors: one launch each into a row of a table, and one that adds the rows up.

use burn::tensor::DType;
use burn_cubecl::tensor::CubeTensor;
use cubecl::prelude::*;

use super::launch::{Rows, UNITS, cubes, empty, owned, row_of_unit, row_sum, whole};

/// Parts of a tensor at most: the width of the table.
pub(super) const PARTS: usize = 512;

/// Values that a unit adds up at least, where there are so many.
const VALUES: usize = 16;

#[cube(launch)]
fn squares_kernel(
    x: &Tensor<f32>,
    table: &mut Tensor<f32>,
    first: usize,
    len: usize,
    parts: usize,
    #[comptime] units: usize,
) {
    let mut scratch = Shared::<[f32]>::new_slice(units);
    let part = CUBE_POS;
    let mut squares = 0.0f32;
    if part < parts {
        let mut at = part * units + UNIT_POS as usize;
        while at < len {
            let value = x[at];
            squares += value * value;
            at += parts * units;
        }
    }
    let sum = row_sum(squares, &mut scratch);
    if part < parts && UNIT_POS == 0 {
        table[first + part] = sum;
    }
}

/// `table` is `[tensors, PARTS]`, zeros where nothing was written; the sums of `x`'s parts go into row `row`. It is
/// written where it lies if nobody else holds it.
pub(super) fn squares(table: CubeTensor, x: CubeTensor, row: usize) -> CubeTensor {
    let table = owned(table);
    let len = x.meta.num_elements();
    let parts = len.div_ceil(UNITS as usize * VALUES).clamp(1, PARTS);
    squares_kernel::launch(
        &table.client,
        cubes(parts),
        CubeDim::new_1d(UNITS),
        whole(x).into_tensor_arg(),
        table.clone().into_tensor_arg(),
        row * PARTS,
        len,
        parts,
        UNITS as usize,
    );
    table
}

#[cube(launch)]
fn row_sums_kernel(
    table: &Tensor<f32>,
    sums: &mut Tensor<f32>,
    n: usize,
    rows: usize,
    #[comptime] units: usize,
) {
    let mut scratch = Shared::<[f32]>::new_slice(units);
    let row = row_of_unit();
    let mut own = 0.0f32;
    if row < rows {
        let mut i = UNIT_POS_X as usize;
        while i < n {
            own += table[row * n + i];
            i += CUBE_DIM_X as usize;
        }
    }
    let sum = row_sum(own, &mut scratch);
    if row < rows && UNIT_POS_X == 0 {
        sums[row] = sum;
    }
}

/// The sum of each row of `[rows, n]`, `[rows]`.
pub(super) fn row_sums(table: CubeTensor) -> CubeTensor {
    let [rows, n] = [table.meta.shape()[0], table.meta.shape()[1]];
    let sums = empty(&table, [rows], DType::F32);
    let Rows { count, dim, units } = Rows::new(rows, n);
    row_sums_kernel::launch(
        &sums.client,
        count,
        dim,
        whole(table).into_tensor_arg(),
        sums.clone().into_tensor_arg(),
        n,
        rows,
        units,
    );
    sums
}
