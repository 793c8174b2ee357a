//! Pictures of runs: loss over tokens, and a category's record over time. The same logs give the same bytes.

mod draw;
mod loss;
mod picture;
mod pixels;
mod progression;
mod ticks;

use thiserror::Error;

pub use draw::{png, svg};
pub use loss::loss_curve;
pub use picture::{Line, Picture, Tick};
pub use pixels::pixels;
pub use progression::progression_picture;

/// Version of the drawing. A test fails when the drawing changes and this does not: a record's pictures are
/// compared with its logs only by the version that drew them.
pub const VERSION: u64 = 1;

/// A picture that cannot be drawn.
#[derive(Debug, Error)]
pub enum CurveError {
    /// The library that draws.
    #[error("cannot draw the curve: {0}")]
    Draw(String),
    /// The file system, on which a PNG is made.
    #[error("cannot draw the curve: {0}")]
    Io(#[from] std::io::Error),
}
