//! Whether a `verification.toml` counts: anyone can write one.

use blueberry_rules::{Answer, Category, Finding, LoggedRun, Summary, sha256};
use thiserror::Error;

use crate::LogLimits;
use crate::folder::FolderError;
use crate::logs::{LogError, LogReader};
use crate::open::OpenRecord;
use crate::sign::{SignError, is_listed, verify};
use crate::verify::{
    LOGS_FOLDER, Outcome, Role, VERIFICATION_FILE, VERIFICATION_SIGNATURE_FILE, Verification, VerifyError,
};

/// Name of the list of verifiers' public keys in the folder of records. A key stays in it as long as a verdict of its owner
/// counts.
pub const VERIFIERS_FILE: &str = "verifiers";

/// What a record's folder holds of a verifier.
#[derive(Debug)]
pub(crate) enum Verdict {
    /// No document.
    None,
    /// One that does not count, and why.
    Unheard(String),
    /// One that does, with its digest.
    Counts(Box<Verification>, String),
}

/// A verifier's document that contradicts itself or what lies beside it.
#[derive(Debug, Error)]
pub enum VerdictError {
    /// A file of the folder.
    #[error(transparent)]
    File(#[from] FolderError),
    /// The document.
    #[error("{VERIFICATION_FILE}: {0}")]
    Document(#[from] VerifyError),
    /// The list of verifiers, or a key.
    #[error("{0}")]
    Key(#[from] SignError),
    /// It is about another record.
    #[error("{VERIFICATION_FILE} is of `{0}`")]
    Other(String),
    /// It is about the record as it was.
    #[error(
        "{VERIFICATION_FILE} is of another `record.toml` than the one beside it, which was changed since, or put in its place"
    )]
    ChangedRecord,
    /// A log cannot be read.
    #[error("{VERIFICATION_FILE}: {0}")]
    Log(#[from] LogError),
    /// A log that is not the one that was judged.
    #[error("`{0}` is not the log that {VERIFICATION_FILE} names")]
    ChangedLog(String),
    /// Figures that are not those of the logs.
    #[error("the figures in {VERIFICATION_FILE} are not those of its logs")]
    Figures,
}

/// Reads a record's verification. It counts where the owner of one of the keys in `verifiers` signed it and the code ran in
/// a sandbox; its logs must then be there, and its figures theirs.
pub(crate) fn verdict(
    opened: &OpenRecord,
    category: Option<&Category>,
    verifiers: &str,
) -> Result<Verdict, VerdictError> {
    let (folder, id) = (&opened.folder, opened.record.id());
    if !folder.has(VERIFICATION_FILE) {
        return Ok(Verdict::None);
    }
    let text = folder.text(VERIFICATION_FILE)?;
    let verification = Verification::parse(&text)?;
    if verification.record != id || verification.category != opened.record.category {
        return Err(VerdictError::Other(verification.record));
    }
    let unheard = |why: &str| {
        Ok(Verdict::Unheard(format!(
            "{VERIFICATION_FILE} does not count: {why}"
        )))
    };
    let (Some(key), true) = (&verification.public_key, folder.has(VERIFICATION_SIGNATURE_FILE)) else {
        return unheard("it is not signed");
    };
    if !is_listed(verifiers, key)? {
        return unheard("its key is not in the list of verifiers");
    }
    let signature = folder.text(VERIFICATION_SIGNATURE_FILE)?;
    if verify(key, text.as_bytes(), &signature).is_err() {
        return unheard("its signature does not hold");
    }
    if verification.outcome != Outcome::Undecided && verification.sandbox == "none" {
        return unheard("the code ran without a sandbox");
    }
    if verification.outcome == Outcome::Rejected && verification.findings.iter().any(is_not_built) {
        return unheard("what ran is not shown to be its source");
    }
    if verification.record_sha256 != sha256(opened.text.as_bytes()) {
        return Err(VerdictError::ChangedRecord);
    }
    let logs = logs(opened, &verification)?;
    if let (Some(category), Some(figures)) = (category, &verification.challenger)
        && Summary::of(category, &logs) != *figures
    {
        return Err(VerdictError::Figures);
    }
    Ok(Verdict::Counts(Box::new(verification), sha256(text.as_bytes())))
}

/// As of a program that was given.
fn is_not_built(finding: &Finding) -> bool {
    finding.rule == "verify-builds" && matches!(finding.answer, Answer::CannotTell { .. })
}

/// The logs of the challenger's runs; those of the record that it ran against are held against their digests too.
fn logs(opened: &OpenRecord, verification: &Verification) -> Result<Vec<LoggedRun>, VerdictError> {
    let mut logs = Vec::new();
    for (name, run) in verification.logs() {
        let path = opened.folder.path(&name)?;
        // The name by which the figures know it.
        let run_name = name
            .trim_start_matches(LOGS_FOLDER)
            .trim_start_matches('/')
            .trim_end_matches(".jsonl.zst");
        let log = LogReader::new(&LogLimits::default()).read(&path, run_name)?;
        if Some(&log.sha256) != run.log_sha256.as_ref() {
            return Err(VerdictError::ChangedLog(name));
        }
        if run.role == Role::Challenger {
            logs.push(log);
        }
    }
    Ok(logs)
}
