//! Runs as a race: run logs in, a plain state at a time out, and the drawing of it.
//!
//! Everything here but drawing is plain Rust without a browser, so that it is tested natively: a run's series
//! come from [`blueberry_runlog::import`] as [`RunData`], a [`State`] says how a race of them stands at a
//! playhead.

pub use blueberry_runlog::import::{Axis, Metric, RunData};
