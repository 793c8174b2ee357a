//! The one model definition: a decoder-only transformer language model.
//!
//! - [`ModelConfig`] says what is built and counts its parameters and FLOPs by formula.
//! - [`Weights`] is the tree of parameters, generic over what stands at each leaf: a [`ParameterSpec`],
//!   a tensor, a gradient.
//! - [`Model`] binds weights to a config and computes logits and the loss.

mod config;
mod counts;
mod init;
mod model;
mod weights;

pub use config::{Activation, ConfigError, ModelConfig};
pub use counts::Counts;
pub use init::{init_data, init_weights};
pub use model::Model;
pub use weights::{Init, Kind, Layer, ParameterSpec, Weights};
