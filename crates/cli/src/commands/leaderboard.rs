//! `blueberry leaderboard`.

use std::path::PathBuf;
use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::Result;
use blueberry_records::date::day_of;
use blueberry_records::leaderboard::{Decision, LeaderboardArgs, leaderboard};
use blueberry_rules::Kind;
use clap::Args;

use super::done;
use crate::exit::Done;
use crate::out::Standard;

/// The flags of `blueberry leaderboard`.
#[derive(Debug, Args)]
pub struct Flags {
    /// The folder of records; LEADERBOARD.md and leaderboard.json lie beside it.
    #[arg(long, value_name = "DIR", default_value = "records")]
    records: PathBuf,
    /// Change nothing; exit code 1 where something is stale.
    #[arg(long)]
    check: bool,
    /// Other categories than the official ones, as TOML.
    #[arg(long, value_name = "FILE")]
    categories: Option<PathBuf>,
    /// Enter into the ledger that this record, as dash/2026-11-25-title, is void.
    #[arg(long, value_name = "RECORD", requires_all = ["by", "reason"], conflicts_with_all = ["appeal", "check"])]
    revoke: Option<String>,
    /// Enter into the ledger that this record, which waits for a verifier, breaks a rule as it is, so that nothing of it is
    /// run.
    #[arg(long, value_name = "RECORD", requires_all = ["by", "reason"], conflicts_with_all = ["revoke", "appeal", "check"])]
    reject: Option<String>,
    /// Enter into the ledger that somebody contests the last decision on this record.
    #[arg(long, value_name = "RECORD", requires_all = ["by", "reason"], conflicts_with = "check")]
    appeal: Option<String>,
    /// Who decides or appeals.
    #[arg(long, value_name = "NAME")]
    by: Option<String>,
    /// Why.
    #[arg(long, value_name = "TEXT")]
    reason: Option<String>,
}

/// Makes the leaderboard anew.
pub fn run(flags: Flags) -> Result<Done> {
    let happening = decision(&flags);
    let args = LeaderboardArgs {
        records: flags.records,
        check: flags.check,
        categories: flags.categories,
        happening,
    };
    Ok(done(leaderboard(&args, &mut Standard)?))
}

fn decision(flags: &Flags) -> Option<Decision> {
    let given = [
        (Kind::Revoked, &flags.revoke),
        (Kind::Rejected, &flags.reject),
        (Kind::Appeal, &flags.appeal),
    ];
    let (kind, record) = given
        .into_iter()
        .find_map(|(kind, record)| Some((kind, record.as_ref()?)))?;
    Some(Decision {
        kind,
        record: record.clone(),
        by: flags.by.clone()?,
        reason: flags.reason.clone()?,
        date: today()?,
    })
}

fn today() -> Option<String> {
    day_of(SystemTime::now().duration_since(UNIX_EPOCH).ok()?.as_secs_f64())
}
