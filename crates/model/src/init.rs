//! Initial weights, drawn on the host so that a seed gives the same model on every device.

use burn::tensor::{Device, Tensor, TensorData};
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;
use rand_distr::{Distribution, StandardNormal};

use crate::{Init, ModelConfig, ParameterSpec, Weights};

/// The initial values of the `index`-th parameter, row by row.
///
/// Each parameter has its own stream of the generator, so its values depend on the seed and its place
/// alone.
pub fn init_data(spec: &ParameterSpec, index: usize, seed: u64) -> Vec<f32> {
    match spec.init {
        Init::Ones => vec![1.0; spec.len()],
        Init::Zeros => vec![0.0; spec.len()],
        Init::Normal(std) => {
            let mut random = ChaCha8Rng::seed_from_u64(seed);
            random.set_stream(index as u64);
            let normal = StandardNormal;
            (0..spec.len())
                .map(|_| {
                    let draw: f32 = normal.sample(&mut random);
                    draw * std as f32
                })
                .collect()
        }
    }
}

/// The initial weights on `device`.
pub fn init_weights(config: &ModelConfig, seed: u64, device: &Device) -> Weights<Tensor<2>> {
    let mut index = 0;
    Weights::specs(config).map(|spec| {
        let values = init_data(&spec, index, seed);
        index += 1;
        Tensor::from_data(TensorData::new(values, spec.shape), device)
    })
}
