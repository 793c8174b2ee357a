//! What is checked of a record's folder beyond the rules for its logs: one check a file, each with its id, its
//! sentence and its answer.

mod config;
mod curve;
mod files;
mod place;
mod readme;
mod runs;
mod signature;
mod source;

use blueberry_rules::{Answer, Category, Finding};

pub use signature::SIGNATURE_FILE;
pub(crate) use signature::other_than_declared;

use crate::open::OpenRecord;

/// A record under check.
#[derive(Debug, Clone, Copy)]
pub struct Subject<'a> {
    /// The record.
    pub opened: &'a OpenRecord,
    /// Its category.
    pub category: &'a Category,
}

/// A check of a record's folder.
#[derive(Debug, Clone, Copy)]
pub struct FolderCheck {
    /// Its name in verdicts.
    pub id: &'static str,
    /// What it asks, in one sentence for people.
    pub text: &'static str,
    /// The check.
    pub check: fn(&Subject) -> Answer,
}

/// Every check, in the order of a verdict.
pub const CHECKS: &[FolderCheck] = &[
    place::CHECK,
    files::CHECK,
    runs::CHECK,
    config::CHECK,
    source::CHECK,
    readme::CHECK,
    curve::CHECK,
    signature::CHECK,
];

/// What every check answers.
#[must_use]
pub fn findings(subject: &Subject) -> Vec<Finding> {
    let ask = |check: &FolderCheck| Finding {
        rule: check.id.to_owned(),
        run: None,
        answer: (check.check)(subject),
    };
    CHECKS.iter().map(ask).collect()
}

fn pass(evidence: impl Into<String>) -> Answer {
    Answer::Pass {
        evidence: evidence.into(),
    }
}

fn fail(evidence: impl Into<String>) -> Answer {
    Answer::Fail {
        evidence: evidence.into(),
        line: None,
    }
}
