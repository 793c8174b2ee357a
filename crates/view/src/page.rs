//! The built page: its files, by the path under which a browser asks for them.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use crate::Error;

/// Most files of a page, so that a folder named by mistake is not walked to its end.
const MOST_FILES: usize = 10_000;

/// The files of a built page.
#[derive(Debug, Clone)]
pub struct Page {
    files: BTreeMap<String, PathBuf>,
}

impl Page {
    /// Lists the page in `folder`, which `cargo xtask web` built. Links are not followed.
    ///
    /// # Errors
    /// [`Error::NoPage`] where there is none, [`Error::File`] where it cannot be read.
    pub fn load(folder: &Path) -> Result<Self, Error> {
        if !folder.join("index.html").is_file() {
            return Err(Error::NoPage(folder.to_owned()));
        }
        let mut files = BTreeMap::new();
        let mut left = vec![(folder.to_owned(), String::new())];
        while let Some((place, prefix)) = left.pop() {
            for entry in fs::read_dir(&place).map_err(Error::file(&place))? {
                let entry = entry.map_err(Error::file(&place))?;
                let kind = entry.file_type().map_err(Error::file(entry.path()))?;
                let name = format!("{prefix}{}", entry.file_name().to_string_lossy());
                if kind.is_dir() {
                    left.push((entry.path(), format!("{name}/")));
                } else if kind.is_file() && files.len() < MOST_FILES {
                    files.insert(name, entry.path());
                }
            }
        }
        Ok(Self { files })
    }

    /// The file at a path without its leading `/`; the empty path is the index.
    pub(crate) fn file(&self, path: &str) -> Option<&Path> {
        let path = if path.is_empty() { "index.html" } else { path };
        self.files.get(path).map(PathBuf::as_path)
    }
}

/// The media type that a file's name asks for.
pub(crate) fn media_type(path: &Path) -> &'static str {
    match path.extension().and_then(|extension| extension.to_str()) {
        Some("html") => "text/html; charset=utf-8",
        Some("js") => "text/javascript; charset=utf-8",
        Some("css") => "text/css; charset=utf-8",
        Some("json") => "application/json",
        Some("webmanifest") => "application/manifest+json",
        Some("wasm") => "application/wasm",
        Some("svg") => "image/svg+xml",
        Some("png") => "image/png",
        _ => "application/octet-stream",
    }
}
