//! The operations a training step is made of, one file an operation.
//!
//! Each is a plain function over Burn tensors, so that the model does not know which version runs.
//! Every file has the slow reference, written as Burn tensor operations and differentiated by Burn; where the CPU
//! has a version of its own, it is in `cpu/` under the same name, and the function chooses by the device.
//!
//! Shapes in the docs use `batch`, `seq`, `heads` (query heads), `kv_heads`, `head_dim`, `d_model`.

mod activation;
mod adamw;
mod attention;
#[cfg(feature = "native")]
mod cpu;
mod cross_entropy;
mod global_norm;
mod muon;
mod orthogonalize;
mod rms_norm;
mod rope;
mod versions;

pub use activation::{relu_squared, silu, swiglu, swiglu_plain};
pub use adamw::{AdamwState, AdamwStep, AdamwUpdate, adamw, adamw_plain};
pub use attention::{AttentionMask, attention, attention_plain};
pub use cross_entropy::{cross_entropy, cross_entropy_plain, soft_cap};
pub use global_norm::{clip_factor, squared_norms, squared_norms_plain};
pub use muon::{MuonIteration, MuonState, MuonStep, MuonUpdate, muon, muon_plain};
pub use orthogonalize::{Orthogonalize, orthogonalize, orthogonalize_plain};
pub use rms_norm::{rms_norm, rms_norm_plain};
pub use rope::{RopeTable, rope, rope_plain};
pub use versions::{Attention, Kernels, Operations, versions};
