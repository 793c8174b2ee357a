//! The output folder: appears whole, or not at all.

use std::fs::{self, File};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use super::error::PrepareError;
use super::progress::{Progress, Stage, Status};
use crate::dataset::Dataset;
use crate::error::{AtPath, DataError, FileError};
use crate::manifest::Manifest;

/// An output folder that this process alone prepares. What is written goes to a hidden folder beside it, which is
/// renamed at the end and removed on any error; one that a killed process left is removed by the next.
#[derive(Debug)]
pub(super) struct Output {
    out: PathBuf,
    work: PathBuf,
    /// Held until this is dropped. The file stays: to remove it would let two processes lock two files of one name.
    _lock: File,
}

impl Output {
    /// Waits for any other process that prepares `out`, an absolute path (see [`resolve`]).
    pub(super) fn claim(out: &Path) -> Result<Self, PrepareError> {
        let (Some(parent), Some(name)) = (out.parent(), out.file_name()) else {
            return Err(PrepareError::BadOutput { out: out.to_owned() });
        };
        fs::create_dir_all(parent).at("create", parent)?;
        let beside = |suffix: &str| {
            let mut hidden = std::ffi::OsString::from(".");
            hidden.push(name);
            hidden.push(suffix);
            parent.join(hidden)
        };
        let (work, lock_path) = (beside(".preparing"), beside(".lock"));
        let lock = File::options()
            .create(true)
            .append(true)
            .open(&lock_path)
            .at("open", &lock_path)?;
        lock.lock().at("lock", &lock_path)?;
        Ok(Self {
            out: out.to_owned(),
            work,
            _lock: lock,
        })
    }

    /// The manifest, where the folder already holds the dataset of these inputs, to the last byte; `None` where it is free.
    pub(super) fn existing(
        &self,
        inputs_sha256: &str,
        progress: &dyn Progress,
    ) -> Result<Option<Manifest>, PrepareError> {
        if self.is_free()? {
            return Ok(None);
        }
        let out = self.out.clone();
        let damaged = |cause| PrepareError::DamagedOutput {
            out: out.clone(),
            cause,
        };
        let manifest = match Manifest::read(&out) {
            Ok((manifest, _)) => manifest,
            Err(DataError::NotADataset { .. }) => return Err(PrepareError::Occupied { out }),
            Err(cause) => return Err(damaged(cause)),
        };
        if manifest.inputs_sha256 != inputs_sha256 {
            return Err(PrepareError::OtherInputs { out });
        }
        let dataset = Dataset::open(&out).map_err(damaged)?;
        dataset.tokenizer().map_err(damaged)?;
        let (mut done, all) = (0, dataset.train_bytes());
        let mut seen = |bytes| {
            done += bytes;
            progress.update(&Status {
                stage: Stage::Checking,
                bytes_done: done,
                bytes_total: all,
                documents: manifest.documents,
                tokens: done / 2,
            });
        };
        dataset.check_train(&mut seen).map_err(damaged)?;
        Ok(Some(manifest))
    }

    fn is_free(&self) -> Result<bool, PrepareError> {
        match fs::read_dir(&self.out) {
            Ok(mut entries) => Ok(entries.next().is_none()),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(true),
            Err(error) if error.kind() == ErrorKind::NotADirectory => Err(PrepareError::BadOutput {
                out: self.out.clone(),
            }),
            Err(error) => Ok(Err(error).at("list", &self.out)?),
        }
    }

    /// The folder to write to, new and empty.
    pub(super) fn start(&self) -> Result<&Path, FileError> {
        remove(&self.work)?;
        fs::create_dir(&self.work).at("create", &self.work)?;
        Ok(&self.work)
    }

    /// Makes what was written the output.
    pub(super) fn commit(self) -> Result<(), FileError> {
        sync_dir(&self.work)?;
        match fs::remove_dir(&self.out) {
            Err(error) if error.kind() != ErrorKind::NotFound => return Err(error).at("replace", &self.out),
            _ => {}
        }
        fs::rename(&self.work, &self.out).at("rename", &self.work)?;
        self.out.parent().map_or(Ok(()), sync_dir)
    }
}

impl Drop for Output {
    fn drop(&mut self) {
        // After a commit there is nothing; after an error, that error is the one to report.
        let _ = remove(&self.work);
    }
}

/// The absolute path of an output that may not exist yet, with the links of the part that does resolved.
pub(super) fn resolve(out: &Path) -> Result<PathBuf, PrepareError> {
    let absolute = std::path::absolute(out).at("find", out)?;
    let existing = absolute
        .ancestors()
        .find_map(|part| Some((part, fs::canonicalize(part).ok()?)));
    let Some((part, real)) = existing else {
        return Ok(absolute);
    };
    let rest = absolute.strip_prefix(part).unwrap_or(Path::new(""));
    if rest
        .components()
        .any(|part| !matches!(part, std::path::Component::Normal(_)))
    {
        return Err(PrepareError::BadOutput { out: out.to_owned() });
    }
    // Joining nothing would append a slash.
    Ok(if rest.as_os_str().is_empty() {
        real
    } else {
        real.join(rest)
    })
}

fn remove(dir: &Path) -> Result<(), FileError> {
    match fs::remove_dir_all(dir) {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(error).at("remove", dir),
        _ => Ok(()),
    }
}

/// Without it a power loss could leave the new name with none of the content.
#[cfg(unix)]
fn sync_dir(dir: &Path) -> Result<(), FileError> {
    File::open(dir).and_then(|dir| dir.sync_all()).at("write", dir)
}

/// Only Unix can open a folder for this.
#[cfg(not(unix))]
fn sync_dir(_dir: &Path) -> Result<(), FileError> {
    Ok(())
}
