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
mod entry;
mod figure;
mod leaderboard;
mod ledger;
mod pairs;
mod pin;
mod plausibility;
mod ranking;
mod recipe;
mod render;
mod rules;
pub mod stats;
mod summary;
mod trace;
mod verdict;

pub use answer::Answer;
pub use attempts::{Attempts, AttemptsError, Declared};
pub use case::{Asked, Case, Claim, Facts, LeakScan, LoggedRun, Probe, RecordToBeat, SubmittedSource};
pub use category::{
    AskedBenchmark, Band, Categories, Category, CategoryError, Metric, TimeLimit, Tokens, WholeDataset,
};
pub use digest::{config_sha256, is_sha256, sha256};
pub use entry::{Entry, Figures};
pub use figure::Figure;
pub use leaderboard::{
    Leaderboard, PublishedHead, grouped, leaderboard_json, leaderboard_markdown, page_head, published_head,
};
pub use ledger::{Happening, Kind, Ledger, LedgerEntry, LedgerError, RecordStatus};
pub use pairs::{Pair, PairsError, challenger_is_below};
pub use pin::{Open, Pin, PinError, PinnedCount};
pub use plausibility::Plausibility;
pub use ranking::{Flag, Ranked, flags, progression, rank, record};
pub use recipe::{shortcomings, steps};
pub use render::{render, render_rules};
pub use rules::{Check, RULES, Rule};
pub use summary::{RunFigures, Summary};
pub use verdict::{Finding, Status, Verdict, judge};

// The tests of the rules share a submission with those in `tests/`, which name the crate.
#[cfg(test)]
extern crate self as blueberry_rules;
#[cfg(test)]
#[path = "../tests/common/mod.rs"]
mod testing;
