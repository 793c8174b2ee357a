//! Products that a GPU takes apart.

use blueberry_kernels::{may_round_products, weight_gradient};

use crate::common::{Random, values};
use crate::device::{Gpu, check, is_own, on};

#[test]
fn a_weight_gradient_of_parts_is_the_product() {
    let (gpu, mut random) = (Gpu::open(), Random::new());
    // Products of f32 may be those of TF32.
    let bound = if may_round_products(&gpu.device) {
        5e-3
    } else {
        1e-5
    };
    for (rows, [width, columns], parts) in [(96, [24, 40], 1), (96, [24, 40], 3), (192, [16, 8], 16)] {
        let x = random.tensor([rows, width], 1.0);
        let upstream = random.tensor([rows, columns], 1.0);
        let both = gpu.run(|device, _| {
            let (x, upstream) = (on(&x, device), on(&upstream, device));
            vec![values(if is_own(device) {
                weight_gradient(x, upstream, parts)
            } else {
                x.transpose().matmul(upstream)
            })]
        });
        check(
            &format!("{rows} x {width} x {columns} of {parts}"),
            &["w"],
            both,
            bound,
        );
    }
}
