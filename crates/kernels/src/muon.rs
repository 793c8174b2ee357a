//! One Muon update of all its matrices: momentum, made orthogonal, taken as the step.

use burn::tensor::{FloatDType, Tensor};

use crate::global_norm::clipped;
use crate::orthogonalize::{Orthogonalize, orthogonalize_in, orthogonalize_plain_in};

/// Values in one batch of matrices; bounds the memory of the stacked copy (128 MiB in f32).
const BATCH_VALUES: usize = 1 << 25;

/// The numbers of one step of a matrix.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct MuonStep {
    /// Share of the old momentum that stays.
    pub momentum: f64,
    /// What the weight is multiplied by, `1 - lr * weight_decay`.
    pub keep: f64,
    /// What the direction, whose singular values are near 1, is multiplied by.
    pub rate: f64,
}

/// How directions are made orthogonal.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct MuonIteration {
    /// The iteration.
    pub method: Orthogonalize,
    /// The 16-bit float that it computes in, if not in the parameter's own.
    pub half: Option<FloatDType>,
}

/// A matrix and the momentum of its gradients; of one shape.
#[derive(Clone, Debug)]
pub struct MuonState {
    /// The parameter.
    pub parameter: Tensor<2>,
    /// Mean of gradients.
    pub momentum: Tensor<2>,
}

/// A matrix's part of a step: its numbers, its state, and its gradient before the clip.
#[derive(Clone, Debug)]
pub struct MuonUpdate {
    /// The numbers.
    pub step: MuonStep,
    /// What changes.
    pub state: MuonState,
    /// The gradient, of the parameter's shape.
    pub gradient: Tensor<2>,
}

/// Muon (Jordan et al., 2024) with momentum in its lerp form and Nesterov's look-ahead, for each of the matrices. With
/// `g` the gradient times `clip` (`[1]`, if given) and `m` the share of momentum that stays:
/// `momentum <- m momentum + (1 - m) g`, `p <- keep p - rate orthogonalize(m momentum + (1 - m) g)`.
///
/// Tensors are plain ones (no autodiff). The new states are in the order of the updates.
pub fn muon(updates: Vec<MuonUpdate>, clip: Option<&Tensor<1>>, iteration: MuonIteration) -> Vec<MuonState> {
    #[cfg(feature = "native")]
    if iteration.half.is_none()
        && updates
            .iter()
            .all(|update| update.tensors().into_iter().all(crate::cpu::is_cpu_f32))
    {
        return crate::cpu::muon(updates, clip, iteration.method);
    }
    #[cfg(feature = "gpu")]
    if updates
        .iter()
        .all(|update| update.tensors().into_iter().all(crate::gpu::is_gpu_f32))
    {
        return crate::gpu::muon(updates, clip, iteration);
    }
    muon_by(updates, clip, iteration, orthogonalize_in)
}

/// The reference of [`muon`]; matrices of one shape are orthogonalised together.
pub fn muon_plain(
    updates: Vec<MuonUpdate>,
    clip: Option<&Tensor<1>>,
    iteration: MuonIteration,
) -> Vec<MuonState> {
    muon_by(updates, clip, iteration, orthogonalize_plain_in)
}

/// An iteration with factors of a float in its products; the result is f32.
type Iterate = fn(FloatDType, Tensor<3>, Orthogonalize) -> Tensor<3>;

fn muon_by(
    updates: Vec<MuonUpdate>,
    clip: Option<&Tensor<1>>,
    iteration: MuonIteration,
    orthogonalize: Iterate,
) -> Vec<MuonState> {
    let shapes: Vec<[usize; 2]> = updates.iter().map(|update| update.gradient.dims()).collect();
    let steps: Vec<MuonStep> = updates.iter().map(|update| update.step).collect();
    let advance = |update: MuonUpdate| advance(update, clip);
    let (mut states, ahead): (Vec<MuonState>, Vec<Tensor<2>>) = updates.into_iter().map(advance).unzip();
    for batch in batches(&shapes) {
        let stack = batch.iter().map(|&i| ahead[i].clone()).collect();
        for (&i, direction) in batch.iter().zip(directions(stack, iteration, orthogonalize)) {
            let parameter = states[i].parameter.clone();
            states[i].parameter = parameter * steps[i].keep - direction * steps[i].rate;
        }
    }
    states
}

/// The state with its new momentum, and Nesterov's look-ahead of it.
fn advance(update: MuonUpdate, clip: Option<&Tensor<1>>) -> (MuonState, Tensor<2>) {
    let MuonState { parameter, momentum } = update.state;
    let stays = update.step.momentum;
    let fresh = clipped(update.gradient, clip) * (1.0 - stays);
    let momentum = momentum * stays + fresh.clone();
    let ahead = fresh + momentum.clone() * stays;
    (MuonState { parameter, momentum }, ahead)
}

/// Groups shapes, in their order, into batches of one shape that are orthogonalised together.
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

/// Orthogonalises matrices of one shape together.
fn directions(momenta: Vec<Tensor<2>>, iteration: MuonIteration, orthogonalize: Iterate) -> Vec<Tensor<2>> {
    let dtype = FloatDType::from(momenta[0].dtype());
    let stacked: Tensor<3> = Tensor::stack(momenta, 0);
    let factors = iteration.half.unwrap_or(dtype);
    let orthogonal = orthogonalize(factors, stacked, iteration.method).cast(dtype);
    let count = orthogonal.dims()[0];
    (0..count)
        .map(|i| orthogonal.clone().narrow(0, i, 1).squeeze_dim::<2>(0))
        .collect()
}

#[cfg(feature = "gpu")]
impl MuonUpdate {
    fn tensors(&self) -> [&Tensor<2>; 3] {
        [&self.state.parameter, &self.state.momentum, &self.gradient]
    }
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
