//! One file a command.

pub mod attempts;
pub mod bench;
pub mod check;
pub mod data;
pub mod devices;
pub mod dry_run;
pub mod eval;
pub mod info;
pub mod leaderboard;
pub mod logits;
pub mod probe;
pub mod propose;
pub mod rules;
pub mod scan;
pub mod submit;
pub mod train;
pub mod verify;
pub mod view;

use anyhow::Result;
use blueberry_records::Outcome;
use blueberry_train::native::load_preset;

use crate::exit::Done;

/// How a command of the judge's ended.
fn done(outcome: Outcome) -> Done {
    match outcome {
        Outcome::Yes => Done::Yes,
        Outcome::No => Done::No,
        Outcome::CannotTell => Done::CannotTell,
    }
}

/// A preset's settings as they stand in a log, but for seed, device and paths.
fn preset_config(preset: &str, overrides: &[String]) -> Result<serde_json::Value> {
    Ok(serde_json::to_value(load_preset(preset, overrides)?)?)
}
