//! `blueberry attempts`: seeds that are declared before they run.

use std::io::Write;
use std::path::PathBuf;

use blueberry_rules::{Attempts, Category, config_sha256, sha256, shortcomings, steps};
use serde_json::Value;

use crate::LogLimits;
use crate::commands::{CommandError, Outcome, find_category, load_categories};
use crate::sign::read_public_key;
use crate::submit::SubmitError;
use crate::write::write_file;

/// What `blueberry attempts` is told.
#[derive(Debug, Clone)]
pub struct AttemptsArgs {
    /// The category.
    pub category: String,
    /// The settings that will run; seed, device and paths do not matter.
    pub config: Value,
    /// The seeds that will run; all of them count.
    pub seeds: Vec<u64>,
    /// The public key file of whoever alone may hand the runs in.
    pub key: Option<PathBuf>,
    /// For people.
    pub note: String,
    /// The file to write.
    pub out: PathBuf,
    /// Other categories than the official ones.
    pub categories: Option<PathBuf>,
}

/// Writes an attempts file and says its digest; [`Outcome::No`], with the reasons, where no run of the settings could be
/// eligible.
///
/// # Errors
/// [`CommandError`]; a file that exists is not overwritten, since its digest may stand in logs.
pub fn attempts(args: &AttemptsArgs, out: &mut dyn Write) -> Result<Outcome, CommandError> {
    let categories = load_categories(args.categories.as_deref())?;
    let category = find_category(&categories, &args.category)?;
    let mut seeds = args.seeds.clone();
    seeds.sort_unstable();
    seeds.dedup();
    if seeds.len() < args.seeds.len() || seeds.len() < category.seeds {
        let (id, needs) = (&category.id, category.seeds);
        writeln!(
            out,
            "{} different seeds are given, `{id}` needs at least {needs}, each once",
            seeds.len()
        )?;
        return Ok(Outcome::No);
    }
    let hopeless = hopeless(category, args);
    if !hopeless.is_empty() {
        writeln!(out, "no run of this recipe can be eligible in `{}`:", category.id)?;
        for problem in hopeless {
            writeln!(out, "  {problem}")?;
        }
        return Ok(Outcome::No);
    }
    let declared = Attempts {
        category: category.id.clone(),
        config_sha256: config_sha256(&args.config),
        seeds,
        public_key: args
            .key
            .as_deref()
            .map(read_public_key)
            .transpose()
            .map_err(SubmitError::from)?,
        note: args.note.clone(),
    };
    let text = declared.to_text()?;
    if args.out.symlink_metadata().is_ok() {
        return Err(CommandError::Exists(args.out.clone()));
    }
    write_file(&args.out, text.as_bytes()).map_err(SubmitError::from)?;
    writeln!(
        out,
        "wrote {}, SHA-256 {}",
        args.out.display(),
        sha256(text.as_bytes())
    )?;
    if let Some(key) = &declared.public_key {
        writeln!(
            out,
            "only `blueberry submit --sign` with the private key of {key} can submit the runs"
        )?;
    }
    writeln!(out, "run every seed, whatever comes of it:")?;
    for seed in &declared.seeds {
        writeln!(
            out,
            "  blueberry train .. --seed {seed} --attempts {}",
            args.out.display()
        )?;
    }
    Ok(Outcome::Yes)
}

/// Why no claim of these runs can be eligible, whatever they come to.
fn hopeless(category: &Category, args: &AttemptsArgs) -> Vec<String> {
    let mut problems = shortcomings(category, &args.config);
    let (most, seeds) = (LogLimits::default().lines, args.seeds.len() as u64);
    let lines = steps(&args.config).unwrap_or(0).saturating_mul(seeds);
    if lines > most {
        problems.push(format!(
            "{seeds} logs of it have {lines} lines, one a step, and a check reads {most} of a claim: take larger steps"
        ));
    }
    problems
}
