//! `blueberry check`.

use std::path::PathBuf;

use anyhow::Result;
use blueberry_records::check::{CheckArgs, check};
use clap::Args;

use super::done;
use crate::exit::Done;
use crate::out::Standard;

/// The flags of `blueberry check`.
#[derive(Debug, Args)]
pub struct Flags {
    /// Records; and runs (folders or logs), which together are the attempts of one claim.
    #[arg(required = true)]
    paths: Vec<PathBuf>,
    /// The category [default: that of the record, or of the attempts file].
    #[arg(long, value_name = "NAME")]
    category: Option<String>,
    /// Other categories than the official ones, as TOML.
    #[arg(long, value_name = "FILE")]
    categories: Option<PathBuf>,
    /// The file that declared the seeds of the runs.
    #[arg(long, value_name = "FILE")]
    attempts: Option<PathBuf>,
    /// All records, so that a record twice is found [default: those around the record,
    /// where their ledger is].
    #[arg(long, value_name = "DIR")]
    records: Option<PathBuf>,
    /// What `blueberry data scan --json` said of the data of the runs.
    #[arg(long, value_name = "FILE")]
    scan: Option<PathBuf>,
    /// For machines.
    #[arg(long)]
    json: bool,
}

/// Says the verdict on runs or records.
pub fn run(flags: Flags) -> Result<Done> {
    let args = CheckArgs {
        paths: flags.paths,
        category: flags.category,
        categories: flags.categories,
        attempts: flags.attempts,
        records: flags.records,
        scan: flags.scan,
        json: flags.json,
    };
    Ok(done(check(&args, &mut Standard)?))
}
