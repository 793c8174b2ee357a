//! `blueberry attempts`: seeds that are declared before they run.

use std::io::Write;
use std::path::PathBuf;

use blueberry_rules::{Attempts, config_sha256, sha256};
use serde_json::Value;

use crate::commands::{CommandError, Outcome, find_category, load_categories};
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
    /// For people.
    pub note: String,
    /// The file to write.
    pub out: PathBuf,
    /// Other categories than the official ones.
    pub categories: Option<PathBuf>,
}

/// Writes an attempts file and says its digest.
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
    let declared = Attempts {
        category: category.id.clone(),
        config_sha256: config_sha256(&args.config),
        seeds,
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
