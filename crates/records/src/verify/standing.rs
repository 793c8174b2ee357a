//! The record that a challenger has to beat: the one that stands, by the ledger and the verifiers' documents.

use std::io;
use std::path::Path;

use blueberry_rules::{
    Categories, Category, Entry, Figures, Finding, Kind, LeakScan, Ledger, RecordStatus, record, sha256,
};

use super::document::{VERIFICATION_FILE, Verification};
use super::error::VerifyError;
use crate::Limits;
use crate::folder::{Folder, FolderError, read_text};
use crate::judge::judge_record;
use crate::leaderboard::LEDGER_FILE;
use crate::open::{open_head, open_record};
use crate::record::RECORD_FILE;

/// The largest ledger that is read.
const LEDGER_BYTES: u64 = 64 << 20;

/// Id of the record of a category that stands in the folder `records`, `except` one: what a challenger has to beat.
///
/// # Errors
/// The ledger or a verified record is not to be read, or is not what the ledger says.
pub fn standing(records: &Path, category: &Category, except: &str) -> Result<Option<String>, VerifyError> {
    if !records.is_dir() {
        let cause = io::Error::from(io::ErrorKind::NotADirectory);
        return Err(super::error::at("read the records of", records, cause));
    }
    let path = records.join(LEDGER_FILE);
    let text = match read_text(&path, LEDGER_BYTES) {
        // The first submission of all.
        Err(FolderError::Io { cause, .. }) if cause.kind() == io::ErrorKind::NotFound => return Ok(None),
        other => other?,
    };
    let ledger = Ledger::parse(&text).map_err(|cause| VerifyError::Content {
        path,
        problem: cause.to_string(),
    })?;
    let verified = ledger
        .statuses()
        .iter()
        .filter(|(id, status)| **status == RecordStatus::Verified && id.as_str() != except)
        .filter(|(id, _)| id.split_once('/').is_some_and(|(of, _)| of == category.id));
    let entries: Vec<Entry> = verified
        .map(|(id, _)| entry(records, &ledger, id))
        .collect::<Result<_, _>>()?;
    Ok(record(category, &entries).map(|entry| entry.id.clone()))
}

/// A verified record, which is the one of the ledger to the byte.
fn entry(records: &Path, ledger: &Ledger, id: &str) -> Result<Entry, VerifyError> {
    let path = records.join(id);
    let (folder, head, text) = open_head(&path, &Limits::default())?;
    let document = folder.text(VERIFICATION_FILE)?;
    for (kind, name, text) in [
        (Kind::Submission, RECORD_FILE, &text),
        (Kind::Verified, VERIFICATION_FILE, &document),
    ] {
        unchanged(&folder, ledger, (id, kind), name, text)?;
    }
    let verification = Verification::parse(&document)?;
    let none = Figures {
        figure: None,
        hardware: String::new(),
        means: Default::default(),
        benchmarks: Default::default(),
    };
    Ok(Entry {
        id: id.to_owned(),
        category: head.category,
        author: head.author,
        title: head.title,
        date: head.date,
        status: RecordStatus::Verified,
        claimed: none,
        verified: verification.challenger.as_ref().map(Figures::of),
        seeds: Vec::new(),
        logs: Vec::new(),
        parent: head.parent,
        link: None,
    })
}

fn unchanged(
    folder: &Folder,
    ledger: &Ledger,
    (id, kind): (&str, Kind),
    name: &str,
    text: &str,
) -> Result<(), VerifyError> {
    let mut of_record = ledger.entries().iter().rev().map(|entry| &entry.what);
    let last = of_record.find(|what| what.record == id && what.kind == kind);
    if last.and_then(|what| what.document_sha256.clone()) == Some(sha256(text.as_bytes())) {
        return Ok(());
    }
    Err(VerifyError::Content {
        path: folder.root().join(name),
        problem: "it is not the one in the ledger; `blueberry leaderboard --check` says what is wrong"
            .to_owned(),
    })
}

/// The rules that a record breaks before anything of it is run; `records` is the folder of all records.
///
/// # Errors
/// It cannot be read.
pub fn broken_rules(
    path: &Path,
    category: &Category,
    categories: &Categories,
    records: &Path,
    leak_scan: Option<&LeakScan>,
) -> Result<Vec<Finding>, VerifyError> {
    let opened = open_record(path, &Limits::default())?;
    let verdict = judge_record(&opened, category, categories, Some(records), leak_scan);
    Ok(verdict.failures().cloned().collect())
}
