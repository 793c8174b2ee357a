//! The ledger of records: what happened to each, in order, as a hash chain in JSON lines.
//!
//! An entry holds the digest of the entry before it and of itself, so that an edited, deleted or reordered entry
//! shows. Cutting entries off the end leaves a whole chain: the leaderboard names the ledger's length and head, and
//! [`Ledger::goes_on_from`] holds the ledger against them.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::sha256;

/// The longest ledger that is read, in bytes.
const MAX_BYTES: usize = 64 << 20;
/// The head of an empty ledger.
const NO_HEAD: &str = "0000000000000000000000000000000000000000000000000000000000000000";

/// A ledger whose chain holds.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Ledger {
    entries: Vec<LedgerEntry>,
    statuses: BTreeMap<String, RecordStatus>,
}

/// What happened to a record.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LedgerEntry {
    /// Its number, from 1.
    pub number: u64,
    /// What happened, and to which record.
    pub what: Happening,
    /// Digest of the entry before, in lower-case hex; zeros for the first.
    pub previous_sha256: String,
    /// Digest of this entry's line with this field empty, in lower-case hex.
    pub sha256: String,
}

/// What happened.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Happening {
    /// Day, as `2026-11-25`.
    pub date: String,
    /// Id of the record.
    pub record: String,
    /// Who says so.
    pub by: String,
    /// What.
    pub kind: Kind,
    /// Digest of the document that says so (`record.toml`, `verification.toml`), in lower-case hex.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub document_sha256: Option<String>,
    /// Digest of the README that was handed in, whose prose no other document names, in lower-case hex; none in entries from
    /// before it was kept.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub readme_sha256: Option<String>,
    /// Why, for people; with rule ids where rules decided.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub reason: String,
}

/// Kinds of entries.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// It was handed in.
    Submission,
    /// A verifier's runs bear it out.
    Verified,
    /// A verifier's runs do not, or a rule is broken.
    Rejected,
    /// Somebody contests the last decision: it is open again.
    Appeal,
    /// It was a record and is none any more.
    Revoked,
}

/// Where a record stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum RecordStatus {
    /// Waits for a verifier.
    Pending,
    /// A verifier's runs bear it out.
    Verified,
    /// They do not.
    Rejected,
    /// It was verified and is void.
    Revoked,
}

/// Why a ledger cannot be trusted or go on.
#[derive(Debug, Error)]
pub enum LedgerError {
    /// It is too long.
    #[error("ledger: {bytes} bytes, at most {MAX_BYTES} are read")]
    TooLong {
        /// Its length.
        bytes: usize,
    },
    /// A line is not an entry as this program writes it.
    #[error("ledger line {line}: {problem}")]
    Line {
        /// Its number, from 1.
        line: usize,
        /// What is wrong.
        problem: String,
    },
    /// An entry does not follow from those before it.
    #[error("ledger line {line}: `{record}` {problem}")]
    Order {
        /// Its number, from 1.
        line: usize,
        /// The record.
        record: String,
        /// What is wrong.
        problem: &'static str,
    },
    /// The chain ends elsewhere than it should.
    #[error(
        "the ledger ends in {found} after {entries} entries and never was at {expected}, which the leaderboard names: entries were cut off or exchanged, so restore the ledger"
    )]
    Head {
        /// The head that was published.
        expected: String,
        /// The head that is there.
        found: String,
        /// How many entries there are.
        entries: usize,
    },
    /// An entry cannot be written.
    #[error("ledger entry: {0}")]
    Write(#[from] serde_json::Error),
}

impl Kind {
    /// Where a record stands after it.
    fn status(self) -> RecordStatus {
        match self {
            Self::Submission | Self::Appeal => RecordStatus::Pending,
            Self::Verified => RecordStatus::Verified,
            Self::Rejected => RecordStatus::Rejected,
            Self::Revoked => RecordStatus::Revoked,
        }
    }
}

impl LedgerEntry {
    /// The entry's line without its newline.
    fn line(&self) -> Result<String, serde_json::Error> {
        serde_json::to_string(self)
    }

    fn seal(mut self) -> Result<Self, serde_json::Error> {
        self.sha256 = String::new();
        self.sha256 = sha256(self.line()?.as_bytes());
        Ok(self)
    }
}

impl Ledger {
    /// Reads a ledger and checks all of its chain.
    ///
    /// # Errors
    /// [`LedgerError`] for the first line that was edited, deleted, doubled or moved, or makes no sense.
    pub fn parse(text: &str) -> Result<Self, LedgerError> {
        if text.len() > MAX_BYTES {
            return Err(LedgerError::TooLong { bytes: text.len() });
        }
        let mut ledger = Self::default();
        for (index, line) in text.split_inclusive('\n').enumerate() {
            let problem = |problem: String| LedgerError::Line {
                line: index + 1,
                problem,
            };
            let json = line
                .strip_suffix('\n')
                .ok_or_else(|| problem("does not end in a newline".into()))?;
            let entry: LedgerEntry =
                serde_json::from_str(json).map_err(|error| problem(error.to_string()))?;
            let expected = ledger.next(entry.what.clone())?;
            if expected.line()? != json {
                let expected = expected.line()?;
                return Err(problem(format!(
                    "was changed, or a line before it is gone or moved (expected {expected})"
                )));
            }
            ledger.push(entry);
        }
        Ok(ledger)
    }

    /// Adds an entry and returns its line, newline included, to be appended to the file.
    ///
    /// # Errors
    /// [`LedgerError::Order`] for what cannot happen to this record now.
    pub fn append(&mut self, what: Happening) -> Result<String, LedgerError> {
        let entry = self.next(what)?;
        let line = entry.line()? + "\n";
        self.push(entry);
        Ok(line)
    }

    /// The entries in order.
    #[must_use]
    pub fn entries(&self) -> &[LedgerEntry] {
        &self.entries
    }

    /// Digest of the last entry.
    #[must_use]
    pub fn head(&self) -> &str {
        self.entries.last().map_or(NO_HEAD, |entry| &entry.sha256)
    }

    /// Holds the ledger against a length and a head that were published: it may have grown since.
    ///
    /// # Errors
    /// [`LedgerError::Head`].
    pub fn goes_on_from(&self, entries: usize, expected: &str) -> Result<(), LedgerError> {
        let then = match entries {
            0 => Some(NO_HEAD),
            _ => self.entries.get(entries - 1).map(|entry| entry.sha256.as_str()),
        };
        if then == Some(expected) {
            return Ok(());
        }
        Err(LedgerError::Head {
            expected: expected.to_owned(),
            found: self.head().to_owned(),
            entries: self.entries.len(),
        })
    }

    /// Where every record stands, by id.
    #[must_use]
    pub fn statuses(&self) -> &BTreeMap<String, RecordStatus> {
        &self.statuses
    }

    fn push(&mut self, entry: LedgerEntry) {
        self.statuses
            .insert(entry.what.record.clone(), entry.what.kind.status());
        self.entries.push(entry);
    }

    fn next(&self, what: Happening) -> Result<LedgerEntry, LedgerError> {
        if let Some(problem) = impossible(self.statuses.get(&what.record).copied(), what.kind) {
            let record = what.record;
            return Err(LedgerError::Order {
                line: self.entries.len() + 1,
                record,
                problem,
            });
        }
        let entry = LedgerEntry {
            number: self.entries.len() as u64 + 1,
            what,
            previous_sha256: self.head().to_owned(),
            sha256: String::new(),
        };
        Ok(entry.seal()?)
    }
}

/// Why a thing cannot happen to a record that stands so.
fn impossible(status: Option<RecordStatus>, kind: Kind) -> Option<&'static str> {
    match (status, kind) {
        (None, Kind::Submission) => None,
        (None, _) => Some("was never submitted"),
        (Some(_), Kind::Submission) => Some("was submitted before; give the new one its own id"),
        (Some(RecordStatus::Pending), Kind::Appeal) => Some("waits for a verdict; appeal after it"),
        (Some(RecordStatus::Verified), Kind::Revoked) => None,
        (Some(_), Kind::Revoked) => {
            Some("is not verified, so there is nothing to revoke; one that waits can be rejected")
        }
        (Some(RecordStatus::Pending), Kind::Verified | Kind::Rejected) => None,
        (Some(_), Kind::Verified | Kind::Rejected) => {
            Some("has its verdict; only after an appeal comes another")
        }
        (Some(_), Kind::Appeal) => None,
    }
}
