//! Finds the input files and takes their digests.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Component, Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use rayon::prelude::*;
use sha2::{Digest, Sha256};
use walkdir::{DirEntry, WalkDir};

use super::PrepareOptions;
use super::error::PrepareError;
use super::progress::{Progress, Stage, Status};
use crate::digest::{self, hex};
use crate::error::{AtPath, FileError};
use crate::manifest::{SourceInfo, VERSION};

/// An input file.
#[derive(Debug)]
pub(super) struct Source {
    pub path: PathBuf,
    pub format: Format,
    pub info: SourceInfo,
}

/// How documents are found in a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Format {
    Text,
    JsonLines,
    Parquet,
}

impl Format {
    fn of(path: &Path) -> Self {
        let extension = path.extension().unwrap_or_default().to_ascii_lowercase();
        match extension.to_str() {
            Some("jsonl" | "ndjson") => Self::JsonLines,
            Some("parquet") => Self::Parquet,
            _ => Self::Text,
        }
    }
}

/// What the manifest says of a file beside its name: a digest, a size, and JSON around them.
const BYTES_BESIDE_NAME: usize = 160;
/// A manifest of 64 MiB is read; a name may take more than its length there.
const MAX_NAMES_BYTES: usize = 40 << 20;

/// The files of `inputs` with their digests, in an order that depends on neither that of the inputs nor on where
/// they lie: by name, then by digest. A file that is named twice counts once.
///
/// A name is that below the folder that all the files share, so that a folder and the files in it are the same sources.
/// A link counts under its own name, since a cache of downloads links to files that are called by their digests.
pub(super) fn find(
    inputs: &[PathBuf],
    out: &Path,
    progress: &dyn Progress,
) -> Result<Vec<Source>, PrepareError> {
    // By the folder where it lies, whatever way leads there, and its name in it.
    let mut files: BTreeMap<PathBuf, PathBuf> = BTreeMap::new();
    for input in inputs {
        let root = fs::canonicalize(input).at("find", input)?;
        if out.starts_with(&root) {
            return Err(PrepareError::OutputInInput {
                out: out.to_owned(),
                input: input.clone(),
            });
        }
        for path in walk(&plain(input)?)? {
            // Of several ways to one file the same, in whatever order they come.
            let first = files.entry(place(&path)?).or_insert_with(|| path.clone());
            if path < *first {
                *first = path;
            }
        }
    }
    let files = named(files.into_values().collect());
    if !can_be_named(files.iter().map(|(_, name)| name)) {
        return Err(PrepareError::TooManyFiles { files: files.len() });
    }
    let mut sources = hash(files, progress)?;
    sources.sort_by(|a, b| (&a.info.name, &a.info.sha256).cmp(&(&b.info.name, &b.info.sha256)));
    Ok(sources)
}

fn can_be_named<'a>(names: impl Iterator<Item = &'a String>) -> bool {
    names.map(|name| name.len() + BYTES_BESIDE_NAME).sum::<usize>() <= MAX_NAMES_BYTES
}

/// The whole path of an input, as it is named: links are not followed.
fn plain(input: &Path) -> Result<PathBuf, FileError> {
    let mut path = PathBuf::new();
    for part in std::path::absolute(input).at("find", input)?.components() {
        if part != Component::ParentDir {
            path.push(part);
            continue;
        }
        // Behind a link, `..` is not the folder that the link lies in.
        if path.is_symlink() {
            path = fs::canonicalize(&path).at("find", &path)?;
        }
        path.pop();
    }
    Ok(path)
}

/// The folder in which a file or link lies, without links, and its name there.
fn place(path: &Path) -> Result<PathBuf, FileError> {
    let (Some(folder), Some(name)) = (path.parent(), path.file_name()) else {
        return Ok(path.to_owned());
    };
    Ok(fs::canonicalize(folder).at("find", folder)?.join(name))
}

/// The files of an input; of a file, the file itself.
fn walk(root: &Path) -> Result<Vec<PathBuf>, PrepareError> {
    let visible =
        |entry: &DirEntry| entry.depth() == 0 || !entry.file_name().as_encoded_bytes().starts_with(b".");
    let mut files = Vec::new();
    for entry in WalkDir::new(root)
        .follow_links(true)
        .into_iter()
        .filter_entry(visible)
    {
        let entry = entry.map_err(|cause| PrepareError::Walk {
            path: root.to_owned(),
            cause,
        })?;
        if entry.file_type().is_file() {
            files.push(entry.into_path());
        }
    }
    Ok(files)
}

/// Each file with its name below the folder that all of them share.
fn named(files: Vec<PathBuf>) -> Vec<(PathBuf, String)> {
    let folders = || files.iter().filter_map(|path| path.parent());
    let shared = folders().fold(folders().next(), |shared, folder| {
        shared?.ancestors().find(|shared| folder.starts_with(shared))
    });
    let shared = shared.unwrap_or(Path::new("")).to_owned();
    // Files that share nothing are known by their names alone, if each has its own: folders of this machine are nobody's.
    let bare: BTreeSet<_> = files.iter().filter_map(|path| path.file_name()).collect();
    let is_bare = shared.file_name().is_none() && bare.len() == files.len();
    let name = |path: &Path| {
        if let Some(name) = path.file_name().filter(|_| is_bare) {
            return name.to_string_lossy().into_owned();
        }
        let below = path.strip_prefix(&shared).unwrap_or(path);
        let parts: Vec<_> = below.iter().map(|part| part.to_string_lossy()).collect();
        parts.join("/")
    };
    files
        .into_iter()
        .map(|path| {
            let name = name(&path);
            (path, name)
        })
        .collect()
}

fn hash(files: Vec<(PathBuf, String)>, progress: &dyn Progress) -> Result<Vec<Source>, FileError> {
    let sizes = files
        .iter()
        .map(|(path, _)| Ok(fs::metadata(path).at("read", path)?.len()));
    let bytes_total = sizes.sum::<Result<u64, FileError>>()?;
    let done = AtomicU64::new(0);
    let seen = |bytes| {
        let bytes_done = done.fetch_add(bytes, Ordering::Relaxed) + bytes;
        progress.update(&Status {
            stage: Stage::Hashing,
            bytes_done,
            bytes_total,
            documents: 0,
            tokens: 0,
        });
    };
    let source = |(path, name): (PathBuf, String)| {
        let (bytes, sha256) = digest::of_file(&path, &mut |bytes| seen(bytes))?;
        Ok(Source {
            format: Format::of(&path),
            info: SourceInfo { name, bytes, sha256 },
            path,
        })
    };
    files.into_par_iter().map(source).collect()
}

/// Digest of everything that decides what a preparation writes.
pub(super) fn fingerprint(options: &PrepareOptions, sources: &[Source]) -> String {
    let mut hasher = Sha256::new();
    let mut line = |text: &str| {
        // With its length in front, no text can pass for two.
        hasher.update((text.len() as u64).to_le_bytes());
        hasher.update(text);
    };
    line(&format!("blueberry data, version {VERSION}"));
    line(options.tokenizer.sha256());
    line(&format!("{:?}", options.field));
    line(&options.shard_tokens.to_string());
    for source in sources {
        line(&source.info.name);
        line(&source.info.sha256);
    }
    hex(&hasher.finalize())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn more_files_than_a_manifest_can_name_are_refused_first() {
        let names = |count: usize| {
            (0..count)
                .map(|index| format!("{index:08}.txt"))
                .collect::<Vec<_>>()
        };
        assert!(can_be_named(names(200_000).iter()));
        assert!(!can_be_named(names(300_000).iter()));
        let longest = SourceInfo {
            name: String::new(),
            bytes: u64::MAX,
            sha256: "f".repeat(64),
        };
        // In the manifest an indentation of at most six spaces stands before each of its five lines.
        let written = serde_json::to_string_pretty(&longest).unwrap().len() + 5 * 6;
        assert!(written <= BYTES_BESIDE_NAME, "{written}");
    }
}
