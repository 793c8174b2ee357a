//! One training step: forward, backward, clip, update.

#[cfg(feature = "native")]
mod recorded;

use std::collections::HashMap;

use blueberry_kernels::{Kernels, Operations};
use blueberry_model::{Model, ModelConfig, ParameterSpec, Weights, init_weights};
use blueberry_optim::{OptimConfig, Optimizer};
use burn::tensor::{Device, FloatDType, Int, Tensor};
use thiserror::Error;

use crate::checkpointing::{self, Inputs};
use crate::{Activations, Batch, Preset};

/// Weights, optimiser, and what is needed to run them on a device.
pub struct Trainer {
    config: ModelConfig,
    specs: Vec<ParameterSpec>,
    device: Device,
    parameters: Vec<Tensor<2>>,
    optimizer: Optimizer,
    /// By sequence length and window limit, since masks and position tables depend on them.
    models: HashMap<(usize, Option<usize>), Model>,
    operations: Operations,
    z_loss: f64,
    activations: Activations,
    half: Option<FloatDType>,
    kernels: Kernels,
    #[cfg(feature = "native")]
    recorded: Option<recorded::Recorded>,
}

/// The 16-bit floats of a trainer, where it has any.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Halves {
    /// Of the model's large products.
    pub products: Option<FloatDType>,
    /// Of Muon's iteration.
    pub muon: Option<FloatDType>,
}

/// What a step measured, read back from the device.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct StepReport {
    /// Mean loss over the step's targets, nats a token.
    pub loss: f64,
    /// Global norm of the gradients before the clip.
    pub grad_norm: f64,
}

/// A mean loss `[1]` and its gradients, in the order of the parameters.
pub type LossAndGradients = (Tensor<1>, Vec<Tensor<2>>);

/// Why a step gave no result.
#[derive(Debug, Error)]
pub enum StepError {
    /// The loss or a gradient is not a finite number.
    #[error("{what} is {value}")]
    NotFinite {
        /// The loss, or the parameter whose gradient it is.
        what: String,
        /// What was read.
        value: f64,
    },
    /// The device failed.
    #[error("the device failed: {0}")]
    Device(String),
    /// A parameter took no part in the loss.
    #[error("parameter `{0}` has no gradient")]
    NoGradient(String),
}

impl Trainer {
    /// Fresh weights from `seed`, on `device` (without autodiff). `half` is the 16-bit float for Muon.
    pub fn new(
        config: &ModelConfig,
        optim: &OptimConfig,
        seed: u64,
        device: &Device,
        half: Option<FloatDType>,
    ) -> Self {
        let specs = Weights::specs(config).into_vec();
        let parameters = init_weights(config, seed, device).into_vec();
        let optimizer = Optimizer::new(optim, specs.clone(), &parameters, half);
        let (config, device) = (config.clone(), device.clone());
        Self {
            config,
            specs,
            device,
            parameters,
            optimizer,
            models: HashMap::new(),
            operations: Operations::default(),
            z_loss: 0.0,
            activations: Activations::Keep,
            half: None,
            kernels: Kernels::default(),
            #[cfg(feature = "native")]
            recorded: None,
        }
    }

    /// The same trainer with a z-loss in its training loss; evaluations are without it.
    #[must_use]
    pub fn with_z_loss(self, z_loss: f64) -> Self {
        Self { z_loss, ..self }
    }

    /// What a preset asks for; see [`Trainer::new`].
    pub fn for_preset(preset: &Preset, seed: u64, device: &Device, halves: Halves) -> Self {
        Self::new(&preset.model, &preset.optim, seed, device, halves.muon)
            .with_half(halves.products)
            .with_kernels(preset.kernels)
            .with_z_loss(preset.train.z_loss)
            .with_activations(preset.train.activations)
    }

    /// The same trainer with other versions of every operation, the model's and the optimiser's.
    #[must_use]
    pub fn with_kernels(self, kernels: Kernels) -> Self {
        Self {
            operations: Operations::new(kernels),
            optimizer: self.optimizer.with_kernels(kernels),
            kernels,
            ..self
        }
    }

    /// The same trainer with other versions of the model's operations.
    #[must_use]
    pub fn with_operations(self, operations: Operations) -> Self {
        Self { operations, ..self }
    }

    /// The same trainer, keeping other things from the forward pass.
    #[must_use]
    pub fn with_activations(self, activations: Activations) -> Self {
        Self { activations, ..self }
    }

    /// The same trainer with its large products in a 16-bit float.
    #[must_use]
    pub fn with_half(self, half: Option<FloatDType>) -> Self {
        Self { half, ..self }
    }

    /// Every parameter with its spec.
    pub fn parameters(&self) -> impl Iterator<Item = (&ParameterSpec, &Tensor<2>)> {
        self.specs.iter().zip(&self.parameters)
    }

    /// Replaces every parameter, in the order of [`Trainer::parameters`].
    ///
    /// # Panics
    /// If the number differs.
    pub fn set_parameters(&mut self, parameters: Vec<Tensor<2>>) {
        assert_eq!(parameters.len(), self.specs.len(), "one tensor a parameter");
        // A recording reads the old ones.
        #[cfg(feature = "native")]
        self.forget_recording();
        self.parameters = parameters;
    }

    /// The optimiser.
    pub fn optimizer(&self) -> &Optimizer {
        &self.optimizer
    }

    /// The optimiser, to restore it.
    pub fn optimizer_mut(&mut self) -> &mut Optimizer {
        &mut self.optimizer
    }

    /// The device.
    pub fn device(&self) -> &Device {
        &self.device
    }

    /// One optimiser step over `micro_batches`, with every learning rate multiplied by `factor`.
    ///
    /// # Errors
    /// [`StepError`]; the weights must not be used after a non-finite step.
    pub async fn step(
        &mut self,
        micro_batches: &[Batch],
        window: Option<usize>,
        factor: f64,
    ) -> Result<StepReport, StepError> {
        let (loss, gradients) = self.loss_and_gradients(micro_batches, window)?;
        #[cfg(feature = "native")]
        self.forget_if_parameters_move();
        // Given away, so that the optimiser may update them where they lie.
        let parameters = std::mem::take(&mut self.parameters);
        let update = self.optimizer.step(parameters, gradients, factor);
        self.parameters = update.parameters;
        // One read-back a step, and it waits for all of the step's work.
        let measured = read(Tensor::cat(vec![loss, update.squared_norms], 0)).await?;
        self.report(&measured)
    }

    fn report(&self, measured: &[f32]) -> Result<StepReport, StepError> {
        let loss = f64::from(measured[0]);
        if !loss.is_finite() {
            let what = self.blame(&measured[1..]);
            return Err(StepError::NotFinite { what, value: loss });
        }
        self.check_finite(&measured[1..], "the gradient of ")?;
        let squares: f64 = measured[1..].iter().map(|&square| f64::from(square)).sum();
        Ok(StepReport {
            loss,
            grad_norm: squares.sqrt(),
        })
    }

    /// A loss that is no number, with the gradients that are none either: often all of them, since it goes through each.
    fn blame(&self, squares: &[f32]) -> String {
        let parameters = self.specs.iter().zip(squares);
        let bad: Vec<&str> = parameters
            .filter(|(_, square)| !square.is_finite())
            .map(|(spec, _)| spec.name.as_str())
            .collect();
        match bad[..] {
            [] => "the loss".into(),
            [name] => format!("the gradient of `{name}` is not finite, and the loss"),
            [first, ..] if bad.len() == self.specs.len() => {
                format!("every gradient, from that of `{first}` on, is not finite, and the loss")
            }
            [first, ..] => format!(
                "the gradients of `{first}` and of {} more of {} parameters are not finite, and the loss",
                bad.len() - 1,
                self.specs.len()
            ),
        }
    }

    /// Whether the norm of every parameter is a finite number.
    ///
    /// # Errors
    /// [`StepError::NotFinite`] names the first that is not.
    pub async fn check_parameters(&self) -> Result<(), StepError> {
        let squares = read(blueberry_kernels::squared_norms(&self.parameters)).await?;
        self.check_finite(&squares, "the norm of the updated ")
    }

    fn check_finite(&self, squares: &[f32], of: &str) -> Result<(), StepError> {
        for (spec, &square) in self.specs.iter().zip(squares) {
            if !square.is_finite() {
                let what = format!("{of}`{}`", spec.name);
                return Err(StepError::NotFinite {
                    what,
                    value: square.into(),
                });
            }
        }
        Ok(())
    }

    /// Mean loss `[1]` over the micro-batches and its gradients, in the order of the parameters; replayed where they were
    /// recorded for this shape.
    ///
    /// # Errors
    /// [`StepError`].
    pub fn loss_and_gradients(
        &mut self,
        micro_batches: &[Batch],
        window: Option<usize>,
    ) -> Result<LossAndGradients, StepError> {
        #[cfg(feature = "native")]
        if self.is_recorded(micro_batches, window) {
            return self.replay(micro_batches);
        }
        self.launch(&self.to_device(micro_batches), window)
    }

    fn to_device(&self, micro_batches: &[Batch]) -> Vec<Inputs> {
        let inputs = |batch: &Batch| {
            let (tokens, targets) = batch.to_device(&self.device);
            Inputs { tokens, targets }
        };
        micro_batches.iter().map(inputs).collect()
    }

    /// [`Trainer::loss_and_gradients`] of what is on the device.
    fn launch(
        &mut self,
        micro_batches: &[Inputs],
        window: Option<usize>,
    ) -> Result<LossAndGradients, StepError> {
        let scale = self.loss_scale(micro_batches);
        let share = scale / micro_batches.len() as f64;
        let mut total: Option<LossAndGradients> = None;
        for inputs in micro_batches {
            let (loss, gradients) = match self.activations {
                Activations::Keep => self.gradients(inputs, window, share),
                Activations::Recompute => self.recomputed_gradients(inputs, window, share),
            };
            let gradients = gradients
                .into_iter()
                .zip(&self.specs)
                .map(|(gradient, spec)| gradient.ok_or_else(|| StepError::NoGradient(spec.name.clone())));
            let gradients: Vec<Tensor<2>> = gradients.collect::<Result<_, _>>()?;
            total = Some(match total {
                None => (loss, gradients),
                Some((sum, sums)) => (
                    sum + loss,
                    sums.into_iter()
                        .zip(gradients)
                        .map(|(sum, gradient)| sum + gradient)
                        .collect(),
                ),
            });
        }
        let total = total.ok_or_else(|| StepError::Device("a step without micro-batches".into()))?;
        Ok(scaled(total, 1.0 / scale))
    }

    /// What the loss is multiplied by while gradients go back through products of f16, and they divided by: the gradient of
    /// a mean over thousands of targets is below the least f16 there is, 6e-8, where that of the sum is not. A power of two,
    /// so that it rounds nothing.
    fn loss_scale(&self, micro_batches: &[Inputs]) -> f64 {
        let targets: usize = micro_batches
            .iter()
            .map(|inputs| inputs.tokens.dims().iter().product::<usize>())
            .sum();
        match self.half {
            // No more, since a gradient over very many targets may be as large as what f16 ends at, 65,504.
            Some(FloatDType::F16) if targets > 0 => f64::exp2(f64::from(targets.ilog2().min(13))),
            _ => 1.0,
        }
    }

    /// `share` times the loss `[1]` of a batch, and the gradients of that.
    fn gradients(
        &mut self,
        inputs: &Inputs,
        window: Option<usize>,
        share: f64,
    ) -> (Tensor<1>, Vec<Option<Tensor<2>>>) {
        let leaves: Vec<Tensor<2>> = self
            .parameters
            .iter()
            .map(|p| p.clone().autodiff().require_grad())
            .collect();
        let weights = self.tree(leaves.clone());
        let (tokens, targets) = (inputs.tokens.clone(), inputs.targets.clone());
        let z_loss = self.z_loss;
        let model = self.model(tokens.dims()[1], window);
        let loss = model.loss(&weights, tokens, targets, z_loss) * share;
        drop(weights);
        let mut tape = loss.backward();
        let gradients = leaves.iter().map(|leaf| leaf.grad_remove(&mut tape)).collect();
        (loss.inner(), gradients)
    }

    /// The same as [`Trainer::gradients`], see [`Activations::Recompute`].
    fn recomputed_gradients(
        &mut self,
        inputs: &Inputs,
        window: Option<usize>,
        share: f64,
    ) -> (Tensor<1>, Vec<Option<Tensor<2>>>) {
        let weights = self.tree(self.parameters.clone());
        let z_loss = self.z_loss;
        let model = self.model(inputs.tokens.dims()[1], window);
        checkpointing::loss_and_gradients(model, &weights, inputs, z_loss, share)
    }

    /// Mean loss of a batch, nats a token, without gradients.
    ///
    /// # Errors
    /// [`StepError::Device`].
    pub async fn loss(&mut self, batch: &Batch) -> Result<f64, StepError> {
        let weights = self.tree(self.parameters.clone());
        let (tokens, targets) = batch.to_device(&self.device);
        let loss = self.model(batch.seq(), None).loss(&weights, tokens, targets, 0.0);
        Ok(f64::from(read(loss).await?[0]))
    }

    /// The logits of each position of `tokens`, `[tokens, vocab]`.
    pub fn logits(&mut self, tokens: &[u16]) -> Tensor<2> {
        let weights = self.tree(self.parameters.clone());
        let values: Vec<i32> = tokens.iter().map(|&token| i32::from(token)).collect();
        let data = burn::tensor::TensorData::new(values, [1, tokens.len()]);
        let input = Tensor::from_data(data, &self.device);
        self.model(tokens.len(), None).logits(&weights, input)
    }

    /// The log-probabilities of the next token at `positions` of `tokens`, `[positions, vocab]`.
    pub(crate) fn logits_at(&mut self, tokens: &[u16], positions: &[usize]) -> Tensor<2> {
        let ints = |values: Vec<i32>, shape: &[usize]| burn::tensor::TensorData::new(values, shape.to_vec());
        let input = ints(
            tokens.iter().map(|&token| i32::from(token)).collect(),
            &[1, tokens.len()],
        );
        let places = ints(
            positions.iter().map(|&at| at as i32).collect(),
            &[positions.len()],
        );
        let (input, places) = (
            Tensor::from_data(input, &self.device),
            Tensor::from_data(places, &self.device),
        );
        self.log_probabilities(input, places)
    }

    /// The log-probabilities of the token after each of `positions`; see [`Model::log_probabilities`].
    pub(crate) fn log_probabilities(
        &mut self,
        tokens: Tensor<2, Int>,
        positions: Tensor<1, Int>,
    ) -> Tensor<2> {
        let weights = self.tree(self.parameters.clone());
        let [_, seq] = tokens.dims();
        self.model(seq, None)
            .log_probabilities(&weights, tokens, positions)
    }

    fn tree(&self, tensors: Vec<Tensor<2>>) -> Weights<Tensor<2>> {
        let mut tensors = tensors.into_iter();
        // There is one tensor a spec: see `set_parameters`.
        #[allow(clippy::expect_used)]
        Weights::specs(&self.config).map(|_| tensors.next().expect("one tensor a parameter"))
    }

    fn model(&mut self, seq: usize, window: Option<usize>) -> &Model {
        let Self {
            models,
            config,
            device,
            operations,
            half,
            ..
        } = self;
        models.entry((seq, window)).or_insert_with(|| {
            Model::new(config, seq, window, device)
                .with_operations(*operations)
                .with_half(*half)
        })
    }
}

/// A loss and its gradients, each times `factor`.
fn scaled((loss, gradients): LossAndGradients, factor: f64) -> LossAndGradients {
    if factor == 1.0 {
        return (loss, gradients);
    }
    let gradients = gradients.into_iter().map(|gradient| gradient * factor);
    (loss * factor, gradients.collect())
}

/// Reads a vector back from the device, waiting for all work before it.
pub(crate) async fn read<const D: usize>(tensor: Tensor<D>) -> Result<Vec<f32>, StepError> {
    let data = tensor
        .into_data_async()
        .await
        .map_err(|error| StepError::Device(error.to_string()))?;
    data.convert::<f32>()
        .try_into_vec()
        .map_err(|error| StepError::Device(format!("{error:?}")))
}
