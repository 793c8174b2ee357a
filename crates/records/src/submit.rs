//! `blueberry submit`: runs as a record's folder.

use std::collections::BTreeMap;
use std::io::Write;
use std::path::{Path, PathBuf};

use blueberry_rules::{
    Case, Categories, Category, Declared, LoggedRun, Status, SubmittedSource, Summary, Verdict,
    config_sha256, judge, render, sha256,
};
use thiserror::Error;

use crate::Limits;
use crate::check::runs_facts;
use crate::checks::{SIGNATURE_FILE, other_than_declared};
use crate::commands::{CommandError, Outcome, find_category, load_categories};
use crate::config::{CONFIG_FILE, config_text};
use crate::curve::{self, CurveError, loss_curve, png, svg};
use crate::date::day_of;
use crate::figures::mean_texts;
use crate::folder::{read_at_most, read_text};
use crate::judge::is_there;
use crate::open::{ATTEMPTS_FILE, OpenError, PATCH_FILE, open_attempts, open_runs};
use crate::readme::{README_FILE, readme};
use crate::record::{FORMAT, RECORD_FILE, Record, RecordError, Run, Source};
use crate::sign::{SignError, Signer};
use crate::source::{SourceError, patch_since};
use crate::write::{WriteError, write_folder};

/// What `blueberry submit` is told.
#[derive(Debug, Clone, Default)]
pub struct SubmitArgs {
    /// Folders or logs of the runs: every attempt that was declared.
    pub runs: Vec<PathBuf>,
    /// The category.
    pub category: String,
    /// Who submits.
    pub author: String,
    /// What is new, in one line; by default the preset's name.
    pub title: Option<String>,
    /// The file that declared the seeds.
    pub attempts: Option<PathBuf>,
    /// Id of the record that it builds on.
    pub parent: Option<String>,
    /// OpenSSH private key to sign with.
    pub sign: Option<PathBuf>,
    /// Passphrase of that key.
    pub passphrase: Option<String>,
    /// The folder of all records.
    pub out: PathBuf,
    /// The repository that was built.
    pub repository: PathBuf,
    /// The changes since the commit, where they were kept; by default git is asked.
    pub patch: Option<PathBuf>,
    /// Other categories than the official ones.
    pub categories: Option<PathBuf>,
}

/// Why a submission is not made.
#[derive(Debug, Error)]
pub enum SubmitError {
    /// A name or title.
    #[error(transparent)]
    Record(#[from] RecordError),
    /// The settings of the runs.
    #[error("the settings of `{run}` cannot be written as TOML: {cause}")]
    Config {
        /// The run.
        run: String,
        /// Why not.
        cause: toml::ser::Error,
    },
    /// The pictures.
    #[error(transparent)]
    Curve(#[from] CurveError),
    /// The signature.
    #[error(transparent)]
    Sign(#[from] SignError),
    /// The seeds were declared for another key.
    #[error("not submitted: {0}: give its private key by `--sign`")]
    Owner(String),
    /// The source.
    #[error(transparent)]
    Source(#[from] SourceError),
    /// The folder.
    #[error(transparent)]
    Write(#[from] WriteError),
    /// The logs cannot be packed.
    #[error("cannot pack the log of `{run}`: {cause}")]
    Pack {
        /// The run.
        run: String,
        /// Why not.
        cause: std::io::Error,
    },
    /// A log that is not the one that was judged.
    #[error("the log of `{0}` was changed while it was read: submit it when its run is over")]
    ChangedLog(String),
    /// A parent that is not here.
    #[error("there is no record `{id}` of this category in `{}`; an id looks like dash/2026-11-25-title", records.display())]
    Parent {
        /// Its id.
        id: String,
        /// Where it was looked for.
        records: PathBuf,
    },
    /// The source of now is not the source that ran.
    #[error(
        "the changes since commit {commit} are not those that ran (their digest is {found}, the log names {logged}): go back to the tree that was built, or give the patch by `--patch FILE`"
    )]
    OtherSource {
        /// The commit.
        commit: String,
        /// Digest of the changes here.
        found: String,
        /// Digest in the log.
        logged: String,
    },
}

/// Judges the runs and, unless a rule is broken, writes their record and says how to open the pull request.
///
/// There is no flag that submits runs in spite of a broken rule: nobody could rank them. Rules that nobody can tell yet,
/// such as a time that only a sponsor's machine can measure, do not stop a submission: it waits, `pending`.
///
/// # Errors
/// [`CommandError`].
pub fn submit(args: &SubmitArgs, out: &mut dyn Write) -> Result<Outcome, CommandError> {
    let limits = Limits::default();
    let categories = load_categories(args.categories.as_deref())?;
    let category = find_category(&categories, &args.category)?;
    let mut runs = open_runs(&args.runs, &limits)?;
    let attempts = args
        .attempts
        .as_deref()
        .map(|path| open_attempts(path, &limits))
        .transpose()?;
    let verdict = verdict(args, category, &categories, &runs, attempts.as_ref())?;
    if verdict.status == Status::Ineligible {
        writeln!(
            out,
            "{}\nNot submitted: the rules marked FAIL are broken.",
            render(&verdict)
        )?;
        return Ok(Outcome::No);
    }
    runs.sort_by_key(|run| run.log.run.seed);
    let folder = build(args, category, &runs, attempts.as_ref(), &limits)?;
    let path = args.out.join(folder.record.id());
    write_folder(&path, &folder.files).map_err(SubmitError::from)?;
    say(&folder.record, &path, &verdict, out)?;
    Ok(Outcome::Yes)
}

fn verdict(
    args: &SubmitArgs,
    category: &Category,
    categories: &Categories,
    runs: &[LoggedRun],
    attempts: Option<&Declared>,
) -> Result<Verdict, CommandError> {
    let mut facts = runs_facts(attempts.cloned(), Some(&args.out));
    facts.submitted = true;
    if let Some(id) = &args.parent
        && !is_there(&args.out, id, &category.id)
    {
        let (id, records) = (id.clone(), args.out.clone());
        return Err(SubmitError::Parent { id, records }.into());
    }
    facts.source = runs.first().and_then(|run| {
        let source = &run.log.run.source;
        Some(SubmittedSource {
            commit: source.commit.clone()?,
            patch_sha256: source.patch_sha256.clone(),
        })
    });
    let plausibility = categories.plausibility.as_ref();
    Ok(judge(&Case {
        category,
        plausibility,
        runs,
        facts: &facts,
    }))
}

/// A record's folder before it is written.
struct NewRecord {
    record: Record,
    files: BTreeMap<String, Vec<u8>>,
}

fn build(
    args: &SubmitArgs,
    category: &Category,
    runs: &[LoggedRun],
    attempts: Option<&Declared>,
    limits: &Limits,
) -> Result<NewRecord, CommandError> {
    let signer = args
        .sign
        .as_deref()
        .map(|key| Signer::open(key, args.passphrase.as_deref()))
        .transpose();
    let signer = signer.map_err(SubmitError::from)?;
    let (entries, mut files) = pack(args, runs)?;
    if let Some(path) = &args.attempts {
        files.insert(
            ATTEMPTS_FILE.into(),
            read_text(path, limits.text_bytes)?.into_bytes(),
        );
    }
    let renamed = renamed(runs, &entries);
    let summary = Summary::of(category, &renamed);
    let mut record = describe(args, &renamed, entries, &summary)?;
    record.public_key = signer
        .as_ref()
        .map(Signer::public_key)
        .transpose()
        .map_err(SubmitError::from)?;
    if let Some(why) =
        attempts.and_then(|declared| other_than_declared(declared.attempts(), record.public_key.as_deref()))
    {
        return Err(SubmitError::Owner(why).into());
    }
    files.extend(described(args, category, &record, &renamed, limits)?);
    record.files = files
        .iter()
        .map(|(name, bytes)| (name.clone(), sha256(bytes)))
        .collect();
    let text = record.to_text().map_err(SubmitError::from)?;
    if let Some(signer) = signer {
        let signature = signer.sign(text.as_bytes()).map_err(SubmitError::from)?;
        files.insert(SIGNATURE_FILE.into(), signature.into_bytes());
    }
    files.insert(
        README_FILE.into(),
        readme(&record, &summary, &category.name).into_bytes(),
    );
    files.insert(RECORD_FILE.into(), text.into_bytes());
    Ok(NewRecord { record, files })
}

type Packed = (Vec<Run>, BTreeMap<String, Vec<u8>>);

/// The logs as zstd, under the names that they have in the record.
fn pack(args: &SubmitArgs, runs: &[LoggedRun]) -> Result<Packed, CommandError> {
    let mut files = BTreeMap::new();
    let mut entries = Vec::new();
    for run in runs {
        let seed = run.log.run.seed;
        let file = format!("runs/seed-{seed}.jsonl.zst");
        // Named by its path, as `open_runs` does.
        let path = args.runs.iter().find(|path| path.to_string_lossy() == run.name);
        let bytes = path
            .map_or(Ok(Vec::new()), |path| crate::logs::unpacked(path))
            .map_err(OpenError::from)?;
        // Read again, since only what was judged is packed: a run that goes on writes on.
        if sha256(&bytes) != run.sha256 {
            return Err(SubmitError::ChangedLog(run.name.clone()).into());
        }
        let packed = zstd::encode_all(bytes.as_slice(), 19).map_err(|cause| SubmitError::Pack {
            run: run.name.clone(),
            cause,
        })?;
        entries.push(Run {
            file: file.clone(),
            seed,
            sha256: run.sha256.clone(),
        });
        files.insert(file, packed);
    }
    Ok((entries, files))
}

/// The runs under the names that their logs have in the record.
fn renamed(runs: &[LoggedRun], entries: &[Run]) -> Vec<LoggedRun> {
    let rename = |(run, entry): (&LoggedRun, &Run)| LoggedRun {
        name: entry.file.clone(),
        ..run.clone()
    };
    runs.iter().zip(entries).map(rename).collect()
}

fn describe(
    args: &SubmitArgs,
    runs: &[LoggedRun],
    entries: Vec<Run>,
    summary: &Summary,
) -> Result<Record, SubmitError> {
    let first = runs.first().map(|run| &run.log.run);
    let source = first.map(|run| &run.source);
    let commit = source.and_then(|source| source.commit.clone());
    let began = runs
        .iter()
        .map(|run| run.log.run.started_unix_s)
        .fold(f64::NEG_INFINITY, f64::max);
    Ok(Record {
        format: FORMAT,
        category: args.category.clone(),
        title: args
            .title
            .clone()
            .or_else(|| first.map(|run| run.preset.clone()))
            .unwrap_or_default(),
        author: args.author.clone(),
        date: day_of(began).unwrap_or_default(),
        parent: args.parent.clone(),
        public_key: None,
        config_sha256: first.map(|run| config_sha256(&run.config)).unwrap_or_default(),
        curve: curve::VERSION,
        source: Source {
            commit: commit.ok_or_else(|| SourceError::NoCommit(String::new()))?,
            sha256: source.map(|source| source.sha256.clone()).unwrap_or_default(),
            patch_sha256: source.and_then(|source| source.patch_sha256.clone()),
        },
        figures: mean_texts(summary),
        runs: entries,
        files: BTreeMap::new(),
    })
}

/// The files that follow from the logs, and the patch.
fn described(
    args: &SubmitArgs,
    category: &Category,
    record: &Record,
    runs: &[LoggedRun],
    limits: &Limits,
) -> Result<BTreeMap<String, Vec<u8>>, CommandError> {
    let mut files = BTreeMap::new();
    for run in runs.iter().take(1) {
        let config = config_text(&run.log.run.config).map_err(|cause| SubmitError::Config {
            run: run.name.clone(),
            cause,
        })?;
        files.insert(CONFIG_FILE.to_owned(), config.into_bytes());
    }
    let picture = loss_curve(&record.title, category, runs);
    files.insert(
        "curve.svg".into(),
        svg(&picture).map_err(SubmitError::from)?.into_bytes(),
    );
    files.insert("curve.png".into(), png(&picture).map_err(SubmitError::from)?);
    if let Some(logged) = &record.source.patch_sha256 {
        files.insert(
            PATCH_FILE.into(),
            patch(args, &record.source.commit, logged, limits)?,
        );
    }
    Ok(files)
}

/// The changes since the commit, where they are the ones that ran.
fn patch(args: &SubmitArgs, commit: &str, logged: &str, limits: &Limits) -> Result<Vec<u8>, CommandError> {
    let patch = match &args.patch {
        Some(path) => read_at_most(path, limits.file_bytes)?,
        None => patch_since(&args.repository, commit).map_err(SubmitError::from)?,
    };
    let found = sha256(&patch);
    if found != logged {
        let (commit, logged) = (commit.to_owned(), logged.to_owned());
        return Err(SubmitError::OtherSource {
            commit,
            found,
            logged,
        }
        .into());
    }
    Ok(patch)
}

fn say(record: &Record, path: &Path, verdict: &Verdict, out: &mut dyn Write) -> Result<(), CommandError> {
    let (id, branch) = (record.id(), record.id().replace('/', "-"));
    writeln!(out, "{}\nWritten: {}", render(verdict), path.display())?;
    if verdict.status == Status::Undecided {
        writeln!(
            out,
            "It waits for what is marked `?`: submit it all the same, a sponsor's machine can tell."
        )?;
    }
    writeln!(
        out,
        "\nSay in {}/{README_FILE} what is new, then:\n\n  git switch -c record-{branch}\n  blueberry leaderboard\n  \
         git add records LEADERBOARD.md leaderboard.json\n  git commit -m \"Record: {id}\"\n  \
         git push -u origin HEAD\n  gh pr create --fill\n",
        path.display()
    )?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{Dir, claim_runs, write_claim};

    /// As where a run goes on while its log is read.
    #[test]
    fn a_log_that_is_not_the_one_that_was_judged_is_not_packed() {
        let dir = Dir::new();
        let (runs, _) = write_claim(&dir);
        let args = SubmitArgs {
            runs,
            ..SubmitArgs::default()
        };
        let mut judged = claim_runs();
        for (run, path) in judged.iter_mut().zip(&args.runs) {
            run.name = path.to_string_lossy().into_owned();
        }
        assert_eq!(pack(&args, &judged).unwrap().0.len(), 3);
        dir.write("runs/small-2/run.jsonl", b"another");
        let error = pack(&args, &judged).unwrap_err().to_string();
        assert!(error.contains("small-2") && error.contains("changed"), "{error}");
    }
}
