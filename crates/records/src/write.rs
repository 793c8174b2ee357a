//! Writing a folder so that it is there whole or not at all.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use thiserror::Error;

/// Why a file or folder is not written.
#[derive(Debug, Error)]
pub enum WriteError {
    /// Something is there.
    #[error("`{}` exists, and a record is never overwritten: give this one another `--title`", .0.display())]
    Exists(PathBuf),
    /// The operating system.
    #[error("cannot write `{}`: {cause}", path.display())]
    Io {
        /// Where.
        path: PathBuf,
        /// What it said.
        cause: io::Error,
    },
}

/// Makes the folder `path` of these files; parts of their names are separated by `/`. It is written beside and renamed.
///
/// # Errors
/// [`WriteError`]; `path` is then as it was.
pub fn write_folder(path: &Path, files: &BTreeMap<String, Vec<u8>>) -> Result<(), WriteError> {
    if path.symlink_metadata().is_ok() {
        return Err(WriteError::Exists(path.to_owned()));
    }
    let parent = path.parent().unwrap_or(Path::new("."));
    fs::create_dir_all(parent).map_err(io_error(parent))?;
    let beside = tempfile::Builder::new()
        .prefix(".new-")
        .tempdir_in(parent)
        .map_err(io_error(parent))?;
    for (name, bytes) in files {
        let file = beside.path().join(name);
        let folder = file.parent().unwrap_or(beside.path());
        fs::create_dir_all(folder).map_err(io_error(folder))?;
        fs::write(&file, bytes).map_err(io_error(&file))?;
    }
    readable(beside.path())?;
    fs::rename(beside.path(), path).map_err(io_error(path))
}

/// Writes a file beside and renames it, so that a reader sees the old one or the new one.
///
/// # Errors
/// [`WriteError`].
pub fn write_file(path: &Path, bytes: &[u8]) -> Result<(), WriteError> {
    let parent = path
        .parent()
        .filter(|parent| !parent.as_os_str().is_empty())
        .unwrap_or(Path::new("."));
    fs::create_dir_all(parent).map_err(io_error(parent))?;
    let beside = tempfile::Builder::new()
        .prefix(".new-")
        .tempdir_in(parent)
        .map_err(io_error(parent))?;
    // In a folder of ours: a file made by the ordinary call has the ordinary permissions.
    let new = beside.path().join("new");
    fs::write(&new, bytes).map_err(io_error(&new))?;
    fs::rename(&new, path).map_err(io_error(path))
}

/// Temporary folders are closed to others; a record is for everyone.
#[cfg(unix)]
fn readable(folder: &Path) -> Result<(), WriteError> {
    use std::os::unix::fs::PermissionsExt;
    fs::set_permissions(folder, fs::Permissions::from_mode(0o755)).map_err(io_error(folder))
}

#[cfg(not(unix))]
fn readable(_: &Path) -> Result<(), WriteError> {
    Ok(())
}

fn io_error(path: &Path) -> impl FnOnce(io::Error) -> WriteError {
    let path = path.to_owned();
    move |cause| WriteError::Io { path, cause }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Dir;

    #[test]
    fn a_folder_is_whole_and_never_overwritten() {
        let dir = Dir::new();
        let path = dir.path().join("small/record");
        let files = BTreeMap::from([
            ("a".to_owned(), b"1".to_vec()),
            ("runs/b".to_owned(), b"2".to_vec()),
        ]);
        write_folder(&path, &files).unwrap();
        assert_eq!(fs::read(path.join("runs/b")).unwrap(), b"2");
        assert!(matches!(write_folder(&path, &files), Err(WriteError::Exists(_))));
        assert_eq!(
            fs::read_dir(path.parent().unwrap()).unwrap().count(),
            1,
            "nothing is left beside it"
        );
    }

    #[test]
    fn a_file_is_replaced() {
        let dir = Dir::new();
        let path = dir.write("LEADERBOARD.md", b"old");
        write_file(&path, b"new").unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"new");
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
    }
}
