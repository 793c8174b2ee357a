//! One step over all parameters.

use blueberry_kernels::{clip_factor, squared_norms};
use blueberry_model::{Kind, ParameterSpec};
use burn::tensor::{FloatDType, Tensor};
use thiserror::Error;

use crate::adamw::{self, Means};
use crate::{OptimConfig, muon};

/// What the optimiser remembers of one parameter.
#[derive(Clone, Debug)]
// A handful a layer, next to tensors of megabytes: a box would save nothing.
#[allow(clippy::large_enum_variant)]
enum State {
    Muon(Tensor<2>),
    Adamw(Means),
}

/// Muon and AdamW over a list of parameters, in the order of their specs.
#[derive(Clone, Debug)]
pub struct Optimizer {
    config: OptimConfig,
    specs: Vec<ParameterSpec>,
    states: Vec<State>,
    steps: u64,
    half: Option<FloatDType>,
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
        let state = |(spec, parameter): (&ParameterSpec, &Tensor<2>)| match spec.kind {
            Kind::Matrix => State::Muon(parameter.zeros_like()),
            _ => State::Adamw(Means::zeros_like(parameter)),
        };
        let states = specs.iter().zip(parameters).map(state).collect();
        Self {
            config: config.clone(),
            specs,
            states,
            steps: 0,
            half,
        }
    }

    /// Clips the gradients and takes one step with every learning rate multiplied by `factor`.
    ///
    /// Parameters and gradients are plain tensors (no autodiff) in the order of the specs.
    pub fn step(&mut self, parameters: &[Tensor<2>], gradients: Vec<Tensor<2>>, factor: f64) -> Update {
        self.steps += 1;
        let squared_norms = squared_norms(&gradients);
        let gradients = self.clip(gradients, &squared_norms);
        let mut new: Vec<Option<Tensor<2>>> = vec![None; parameters.len()];
        self.step_muon(parameters, &gradients, factor, &mut new);
        self.step_adamw(parameters, &gradients, factor, &mut new);
        // Every parameter is either a hidden matrix or AdamW's.
        let parameters = new.into_iter().flatten().collect();
        Update {
            parameters,
            squared_norms,
        }
    }

    fn clip(&self, gradients: Vec<Tensor<2>>, squared_norms: &Tensor<1>) -> Vec<Tensor<2>> {
        if self.config.clip == 0.0 {
            return gradients;
        }
        let factor: Tensor<2> = clip_factor(squared_norms.clone(), self.config.clip).unsqueeze();
        gradients
            .into_iter()
            .map(|gradient| gradient * factor.clone())
            .collect()
    }

    fn step_muon(
        &mut self,
        parameters: &[Tensor<2>],
        gradients: &[Tensor<2>],
        factor: f64,
        new: &mut [Option<Tensor<2>>],
    ) {
        let config = &self.config.muon;
        let mut indices = Vec::new();
        let mut momenta = Vec::new();
        for (index, state) in self.states.iter_mut().enumerate() {
            if let State::Muon(buffer) = state {
                indices.push(index);
                momenta.push(muon::momentum(config, gradients[index].clone(), buffer));
            }
        }
        let shapes: Vec<[usize; 2]> = indices.iter().map(|&index| self.specs[index].shape).collect();
        for batch in muon::batches(&shapes) {
            let stack = batch.iter().map(|&i| momenta[i].clone()).collect();
            let directions = muon::directions(config, stack, self.half);
            for (&i, direction) in batch.iter().zip(directions) {
                let parameter = parameters[indices[i]].clone();
                new[indices[i]] = Some(muon::apply(config, config.lr * factor, parameter, direction));
            }
        }
    }

    fn step_adamw(
        &mut self,
        parameters: &[Tensor<2>],
        gradients: &[Tensor<2>],
        factor: f64,
        new: &mut [Option<Tensor<2>>],
    ) {
        let config = &self.config.adamw;
        // Taken out, so that nobody else holds the means and they can be updated where they lie.
        let states = std::mem::take(&mut self.states);
        let step_one = |(index, state): (usize, State)| match state {
            State::Adamw(means) => {
                let decays = self.specs[index].kind != Kind::Gain || config.decay_gains;
                let decay = if decays { config.weight_decay } else { 0.0 };
                let (parameter, gradient) = (parameters[index].clone(), gradients[index].clone());
                let rates = (config.lr * factor, decay);
                let (parameter, means) = adamw::update(config, rates, self.steps, parameter, gradient, means);
                new[index] = Some(parameter);
                State::Adamw(means)
            }
            muon => muon,
        };
        self.states = states.into_iter().enumerate().map(step_one).collect();
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
