//! Downstream benchmarks, without the model: a file of questions ([`Benchmark`]), the rows of tokens that a model is
//! asked for ([`rows`]), and what its answers are worth ([`score`]).
//!
//! A model that was not taught to answer is asked for likelihoods: which of several continuations does it find most
//! likely, or is the one right continuation what it would say itself. This is how language models of this size are
//! compared elsewhere (Brown et al., "Language Models are Few-Shot Learners", 2020, section 2.4), here without
//! examples in the prompt.

mod benchmark;
mod rows;
mod score;

pub use benchmark::{Benchmark, BenchmarkError, Item, Kind, Pair};
pub use rows::{Row, rows};
pub use score::{Answer, Score, score};
