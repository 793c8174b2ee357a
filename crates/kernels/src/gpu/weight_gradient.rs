//! The gradient of a product's weights, `x^T upstream`: many rows are added up to a small matrix. A product by tiles gives
//! each tile of it to one processor, so of a large card most would stay idle. So the rows are cut into parts, whose products
//! are one batch, and these are summed in the parts' order.

use burn::backend::ops::FloatTensorOps;
use burn::tensor::Shape;
use burn_cubecl::CubeBackend;
use burn_cubecl::tensor::CubeTensor;

use super::launch::{sum_parts, whole};
use super::product::product;

/// The tile that the routines take for 16-bit factors of which the first is transposed (`infer_blueprint_plane` of
/// cubek-matmul 0.3.1).
const TILE: [usize; 2] = [128, 64];
/// Tiles that are not cut: one for each processor of a large card.
const ENOUGH: usize = 128;
/// Tiles of all parts at most: two for each.
const TILES: usize = 256;
/// Rows of a part at least, so that its product is long beside adding it to the others.
const ROWS: usize = 512;

/// Into how many parts to cut so many rows for a gradient of `shape`: by the sizes alone, so that its rounding is the same
/// on every card.
pub(super) fn parts(rows: usize, shape: [usize; 2]) -> usize {
    let tiles = shape[0].div_ceil(TILE[0]) * shape[1].div_ceil(TILE[1]);
    if tiles >= ENOUGH {
        return 1;
    }
    let mut parts = 1;
    while tiles * parts < TILES && rows.is_multiple_of(2 * parts) && rows / (2 * parts) >= ROWS {
        parts *= 2;
    }
    parts
}

/// `x` is `[rows, in]`, `upstream` is `[rows, out]`; gives `[in, out]` in f32. `parts` divides the rows.
pub(super) fn weight_gradient(x: CubeTensor, upstream: CubeTensor, parts: usize) -> CubeTensor {
    if parts == 1 {
        return product(CubeBackend::float_transpose(x), upstream, true);
    }
    let [x, upstream] = [x, upstream].map(|factor| cut(factor, parts));
    let shape = [x.meta.shape()[2], upstream.meta.shape()[2]];
    let products = whole(product(CubeBackend::float_swap_dims(x, 1, 2), upstream, true));
    let rows = Shape::from([parts, shape[0] * shape[1]]);
    let sums = sum_parts(CubeBackend::float_reshape(products, rows));
    CubeBackend::float_reshape(sums, Shape::from(shape))
}

/// `[rows, n]` as `[parts, rows / parts, n]`.
fn cut(factor: CubeTensor, parts: usize) -> CubeTensor {
    let factor = whole(factor);
    let [rows, n] = [factor.meta.shape()[0], factor.meta.shape()[1]];
    CubeBackend::float_reshape(factor, Shape::from([parts, rows / parts, n]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn small_gradients_of_many_rows_are_cut() {
        // Of `reference`: queries and what follows attention, keys and values, the feed-forward network.
        assert_eq!(parts(8192, [512, 512]), 8);
        assert_eq!(parts(8192, [512, 256]), 16);
        assert_eq!(parts(8192, [512, 2048]), 1);
        assert_eq!(parts(8192, [2048, 512]), 1);
        // Rows that no two parts share evenly, or that are few.
        assert_eq!(parts(8191, [512, 512]), 1);
        assert_eq!(parts(2304, [512, 512]), 4);
        assert_eq!(parts(1022, [16, 16]), 1);
        assert_eq!(parts(1024, [16, 16]), 2);
    }
}
