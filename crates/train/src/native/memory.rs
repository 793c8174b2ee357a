//! Whether a run fits into the memory that there is, asked before anything is allocated.

use crate::native::hardware::available_memory_bytes;
use crate::native::{DeviceKind, OpenDevice, RunError};
use crate::{Activations, Memory, Place, Preset, fitting_micro_batch, predict_memory};

/// What a run will hold, and what there is.
#[derive(Clone, Debug)]
pub struct MemoryPlan {
    /// By formula.
    pub predicted: Memory,
    /// What can still be had of the device's memory, in bytes, where it is known. Of a GPU it is all that it has, in use
    /// by others or not.
    pub available: Option<u64>,
    /// What would fit where the run does not.
    advice: String,
}

impl MemoryPlan {
    /// The memory of `preset` on `device`.
    ///
    /// # Errors
    /// [`RunError`] of settings that the device cannot run.
    pub fn new(preset: &Preset, device: &OpenDevice) -> Result<Self, RunError> {
        let place = place(preset, device)?;
        let available = match device.info.kind {
            DeviceKind::Cpu => available_memory_bytes(),
            DeviceKind::Cuda | DeviceKind::Wgpu => device.info.memory_bytes,
        };
        let predicted = predict_memory(preset, place)?;
        let too_little = available.filter(|&available| predicted.total() > available);
        Ok(Self {
            predicted,
            available,
            advice: too_little.map_or_else(String::new, |available| advice(preset, place, available)),
        })
    }

    /// Whether it fits, as far as is known.
    pub fn fits(&self) -> bool {
        self.available
            .is_none_or(|available| self.predicted.total() <= available)
    }

    /// What would fit, in words; nothing where the run does.
    pub fn advice(&self) -> &str {
        &self.advice
    }

    /// Refuses a run that does not fit into the host's memory. A GPU's own driver says what it has no room for, and the
    /// warm-up asks it.
    ///
    /// # Errors
    /// [`RunError::TooLarge`] names what would fit.
    pub fn check(&self, preset: &Preset, device: &OpenDevice) -> Result<(), RunError> {
        match self
            .available
            .filter(|_| device.info.kind == DeviceKind::Cpu && !self.fits())
        {
            None => Ok(()),
            Some(available) => Err(RunError::TooLarge {
                micro_batch: preset.train.micro_batch,
                needed: megabytes(self.predicted.total()),
                available: megabytes(available),
                advice: self.advice.clone(),
            }),
        }
    }
}

pub(crate) fn place(preset: &Preset, device: &OpenDevice) -> Result<Place, RunError> {
    Ok(Place {
        cpu: device.info.kind == DeviceKind::Cpu,
        cuda: device.info.kind == DeviceKind::Cuda,
        threads: std::thread::available_parallelism().map_or(1, std::num::NonZero::get),
        half: device.halves(preset)?.products.is_some(),
    })
}

/// The largest micro-batch that fits, or what else may help.
pub(crate) fn advice(preset: &Preset, place: Place, available: u64) -> String {
    let train = &preset.train;
    if let Some(fit) = fitting_micro_batch(preset, place, available) {
        let accumulation = train.accumulation.saturating_mul(train.micro_batch.div_ceil(fit));
        return format!(
            "micro_batch = {fit} should fit: `--set train.micro_batch={fit} --set train.accumulation={accumulation}` keeps the tokens of a step"
        );
    }
    let mut recomputing = preset.clone();
    recomputing.train.activations = Activations::Recompute;
    match fitting_micro_batch(&recomputing, place, available) {
        Some(fit) => format!(
            "not even micro_batch = 1 fits; with `--set train.activations=recompute`, micro_batch = {fit} should"
        ),
        None => {
            "not even micro_batch = 1 with train.activations = recompute fits: choose a smaller model or a shorter train.seq_len".to_owned()
        }
    }
}

fn megabytes(bytes: u64) -> String {
    format!("{:.0} MB", bytes as f64 / 1e6)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::test_preset;

    const CPU: Place = Place {
        cpu: true,
        cuda: false,
        threads: 2,
        half: false,
    };

    #[test]
    fn advice_names_what_fits() {
        let mut preset = test_preset();
        preset.train.micro_batch = 4096;
        let all = predict_memory(&preset, CPU).expect("a curriculum").total();
        let text = advice(&preset, CPU, all / 2);
        let fit = fitting_micro_batch(&preset, CPU, all / 2).expect("some fit");
        assert!(
            text.starts_with(&format!("micro_batch = {fit} should fit")),
            "{text}"
        );
        assert!(advice(&preset, CPU, 1 << 20).contains("smaller model"));
    }

    #[test]
    fn recomputing_is_advised_where_it_is_what_helps() {
        let mut preset = test_preset();
        (preset.train.seq_len, preset.model.n_layers) = (1 << 14, 12);
        preset.train.activations = Activations::Recompute;
        let least = predict_memory(&preset, CPU).expect("a curriculum").total();
        preset.train.activations = Activations::Keep;
        assert!(advice(&preset, CPU, least).contains("train.activations=recompute"));
    }

    #[test]
    fn only_what_exceeds_the_memory_is_refused() {
        let device = crate::native::open_cpu();
        let mut preset = test_preset();
        let plan = MemoryPlan::new(&preset, &device).expect("f32");
        assert!(plan.fits() && plan.check(&preset, &device).is_ok());
        preset.train.micro_batch = 1 << 24;
        let error = MemoryPlan::new(&preset, &device)
            .expect("f32")
            .check(&preset, &device);
        // Known on Linux only.
        if cfg!(target_os = "linux") {
            assert!(error.expect_err("too large").is_bad_input());
        }
    }
}
