//! Files whose errors say which file.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};
use thiserror::Error;

/// A file operation that failed.
#[derive(Debug, Error)]
#[error("cannot {action} `{}`: {cause}", path.display())]
pub struct FileError {
    action: &'static str,
    path: PathBuf,
    cause: io::Error,
}

impl FileError {
    /// What the system said.
    pub fn kind(&self) -> io::ErrorKind {
        self.cause.kind()
    }
}

/// Makes an error of `action` on `path`.
pub(crate) fn fail(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> FileError {
    move |cause| FileError {
        action,
        path: path.to_owned(),
        cause,
    }
}

pub(crate) fn read(path: &Path) -> Result<Vec<u8>, FileError> {
    fs::read(path).map_err(fail("read", path))
}

/// Writes a file so that it is on the disk when this returns.
pub(crate) fn write_durably(path: &Path, bytes: &[u8]) -> Result<(), FileError> {
    fs::write(path, bytes).map_err(fail("write", path))?;
    sync(path)
}

/// Makes a file or folder durable.
pub(crate) fn sync(path: &Path) -> Result<(), FileError> {
    let file = File::open(path).map_err(fail("open", path))?;
    // Windows cannot sync a folder; there a rename is durable by itself.
    if cfg!(windows) && path.is_dir() {
        return Ok(());
    }
    file.sync_all().map_err(fail("sync", path))
}

/// SHA-256 of a file in lower-case hex, read in pieces.
pub(crate) fn sha256_file(path: &Path) -> Result<String, FileError> {
    let mut file = File::open(path).map_err(fail("open", path))?;
    let mut hash = Sha256::new();
    io::copy(&mut file, &mut hash).map_err(fail("read", path))?;
    Ok(hex(&hash.finalize()))
}

/// SHA-256 of bytes in lower-case hex.
pub(crate) fn sha256(bytes: &[u8]) -> String {
    hex(&Sha256::digest(bytes))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
