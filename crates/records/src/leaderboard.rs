//! `blueberry leaderboard`: the ledger goes on with what is new in `records/`, and everything that is made from both is
//! made anew, to the byte.

use std::collections::BTreeMap;
use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use blueberry_rules::{
    Categories, Entry, Figures, Happening, Kind, Leaderboard, Ledger, LedgerError, RecordStatus, Summary,
    leaderboard_json, leaderboard_markdown, sha256,
};
use thiserror::Error;

use crate::Limits;
use crate::commands::{CommandError, Outcome, load_categories};
use crate::curve::{CurveError, progression_picture, svg};
use crate::folder::{FolderError, read_text};
use crate::judge::record_folders;
use crate::open::open_record;
use crate::record::Record;
use crate::verdict::{VERIFIERS_FILE, Verdict, VerdictError, verdict};
use crate::verify::{VERIFICATION_FILE, Verification};
use crate::write::{WriteError, write_file};

/// Name of the ledger in the folder of records.
pub const LEDGER_FILE: &str = "ledger.jsonl";
const MAX_LEDGER_BYTES: u64 = 64 << 20;
/// A list of keys is a few kilobytes.
const MAX_VERIFIERS_BYTES: u64 = 1 << 20;

/// What `blueberry leaderboard` is told.
#[derive(Debug, Clone, Default)]
pub struct LeaderboardArgs {
    /// The folder of records; the pages lie beside it.
    pub records: PathBuf,
    /// Only say whether everything is as it would be made.
    pub check: bool,
    /// Other categories than the official ones.
    pub categories: Option<PathBuf>,
    /// Something that happened to a record and stands in no file.
    pub happening: Option<Decision>,
}

/// An appeal or a revocation.
#[derive(Debug, Clone)]
pub struct Decision {
    /// Which.
    pub kind: Kind,
    /// Id of the record.
    pub record: String,
    /// Who decides.
    pub by: String,
    /// Why.
    pub reason: String,
    /// Day.
    pub date: String,
}

/// Why the leaderboard cannot be made.
#[derive(Debug, Error)]
pub enum LeaderboardError {
    /// A file.
    #[error(transparent)]
    File(#[from] FolderError),
    /// The ledger.
    #[error("`{}`: {cause}", path.display())]
    Ledger {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        cause: LedgerError,
    },
    /// A record that changed.
    #[error(
        "`{record}`: its {document} is not the one in the ledger: a record does not change once it is submitted, so restore it, or submit the new one under another title"
    )]
    Changed {
        /// Its id.
        record: String,
        /// The file.
        document: &'static str,
    },
    /// A record that is gone.
    #[error(
        "`{0}` stands in the ledger, but its folder is gone: restore it; a record that does not count is revoked, not deleted"
    )]
    Gone(String),
    /// A folder with another record's name.
    #[error("`{}` holds the record `{id}`: rename the folder", path.display())]
    Place {
        /// The folder.
        path: PathBuf,
        /// Its record.
        id: String,
    },
    /// A verification that cannot be believed.
    #[error("`{}`: {cause}", path.display())]
    Verification {
        /// The record's folder.
        path: PathBuf,
        /// What is wrong.
        cause: Box<VerdictError>,
    },
    /// A picture.
    #[error(transparent)]
    Curve(#[from] CurveError),
    /// Writing.
    #[error(transparent)]
    Write(#[from] WriteError),
}

/// A record with what a verifier said; without its logs, of which there are many.
struct Known {
    record: Record,
    /// Digest of its `record.toml`.
    sha256: String,
    /// `None` for a category that there is not.
    claimed: Option<Figures>,
    verification: Option<(Verification, String)>,
    /// Why a verification that is there does not count.
    unheard: Option<String>,
}

/// Makes the leaderboard, or says whether it is up to date.
///
/// # Errors
/// [`CommandError`]: a record or the ledger cannot be read or believed.
pub fn leaderboard(args: &LeaderboardArgs, out: &mut dyn Write) -> Result<Outcome, CommandError> {
    let categories = load_categories(args.categories.as_deref())?;
    let known = read_all(&args.records, &categories)?;
    for (id, why) in known
        .iter()
        .filter_map(|(id, known)| Some((id, known.unheard.as_ref()?)))
    {
        writeln!(out, "{id}: {why}")?;
    }
    let files = made(args, &categories, &known)?;
    let changed: Vec<_> = files.iter().filter(|(path, bytes)| !holds(path, bytes)).collect();
    if args.check {
        for (path, _) in &changed {
            writeln!(out, "{} is stale: run `blueberry leaderboard`", path.display())?;
        }
        return Ok(if changed.is_empty() {
            Outcome::Yes
        } else {
            Outcome::No
        });
    }
    for (path, bytes) in &changed {
        write_file(path, bytes).map_err(LeaderboardError::from)?;
        writeln!(out, "wrote {}", path.display())?;
    }
    if changed.is_empty() {
        writeln!(out, "everything is up to date")?;
    }
    Ok(Outcome::Yes)
}

fn holds(path: &Path, bytes: &[u8]) -> bool {
    fs::read(path).is_ok_and(|found| found == bytes)
}

/// Every file that is made, with its content.
fn made(
    args: &LeaderboardArgs,
    categories: &Categories,
    known: &BTreeMap<String, Known>,
) -> Result<BTreeMap<PathBuf, Vec<u8>>, CommandError> {
    let (ledger, text) = go_on(args, known)?;
    let entries: Vec<Entry> = known.values().map(|known| entry(known, &ledger)).collect();
    let board = Leaderboard {
        categories,
        entries: &entries,
        ledger: &ledger,
    };
    let root = args.records.parent().unwrap_or(Path::new("."));
    let mut files = BTreeMap::from([
        (
            root.join("LEADERBOARD.md"),
            leaderboard_markdown(&board).into_bytes(),
        ),
        (
            root.join("leaderboard.json"),
            leaderboard_json(&board)?.into_bytes(),
        ),
    ]);
    files.insert(args.records.join(LEDGER_FILE), text.into_bytes());
    for category in &categories.list {
        if !blueberry_rules::progression(category, &entries).is_empty() {
            let picture = svg(&progression_picture(category, &entries)).map_err(LeaderboardError::from)?;
            files.insert(
                args.records.join(&category.id).join("progression.svg"),
                picture.into_bytes(),
            );
        }
    }
    Ok(files)
}

/// All records by id.
fn read_all(records: &Path, categories: &Categories) -> Result<BTreeMap<String, Known>, CommandError> {
    let mut known = BTreeMap::new();
    let verifiers = text_or_empty(&records.join(VERIFIERS_FILE), MAX_VERIFIERS_BYTES)?;
    for path in record_folders(records) {
        let opened = open_record(&path, &Limits::default())?;
        let id = opened.record.id();
        if !path.ends_with(&id) {
            return Err(LeaderboardError::Place { path, id }.into());
        }
        let category = categories.get(&opened.record.category);
        let verdict = verdict(&opened, category, &verifiers);
        let verdict = verdict.map_err(|cause| LeaderboardError::Verification {
            path,
            cause: Box::new(cause),
        })?;
        let (verification, unheard) = match verdict {
            Verdict::None => (None, None),
            Verdict::Unheard(why) => (None, Some(why)),
            Verdict::Counts(verification, digest) => (Some((*verification, digest)), None),
        };
        let known_record = Known {
            sha256: sha256(opened.text.as_bytes()),
            claimed: category.map(|category| Figures::of(&Summary::of(category, &opened.runs))),
            verification,
            unheard,
            record: opened.record,
        };
        known.insert(id, known_record);
    }
    Ok(known)
}

fn text_or_empty(path: &Path, limit: u64) -> Result<String, LeaderboardError> {
    match read_text(path, limit) {
        Err(FolderError::Io { cause, .. }) if cause.kind() == io::ErrorKind::NotFound => Ok(String::new()),
        other => Ok(other?),
    }
}

/// The ledger with what is new, and its text.
fn go_on(
    args: &LeaderboardArgs,
    known: &BTreeMap<String, Known>,
) -> Result<(Ledger, String), LeaderboardError> {
    let path = args.records.join(LEDGER_FILE);
    let mut text = text_or_empty(&path, MAX_LEDGER_BYTES)?;
    let bad = |cause| LeaderboardError::Ledger {
        path: path.clone(),
        cause,
    };
    let mut ledger = Ledger::parse(&text).map_err(bad)?;
    unchanged(&ledger, known)?;
    for happening in news(&ledger, known)
        .into_iter()
        .chain(args.happening.iter().map(Decision::happening))
    {
        text += &ledger.append(happening).map_err(bad)?;
    }
    Ok((ledger, text))
}

/// Holds every record of the ledger against its folder.
fn unchanged(ledger: &Ledger, known: &BTreeMap<String, Known>) -> Result<(), LeaderboardError> {
    for entry in ledger.entries() {
        let what = &entry.what;
        let record = known
            .get(&what.record)
            .ok_or_else(|| LeaderboardError::Gone(what.record.clone()))?;
        if what.kind == Kind::Submission && what.document_sha256.as_deref() != Some(&record.sha256) {
            return Err(LeaderboardError::Changed {
                record: what.record.clone(),
                document: "record.toml",
            });
        }
    }
    // The last decision of a verifier is the file that is there; after an appeal another may stand beside it.
    for (id, status) in ledger.statuses() {
        let decided = matches!(
            status,
            RecordStatus::Verified | RecordStatus::Rejected | RecordStatus::Revoked
        );
        if decided && last_decision(ledger, id) != known.get(id).and_then(Known::decision) {
            return Err(LeaderboardError::Changed {
                record: id.clone(),
                document: VERIFICATION_FILE,
            });
        }
    }
    Ok(())
}

/// Digest of the document of a record's last verdict.
fn last_decision<'a>(ledger: &'a Ledger, id: &str) -> Option<&'a str> {
    let decisions = ledger
        .entries()
        .iter()
        .rev()
        .map(|entry| &entry.what)
        .filter(|what| what.record == id);
    decisions
        .filter(|what| matches!(what.kind, Kind::Verified | Kind::Rejected))
        .find_map(|what| what.document_sha256.as_deref())
}

/// Submissions and verdicts that the ledger does not have yet.
fn news(ledger: &Ledger, known: &BTreeMap<String, Known>) -> Vec<Happening> {
    let mut news = Vec::new();
    for (id, record) in known {
        let status = ledger.statuses().get(id);
        if status.is_none() {
            news.push(record.submission(id));
        }
        let waits = status.is_none_or(|status| *status == RecordStatus::Pending);
        if waits && last_decision(ledger, id) != record.decision() {
            news.extend(record.verdict(id));
        }
    }
    news.sort_by(|a, b| (&a.date, &a.record).cmp(&(&b.date, &b.record)));
    news
}

impl Known {
    fn submission(&self, id: &str) -> Happening {
        Happening {
            date: self.record.date.clone(),
            record: id.to_owned(),
            by: self.record.author.clone(),
            kind: Kind::Submission,
            document_sha256: Some(self.sha256.clone()),
            reason: String::new(),
        }
    }

    /// Digest of the verifier's document.
    fn decision(&self) -> Option<&str> {
        self.verification.as_ref().map(|(_, digest)| digest.as_str())
    }

    /// `None` without a verifier's document, or with one that decides nothing.
    fn verdict(&self, id: &str) -> Option<Happening> {
        let (verification, digest) = self.verification.as_ref()?;
        let kind = match verification.outcome {
            crate::verify::Outcome::Verified => Kind::Verified,
            crate::verify::Outcome::Rejected => Kind::Rejected,
            crate::verify::Outcome::Undecided => return None,
        };
        Some(Happening {
            date: verification.date.clone(),
            record: id.to_owned(),
            by: verification.verifier.clone(),
            kind,
            document_sha256: Some(digest.clone()),
            reason: String::new(),
        })
    }
}

impl Decision {
    fn happening(&self) -> Happening {
        Happening {
            date: self.date.clone(),
            record: self.record.clone(),
            by: self.by.clone(),
            kind: self.kind,
            document_sha256: None,
            reason: self.reason.clone(),
        }
    }
}

/// A record as the leaderboard knows it. One of a category that there is not has no figure.
fn entry(known: &Known, ledger: &Ledger) -> Entry {
    let record = &known.record;
    let id = record.id();
    let verified = known
        .verification
        .as_ref()
        .and_then(|(verification, _)| verification.challenger.as_ref());
    let none = || Figures {
        figure: None,
        hardware: String::new(),
        means: BTreeMap::new(),
        benchmarks: BTreeMap::new(),
    };
    Entry {
        category: record.category.clone(),
        author: record.author.clone(),
        title: record.title.clone(),
        date: record.date.clone(),
        status: ledger
            .statuses()
            .get(&id)
            .copied()
            .unwrap_or(RecordStatus::Pending),
        claimed: known.claimed.clone().unwrap_or_else(none),
        verified: verified.map(Figures::of),
        seeds: record.runs.iter().map(|run| run.seed).collect(),
        logs: record.runs.iter().map(|run| run.sha256.clone()).collect(),
        parent: record.parent.clone(),
        link: Some(format!("records/{id}")),
        id,
    }
}
