//! Muon, one task a matrix: from its gradient to the updated parameter in buffers that stay in the cache.

use std::sync::{Mutex, PoisonError};

use burn::backend::flex::FlexTensor;
use burn::tensor::Tensor;
use rayon::prelude::*;

use super::momentum;
use super::orthogonalize::{Room, Workspace};
use super::product::{ALL_THREADS, Parallelism};
use super::slices::{factor, from_flex, to_flex, whole};
use crate::muon::{MuonState, MuonStep, MuonUpdate};
use crate::orthogonalize::Orthogonalize;

struct Tensors {
    step: MuonStep,
    shape: [usize; 2],
    parameter: FlexTensor,
    momentum: FlexTensor,
    gradient: FlexTensor,
}

/// One matrix of a step.
struct Job<'a> {
    step: MuonStep,
    shape: [usize; 2],
    parameter: &'a mut [f32],
    momentum: &'a mut [f32],
    gradient: &'a [f32],
}

/// Tensors are on the CPU, and in f32. What nobody else holds is updated where it lies.
pub(crate) fn muon(
    updates: Vec<MuonUpdate>,
    clip: Option<&Tensor<1>>,
    method: Orthogonalize,
) -> Vec<MuonState> {
    let clip = factor(clip);
    let mut tensors: Vec<Tensors> = updates.into_iter().map(Tensors::new).collect();
    let jobs: Vec<Job<'_>> = tensors.iter_mut().map(Tensors::job).collect();
    each_matrix(
        jobs,
        |job| job.shape,
        |job, workspace, threads| job.run(clip, method, workspace, threads),
    );
    tensors.into_iter().map(Tensors::state).collect()
}

/// Orthogonalises matrices that lie one behind the other; on the CPU, and in f32.
pub(crate) fn orthogonalize(x: Tensor<3>, method: Orthogonalize) -> Tensor<3> {
    let [_, rows, cols] = x.dims();
    let shape = [rows, cols];
    let mut x = whole(to_flex(x));
    let matrices: Vec<&mut [f32]> = x.storage_mut().chunks_mut((rows * cols).max(1)).collect();
    each_matrix(
        matrices,
        |_| shape,
        |matrix, workspace, threads| {
            workspace.matrix(matrix.len()).copy_from_slice(matrix);
            workspace.orthogonalize(shape, method, threads);
            matrix.copy_from_slice(workspace.matrix(matrix.len()));
        },
    );
    from_flex(x)
}

/// Runs every job once: one thread a job, or, where there are more threads than jobs, all threads on one after the
/// other. A job's result does not depend on which.
fn each_matrix<J: Send>(
    jobs: Vec<J>,
    shape: impl Fn(&J) -> [usize; 2],
    run: impl Fn(J, &mut Workspace, Parallelism) + Sync,
) {
    let room = Room::for_shapes(jobs.iter().map(shape));
    let workers = rayon::current_num_threads();
    if jobs.len() < workers {
        let mut workspace = Workspace::new(room);
        jobs.into_iter()
            .for_each(|job| run(job, &mut workspace, ALL_THREADS));
        return;
    }
    let queue = Mutex::new(jobs.into_iter());
    // A panic in another thread is passed on by the pool; the queue itself is whole.
    let next = || queue.lock().unwrap_or_else(PoisonError::into_inner).next();
    (0..workers).into_par_iter().with_max_len(1).for_each(|_| {
        let mut workspace = Workspace::new(room);
        while let Some(job) = next() {
            run(job, &mut workspace, Parallelism::None);
        }
    });
}

impl Tensors {
    fn new(update: MuonUpdate) -> Self {
        let MuonUpdate {
            step,
            state,
            gradient,
        } = update;
        let shape = gradient.dims();
        let [parameter, momentum, gradient] =
            [state.parameter, state.momentum, gradient].map(|tensor| whole(to_flex(tensor)));
        Self {
            step,
            shape,
            parameter,
            momentum,
            gradient,
        }
    }

    fn job(&mut self) -> Job<'_> {
        Job {
            step: self.step,
            shape: self.shape,
            parameter: self.parameter.storage_mut(),
            momentum: self.momentum.storage_mut(),
            gradient: self.gradient.storage(),
        }
    }

    fn state(self) -> MuonState {
        let [parameter, momentum] = [self.parameter, self.momentum].map(from_flex);
        MuonState { parameter, momentum }
    }
}

impl Job<'_> {
    fn run(self, clip: f32, method: Orthogonalize, workspace: &mut Workspace, threads: Parallelism) {
        let len = self.gradient.len();
        let ahead = workspace.matrix(len);
        momentum::momentum(self.step, clip, self.gradient, self.momentum, ahead, threads);
        workspace.orthogonalize(self.shape, method, threads);
        momentum::step(self.step, self.parameter, workspace.matrix(len), threads);
    }
}
