//! Measurements of speed: of whole steps, of each operation, and of the device's ceilings they are held against.

mod ceilings;
mod operations;
mod optimizer;
mod profile;
mod step;

pub use ceilings::Ceilings;
pub use operations::{OperationTime, time_operations};
pub use profile::Profile;
pub use step::{StepBench, pytorch_config};
