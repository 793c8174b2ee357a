//! `blueberry propose`.

use std::path::PathBuf;

use anyhow::Result;
use blueberry_records::propose::{ProposeArgs, propose};
use clap::Args;

use super::{done, preset_config};
use crate::exit::Done;
use crate::out::Standard;

/// The flags of `blueberry propose`.
#[derive(Debug, Args)]
pub struct Flags {
    /// The preset that a sponsor would run, as for `blueberry train`.
    #[arg(long, value_name = "NAME|PATH.toml")]
    preset: String,
    /// Override any field of the preset, as for `blueberry train`. May be repeated.
    #[arg(long = "set", value_name = "KEY=VALUE")]
    overrides: Vec<String>,
    /// A small run of your own that shows the idea: its folder or log.
    #[arg(long, value_name = "RUN")]
    run: PathBuf,
    /// The same run without the idea, to compare it with.
    #[arg(long, value_name = "RUN")]
    baseline: Option<PathBuf>,
    /// The category that it would enter: dash, lowest-loss, glitchless or marathon.
    #[arg(long, value_name = "NAME", default_value = "lowest-loss")]
    category: String,
    /// Other categories than the official ones, as TOML.
    #[arg(long, value_name = "FILE")]
    categories: Option<PathBuf>,
}

/// Writes a request for a sponsored run.
pub fn run(flags: Flags) -> Result<Done> {
    let args = ProposeArgs {
        category: flags.category,
        config: preset_config(&flags.preset, &flags.overrides)?,
        run: flags.run,
        baseline: flags.baseline,
        categories: flags.categories,
    };
    Ok(done(propose(&args, &mut Standard)?))
}
