//! Training: the core that every platform shares, and around it the native loop.
//!
//! The core compiles to WebAssembly: no files, threads or clocks; results are read back
//! asynchronously.
//! - [`Settings`] is everything a run is told, resolved once and written into its log.
//! - [`Curriculum`] says what each step looks like; [`Clock`] what counts as time.
//! - [`Trainer`] holds weights and optimiser and takes steps.
//! - [`check_device`] holds a device's loss and gradients against the CPU's.
//!
//! [`native`] adds the device, the data, the run directory, checkpoints and the loop.

mod batch;
mod clock;
mod curriculum;
mod device_check;
mod sample;
mod settings;
mod trainer;

#[cfg(feature = "native")]
pub mod native;

pub use batch::Batch;
pub use blueberry_kernels::Kernels;
pub use clock::Clock;
pub use curriculum::{Curriculum, Stage, StepShape};
pub use device_check::{
    CheckReport, Disagreement, TOLERANCE, check_config, check_device, check_operations, gradients,
};
pub use sample::sample;
pub use settings::{
    CheckpointSettings, DataSettings, EvalSettings, Preset, SampleSettings, Settings, SettingsError,
    StageSettings, TrainSettings,
};
pub use trainer::{StepError, StepReport, Trainer};
