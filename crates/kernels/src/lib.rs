//! The operations a training step is made of, one file an operation.
//!
//! Each is a plain function over Burn tensors, so that the model does not know which version runs.
//! Every file has the slow reference, written as Burn tensor operations and differentiated by Burn.
//!
//! Shapes in the docs use `batch`, `seq`, `heads` (query heads), `kv_heads`, `head_dim`, `d_model`.

mod activation;
mod attention;
mod cross_entropy;
mod global_norm;
mod orthogonalize;
mod rms_norm;
mod rope;
mod versions;

pub use activation::{relu_squared, silu, swiglu};
pub use attention::{AttentionMask, attention};
pub use cross_entropy::{cross_entropy, soft_cap};
pub use global_norm::{clip_factor, squared_norms};
pub use orthogonalize::{Orthogonalize, orthogonalize};
pub use rms_norm::rms_norm;
pub use rope::{RopeTable, rope};
pub use versions::{Attention, Operations, versions};
