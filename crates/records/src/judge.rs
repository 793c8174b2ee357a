//! A record's verdict: the rules over its logs, and the checks of its folder.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use blueberry_rules::{
    Answer, Case, Categories, Category, Facts, Finding, LeakScan, Status, SubmittedSource, Verdict, judge,
};

use crate::Limits;
use crate::checks::{Subject, findings};
use crate::open::{OpenRecord, open_head};
use crate::readme::{README_FILE, claims};
use crate::record::is_id;

/// The verdict on a record. `records` is the folder of all records: their logs must be others, and the record that it
/// builds on is among them. `leak_scan` is what a scan of the data found, where there was one.
#[must_use]
pub fn judge_record(
    opened: &OpenRecord,
    category: &Category,
    categories: &Categories,
    records: Option<&Path>,
    leak_scan: Option<&LeakScan>,
) -> Verdict {
    let facts = Facts {
        leak_scan: leak_scan.cloned(),
        ..facts(opened, records)
    };
    let case = Case {
        category,
        plausibility: categories.plausibility.as_ref(),
        runs: &opened.runs,
        facts: &facts,
    };
    let mut verdict = judge(&case);
    add(&mut verdict, findings(&Subject { opened, category }));
    add(&mut verdict, vec![parent(opened, records)]);
    verdict
}

fn parent(opened: &OpenRecord, records: Option<&Path>) -> Finding {
    let record = &opened.record;
    let answer = match (&record.parent, records) {
        (None, _) => Answer::NotApplicable {
            why: "it builds on no record".to_owned(),
        },
        (Some(_), None) => Answer::NotApplicable {
            why: "no folder of records was given (--records), by which to look for it".to_owned(),
        },
        (Some(id), Some(records)) if is_there(records, id, &record.category) => {
            Answer::Pass { evidence: id.clone() }
        }
        (Some(id), Some(_)) => Answer::Fail {
            evidence: format!("`{id}`, on which it builds, is no record of this category"),
            line: None,
        },
    };
    Finding {
        rule: "record-parent".to_owned(),
        run: None,
        answer,
    }
}

/// Adds findings and what follows from them.
fn add(verdict: &mut Verdict, findings: Vec<Finding>) {
    for finding in findings {
        verdict.status = match finding.answer {
            Answer::Fail { .. } => Status::Ineligible,
            Answer::CannotTell { .. } if verdict.status == Status::Eligible => Status::Undecided,
            _ => verdict.status,
        };
        verdict.findings.push(finding);
    }
}

fn facts(opened: &OpenRecord, records: Option<&Path>) -> Facts {
    let record = &opened.record;
    Facts {
        attempts: opened.attempts.clone(),
        submitted: true,
        // A README that cannot be read is a finding of its own.
        claims: opened
            .folder
            .text(README_FILE)
            .map(|text| claims(&text))
            .unwrap_or_default(),
        source: Some(SubmittedSource {
            commit: record.source.commit.clone(),
            patch_sha256: record.source.patch_sha256.clone(),
        }),
        known_logs: records
            .map(|records| known_logs(records, Some(opened)))
            .unwrap_or_default(),
        ..Facts::default()
    }
}

/// Whether there is a record of this id and category.
pub(crate) fn is_there(records: &Path, id: &str, category: &str) -> bool {
    let record = || open_head(&records.join(id), &Limits::default()).map(|(_, record, _)| record);
    is_id(id) && record().is_ok_and(|record| record.id() == id && record.category == category)
}

/// The digests of the logs of all records but `except`, with the record's id. A folder that is no record has none.
///
/// A record is the one in its place where id and `record.toml` are the same, wherever it was read: a verifier has a copy
/// of what waits on the main branch.
pub(crate) fn known_logs(records: &Path, except: Option<&OpenRecord>) -> BTreeMap<String, String> {
    let own = except.and_then(|opened| fs::canonicalize(opened.folder.root()).ok());
    let mut known = BTreeMap::new();
    for folder in record_folders(records) {
        if own.is_some() && fs::canonicalize(&folder).ok() == own {
            continue;
        }
        let Ok((_, record, text)) = open_head(&folder, &Limits::default()) else {
            continue;
        };
        let same = |other: &OpenRecord| other.text == text && folder.ends_with(other.record.id());
        if except.is_some_and(same) {
            continue;
        }
        known.extend(record.runs.iter().map(|run| (run.sha256.clone(), record.id())));
    }
    known
}

/// The folders `CATEGORY/NAME` of a folder of records, sorted. Hidden ones are half-written.
#[must_use]
pub fn record_folders(records: &Path) -> Vec<PathBuf> {
    let mut folders: Vec<PathBuf> = subfolders(records)
        .iter()
        .flat_map(|category| subfolders(category))
        .collect();
    folders.sort();
    folders
}

fn subfolders(path: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(path).into_iter().flatten().flatten();
    let visible = |entry: &fs::DirEntry| {
        !entry.file_name().to_string_lossy().starts_with('.')
            && entry.file_type().is_ok_and(|kind| kind.is_dir())
    };
    entries.filter(visible).map(|entry| entry.path()).collect()
}
