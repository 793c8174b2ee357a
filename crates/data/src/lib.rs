//! From text to the blocks of tokens that a training step takes.
//!
//! [`prepare()`] turns text, JSON lines or parquet into a folder of shards with a manifest; [`Dataset`] opens the
//! folder; a [`Loader`] serves its blocks in a shuffled order, and [`Prefetch`] does so ahead of time. [`scan()`]
//! looks for the validation set in the training tokens. [`stories`] is a corpus that needs no download.

pub mod error;
pub mod manifest;
pub mod permutation;
pub mod prepare;
pub mod scan;
pub mod stories;

mod dataset;
mod digest;
mod library;
mod loader;
mod prefetch;
mod shard;
#[cfg(test)]
mod testing;
mod tokenizer;

pub use dataset::Dataset;
pub use error::{DataError, FileError, TokenizerError};
pub use loader::{Blocks, Loader, LoaderState};
pub use manifest::Manifest;
pub use prefetch::{Prefetch, Served};
pub use prepare::{PrepareError, PrepareOptions, Prepared, Progress, prepare};
pub use scan::{Overlap, ScanError, scan};
pub use tokenizer::Tokenizer;
