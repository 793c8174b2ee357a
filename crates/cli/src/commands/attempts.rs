//! `blueberry attempts`.

use std::path::PathBuf;

use anyhow::Result;
use blueberry_records::attempts::{AttemptsArgs, attempts};
use clap::Args;

use super::{done, preset_config};
use crate::exit::Done;
use crate::out::Standard;

/// The flags of `blueberry attempts`.
#[derive(Debug, Args)]
pub struct Flags {
    /// The category: dash, lowest-loss, glitchless or marathon.
    #[arg(long, value_name = "NAME")]
    category: String,
    /// The preset that will run, as for `blueberry train`.
    #[arg(long, value_name = "NAME|PATH.toml")]
    preset: String,
    /// Override any field of the preset, as for `blueberry train`. May be repeated.
    #[arg(long = "set", value_name = "KEY=VALUE")]
    overrides: Vec<String>,
    /// Targets to consume, as for `blueberry train`.
    #[arg(long, value_name = "N", value_parser = crate::args::count)]
    train_tokens: Option<u64>,
    /// How often the data may be seen, as for `blueberry train`.
    #[arg(long, value_name = "N")]
    epochs: Option<u64>,
    /// The seeds that will run, as 1,2,3. All of them count, whatever comes of them.
    #[arg(long, value_name = "N,N,..", value_delimiter = ',', required = true)]
    seeds: Vec<u64>,
    /// Your SSH public key, as ~/.ssh/id_ed25519.pub: only a record that `submit --sign` signs with its private key may hold
    /// these runs, so that nobody can hand in an unchanged copy of your logs.
    #[arg(long, value_name = "FILE.pub")]
    key: Option<PathBuf>,
    /// For people.
    #[arg(long, value_name = "TEXT", default_value = "")]
    note: String,
    /// The file to write; `blueberry train --attempts` reads it.
    #[arg(long, value_name = "FILE", default_value = "attempts.toml")]
    out: PathBuf,
    /// Other categories than the official ones, as TOML.
    #[arg(long, value_name = "FILE")]
    categories: Option<PathBuf>,
}

/// Declares seeds before they run.
pub fn run(flags: Flags) -> Result<Done> {
    let mut overrides = flags.overrides;
    overrides.extend(flags.train_tokens.map(|tokens| format!("train.tokens={tokens}")));
    overrides.extend(flags.epochs.map(|epochs| format!("train.epochs={epochs}")));
    let args = AttemptsArgs {
        category: flags.category,
        config: preset_config(&flags.preset, &overrides)?,
        seeds: flags.seeds,
        key: flags.key,
        note: flags.note,
        out: flags.out,
        categories: flags.categories,
    };
    Ok(done(attempts(&args, &mut Standard)?))
}
