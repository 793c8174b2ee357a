//! Records as files: submission, signatures, verification, the ledger and the leaderboard.

pub mod digest;
pub mod folder;
mod limits;
pub mod sign;

pub use limits::{Limits, LogLimits};
