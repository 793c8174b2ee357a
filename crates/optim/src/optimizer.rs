//! One step over all parameters.

use blueberry_kernels::{
    AdamwState, AdamwUpdate, Kernels, MuonIteration, MuonState, MuonUpdate, adamw, adamw_plain, clip_factor,
    muon, muon_plain, squared_norms, squared_norms_plain,
};
use blueberry_model::{Kind, ParameterSpec};
use burn::tensor::{FloatDType, Tensor};
use thiserror::Error;

use crate::{OptimConfig, numbers};

/// Running means of one parameter's gradient.
#[derive(Clone, Debug)]
struct Means {
    /// Mean of gradients.
    mean: Tensor<2>,
    /// Mean of squared gradients.
    square: Tensor<2>,
}

/// What the optimiser remembers of one parameter.
#[derive(Clone, Debug)]
// A handful a layer, next to tensors of megabytes: a box would save nothing.
#[allow(clippy::large_enum_variant)]
enum State {
    Muon(Tensor<2>),
    Adamw(Means),
}

/// Which of the two trains a parameter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Algorithm {
    /// Hidden matrices.
    Muon,
    /// Everything else.
    Adamw,
}

impl Algorithm {
    /// The one that trains parameters of a kind.
    pub fn of(kind: Kind) -> Self {
        match kind {
            Kind::Matrix => Self::Muon,
            _ => Self::Adamw,
        }
    }

    /// Tensors of the parameter's shape that it keeps between steps: the momentum, or both means.
    pub fn state_tensors(self) -> usize {
        match self {
            Self::Muon => 1,
            Self::Adamw => 2,
        }
    }
}

/// Muon and AdamW over a list of parameters, in the order of their specs.
#[derive(Clone, Debug)]
pub struct Optimizer {
    config: OptimConfig,
    specs: Vec<ParameterSpec>,
    states: Vec<State>,
    steps: u64,
    half: Option<FloatDType>,
    operations: Operations,
}

/// The operations of a step, on all tensors of their kind at once.
#[derive(Clone, Copy, Debug)]
struct Operations {
    squared_norms: fn(&[Tensor<2>]) -> Tensor<1>,
    muon: fn(Vec<MuonUpdate>, Option<&Tensor<1>>, MuonIteration) -> Vec<MuonState>,
    adamw: fn(Vec<AdamwUpdate>, Option<&Tensor<1>>) -> Vec<AdamwState>,
}

impl Operations {
    fn new(kernels: Kernels) -> Self {
        match kernels {
            Kernels::Fused => Self {
                squared_norms,
                muon,
                adamw,
            },
            Kernels::Plain => Self {
                squared_norms: squared_norms_plain,
                muon: muon_plain,
                adamw: adamw_plain,
            },
        }
    }
}

/// The outcome of a step.
#[derive(Debug)]
pub struct Update {
    /// The new parameters.
    pub parameters: Vec<Tensor<2>>,
    /// `[parameters]`: the sum of squares of each gradient before the clip, still on the device.
    pub squared_norms: Tensor<1>,
}

/// A saved state that does not belong to these parameters.
#[derive(Debug, Error)]
#[error(
    "optimiser state `{0}` is missing or has another shape than the parameter: the checkpoint belongs to another model or optimiser"
)]
pub struct StateError(String);

impl Optimizer {
    /// A fresh optimiser for `parameters`. `half` is the 16-bit float for Muon's iteration, if any.
    pub fn new(
        config: &OptimConfig,
        specs: Vec<ParameterSpec>,
        parameters: &[Tensor<2>],
        half: Option<FloatDType>,
    ) -> Self {
        let state = |(spec, parameter): (&ParameterSpec, &Tensor<2>)| match Algorithm::of(spec.kind) {
            Algorithm::Muon => State::Muon(parameter.zeros_like()),
            Algorithm::Adamw => State::Adamw(Means {
                mean: parameter.zeros_like(),
                square: parameter.zeros_like(),
            }),
        };
        let states = specs.iter().zip(parameters).map(state).collect();
        Self {
            config: config.clone(),
            specs,
            states,
            steps: 0,
            half,
            operations: Operations::new(Kernels::default()),
        }
    }

    /// The same optimiser with other versions of its operations.
    #[must_use]
    pub fn with_kernels(self, kernels: Kernels) -> Self {
        Self {
            operations: Operations::new(kernels),
            ..self
        }
    }

    /// Clips the gradients and takes one step with every learning rate multiplied by `factor`.
    ///
    /// Parameters and gradients are plain tensors (no autodiff) in the order of the specs. Those that nobody else holds
    /// may be updated where they lie.
    pub fn step(&mut self, parameters: Vec<Tensor<2>>, gradients: Vec<Tensor<2>>, factor: f64) -> Update {
        self.steps += 1;
        let squared_norms = (self.operations.squared_norms)(&gradients);
        let clips = self.config.clip != 0.0;
        let clip = clips.then(|| clip_factor(squared_norms.clone(), self.config.clip));
        let (muon, adamw) = self.updates(parameters, gradients, factor);
        let iteration = MuonIteration {
            method: self.config.muon.method,
            half: self.half,
        };
        let muon = (self.operations.muon)(muon, clip.as_ref(), iteration);
        let adamw = (self.operations.adamw)(adamw, clip.as_ref());
        Update {
            parameters: self.put_back(muon, adamw),
            squared_norms,
        }
    }

    /// Takes the states out, so that nobody else holds them, each with what its step needs.
    fn updates(
        &mut self,
        parameters: Vec<Tensor<2>>,
        gradients: Vec<Tensor<2>>,
        factor: f64,
    ) -> (Vec<MuonUpdate>, Vec<AdamwUpdate>) {
        let (mut muon, mut adamw) = (Vec::new(), Vec::new());
        let states = std::mem::take(&mut self.states);
        let tensors = parameters.into_iter().zip(gradients);
        for ((spec, state), (parameter, gradient)) in self.specs.iter().zip(states).zip(tensors) {
            match state {
                State::Muon(momentum) => muon.push(MuonUpdate {
                    step: numbers::muon(&self.config.muon, factor, spec.shape),
                    state: MuonState { parameter, momentum },
                    gradient,
                }),
                State::Adamw(Means { mean, square }) => adamw.push(AdamwUpdate {
                    step: numbers::adamw(&self.config.adamw, factor, spec.kind, self.steps),
                    state: AdamwState {
                        parameter,
                        mean,
                        square,
                    },
                    gradient,
                }),
            }
        }
        (muon, adamw)
    }

    /// Stores the new states, and returns the new parameters, in the order of the specs.
    fn put_back(&mut self, muon: Vec<MuonState>, adamw: Vec<AdamwState>) -> Vec<Tensor<2>> {
        let (mut muon, mut adamw) = (muon.into_iter(), adamw.into_iter());
        let next = |spec: &ParameterSpec| match Algorithm::of(spec.kind) {
            Algorithm::Muon => {
                let MuonState { parameter, momentum } = muon.next()?;
                Some((parameter, State::Muon(momentum)))
            }
            Algorithm::Adamw => {
                let AdamwState {
                    parameter,
                    mean,
                    square,
                } = adamw.next()?;
                Some((parameter, State::Adamw(Means { mean, square })))
            }
        };
        // There is one state a spec, so none is missing.
        let (parameters, states) = self.specs.iter().filter_map(next).unzip();
        self.states = states;
        parameters
    }

    /// Steps taken so far; AdamW's bias correction depends on it.
    pub fn steps(&self) -> u64 {
        self.steps
    }

    /// Everything that the next step depends on besides parameters and gradients, by name.
    pub fn state(&self) -> Vec<(String, Tensor<2>)> {
        let named = |(spec, state): (&ParameterSpec, &State)| match state {
            State::Muon(buffer) => vec![(format!("{}.momentum", spec.name), buffer.clone())],
            State::Adamw(state) => vec![
                (format!("{}.mean", spec.name), state.mean.clone()),
                (format!("{}.square", spec.name), state.square.clone()),
            ],
        };
        self.specs.iter().zip(&self.states).flat_map(named).collect()
    }

    /// Puts a saved state back; `find` gives the tensor of a name.
    ///
    /// # Errors
    /// The first name that is missing or has another shape.
    pub fn restore(
        &mut self,
        steps: u64,
        find: impl Fn(&str) -> Option<Tensor<2>>,
    ) -> Result<(), StateError> {
        let specs = &self.specs;
        let fetch = |spec: &ParameterSpec, part: &str| {
            let name = format!("{}.{part}", spec.name);
            let tensor = find(&name).filter(|tensor| tensor.dims() == spec.shape);
            tensor.ok_or(StateError(name))
        };
        for (spec, state) in specs.iter().zip(&mut self.states) {
            match state {
                State::Muon(buffer) => *buffer = fetch(spec, "momentum")?,
                State::Adamw(state) => {
                    state.mean = fetch(spec, "mean")?;
                    state.square = fetch(spec, "square")?;
                }
            }
        }
        self.steps = steps;
        Ok(())
    }
}
