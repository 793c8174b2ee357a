//! The one model definition: a decoder-only transformer language model.
//!
//! - [`ModelConfig`] says what is built, and [`Weights`] is its tree of parameters (both from
//!   `blueberry-shape`, which knows no tensors).
//! - [`Model`] binds weights to a config and computes logits and the loss.

mod init;
mod model;

pub use blueberry_kernels::Head;
pub use blueberry_shape::{
    Activation, ConfigError, Counts, Init, Kind, Layer, ModelConfig, ParameterSpec, Weights,
};
pub use init::{init_data, init_weights};
pub use model::{Model, Stream};
