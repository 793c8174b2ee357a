//! `blueberry submit`.

use std::path::PathBuf;

use anyhow::Result;
use blueberry_records::sign::PASSPHRASE_VARIABLE;
use blueberry_records::submit::{SubmitArgs, submit};
use clap::Args;

use super::done;
use crate::exit::Done;
use crate::out::Standard;

/// The flags of `blueberry submit`.
#[derive(Debug, Args)]
pub struct Flags {
    /// Folders or logs of the runs: every attempt that was declared.
    #[arg(required = true)]
    runs: Vec<PathBuf>,
    /// The category: dash, lowest-loss, glitchless or marathon.
    #[arg(long, value_name = "NAME")]
    category: String,
    /// Your name, as the leaderboard shows it.
    #[arg(long, value_name = "NAME")]
    author: String,
    /// What is new, in one line [default: the preset's name].
    #[arg(long, value_name = "TEXT")]
    title: Option<String>,
    /// The file that declared the seeds, made by `blueberry attempts`.
    #[arg(long, value_name = "FILE")]
    attempts: Option<PathBuf>,
    /// The record that it builds on, as dash/2026-11-25-title.
    #[arg(long, value_name = "RECORD")]
    parent: Option<String>,
    /// Sign with this OpenSSH private key; its passphrase is read from BLUEBERRY_KEY_PASSPHRASE.
    #[arg(long, value_name = "KEY")]
    sign: Option<PathBuf>,
    /// The folder of records.
    #[arg(long, value_name = "DIR", default_value = "records")]
    out: PathBuf,
    /// The changes since the commit that ran [default: `git diff` in this repository].
    #[arg(long, value_name = "FILE")]
    patch: Option<PathBuf>,
    /// Other categories than the official ones, as TOML.
    #[arg(long, value_name = "FILE")]
    categories: Option<PathBuf>,
}

/// Writes a record.
pub fn run(flags: Flags) -> Result<Done> {
    let args = SubmitArgs {
        runs: flags.runs,
        category: flags.category,
        author: flags.author,
        title: flags.title,
        attempts: flags.attempts,
        parent: flags.parent,
        sign: flags.sign,
        passphrase: std::env::var(PASSPHRASE_VARIABLE).ok(),
        out: flags.out,
        repository: PathBuf::from("."),
        patch: flags.patch,
        categories: flags.categories,
    };
    Ok(done(submit(&args, &mut Standard)?))
}
