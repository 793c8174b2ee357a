//! Records as files: submission, signatures, verification, the ledger and the leaderboard.

pub mod config;
pub mod curve;
pub mod date;
mod figures;
pub mod folder;
mod limits;
pub mod logs;
pub mod readme;
pub mod record;
pub mod sign;
#[cfg(test)]
#[path = "../tests/common/mod.rs"]
mod testing;
pub mod verify;

pub use limits::{Limits, LogLimits};
pub use record::Record;
