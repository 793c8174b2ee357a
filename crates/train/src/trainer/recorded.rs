//! A step's forward and backward passes as a recording, so that the host launches the optimiser alone.

use blueberry_kernels::{Kernels, Recording, can_record, dense, refill, squared_norms};
use burn::tensor::Tensor;

use super::{LossAndGradients, StepError, Trainer, read};
use crate::Batch;
use crate::checkpointing::Inputs;

/// How far a replay may be from what is launched, relative: both run the same kernels, but for what a device's own
/// products may choose.
const TOLERANCE: f32 = 1e-3;

/// The passes of one shape.
pub(super) struct Recorded {
    window: Option<usize>,
    /// What the recording reads.
    inputs: Vec<Inputs>,
    recording: Recording<Result<LossAndGradients, StepError>>,
}

impl Recorded {
    fn is_of(&self, micro_batches: &[Batch], window: Option<usize>) -> bool {
        let shapes = self.inputs.iter().map(|inputs| inputs.tokens.dims());
        window == self.window && shapes.eq(micro_batches.iter().map(|batch| [batch.len(), batch.seq()]))
    }
}

impl Trainer {
    /// Records the passes of steps whose micro-batches have the shapes of these; their tokens do not matter. Steps of that
    /// shape are then replayed, in place of any recorded before.
    ///
    /// # Errors
    /// Why not. Steps are launched as before.
    pub fn record(&mut self, micro_batches: &[Batch], window: Option<usize>) -> Result<(), String> {
        self.forget_recording();
        if !can_record(&self.device) {
            return Err("only GPUs record".into());
        }
        // A recording reads the weights where they lie, and only these update them there.
        if self.kernels != Kernels::Fused {
            return Err("`kernels = \"plain\"` moves the weights with every step".into());
        }
        // One by one, so that none is lost where there is no room for a copy.
        for parameter in &mut self.parameters {
            *parameter = dense(parameter.clone());
        }
        let inputs = self.to_device(micro_batches);
        let device = self.device.clone();
        let recording = Recording::new(&device, || self.launch(&inputs, window))?;
        if let Err(error) = recording.output() {
            return Err(error.to_string());
        }
        self.recorded = Some(Recorded {
            window,
            inputs,
            recording,
        });
        Ok(())
    }

    /// Gives up what was recorded and the memory that it holds.
    pub fn forget_recording(&mut self) {
        self.recorded = None;
    }

    /// An update leaves a parameter that somebody else holds where it lies and writes the new one elsewhere, where the
    /// recording does not look.
    pub(super) fn forget_if_parameters_move(&mut self) {
        if self.recorded.is_some() && !self.parameters.iter().all(Tensor::can_mut) {
            self.forget_recording();
        }
    }

    /// Whether there is a recording.
    pub fn has_recording(&self) -> bool {
        self.recorded.is_some()
    }

    /// Whether steps of this shape are replayed.
    pub fn is_recorded(&self, micro_batches: &[Batch], window: Option<usize>) -> bool {
        self.recorded
            .as_ref()
            .is_some_and(|recorded| recorded.is_of(micro_batches, window))
    }

    /// Takes a step on `first` by replay, then holds the loss and the gradients' norms of `second` by replay against the
    /// same launched: a recording that reads stale tokens or weights is found. Both are of the shape that was recorded.
    /// The recording is given up between, since it holds as much memory as what is launched.
    ///
    /// # Errors
    /// What is wrong. The weights were stepped either way.
    pub async fn check_recording(
        &mut self,
        first: &[Batch],
        second: &[Batch],
        window: Option<usize>,
    ) -> Result<(), String> {
        if !(self.is_recorded(first, window) && self.is_recorded(second, window)) {
            return Err("nothing of this shape is recorded".into());
        }
        let words = |error: StepError| error.to_string();
        self.step(first, window, 1.0).await.map_err(words)?;
        let replayed = self.replay(second).map_err(words)?;
        let replayed = measures(replayed).await.map_err(words)?;
        self.forget_recording();
        let launched = self.launch(&self.to_device(second), window).map_err(words)?;
        let launched = measures(launched).await.map_err(words)?;
        // The norms of small gradients are held against the largest.
        let floor = launched.iter().fold(0.0f32, |floor, x| floor.max(x.abs())) * 1e-3;
        for (index, (found, expected)) in replayed.iter().zip(&launched).enumerate() {
            let error = (found - expected).abs();
            if error.is_nan() || error > TOLERANCE * expected.abs().max(floor) {
                let what = match index {
                    0 => "the loss".to_owned(),
                    _ => format!("the gradient of `{}`", self.specs[index - 1].name),
                };
                return Err(format!("replayed, {what} is {found:e}, launched {expected:e}"));
            }
        }
        Ok(())
    }

    /// [`Trainer::loss_and_gradients`] of micro-batches of the recorded shape.
    pub(super) fn replay(&mut self, micro_batches: &[Batch]) -> Result<LossAndGradients, StepError> {
        let fresh = self.to_device(micro_batches);
        let Some(recorded) = &mut self.recorded else {
            return Err(StepError::Device("nothing is recorded".into()));
        };
        let old = std::mem::take(&mut recorded.inputs);
        let refilled = old.into_iter().zip(fresh).map(|(old, fresh)| Inputs {
            tokens: refill(old.tokens, fresh.tokens),
            targets: refill(old.targets, fresh.targets),
        });
        recorded.inputs = refilled.collect();
        // SAFETY: the inputs are held above, and the weights by the trainer, which steps them where they lie, and forgets
        // the recording when it is given others or somebody holds one. All work on them is on this thread's stream.
        unsafe { recorded.recording.replay() }.map_err(StepError::Device)?;
        match recorded.recording.output() {
            Ok((loss, gradients)) => Ok((loss.clone(), gradients.clone())),
            Err(error) => Err(StepError::Device(error.to_string())),
        }
    }
}

/// The loss, then the sum of squares of each gradient.
async fn measures((loss, gradients): LossAndGradients) -> Result<Vec<f32>, StepError> {
    read(Tensor::cat(vec![loss, squared_norms(&gradients)], 0)).await
}
