//! What a path holds: runs, or a record.

use std::path::{Path, PathBuf};

use blueberry_rules::{Declared, LoggedRun};
use thiserror::Error;

use crate::Limits;
use crate::folder::{Folder, FolderError, read_text};
use crate::logs::{LogError, LogReader};
use crate::record::{RECORD_FILE, Record, RecordError};

/// Name of the file that declared a record's seeds.
pub const ATTEMPTS_FILE: &str = "attempts.toml";
/// Name of the changes since the commit.
pub const PATCH_FILE: &str = "source.patch";

/// A record as it was read. Nothing of it was run, and nothing outside its folder was looked at.
#[derive(Debug)]
pub struct OpenRecord {
    /// Its files.
    pub folder: Folder,
    /// Its `record.toml`.
    pub record: Record,
    /// The text of its `record.toml`, which the signature is over.
    pub text: String,
    /// The logs that `record.toml` names, under their names there.
    pub runs: Vec<LoggedRun>,
    /// Its attempts file.
    pub attempts: Option<Declared>,
}

/// Why a path holds nothing that can be judged.
#[derive(Debug, Error)]
pub enum OpenError {
    /// A file or folder.
    #[error(transparent)]
    Folder(#[from] FolderError),
    /// A log.
    #[error(transparent)]
    Log(#[from] LogError),
    /// A record's own file.
    #[error("`{}`: {cause}", path.display())]
    Record {
        /// The record's folder.
        path: PathBuf,
        /// What is wrong.
        cause: RecordError,
    },
    /// The attempts file.
    #[error("`{}`: {cause}", path.display())]
    Attempts {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        cause: blueberry_rules::AttemptsError,
    },
}

/// Whether a path is a record's folder.
#[must_use]
pub fn is_record(path: &Path) -> bool {
    path.join(RECORD_FILE).exists()
}

/// Reads a record's folder.
///
/// # Errors
/// [`OpenError`], with path and line.
pub fn open_record(path: &Path, limits: &Limits) -> Result<OpenRecord, OpenError> {
    let (folder, record, text) = open_head(path, limits)?;
    let mut reader = LogReader::new(&limits.logs);
    let mut runs = Vec::new();
    for run in &record.runs {
        // By its listed name, so that no name leads out of the folder.
        let log = folder.path(&run.file)?;
        runs.push(reader.read(&log, &run.file)?);
    }
    let attempts = if folder.has(ATTEMPTS_FILE) {
        Some(parse_attempts(
            &folder.text(ATTEMPTS_FILE)?,
            &path.join(ATTEMPTS_FILE),
        )?)
    } else {
        None
    };
    Ok(OpenRecord {
        folder,
        record,
        text,
        runs,
        attempts,
    })
}

/// Lists a record's folder and reads its `record.toml` alone, with its text.
///
/// # Errors
/// [`OpenError`].
pub fn open_head(path: &Path, limits: &Limits) -> Result<(Folder, Record, String), OpenError> {
    let folder = Folder::open(path, limits)?;
    let text = folder.text(RECORD_FILE)?;
    let record = Record::parse(&text).map_err(|cause| OpenError::Record {
        path: path.to_owned(),
        cause,
    })?;
    Ok((folder, record, text))
}

/// Reads the logs of runs, which are the runs of one claim, under the names of their paths.
///
/// # Errors
/// [`OpenError`].
pub fn open_runs(paths: &[PathBuf], limits: &Limits) -> Result<Vec<LoggedRun>, OpenError> {
    let mut reader = LogReader::new(&limits.logs);
    let read = |path: &PathBuf| Ok(reader.read(path, &path.to_string_lossy())?);
    paths.iter().map(read).collect()
}

/// Reads an attempts file.
///
/// # Errors
/// [`OpenError`].
pub fn open_attempts(path: &Path, limits: &Limits) -> Result<Declared, OpenError> {
    parse_attempts(&read_text(path, limits.text_bytes)?, path)
}

fn parse_attempts(text: &str, path: &Path) -> Result<Declared, OpenError> {
    Declared::parse(text).map_err(|cause| OpenError::Attempts {
        path: path.to_owned(),
        cause,
    })
}
