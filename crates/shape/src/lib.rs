//! What a model is built like, without building it: no tensors, so the judge and the page count parameters by
//! the same formula as the trainer.
//!
//! - [`ModelConfig`] is the `[model]` table of a preset; it counts its parameters and FLOPs by formula.
//! - [`Weights`] is the tree of parameters, generic over what stands at each leaf: a [`ParameterSpec`], a
//!   tensor, a gradient.

mod config;
mod counts;
mod weights;

pub use config::{Activation, ConfigError, ModelConfig};
pub use counts::Counts;
pub use weights::{Init, Kind, Layer, ParameterSpec, Weights};
