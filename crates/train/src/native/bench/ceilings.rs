//! What a device can do at best: measured, since a data sheet knows neither the clock nor the neighbours.

use std::cell::Cell;
use std::time::Instant;

use burn::tensor::{Device, Distribution, FloatDType, Tensor};
use serde::Serialize;

/// Rows and columns of the product: 17 GFLOP.
const PRODUCT: usize = 2048;
/// Values of the copy: 256 MiB in f32, far more than any cache holds.
const COPY: usize = 1 << 26;
/// The best of so many counts.
const TRIES: usize = 5;

/// The rates of a large product and a large copy.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Ceilings {
    /// FLOP/s of a square product in the precision of the preset.
    pub product_flops: f64,
    /// Bytes/s of a pass over one large tensor in place, which reads and writes each value once, both counted. In place,
    /// since a fresh result measures the operating system's page faults.
    pub copy_bytes: f64,
}

impl Ceilings {
    /// Measures both on `device` (without autodiff), the product in `half` where it is given.
    pub fn measure(device: &Device, half: Option<FloatDType>) -> Self {
        Self {
            product_flops: 2.0 * (PRODUCT as f64).powi(3) / product(device, half),
            copy_bytes: 8.0 * COPY as f64 / copy(device),
        }
    }

    /// The least seconds that so many FLOPs and bytes take: the longer of the two, as they may overlap.
    pub fn floor_s(&self, flops: f64, bytes: f64) -> f64 {
        (flops / self.product_flops).max(bytes / self.copy_bytes)
    }
}

fn product(device: &Device, half: Option<FloatDType>) -> f64 {
    let matrix = || {
        let matrix = Tensor::<2>::random([PRODUCT, PRODUCT], Distribution::Uniform(-1.0, 1.0), device);
        match half {
            Some(half) => matrix.cast(half),
            None => matrix,
        }
    };
    let (a, b) = (matrix(), matrix());
    best(device, || drop(a.clone().matmul(b.clone())))
}

fn copy(device: &Device) -> f64 {
    // Taken out and put back, so that the pass is the only owner and may write where it reads.
    let values = Cell::new(Some(Tensor::<1>::ones([COPY], device)));
    best(device, || {
        values.set(values.take().map(|values| values * 1.000_001))
    })
}

/// The shortest of [`TRIES`] runs in seconds, after one that is not counted.
pub(super) fn best(device: &Device, run: impl Fn()) -> f64 {
    let timed = || {
        let started = Instant::now();
        run();
        // What cannot be waited for is not measured: the time would be that of asking.
        device
            .sync()
            .map_or(f64::INFINITY, |()| started.elapsed().as_secs_f64())
    };
    timed();
    (0..TRIES).map(|_| timed()).fold(f64::INFINITY, f64::min)
}
