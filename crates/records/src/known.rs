//! Records and what verifiers said of them, as the leaderboard and the next verification know them.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use blueberry_rules::{
    Answer, Categories, Entry, Figures, Happening, Kind, Ledger, RecordStatus, Summary, sha256,
};

use crate::Limits;
use crate::commands::CommandError;
use crate::judge::record_folders;
use crate::leaderboard::{LeaderboardError, text_or_empty};
use crate::open::{OpenRecord, open_record};
use crate::readme::README_FILE;
use crate::record::Record;
use crate::verdict::{VERIFIERS_FILE, Verdict, verdict};
use crate::verify::{Outcome, VERIFICATION_FILE, Verification};

/// A list of keys is a few kilobytes.
const MAX_VERIFIERS_BYTES: u64 = 1 << 20;

/// A record with what a verifier said; without its logs, of which there are many.
pub(crate) struct Known {
    pub record: Record,
    /// Digest of its `record.toml`.
    pub sha256: String,
    /// Digest of its README, where it has one.
    readme_sha256: Option<String>,
    /// `None` for a category that there is not.
    claimed: Option<Figures>,
    pub verification: Option<(Verification, String)>,
    /// Why a verification that is there does not count.
    pub unheard: Option<String>,
}

/// All records by id.
pub(crate) fn read_all(
    records: &Path,
    categories: &Categories,
) -> Result<BTreeMap<String, Known>, CommandError> {
    let mut known = BTreeMap::new();
    let verifiers = text_or_empty(&records.join(VERIFIERS_FILE), MAX_VERIFIERS_BYTES)?;
    for path in record_folders(records) {
        let opened = open_record(&path, &Limits::default())?;
        let id = opened.record.id();
        unchanged_logs(&opened)?;
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
            readme_sha256: opened.folder.read(README_FILE).ok().map(|text| sha256(&text)),
            claimed: category.map(|category| Figures::of(&Summary::of(category, &opened.runs))),
            verification,
            unheard,
            record: opened.record,
        };
        known.insert(id, known_record);
    }
    Ok(known)
}

/// Figures are taken from the logs, so that these must be the ones that were handed in.
fn unchanged_logs(opened: &OpenRecord) -> Result<(), LeaderboardError> {
    let record = &opened.record;
    let mut logs = record.runs.iter().zip(&opened.runs);
    match logs.find(|(named, log)| named.sha256 != log.sha256) {
        None => Ok(()),
        Some((named, _)) => Err(LeaderboardError::ChangedLog {
            record: record.id(),
            file: named.file.clone(),
        }),
    }
}

/// Leaves out what says anew that a record is verified or rejected, where it was judged by other terms than the board's. A
/// verdict that stands in the ledger stays, whatever the categories are by now.
pub(crate) fn hear(known: &mut BTreeMap<String, Known>, ledger: &Ledger, categories: &Categories) {
    for (id, known) in known {
        let new = |digest: &String| !is_decided(ledger, id, digest);
        let Some((verification, _)) = known.verification.as_ref().filter(|(_, digest)| new(digest)) else {
            continue;
        };
        if verification.outcome == Outcome::Undecided {
            continue;
        }
        let why = match (&verification.terms, categories.get(&known.record.category)) {
            (_, None) => Some("its category is none of the leaderboard's".to_owned()),
            (None, _) => Some("it does not say by which terms it was judged".to_owned()),
            (Some(terms), Some(category)) => terms.problem(category, verification.outcome),
        };
        if let Some(why) = why {
            known.unheard = Some(format!("{VERIFICATION_FILE} does not count: {why}"));
            known.verification = None;
        }
    }
}

/// Whether the ledger has a verdict by this document.
fn is_decided(ledger: &Ledger, id: &str, digest: &str) -> bool {
    let of_record = |what: &Happening| what.record == id && what.document_sha256.as_deref() == Some(digest);
    let verdict = |what: &Happening| matches!(what.kind, Kind::Verified | Kind::Rejected);
    let mut entries = ledger.entries().iter().map(|entry| &entry.what);
    entries.any(|what| of_record(what) && verdict(what))
}

impl Known {
    pub fn submission(&self, id: &str) -> Happening {
        Happening {
            date: self.record.date.clone(),
            record: id.to_owned(),
            by: self.record.author.clone(),
            kind: Kind::Submission,
            document_sha256: Some(self.sha256.clone()),
            readme_sha256: self.readme_sha256.clone(),
            reason: String::new(),
        }
    }

    /// Digest of the verifier's document.
    pub fn decision(&self) -> Option<&str> {
        self.verification.as_ref().map(|(_, digest)| digest.as_str())
    }

    /// `None` without a verifier's document, or with one that decides nothing.
    pub fn verdict(&self, id: &str) -> Option<Happening> {
        let (verification, digest) = self.verification.as_ref()?;
        let kind = match verification.outcome {
            Outcome::Verified => Kind::Verified,
            Outcome::Rejected => Kind::Rejected,
            Outcome::Undecided => return None,
        };
        Some(Happening {
            date: verification.date.clone(),
            record: id.to_owned(),
            by: verification.verifier.clone(),
            kind,
            document_sha256: Some(digest.clone()),
            readme_sha256: None,
            reason: broken_rules(verification),
        })
    }

    /// The rules whose open question the verifier answered.
    fn looked_at(&self) -> Vec<String> {
        let reviews = self
            .verification
            .iter()
            .flat_map(|(verification, _)| &verification.reviews);
        reviews.map(|review| review.rule.clone()).collect()
    }

    /// A record as the leaderboard knows it. One of a category that there is not has no figure.
    pub fn entry(&self, ledger: &Ledger) -> Entry {
        let record = &self.record;
        let id = record.id();
        let verified = self
            .verification
            .as_ref()
            .and_then(|(verification, _)| verification.challenger.as_ref());
        let none = || Figures {
            figure: None,
            hardware: String::new(),
            means: BTreeMap::new(),
            benchmarks: BTreeMap::new(),
        };
        let entries = || ledger.entries().iter().filter(|entry| entry.what.record == id);
        let submission = entries().find(|entry| entry.what.kind == Kind::Submission);
        // Since when it counts without a break: an appeal that came to nothing is none.
        let broken = entries().rfind(|entry| matches!(entry.what.kind, Kind::Rejected | Kind::Revoked));
        let broken = broken.map_or(0, |entry| entry.number);
        let verification = entries().find(|entry| entry.what.kind == Kind::Verified && entry.number > broken);
        Entry {
            submission: submission.map(|entry| entry.number),
            verification: verification.map(|entry| entry.number),
            verified_on: verification.map(|entry| entry.what.date.clone()),
            recipe: sha256(format!("{} {}", record.source.sha256, record.config_sha256).as_bytes()),
            category: record.category.clone(),
            author: record.author.clone(),
            title: record.title.clone(),
            date: record.date.clone(),
            status: ledger
                .statuses()
                .get(&id)
                .copied()
                .unwrap_or(RecordStatus::Pending),
            claimed: self.claimed.clone().unwrap_or_else(none),
            verified: verified.map(Figures::of),
            short_of: self
                .verification
                .as_ref()
                .and_then(|(verification, _)| verification.short_of().map(str::to_owned)),
            beat: self
                .verification
                .as_ref()
                .and_then(|(verification, _)| verification.beat().map(str::to_owned)),
            looked_at: self.looked_at(),
            seeds: record.runs.iter().map(|run| run.seed).collect(),
            logs: record.runs.iter().map(|run| run.sha256.clone()).collect(),
            parent: record.parent.clone(),
            link: Some(format!("records/{id}")),
            id,
        }
    }
}

/// The rules that a verifier found broken, for the ledger.
fn broken_rules(verification: &Verification) -> String {
    let broken = verification
        .findings
        .iter()
        .filter(|finding| matches!(finding.answer, Answer::Fail { .. }));
    let rules: BTreeSet<&str> = broken.map(|finding| finding.rule.as_ref()).collect();
    rules.into_iter().collect::<Vec<_>>().join(", ")
}
