//! The operations of the optimiser, on all its parameters as a step has them.

use std::cell::Cell;

use blueberry_kernels::{
    AdamwState, AdamwStep, AdamwUpdate, Kernels, MuonIteration, MuonState, MuonStep, MuonUpdate, adamw,
    adamw_plain, muon, muon_plain, squared_norms, squared_norms_plain,
};
use blueberry_model::{Kind, Weights};
use blueberry_optim::{MuonConfig, OptimConfig};
use burn::tensor::Tensor;

use super::operations::{Bench, Case, bytes};

impl<'a> Bench<'a> {
    pub(super) fn optimizer(&self, optim: &OptimConfig) -> Vec<Case<'a>> {
        let mut cases = vec![self.global_norm()];
        cases.extend(self.muon(&optim.muon));
        cases.push(self.adamw());
        cases
    }

    /// A tensor for each parameter that is a hidden matrix, or for each that is none.
    fn parameters(&self, matrices: bool) -> Vec<Tensor<2>> {
        let specs = Weights::specs(self.model).into_vec();
        let chosen = specs
            .iter()
            .filter(|spec| (spec.kind == Kind::Matrix) == matrices);
        chosen.map(|spec| self.random(spec.shape)).collect()
    }

    fn global_norm(&self) -> Case<'a> {
        let gradients = [self.parameters(true), self.parameters(false)].concat();
        let operation = match self.kernels {
            Kernels::Fused => squared_norms,
            Kernels::Plain => squared_norms_plain,
        };
        Case {
            per_step: 1,
            bytes: bytes(values(&gradients)),
            ..self.case("global_norm", 1, move || drop(operation(&gradients)))
        }
    }

    /// Muon's update of the matrices of each shape, which it batches: momentum, iteration, step.
    fn muon(&self, config: &MuonConfig) -> Vec<Case<'a>> {
        let step = MuonStep {
            momentum: config.momentum,
            keep: 1.0,
            rate: 1e-3,
        };
        let iteration = MuonIteration {
            method: config.method,
            half: self.muon_half,
        };
        let operation = match self.kernels {
            Kernels::Fused => muon,
            Kernels::Plain => muon_plain,
        };
        let case = |([rows, cols], count): ([usize; 2], usize)| {
            let gradients: Vec<Tensor<2>> = (0..count).map(|_| self.random([rows, cols])).collect();
            let states = gradients.iter().map(|like| MuonState {
                parameter: like.zeros_like(),
                momentum: like.zeros_like(),
            });
            let run = updated(states.collect(), move |states: Vec<MuonState>| {
                let updates = states
                    .into_iter()
                    .zip(&gradients)
                    .map(|(state, gradient)| MuonUpdate {
                        step,
                        state,
                        gradient: gradient.clone(),
                    });
                operation(updates.collect(), None, iteration)
            });
            Case {
                name: format!("muon {count} x {rows} x {cols}"),
                per_step: 1,
                flops: iteration_flops([rows, cols], count),
                // Parameter and momentum in and out, the gradient in.
                bytes: bytes(5 * count * rows * cols),
                run: Box::new(run),
            }
        };
        self.matrices().into_iter().map(case).collect()
    }

    /// All that is not a hidden matrix.
    fn adamw(&self) -> Case<'a> {
        let gradients = self.parameters(false);
        let states = gradients.iter().map(|like| AdamwState {
            parameter: like.zeros_like(),
            mean: like.zeros_like(),
            square: like.zeros_like(),
        });
        let step = AdamwStep {
            keep: 1.0,
            rate: 1e-3,
            beta1: 0.9,
            beta2: 0.95,
            root_correction: 1.0,
            eps: 1e-8,
        };
        let operation = match self.kernels {
            Kernels::Fused => adamw,
            Kernels::Plain => adamw_plain,
        };
        let bytes = bytes(7 * values(&gradients));
        let run = updated(states.collect(), move |states: Vec<AdamwState>| {
            let updates = states
                .into_iter()
                .zip(&gradients)
                .map(|(state, gradient)| AdamwUpdate {
                    step,
                    state,
                    gradient: gradient.clone(),
                });
            operation(updates.collect(), None)
        });
        Case {
            per_step: 1,
            bytes,
            ..self.case("adamw", 1, run)
        }
    }
}

fn values(tensors: &[Tensor<2>]) -> usize {
    tensors
        .iter()
        .map(|tensor| tensor.dims().iter().product::<usize>())
        .sum()
}

/// Operations of five iterations: the Gram matrix, its square, the polynomial times the matrix.
fn iteration_flops([rows, cols]: [usize; 2], count: usize) -> f64 {
    let (small, large) = (rows.min(cols) as f64, rows.max(cols) as f64);
    5.0 * count as f64 * (4.0 * small * small * large + 2.0 * small.powi(3))
}

/// A run that gives states away and takes them back, as the optimiser does, so that they are updated where they lie.
fn updated<S>(states: Vec<S>, update: impl Fn(Vec<S>) -> Vec<S>) -> impl Fn() {
    let kept = Cell::new(Some(states));
    move || {
        if let Some(states) = kept.take() {
            kept.set(Some(update(states)));
        }
    }
}
