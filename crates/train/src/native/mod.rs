//! The native side: devices, data, run directories, checkpoints, and the loop.

mod bench;
mod check_cache;
mod checkpoint;
mod describe;
mod devices;
mod error;
mod files;
mod hardware;
mod interrupt;
mod memory;
mod observer;
mod plan;
mod presets;
mod probe;
mod resumed;
mod run;
mod run_dir;
mod source;
mod warmup;

pub use bench::{Ceilings, OperationTime, Profile, StepBench, pytorch_config};
pub use check_cache::{checked, user_cache_dir};
pub use checkpoint::{Checkpoint, CheckpointError};
pub use devices::{DeviceError, DeviceInfo, DeviceKind, OpenDevice, discover, open, open_cpu};
pub use error::RunError;
pub use hardware::{peak_resident_bytes, processor};
pub use interrupt::Interrupt;
pub use memory::MemoryPlan;
pub use observer::{Observer, Phase};
pub use plan::{DataPlace, Plan};
pub use presets::{PRESETS, PresetError, load_preset};
pub use probe::probe_run;
pub use run::{Outcome, Start, resume, train};
pub use run_dir::{LOG_FILE, RunDir, RunDirError, read_log};
pub use source::source_tree;
