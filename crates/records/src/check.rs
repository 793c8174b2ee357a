//! `blueberry check`: the verdict on runs or records. Nothing of them is run.

use std::io::Write;
use std::path::{Path, PathBuf};

use blueberry_rules::{Case, Categories, Declared, Facts, LeakScan, Status, Verdict, judge, render};
use serde::Serialize;

use crate::Limits;
use crate::commands::{CommandError, Outcome, find_category, known, load_categories};
use crate::judge::{judge_record, known_logs};
use crate::leaderboard::LEDGER_FILE;
use crate::open::{is_record, open_attempts, open_record, open_runs};
use crate::scan::read_scan;

/// What `blueberry check` is told.
#[derive(Debug, Clone, Default)]
pub struct CheckArgs {
    /// Records; and runs (folders or logs), which together are the attempts of one claim.
    pub paths: Vec<PathBuf>,
    /// The category; that of a record is in it.
    pub category: Option<String>,
    /// Other categories than the official ones.
    pub categories: Option<PathBuf>,
    /// The file that declared the seeds of the runs.
    pub attempts: Option<PathBuf>,
    /// All records, so that a record twice is found; by default those around a record's folder, where their ledger is there.
    pub records: Option<PathBuf>,
    /// What `blueberry data scan --json` said of the data of the runs.
    pub scan: Option<PathBuf>,
    /// For machines.
    pub json: bool,
}

/// A verdict and what it is on.
#[derive(Debug, Serialize)]
struct Judged {
    paths: Vec<PathBuf>,
    verdict: Verdict,
}

/// Judges and says the verdict of each record, and of the runs together.
///
/// # Errors
/// [`CommandError`]: something cannot be read.
pub fn check(args: &CheckArgs, out: &mut dyn Write) -> Result<Outcome, CommandError> {
    let categories = load_categories(args.categories.as_deref())?;
    let (records, runs): (Vec<_>, Vec<_>) = args.paths.iter().cloned().partition(|path| is_record(path));
    let scan = args.scan.as_deref().map(read_scan).transpose()?;
    let mut judged = Vec::new();
    for path in records {
        judged.push(check_record(path, args, &categories, scan.as_ref())?);
    }
    if !runs.is_empty() {
        judged.push(check_runs(runs, args, &categories, scan)?);
    }
    if args.json {
        serde_json::to_writer_pretty(&mut *out, &judged)?;
        writeln!(out)?;
    } else {
        judged.iter().try_for_each(|judged| say(judged, out))?;
    }
    let every = |wanted: &[Status]| {
        judged
            .iter()
            .all(|judged| wanted.contains(&judged.verdict.status))
    };
    Ok(if every(&[Status::Eligible]) {
        Outcome::Yes
    } else if every(&[Status::Eligible, Status::Undecided]) {
        Outcome::CannotTell
    } else {
        Outcome::No
    })
}

fn check_record(
    path: PathBuf,
    args: &CheckArgs,
    categories: &Categories,
    scan: Option<&LeakScan>,
) -> Result<Judged, CommandError> {
    let opened = open_record(&path, &Limits::default())?;
    let category = find_category(
        categories,
        args.category.as_deref().unwrap_or(&opened.record.category),
    )?;
    let around = records_around(&path);
    let records = args.records.as_deref().or(around.as_deref());
    let verdict = judge_record(&opened, category, categories, records, scan);
    Ok(Judged {
        paths: vec![path],
        verdict,
    })
}

/// `records` of `records/CATEGORY/NAME`; none where it has no ledger, as the folder of one record that was taken out of a
/// submission: what a record builds on is not there.
fn records_around(record: &Path) -> Option<PathBuf> {
    let full = std::fs::canonicalize(record).ok()?;
    let records = full.parent()?.parent()?;
    records.join(LEDGER_FILE).is_file().then(|| records.to_owned())
}

fn check_runs(
    paths: Vec<PathBuf>,
    args: &CheckArgs,
    categories: &Categories,
    leak_scan: Option<LeakScan>,
) -> Result<Judged, CommandError> {
    let limits = Limits::default();
    let attempts = args
        .attempts
        .as_deref()
        .map(|path| open_attempts(path, &limits))
        .transpose()?;
    let declared = attempts
        .as_ref()
        .map(|declared| declared.attempts().category.as_str());
    let name = args.category.as_deref().or(declared);
    let name = name.ok_or_else(|| CommandError::NoCategory {
        known: known(categories, "|"),
    })?;
    let category = find_category(categories, name)?;
    let runs = open_runs(&paths, &limits)?;
    let facts = Facts {
        leak_scan,
        ..runs_facts(attempts.clone(), args.records.as_deref())
    };
    let case = Case {
        category,
        plausibility: categories.plausibility.as_ref(),
        runs: &runs,
        facts: &facts,
    };
    Ok(Judged {
        verdict: judge(&case),
        paths,
    })
}

/// What is known beside the logs of runs.
pub(crate) fn runs_facts(attempts: Option<Declared>, records: Option<&Path>) -> Facts {
    let known_logs = records
        .map(|records| known_logs(records, None))
        .unwrap_or_default();
    Facts {
        attempts,
        known_logs,
        ..Facts::default()
    }
}

fn say(judged: &Judged, out: &mut dyn Write) -> Result<(), CommandError> {
    for path in &judged.paths {
        writeln!(out, "{}", path.display())?;
    }
    writeln!(out, "{}", render(&judged.verdict))?;
    if judged.verdict.status != Status::Eligible {
        writeln!(out, "What a rule asks: `blueberry rules`\n")?;
    }
    if judged.verdict.status == Status::Undecided {
        writeln!(
            out,
            "No rule is broken, but those marked `?` need what is named there before anyone can say."
        )?;
    }
    Ok(())
}
