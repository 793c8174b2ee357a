//! The operations a training step is made of, one file an operation.
//!
//! Each is a plain function over Burn tensors, so that the model does not know which version runs.
//! Every file has the slow reference, written as Burn tensor operations and differentiated by Burn; where the CPU
//! or a GPU has a version of its own, it is in `cpu/` or `gpu/` under the same name, and the function chooses by the
//! device.
//!
//! Shapes in the docs use `batch`, `seq`, `heads` (query heads), `kv_heads`, `head_dim`, `d_model`.

mod activation;
mod adamw;
mod attention;
#[cfg(feature = "native")]
mod cpu;
mod embedding;
mod global_norm;
#[cfg(feature = "gpu")]
mod gpu;
mod head_loss;
mod muon;
mod orthogonalize;
mod product;
mod qk_norm_rope;
#[cfg(feature = "gpu")]
mod recording;
mod rms_norm;
mod versions;

pub use activation::{relu_squared, relu_squared_plain, silu, swiglu, swiglu_plain};
pub use adamw::{AdamwState, AdamwStep, AdamwUpdate, adamw, adamw_plain};
pub use attention::{AttentionMask, attention, attention_plain};
pub use embedding::{embedding, embedding_plain};
pub use global_norm::{clip_factor, squared_norms, squared_norms_plain};
#[cfg(feature = "gpu")]
pub use gpu::take_fallbacks;
#[cfg(feature = "gpu")]
#[doc(hidden)] // for tests
pub use gpu::{poison_unwritten, unwritten};
pub use head_loss::{Head, LossTerms, Product, head_chunk, head_loss, head_loss_plain, logits, soft_cap};
pub use muon::{MuonIteration, MuonState, MuonStep, MuonUpdate, muon, muon_plain};
pub use orthogonalize::{Orthogonalize, orthogonalize, orthogonalize_plain};
#[cfg(feature = "gpu")]
pub use product::weight_gradient;
pub use product::{activations_in, product, product_plain};
pub use qk_norm_rope::{RopeTable, qk_norm_rope, qk_norm_rope_plain};
#[cfg(feature = "gpu")]
pub use recording::{Recording, can_record, dense, refill};
pub use rms_norm::{add_rms_norm, add_rms_norm_plain, rms_norm, rms_norm_plain};
pub use versions::{Kernels, Operations, may_round_products, versions};
