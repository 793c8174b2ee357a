//! Optimisers: Muon for the hidden matrices, AdamW for everything else, one clip over all, and pure
//! learning-rate schedules.

mod config;
mod numbers;
mod optimizer;
mod schedule;

pub use config::{AdamwConfig, MuonConfig, MuonPrecision, OptimConfig, OptimConfigError};
pub use optimizer::{Algorithm, Optimizer, StateError, Update};
pub use schedule::Schedule;
