//! `blueberry leaderboard`: the ledger goes on with what is new in `records/`, and everything that is made from both is
//! made anew, to the byte.

use std::collections::BTreeMap;
use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use blueberry_rules::{
    Categories, Category, Entry, Happening, Kind, Leaderboard, Ledger, LedgerError, PublishedHead,
    RecordStatus, leaderboard_json, leaderboard_markdown, page_head, published_head, record,
};
use thiserror::Error;

use crate::commands::{CommandError, Outcome, load_categories};
use crate::curve::{CurveError, progression_picture, svg};
use crate::folder::{FolderError, io_error, read_at_most, read_text};
use crate::known::{Known, hear, read_all};
use crate::readme::README_FILE;
use crate::record::RECORD_FILE;
use crate::verdict::{VERIFIERS_FILE, VerdictError};
use crate::verify::VERIFICATION_FILE;
use crate::write::{WriteError, write_file};

/// Name of the ledger in the folder of records.
pub const LEDGER_FILE: &str = "ledger.jsonl";
const JSON_FILE: &str = "leaderboard.json";
const PAGE_FILE: &str = "LEADERBOARD.md";
const MAX_LEDGER_BYTES: u64 = 64 << 20;

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

/// An appeal, a revocation, or a rejection without a run.
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
    /// The page for programs.
    #[error("`{}` is not one that `blueberry leaderboard` made ({cause}): take it from the main branch", path.display())]
    Page {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        cause: serde_json::Error,
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
    /// A log that changed.
    #[error(
        "`{record}`: `{file}` is not the log that its record.toml names: a record does not change once it is submitted, so restore it"
    )]
    ChangedLog {
        /// Its id.
        record: String,
        /// The log.
        file: String,
    },
    /// One of the two pages is not there.
    #[error(
        "`{}` is there and `{}` is not, and both say where the ledger was: take them from the main branch, or remove the one where nothing was published yet",
        there.display(),
        missing.display()
    )]
    OnePage {
        /// The one.
        there: PathBuf,
        /// The other.
        missing: PathBuf,
    },
    /// The page for people.
    #[error("`{}` does not say where the ledger was: take it from the main branch", .0.display())]
    Headless(PathBuf),
    /// A folder of something else.
    #[error(
        "`{}` has neither a ledger nor a record, but other files: name the folder of records by --records", .0.display()
    )]
    AnotherFolder(PathBuf),
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

/// Makes the leaderboard, or says whether it is up to date.
///
/// # Errors
/// [`CommandError`]: a record or the ledger cannot be read or believed.
pub fn leaderboard(args: &LeaderboardArgs, out: &mut dyn Write) -> Result<Outcome, CommandError> {
    let categories = load_categories(args.categories.as_deref())?;
    let mut known = read_all(&args.records, &categories)?;
    if known.is_empty() && is_of_something_else(&args.records, &categories) {
        return Err(LeaderboardError::AnotherFolder(args.records.clone()).into());
    }
    let read = read_ledger(&args.records, &known)?;
    hear(&mut known, &read.0, &categories);
    for (id, why) in known
        .iter()
        .filter_map(|(id, known)| Some((id, known.unheard.as_ref()?)))
    {
        writeln!(out, "{id}: {why}")?;
    }
    let files = made(args, &categories, &known, read)?;
    let mut changed: Vec<_> = files
        .iter()
        .filter(|(path, bytes)| !holds(path, bytes.as_deref()))
        .collect();
    // The ledger may be ahead of the page that says where it was, never behind: it is first and that page last, so that
    // whoever stops in between can begin again.
    changed.sort_by_key(|(path, _)| (path.ends_with(JSON_FILE), !path.ends_with(LEDGER_FILE)));
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
        match bytes {
            Some(bytes) => {
                write_file(path, bytes).map_err(LeaderboardError::from)?;
                writeln!(out, "wrote {}", path.display())?;
            }
            None => {
                fs::remove_file(path).map_err(|cause| io_error(path, cause))?;
                writeln!(out, "removed {}", path.display())?;
            }
        }
    }
    if changed.is_empty() {
        writeln!(out, "everything is up to date")?;
    }
    Ok(Outcome::Yes)
}

/// Whether a folder without records, which has no ledger either, holds what no folder of records begins with.
fn is_of_something_else(records: &Path, categories: &Categories) -> bool {
    let names = fs::read_dir(records).into_iter().flatten().flatten();
    let names: Vec<_> = names.map(|entry| entry.file_name()).collect();
    let is_there = |name: &str| names.iter().any(|found| found == name);
    let expected = |name: &str| {
        name.starts_with('.')
            || name == VERIFIERS_FILE
            || name == README_FILE
            || categories.get(name).is_some()
    };
    !is_there(LEDGER_FILE) && names.iter().any(|name| !expected(&name.to_string_lossy()))
}

/// Whether a file has this content, or is not there. A stranger's link is not followed: it is replaced.
fn holds(path: &Path, content: Option<&[u8]>) -> bool {
    let meta = fs::symlink_metadata(path);
    let Some(bytes) = content else {
        return meta.is_err();
    };
    let size = bytes.len() as u64;
    meta.is_ok_and(|meta| meta.is_file() && meta.len() == size)
        && read_at_most(path, size).is_ok_and(|found| found == bytes)
}

/// Every file that is made, with its content; none where the file must not be there.
fn made(
    args: &LeaderboardArgs,
    categories: &Categories,
    known: &BTreeMap<String, Known>,
    read: (Ledger, String),
) -> Result<BTreeMap<PathBuf, Option<Vec<u8>>>, CommandError> {
    let (ledger, text) = go_on(args, known, read)?;
    let entries: Vec<Entry> = known.values().map(|known| known.entry(&ledger)).collect();
    let board = Leaderboard {
        categories,
        entries: &entries,
        ledger: &ledger,
    };
    let root = root(&args.records);
    let mut files = BTreeMap::from([
        (
            root.join(PAGE_FILE),
            Some(leaderboard_markdown(&board).into_bytes()),
        ),
        (root.join(JSON_FILE), Some(leaderboard_json(&board)?.into_bytes())),
    ]);
    files.insert(args.records.join(LEDGER_FILE), Some(text.into_bytes()));
    for category in &categories.list {
        let picture = if record(category, &entries).is_some() {
            let picture = svg(&progression_picture(category, &entries)).map_err(LeaderboardError::from)?;
            Some(picture.into_bytes())
        } else {
            None
        };
        let path = args.records.join(&category.id).join("progression.svg");
        files.insert(path, picture);
    }
    Ok(files)
}

/// A text that may not be there; a stranger's link is none.
pub(crate) fn text_or_empty(path: &Path, limit: u64) -> Result<String, LeaderboardError> {
    if fs::symlink_metadata(path).is_ok_and(|meta| meta.is_symlink()) {
        return Err(FolderError::NotPlain(path.to_owned()).into());
    }
    match read_text(path, limit) {
        Err(FolderError::Io { cause, .. }) if cause.kind() == io::ErrorKind::NotFound => Ok(String::new()),
        other => Ok(other?),
    }
}

/// Where the pages lie.
fn root(records: &Path) -> &Path {
    records.parent().unwrap_or(Path::new("."))
}

/// The ledger as it is, and its text.
fn read_ledger(
    records: &Path,
    known: &BTreeMap<String, Known>,
) -> Result<(Ledger, String), LeaderboardError> {
    let path = records.join(LEDGER_FILE);
    let text = text_or_empty(&path, MAX_LEDGER_BYTES)?;
    let bad = |cause| LeaderboardError::Ledger {
        path: path.clone(),
        cause,
    };
    let ledger = Ledger::parse(&text).map_err(bad)?;
    for head in published_heads(root(records))? {
        ledger
            .goes_on_from(head.ledger_entries, &head.ledger_sha256)
            .map_err(bad)?;
    }
    unchanged(&ledger, known)?;
    Ok((ledger, text))
}

/// Where the ledger was, by both pages; nothing where there are none yet. Who cuts the ledger has to change both.
fn published_heads(root: &Path) -> Result<Vec<PublishedHead>, LeaderboardError> {
    let (json_path, page_path) = (root.join(JSON_FILE), root.join(PAGE_FILE));
    let json = text_or_empty(&json_path, MAX_LEDGER_BYTES)?;
    let page = text_or_empty(&page_path, MAX_LEDGER_BYTES)?;
    let (there, missing) = match (json.is_empty(), page.is_empty()) {
        (true, true) => return Ok(Vec::new()),
        (false, false) => {
            let of_json = published_head(&json).map_err(|cause| LeaderboardError::Page {
                path: json_path,
                cause,
            })?;
            let of_page = page_head(&page).ok_or(LeaderboardError::Headless(page_path))?;
            return Ok(vec![of_json, of_page]);
        }
        (true, false) => (page_path, json_path),
        (false, true) => (json_path, page_path),
    };
    Err(LeaderboardError::OnePage { there, missing })
}

/// Id of the record of a category that stands in the folder `records`, `except` one: what a challenger has to beat.
///
/// # Errors
/// [`CommandError`]: a record or the ledger cannot be read or believed.
pub fn standing(
    records: &Path,
    categories: &Categories,
    category: &Category,
    except: &str,
) -> Result<Option<String>, CommandError> {
    // An empty folder has no record, but one that is not there may be a slip.
    fs::read_dir(records).map_err(|cause| FolderError::Io {
        path: records.to_owned(),
        cause,
    })?;
    let known = read_all(records, categories)?;
    let (ledger, _) = read_ledger(records, &known)?;
    let others = known.iter().filter(|(id, _)| *id != except);
    let entries: Vec<Entry> = others.map(|(_, known)| known.entry(&ledger)).collect();
    Ok(record(category, &entries).map(|entry| entry.id.clone()))
}

/// The ledger that was read with what is new, and its text.
fn go_on(
    args: &LeaderboardArgs,
    known: &BTreeMap<String, Known>,
    (mut ledger, mut text): (Ledger, String),
) -> Result<(Ledger, String), LeaderboardError> {
    let bad = |cause| LeaderboardError::Ledger {
        path: args.records.join(LEDGER_FILE),
        cause,
    };
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
        if what.kind == Kind::Submission
            && let Some(document) = changed_since(what, record.submission(&what.record))
        {
            return Err(LeaderboardError::Changed {
                record: what.record.clone(),
                document,
            });
        }
    }
    // The last decision of a verifier is the file that is there; after an appeal another may stand beside it.
    for (id, status) in ledger.statuses() {
        let decided = matches!(
            status,
            RecordStatus::Verified | RecordStatus::Rejected | RecordStatus::Revoked
        );
        let last = last_decision(ledger, id);
        // What breaks rules as it is is rejected without a run, and without a document.
        let by_hand = last.is_some_and(|what| what.kind == Kind::Rejected && what.document_sha256.is_none());
        // All that the ledger says of it, since its document decides what is said.
        let verdict = known.get(id).and_then(|known| known.verdict(id));
        if decided && !by_hand && last != verdict.as_ref() {
            return Err(LeaderboardError::Changed {
                record: id.clone(),
                document: VERIFICATION_FILE,
            });
        }
    }
    Ok(())
}

/// The document by which a record is not what the ledger says was handed in.
fn changed_since(then: &Happening, now: Happening) -> Option<&'static str> {
    // Entries from before READMEs were kept name none.
    if then.readme_sha256.is_some() && then.readme_sha256 != now.readme_sha256 {
        return Some(README_FILE);
    }
    let now = Happening {
        readme_sha256: then.readme_sha256.clone(),
        ..now
    };
    (*then != now).then_some(RECORD_FILE)
}

/// Digest of the document of the last verdict that has one: after an appeal the same document decides nothing anew.
fn last_document<'a>(ledger: &'a Ledger, id: &str) -> Option<&'a str> {
    let entries = ledger.entries().iter().rev().map(|entry| &entry.what);
    entries
        .filter(|what| what.record == id && matches!(what.kind, Kind::Verified | Kind::Rejected))
        .find_map(|what| what.document_sha256.as_deref())
}

/// A record's last verdict.
fn last_decision<'a>(ledger: &'a Ledger, id: &str) -> Option<&'a Happening> {
    let decisions = ledger
        .entries()
        .iter()
        .rev()
        .map(|entry| &entry.what)
        .filter(|what| what.record == id);
    decisions
        .into_iter()
        .find(|what| matches!(what.kind, Kind::Verified | Kind::Rejected))
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
        if waits && last_document(ledger, id) != record.decision() {
            news.extend(record.verdict(id));
        }
    }
    // Submissions first: their days are their authors' words and say nothing of an order. Then verdicts, by the verifiers'
    // days, since who was verified first is the first to take a record.
    let verdict = |what: &Happening| (what.kind != Kind::Submission).then(|| what.date.clone());
    news.sort_by_key(|what| (verdict(what), what.record.clone()));
    news
}

impl Decision {
    fn happening(&self) -> Happening {
        Happening {
            date: self.date.clone(),
            record: self.record.clone(),
            by: self.by.clone(),
            kind: self.kind,
            document_sha256: None,
            readme_sha256: None,
            reason: self.reason.clone(),
        }
    }
}
