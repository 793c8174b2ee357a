//! Training: the core that every platform shares, and around it the native loop.
//!
//! The core compiles to WebAssembly: no files, threads or clocks; results are read back
//! asynchronously.
//! - [`Settings`] is everything a run is told, resolved once and written into its log.
//! - [`Curriculum`] says what each step looks like; [`Clock`] what counts as time.
//! - [`Trainer`] holds weights and optimiser and takes steps.
//! - [`predict_memory`] says what a run will hold, by formula.
//! - [`check_device`] holds a device's loss and gradients against the CPU's.
//! - [`probe()`] asks a trained model whether it sees the future and whether its probabilities sum to 1.
//!
//! [`native`] adds the device, the data, the run directory, checkpoints and the loop.

mod batch;
mod checkpointing;
mod clock;
mod curriculum;
mod device_check;
mod likelihood;
mod memory;
mod probe;
mod sample;
mod settings;
mod trainer;

#[cfg(feature = "native")]
pub mod native;

pub use batch::Batch;
pub use blueberry_kernels::{Kernels, may_round_products, versions};
pub use clock::Clock;
pub use curriculum::{Curriculum, Stage, StepShape};
pub use device_check::{CheckReport, Disagreement, TOLERANCE, check_config, check_device, check_operations};
pub use likelihood::Likelihood;
pub use memory::{Memory, Place, fitting_micro_batch, predict_memory};
pub use probe::{Outputs, ProbeReport, check_logits, probe};
pub use sample::sample;
pub use settings::{
    Activations, CheckpointSettings, DataSettings, EvalSettings, Graph, Precision, Preset, SampleSettings,
    Settings, SettingsError, StageSettings, TrainSettings,
};
pub use trainer::{Halves, LossAndGradients, StepError, StepReport, Trainer};
