//! Records as files: submission, signatures, verification, the ledger and the leaderboard.
//!
//! Everything here reads strangers' files within [`Limits`] and runs none of them.

pub mod attempts;
pub mod check;
pub mod checks;
pub mod commands;
pub mod config;
pub mod curve;
pub mod date;
mod figures;
pub mod folder;
pub mod judge;
mod known;
pub mod leaderboard;
mod limits;
pub mod logs;
pub mod open;
pub mod propose;
pub mod readme;
pub mod record;
pub mod scan;
pub mod sign;
pub mod source;
pub mod submit;
#[cfg(test)]
#[path = "../tests/common/mod.rs"]
mod testing;
mod verdict;
pub mod verify;
pub mod write;

pub use commands::{CommandError, Outcome};
pub use limits::{Limits, LogLimits};
pub use record::Record;
pub use verdict::VERIFIERS_FILE;
