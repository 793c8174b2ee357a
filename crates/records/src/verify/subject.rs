//! A record as a verification takes it: source and recipe.

use std::path::{Path, PathBuf};

use blueberry_rules::sha256;

use super::error::VerifyError;
use super::plan::Side;
use super::source::Source;
use crate::folder::Folder;
use crate::{Limits, Record};

/// Settings of a log that are no part of a preset: the verifier sets them.
const NOT_IN_A_PRESET: [&str; 5] = ["seed", "device", "unchecked_device", "preset", "data"];

/// A record as a verification takes it.
#[derive(Debug, Clone)]
pub struct Subject {
    /// Its folder.
    pub folder: PathBuf,
    /// Id of its category.
    pub category: String,
    /// What the plan says of it.
    pub side: Side,
    /// Its source.
    pub source: Source,
    /// The figures that it claims, by name.
    pub claims: Vec<(String, String)>,
}

impl Subject {
    /// Reads a record's folder.
    ///
    /// # Errors
    /// It is not a record, or its patch or settings are not those of its `record.toml`.
    pub fn read(path: &Path) -> Result<Self, VerifyError> {
        let folder = Folder::open(path, &Limits::default())?;
        let text = folder.text(crate::record::RECORD_FILE)?;
        let record = Record::parse(&text).map_err(|cause| {
            let path = path.to_owned();
            VerifyError::Record { path, cause }
        })?;
        let patch = patch(&folder, record.source.patch_sha256.as_deref())?;
        let side = Side {
            id: record.id(),
            commit: record.source.commit.clone(),
            patch_sha256: record.source.patch_sha256.clone(),
            record_sha256: sha256(text.as_bytes()),
            source_sha256: record.source.sha256.clone(),
            config_sha256: record.config_sha256.clone(),
            recipe: recipe(&folder, &record)?,
        };
        Ok(Self {
            folder: path.to_owned(),
            category: record.category,
            source: Source {
                commit: side.commit.clone(),
                patch,
                sha256: side.source_sha256.clone(),
            },
            side,
            claims: record.figures.into_iter().collect(),
        })
    }

    /// The figure that it claims, by its name.
    #[must_use]
    pub fn claim(&self, name: &str) -> Option<f64> {
        let (_, text) = self.claims.iter().find(|(claimed, _)| claimed == name)?;
        text.split_whitespace().next()?.parse().ok()
    }
}

const PATCH_FILE: &str = "source.patch";

fn patch(folder: &Folder, expected: Option<&str>) -> Result<Option<Vec<u8>>, VerifyError> {
    let patch = if folder.has(PATCH_FILE) {
        Some(folder.read(PATCH_FILE)?)
    } else {
        None
    };
    let found = patch.as_deref().map(sha256);
    if found.as_deref() != expected {
        return Err(VerifyError::Content {
            path: folder.root().join(PATCH_FILE),
            problem: "it is not the patch that record.toml names".to_owned(),
        });
    }
    Ok(patch)
}

/// The settings of the record's logs as a preset.
fn recipe(folder: &Folder, record: &Record) -> Result<String, VerifyError> {
    let name = crate::config::CONFIG_FILE;
    let wrong = |problem: String| VerifyError::Content {
        path: folder.root().join(name),
        problem,
    };
    let text = folder.text(name)?;
    if record.files.get(name) != Some(&sha256(text.as_bytes())) {
        return Err(wrong("it is not the one that record.toml names".to_owned()));
    }
    let mut settings: toml::Table = text.parse().map_err(|cause| wrong(format!("{cause}")))?;
    NOT_IN_A_PRESET
        .iter()
        .for_each(|field| drop(settings.remove(*field)));
    toml::to_string(&settings).map_err(|cause| wrong(cause.to_string()))
}
