//! A stranger's folder: a list of plain files, made once, from which everything is read by name.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use thiserror::Error;

use crate::Limits;

/// A folder without links, within [`Limits`].
#[derive(Debug, Clone)]
pub struct Folder {
    root: PathBuf,
    /// Size in bytes by path, whose parts are separated by `/`.
    files: BTreeMap<String, u64>,
    text_bytes: u64,
}

/// Why a folder or a file of it is not read.
#[derive(Debug, Error)]
pub enum FolderError {
    /// The operating system.
    #[error("cannot read `{}`: {cause}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What it said.
        cause: io::Error,
    },
    /// Something else than a file or a folder.
    #[error("`{}` is a link or a special file; a record holds plain files, so put the file itself there", .0.display())]
    NotPlain(PathBuf),
    /// A name that is not the same on every machine.
    #[error("`{}`: a record's file names have letters, digits, `.`, `_` and `-` only, and begin with none of `.-`; rename it", .0.display())]
    Name(PathBuf),
    /// A limit.
    #[error("`{}`: more than {limit} {what}; this is no record", path.display())]
    TooMuch {
        /// Where.
        path: PathBuf,
        /// The limit.
        limit: u64,
        /// Of what.
        what: &'static str,
    },
    /// The file is not there.
    #[error("`{}`: there is no `{name}`", root.display())]
    Missing {
        /// The folder.
        root: PathBuf,
        /// The file.
        name: String,
    },
    /// The file is no text.
    #[error("`{}` is not UTF-8 text", .0.display())]
    NotText(PathBuf),
}

impl Folder {
    /// Lists the folder. Follows no link in it; the folder itself may be one, since its reader named it.
    ///
    /// # Errors
    /// [`FolderError`].
    pub fn open(root: &Path, limits: &Limits) -> Result<Self, FolderError> {
        let mut folder = Self {
            root: root.to_owned(),
            files: BTreeMap::new(),
            text_bytes: limits.text_bytes,
        };
        folder.list(root, "", 1, limits)?;
        Ok(folder)
    }

    fn list(&mut self, at: &Path, prefix: &str, depth: usize, limits: &Limits) -> Result<(), FolderError> {
        if depth > limits.depth {
            return Err(too_much(at, limits.depth as u64, "folders deep"));
        }
        for entry in fs::read_dir(at).map_err(|cause| io_error(at, cause))? {
            let entry = entry.map_err(|cause| io_error(at, cause))?;
            let path = entry.path();
            let name = entry.file_name();
            let name = portable(&name).ok_or_else(|| FolderError::Name(path.clone()))?;
            let full = format!("{prefix}{name}");
            // Of the entry itself: a link is not followed.
            let meta = fs::symlink_metadata(&path).map_err(|cause| io_error(&path, cause))?;
            if meta.is_dir() {
                self.list(&path, &format!("{full}/"), depth + 1, limits)?;
            } else if meta.is_file() {
                self.add(full, meta.len(), &path, limits)?;
            } else {
                return Err(FolderError::NotPlain(path));
            }
        }
        Ok(())
    }

    fn add(&mut self, name: String, bytes: u64, path: &Path, limits: &Limits) -> Result<(), FolderError> {
        if bytes > limits.file_bytes {
            return Err(too_much(path, limits.file_bytes, "bytes"));
        }
        self.files.insert(name, bytes);
        if self.files.values().sum::<u64>() > limits.folder_bytes {
            return Err(too_much(&self.root, limits.folder_bytes, "bytes"));
        }
        if self.files.len() > limits.files {
            return Err(too_much(&self.root, limits.files as u64, "files"));
        }
        Ok(())
    }

    /// The folder's path.
    #[must_use]
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// The names of its files, sorted; parts are separated by `/`.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.files.keys().map(String::as_str)
    }

    /// Whether it has this file.
    #[must_use]
    pub fn has(&self, name: &str) -> bool {
        self.files.contains_key(name)
    }

    /// The whole of a file, which is no larger than it was when the folder was listed.
    ///
    /// # Errors
    /// [`FolderError::Missing`] for a name that was not listed, so that no name leads out of the folder.
    pub fn read(&self, name: &str) -> Result<Vec<u8>, FolderError> {
        let listed = self.size(name)?;
        let path = self.root.join(name);
        read_at_most(&path, listed)
    }

    /// A text of at most [`Limits::text_bytes`].
    ///
    /// # Errors
    /// [`FolderError`].
    pub fn text(&self, name: &str) -> Result<String, FolderError> {
        let path = self.root.join(name);
        if self.size(name)? > self.text_bytes {
            return Err(too_much(&path, self.text_bytes, "bytes"));
        }
        String::from_utf8(self.read(name)?).map_err(|_| FolderError::NotText(path))
    }

    /// Where a listed file lies.
    ///
    /// # Errors
    /// [`FolderError::Missing`].
    pub fn path(&self, name: &str) -> Result<PathBuf, FolderError> {
        self.size(name).map(|_| self.root.join(name))
    }

    fn size(&self, name: &str) -> Result<u64, FolderError> {
        let missing = || FolderError::Missing {
            root: self.root.clone(),
            name: name.to_owned(),
        };
        self.files.get(name).copied().ok_or_else(missing)
    }
}

/// A text file that its reader named, of at most `limit` bytes.
///
/// # Errors
/// [`FolderError`].
pub fn read_text(path: &Path, limit: u64) -> Result<String, FolderError> {
    String::from_utf8(read_at_most(path, limit)?).map_err(|_| FolderError::NotText(path.to_owned()))
}

/// The whole of a plain file of at most `limit` bytes.
pub(crate) fn read_at_most(path: &Path, limit: u64) -> Result<Vec<u8>, FolderError> {
    let file = open_plain(path)?;
    let mut bytes = Vec::new();
    // One byte more than allowed shows that there is more.
    file.take(limit.saturating_add(1))
        .read_to_end(&mut bytes)
        .map_err(|cause| io_error(path, cause))?;
    if bytes.len() as u64 > limit {
        return Err(too_much(path, limit, "bytes"));
    }
    Ok(bytes)
}

/// Opens a file, but no pipe or device, on which a read may never end.
pub(crate) fn open_plain(path: &Path) -> Result<File, FolderError> {
    let meta = fs::metadata(path).map_err(|cause| io_error(path, cause))?;
    if !meta.is_file() {
        return Err(FolderError::NotPlain(path.to_owned()));
    }
    File::open(path).map_err(|cause| io_error(path, cause))
}

pub(crate) fn io_error(path: &Path, cause: io::Error) -> FolderError {
    FolderError::Io {
        path: path.to_owned(),
        cause,
    }
}

fn too_much(path: &Path, limit: u64, what: &'static str) -> FolderError {
    FolderError::TooMuch {
        path: path.to_owned(),
        limit,
        what,
    }
}

/// The name, where it means the same on every file system.
fn portable(name: &std::ffi::OsStr) -> Option<&str> {
    let name = name.to_str()?;
    let known = |c: char| c.is_ascii_alphanumeric() || ".-_".contains(c);
    (name.len() <= 128 && name.chars().all(known) && !name.starts_with(['.', '-'])).then_some(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder() -> tempfile::TempDir {
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir(dir.path().join("runs")).unwrap();
        fs::write(dir.path().join("a.txt"), "a").unwrap();
        fs::write(dir.path().join("runs/b.txt"), "b").unwrap();
        dir
    }

    fn open(dir: &tempfile::TempDir) -> Result<Folder, FolderError> {
        Folder::open(dir.path(), &Limits::default())
    }

    #[test]
    fn files_are_read_by_their_listed_names_only() {
        let dir = folder();
        let listed = open(&dir).unwrap();
        assert_eq!(listed.names().collect::<Vec<_>>(), ["a.txt", "runs/b.txt"]);
        assert_eq!(listed.text("runs/b.txt").unwrap(), "b");
        for name in ["../a.txt", "runs/../a.txt", "/etc/passwd", "./a.txt", "runs", ""] {
            assert!(
                matches!(listed.read(name), Err(FolderError::Missing { .. })),
                "{name}"
            );
        }
    }

    #[cfg(unix)]
    #[test]
    fn a_link_is_refused_wherever_it_leads() {
        for target in ["/etc/passwd", "a.txt", "nowhere", "/"] {
            let dir = folder();
            std::os::unix::fs::symlink(target, dir.path().join("runs/link")).unwrap();
            assert!(matches!(open(&dir), Err(FolderError::NotPlain(_))), "{target}");
        }
    }

    #[test]
    fn every_limit_holds() {
        let dir = folder();
        let limits = Limits::default();
        for (limits, what) in [
            (Limits { files: 1, ..limits }, "more than 1 files"),
            (Limits { depth: 1, ..limits }, "more than 1 folders deep"),
            (
                Limits {
                    file_bytes: 0,
                    ..limits
                },
                "more than 0 bytes",
            ),
            // Two files of a byte.
            (
                Limits {
                    folder_bytes: 1,
                    ..limits
                },
                "more than 1 bytes",
            ),
        ] {
            let error = Folder::open(dir.path(), &limits).unwrap_err().to_string();
            assert!(error.contains(what), "{error}");
        }
        let listed = Folder::open(
            dir.path(),
            &Limits {
                text_bytes: 0,
                ..limits
            },
        )
        .unwrap();
        assert!(
            listed
                .text("a.txt")
                .unwrap_err()
                .to_string()
                .contains("more than 0 bytes")
        );
    }

    #[test]
    fn a_file_that_grew_since_it_was_listed_is_refused() {
        let dir = folder();
        let listed = open(&dir).unwrap();
        fs::write(dir.path().join("a.txt"), "aa").unwrap();
        assert!(matches!(listed.read("a.txt"), Err(FolderError::TooMuch { .. })));
    }

    #[test]
    fn names_and_texts_that_are_none_are_refused() {
        for name in [".hidden", "-rf", "a b", "caf\u{e9}"] {
            let dir = folder();
            fs::write(dir.path().join(name), "").unwrap();
            assert!(matches!(open(&dir), Err(FolderError::Name(_))), "{name}");
        }
        let dir = folder();
        fs::write(dir.path().join("a.txt"), [0xff]).unwrap();
        assert!(matches!(
            open(&dir).unwrap().text("a.txt"),
            Err(FolderError::NotText(_))
        ));
    }
}
