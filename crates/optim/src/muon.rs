//! Muon: momentum, made orthogonal, over a batch of matrices of one shape.

use blueberry_kernels::orthogonalize;
use burn::tensor::{FloatDType, Tensor};

use crate::MuonConfig;

/// Values in one batch of matrices; bounds the memory of the stacked copy (128 MiB in f32).
const BATCH_VALUES: usize = 1 << 25;

/// Groups parameters of one shape, in their order, into batches that are orthogonalised together.
pub(crate) fn batches(shapes: &[[usize; 2]]) -> Vec<Vec<usize>> {
    let mut batches: Vec<Vec<usize>> = Vec::new();
    for (index, shape) in shapes.iter().enumerate() {
        let room = (BATCH_VALUES / (shape[0] * shape[1]).max(1)).max(1);
        let open = batches
            .iter_mut()
            .rfind(|batch| shapes[batch[0]] == *shape && batch.len() < room);
        match open {
            Some(batch) => batch.push(index),
            None => batches.push(vec![index]),
        }
    }
    batches
}

/// Advances one momentum buffer (in its lerp form) and returns Nesterov's look-ahead of it.
pub(crate) fn momentum(config: &MuonConfig, gradient: Tensor<2>, buffer: &mut Tensor<2>) -> Tensor<2> {
    let beta = config.momentum;
    *buffer = buffer.clone() * beta + gradient.clone() * (1.0 - beta);
    gradient * (1.0 - beta) + buffer.clone() * beta
}

/// Orthogonalises directions of one shape together, in `half` where it is given.
pub(crate) fn directions(
    config: &MuonConfig,
    momenta: Vec<Tensor<2>>,
    half: Option<FloatDType>,
) -> Vec<Tensor<2>> {
    let dtype = momenta[0].dtype();
    let mut stacked: Tensor<3> = Tensor::stack(momenta, 0);
    if let Some(half) = half {
        stacked = stacked.cast(half);
    }
    let mut orthogonal = orthogonalize(stacked, config.method);
    if half.is_some() {
        orthogonal = orthogonal.cast(FloatDType::from(dtype));
    }
    let count = orthogonal.dims()[0];
    (0..count)
        .map(|i| orthogonal.clone().narrow(0, i, 1).squeeze_dim::<2>(0))
        .collect()
}

/// `parameter` after the step: decay, then the direction scaled by `sqrt(max(1, out / in))`, which keeps
/// the size of an update's effect alike for tall and wide matrices.
pub(crate) fn apply(config: &MuonConfig, lr: f64, parameter: Tensor<2>, direction: Tensor<2>) -> Tensor<2> {
    let [fan_in, fan_out] = parameter.dims();
    let scale = (fan_out as f64 / fan_in as f64).max(1.0).sqrt();
    parameter * (1.0 - lr * config.weight_decay) - direction * (lr * scale)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn batches_hold_one_shape_and_every_index_once() {
        let shapes = [[2, 3], [4, 4], [2, 3], [3, 2], [4, 4]];
        assert_eq!(batches(&shapes), vec![vec![0, 2], vec![1, 4], vec![3]]);
    }

    #[test]
    fn a_batch_stays_within_its_memory() {
        let shape = [1 << 12, 1 << 12];
        let sizes: Vec<usize> = batches(&[shape; 5]).iter().map(Vec::len).collect();
        assert_eq!(sizes, vec![2, 2, 1]);
    }
}
