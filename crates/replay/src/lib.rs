//! Runs as a race: run logs in, a plain state at a time out, and the drawing of it.
//!
//! What logs and races mean is here, without a browser, and tested natively; the page itself moves the playhead:
//!
//! - A log becomes [`RunData`] by [`blueberry_runlog::import`], also while it grows.
//! - [`Race`] holds runs and [`Settings`]; [`Race::state`] says how it stands at a playhead: who leads, when
//!   that changed, every split against the comparison.
//! - [`Curve`] prepares a metric for drawing at any zoom, [`View::stroke`] gives it in pixels.
//! - [`ticks`], [`format`], [`differences`] and the rest serve the page around the charts; [`page`] answers it.

mod crossing;
mod curve;
mod diff;
mod draw;
pub mod format;
mod lead;
pub mod page;
mod pyramid;
mod race;
mod scale;
mod segments;
mod settings;
mod smooth;
mod splits;
mod ticks;
#[cfg(target_family = "wasm")]
mod web;

pub use blueberry_runlog::import::{Axis, Metric, Position, RunData};
pub use crossing::{Crossing, crossings, row_at, value_at};
pub use curve::{Bucket, Curve};
pub use diff::{Difference, differences};
pub use draw::{Stroke, View};
pub use lead::{Lead, LeadChange};
pub use pyramid::{Extremes, Pyramid};
pub use race::{Phase, Race, Standing, State};
pub use scale::{Scale, Span};
pub use segments::{Segment, Segments};
pub use settings::{Comparison, DEFAULT_BARS, MAX_BARS, Settings};
pub use smooth::{STEP_TOKENS, Smoother};
pub use splits::{Entry, Pace, RunSplits, SplitBook, SplitRow, Splits};
pub use ticks::ticks;
