//! The judge: categories as data, one rule a file, statistics, ranking. No files, no clock, no GPU, so that the
//! same code judges a run on the command line, in CI and in the page.
//!
//! [`judge`] holds every rule of [`RULES`] against a [`Case`] and gives a [`Verdict`].

mod answer;
mod attempts;
mod case;
mod category;
mod config;
mod digest;
mod figure;
mod pairs;
mod pin;
mod plausibility;
mod rules;
pub mod stats;
mod summary;
mod trace;
mod verdict;

pub use answer::Answer;
pub use attempts::{Attempts, AttemptsError, Declared};
pub use case::{Case, Claim, Facts, LeakScan, LoggedRun, Probe, RecordToBeat, SubmittedSource};
pub use category::{Band, Categories, Category, CategoryError, Metric, TimeLimit, Tokens, WholeDataset};
pub use digest::{config_sha256, is_sha256, sha256};
pub use figure::Figure;
pub use pairs::{Pair, PairsError, challenger_is_below};
pub use pin::{Pin, PinError};
pub use plausibility::Plausibility;
pub use rules::{Check, RULES, Rule};
pub use summary::{RunFigures, Summary};
pub use verdict::{Finding, Status, Verdict, judge};
