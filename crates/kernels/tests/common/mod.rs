//! What the checks of operations against their references share: fresh random inputs, and one measure of closeness.

use std::time::{SystemTime, UNIX_EPOCH};

use burn::tensor::{Device, FloatDType, Int, Tensor, TensorData};
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{RngCore, SeedableRng};

/// Draws inputs on the CPU.
pub struct Random(ChaCha8Rng);

impl Random {
    pub fn new() -> Self {
        let now = || {
            SystemTime::now()
                .duration_since(UNIX_EPOCH)
                .map_or(0, |since| since.as_nanos() as u64)
        };
        let seed = std::env::var("BLUEBERRY_SEED")
            .ok()
            .and_then(|seed| seed.parse().ok())
            .unwrap_or_else(now);
        println!("BLUEBERRY_SEED={seed}");
        Self(ChaCha8Rng::seed_from_u64(seed))
    }

    /// Uniform in `-scale..scale`.
    pub fn tensor<const D: usize>(&mut self, shape: [usize; D], scale: f32) -> Tensor<D> {
        let mut draw = || (self.0.next_u32() as f32 / u32::MAX as f32 * 2.0 - 1.0) * scale;
        let values: Vec<f32> = (0..shape.iter().product()).map(|_| draw()).collect();
        Tensor::from_data(TensorData::new(values, shape), &Device::flex())
    }

    pub fn targets(&mut self, rows: usize, vocab: usize) -> Tensor<1, Int> {
        let values: Vec<i32> = (0..rows)
            .map(|_| (self.0.next_u32() as usize % vocab) as i32)
            .collect();
        Tensor::from_data(TensorData::new(values, [rows]), &Device::flex())
    }
}

pub fn values<const D: usize>(tensor: Tensor<D>) -> Vec<f32> {
    tensor
        .cast(FloatDType::F32)
        .into_data()
        .try_into_vec()
        .expect("f32")
}

/// The largest difference over the largest expected value stays under `bound`. With one key, or one value in a row,
/// the exact gradient is 0 and both versions give the rounding of terms of order 1 to 10, so values under a tenth
/// are not what a difference is held against.
pub fn assert_close(what: &str, found: &[f32], expected: &[f32], bound: f32) {
    assert_eq!(found.len(), expected.len(), "{what}");
    let largest = expected.iter().fold(0.1f32, |largest, x| largest.max(x.abs()));
    for (index, (found, expected)) in found.iter().zip(expected).enumerate() {
        let error = (found - expected).abs() / largest;
        // Written so that a NaN fails.
        assert!(
            error <= bound,
            "{what}[{index}]: {found} for {expected}, off by {error:e}"
        );
    }
}

pub fn leaf<const D: usize>(tensor: &Tensor<D>) -> Tensor<D> {
    tensor.clone().autodiff().require_grad()
}
