//! Sums of squares in one pass, summed in one order whatever the number of threads.

use burn::backend::flex::FlexTensor;
use burn::tensor::Tensor;
use rayon::prelude::*;

use super::math::{LANES, vectorised};
use super::slices::{CHUNK, floats, from_flex, tensor, to_flex};

vectorised! {
    /// Of at most [`CHUNK`] values, so that a lane adds few enough of them for f32.
    fn chunk_squares(values: &[f32]) -> f32 {
        let mut sums = [0.0f32; LANES];
        let (chunks, rest) = values.as_chunks::<LANES>();
        for chunk in chunks {
            for (sum, value) in sums.iter_mut().zip(chunk) {
                *sum += value * value;
            }
        }
        sums.iter().sum::<f32>() + rest.iter().map(|value| value * value).sum::<f32>()
    }
}

/// The sum of squares, on one thread.
pub(super) fn squares(values: &[f32]) -> f64 {
    values
        .chunks(CHUNK)
        .map(|chunk| f64::from(chunk_squares(chunk)))
        .sum()
}

/// The sum of squares of each tensor; on the CPU, and in f32.
pub(crate) fn squared_norms(tensors: &[Tensor<2>]) -> Tensor<1> {
    let tensors: Vec<FlexTensor> = tensors.iter().map(|tensor| to_flex(tensor.clone())).collect();
    let mut holds = vec![None; tensors.len()];
    let slices: Vec<&[f32]> = tensors
        .iter()
        .zip(&mut holds)
        .map(|(tensor, hold)| floats(tensor, hold))
        .collect();
    let norms = sums_of_squares(&slices);
    let count = norms.len();
    from_flex(tensor(norms, &[count]))
}

fn sums_of_squares(slices: &[&[f32]]) -> Vec<f32> {
    let chunks: Vec<&[f32]> = slices.iter().flat_map(|slice| slice.chunks(CHUNK)).collect();
    let sums: Vec<f32> = chunks.into_par_iter().map(chunk_squares).collect();
    let mut sums = sums.into_iter();
    let total = |slice: &&[f32]| {
        let own = sums.by_ref().take(slice.len().div_ceil(CHUNK));
        own.map(f64::from).sum::<f64>() as f32
    };
    slices.iter().map(total).collect()
}
