//! `record.toml`: what a record's folder says about itself.

use std::collections::{BTreeMap, BTreeSet};

use blueberry_rules::is_sha256;
use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::date::is_day;

/// Name of the file.
pub const RECORD_FILE: &str = "record.toml";
/// Version of the folder's format that this build writes, and the highest that it reads.
pub const FORMAT: u64 = 1;

/// Characters of a title and of an author's name at most.
const MAX_TITLE: usize = 100;
const MAX_NAME: usize = 60;

/// What `record.toml` says. Digests are SHA-256 in lower-case hex.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Record {
    /// [`FORMAT`].
    pub format: u64,
    /// Id of the category.
    pub category: String,
    /// What makes it different, in one line.
    pub title: String,
    /// Who submits it.
    pub author: String,
    /// Day in UTC on which its last run began.
    pub date: String,
    /// Id of the record that it builds on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parent: Option<String>,
    /// The author's public key in OpenSSH's one-line form, where the record is signed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub public_key: Option<String>,
    /// Digest of the recipe that its runs share; see [`blueberry_rules::config_sha256`].
    pub config_sha256: String,
    /// Version of the drawing of its curves; see [`crate::curve::VERSION`].
    pub curve: u64,
    /// The source that ran.
    pub source: Source,
    /// Means over its runs by name, as they stand in its README.
    pub figures: BTreeMap<String, String>,
    /// Its runs, in the order of their seeds.
    pub runs: Vec<Run>,
    /// Digest of every file but this one, its signature, the README and what a verifier adds.
    pub files: BTreeMap<String, String>,
}

/// The source that ran: a commit, and what was changed since.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Source {
    /// The commit.
    pub commit: String,
    /// Digest of the source tree as it was built.
    pub sha256: String,
    /// Digest of `source.patch`, where the tree differed from the commit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub patch_sha256: Option<String>,
}

/// A run of a record.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Run {
    /// Its log, relative to the record's folder.
    pub file: String,
    /// Its seed.
    pub seed: u64,
    /// Digest of its log, unpacked.
    pub sha256: String,
}

/// Why a text is no `record.toml`.
#[derive(Debug, Error)]
pub enum RecordError {
    /// It is not TOML, or not of these fields.
    #[error("{RECORD_FILE}: {0}")]
    Toml(#[from] toml::de::Error),
    /// It cannot be written as TOML.
    #[error("{RECORD_FILE}: {0}")]
    Write(#[from] toml::ser::Error),
    /// It is of a later version.
    #[error("{RECORD_FILE}: record format {0}, this build reads up to {FORMAT}; use a newer build")]
    Format(u64),
    /// A field makes no sense.
    #[error("{RECORD_FILE}: {field} = {value:?}: {problem}")]
    Field {
        /// The field.
        field: &'static str,
        /// What stands there.
        value: String,
        /// What it must be.
        problem: &'static str,
    },
}

#[derive(Deserialize)]
struct Versioned {
    format: u64,
}

impl Record {
    /// Reads the text of a `record.toml`.
    ///
    /// # Errors
    /// [`RecordError`].
    pub fn parse(text: &str) -> Result<Self, RecordError> {
        // The version is read alone first: a later version may have other fields.
        let Versioned { format } = toml::from_str(text)?;
        if format == 0 || format > FORMAT {
            return Err(RecordError::Format(format));
        }
        let record: Self = toml::from_str(text)?;
        record.validate()?;
        Ok(record)
    }

    /// The text of its `record.toml`; the same record gives the same bytes.
    ///
    /// # Errors
    /// [`RecordError`]: a field makes no sense.
    pub fn to_text(&self) -> Result<String, RecordError> {
        self.validate()?;
        Ok(toml::to_string(self)?)
    }

    /// The name of its folder in its category's: the day and the title.
    #[must_use]
    pub fn folder_name(&self) -> String {
        format!("{}-{}", self.date, slug(&self.title))
    }

    /// Its name among all records: category and folder.
    #[must_use]
    pub fn id(&self) -> String {
        format!("{}/{}", self.category, self.folder_name())
    }

    fn validate(&self) -> Result<(), RecordError> {
        let checks = self
            .lines()
            .into_iter()
            .chain(self.names())
            .chain(self.logs())
            .chain(self.digests());
        for (field, value, holds, problem) in checks {
            if !holds {
                return Err(RecordError::Field {
                    field,
                    value: value.to_owned(),
                    problem,
                });
            }
        }
        Ok(())
    }

    fn lines(&self) -> [FieldCheck<'_>; 3] {
        let (title, author) = (self.title.as_str(), self.author.as_str());
        [
            (
                "title",
                title,
                line(title, MAX_TITLE),
                "one line of at most 100 characters",
            ),
            (
                "title",
                title,
                !slug(title).is_empty(),
                "needs a letter or digit of a-z, 0-9",
            ),
            (
                "author",
                author,
                line(author, MAX_NAME),
                "one line of at most 60 characters",
            ),
        ]
    }

    fn names(&self) -> impl Iterator<Item = FieldCheck<'_>> {
        let commit = &self.source.commit;
        let parent = self.parent.iter();
        [
            (
                "date",
                self.date.as_str(),
                is_day(&self.date),
                "a day as 2026-11-25",
            ),
            (
                "category",
                &self.category,
                is_slug(&self.category),
                "letters a-z, digits and -",
            ),
            ("source.commit", commit, is_commit(commit), "40 to 64 hex digits"),
        ]
        .into_iter()
        .chain(parent.map(|id| {
            (
                "parent",
                id.as_str(),
                is_id(id),
                "a record's id, as dash/2026-11-25-title",
            )
        }))
    }

    fn logs(&self) -> impl Iterator<Item = FieldCheck<'_>> {
        let mut seen = BTreeSet::new();
        let files = self.runs.iter().map(|run| run.file.as_str());
        let mut repeated: Vec<FieldCheck> = files
            .filter(|file| !seen.insert(*file))
            .map(|file| ("runs.file", file, false, "each run has a log of its own"))
            .collect();
        repeated.truncate(1);
        repeated.into_iter()
    }

    fn digests(&self) -> impl Iterator<Item = FieldCheck<'_>> {
        let source = &self.source;
        let single = [
            ("config_sha256", &self.config_sha256),
            ("source.sha256", &source.sha256),
        ];
        let patch = source
            .patch_sha256
            .iter()
            .map(|digest| ("source.patch_sha256", digest));
        let runs = self.runs.iter().map(|run| ("runs.sha256", &run.sha256));
        let files = self.files.values().map(|digest| ("files", digest));
        let all = single.into_iter().chain(patch).chain(runs).chain(files);
        all.map(|(field, digest)| {
            (
                field,
                digest.as_str(),
                is_sha256(digest),
                "a SHA-256 in 64 lower-case hex digits",
            )
        })
    }
}

/// A field, what stands there, whether that holds, and what it must be.
type FieldCheck<'a> = (&'static str, &'a str, bool, &'static str);

/// Whether a text is one line that shows, within `most` characters.
fn line(text: &str, most: usize) -> bool {
    // Control characters, and those that turn the direction of what follows, would forge the table around.
    let shows = |c: char| {
        !c.is_control()
            && !matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}')
    };
    !text.trim().is_empty() && text.trim() == text && text.chars().count() <= most && text.chars().all(shows)
}

/// Whether a text can be a commit's name, and no option or range of git's.
pub(crate) fn is_commit(text: &str) -> bool {
    (40..=64).contains(&text.len()) && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

fn is_slug(text: &str) -> bool {
    let known = |byte: u8| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-');
    !text.is_empty() && text.len() <= 80 && text.bytes().all(known) && !text.starts_with('-')
}

/// Whether a text is a record's id.
pub(crate) fn is_id(text: &str) -> bool {
    text.split_once('/')
        .is_some_and(|(category, name)| is_slug(category) && is_slug(name))
}

/// The letters and digits of a title, in lower case, other runs of characters as one `-`.
fn slug(title: &str) -> String {
    let words = title
        .split(|c: char| !c.is_ascii_alphanumeric())
        .filter(|word| !word.is_empty());
    let slug = words.collect::<Vec<_>>().join("-").to_ascii_lowercase();
    slug.chars()
        .take(48)
        .collect::<String>()
        .trim_end_matches('-')
        .to_owned()
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::testing::digest;

    pub(crate) fn record() -> Record {
        Record {
            format: FORMAT,
            category: "small".into(),
            title: "Muon, twice as wide!".into(),
            author: "alice".into(),
            date: "2026-11-25".into(),
            parent: Some("small/2026-11-24-muon".into()),
            public_key: None,
            config_sha256: digest('e'),
            curve: 1,
            source: Source {
                commit: "0123456789".repeat(4),
                sha256: digest('d'),
                patch_sha256: None,
            },
            figures: BTreeMap::from([("train_s".into(), "16.0".into())]),
            runs: vec![Run {
                file: "runs/seed-1.jsonl.zst".into(),
                seed: 1,
                sha256: digest('1'),
            }],
            files: BTreeMap::from([("config.toml".into(), digest('2'))]),
        }
    }

    #[test]
    fn text_and_back() {
        let text = record().to_text().unwrap();
        assert_eq!(Record::parse(&text).unwrap(), record());
        assert_eq!(Record::parse(&text).unwrap().to_text().unwrap(), text);
        assert_eq!(record().id(), "small/2026-11-25-muon-twice-as-wide");
    }

    type Edit = fn(&mut Record);

    #[test]
    fn each_field_that_makes_no_sense_is_named() {
        let edits: [(&str, Edit); 12] = [
            ("title", |r| r.title = "two\nlines".into()),
            ("title", |r| r.title = "\u{202e}drawkcab".into()),
            ("title", |r| r.title = "!?".into()),
            ("author", |r| r.author = "a".repeat(61)),
            ("date", |r| r.date = "2026-11-31".into()),
            ("category", |r| r.category = "../dash".into()),
            ("parent", |r| r.parent = Some("dash".into())),
            ("source.commit", |r| r.source.commit = "--upload-pack=sh".into()),
            ("source.patch_sha256", |r| {
                r.source.patch_sha256 = Some("x".into())
            }),
            ("runs.sha256", |r| r.runs[0].sha256 = "X".repeat(64)),
            ("runs.file", |r| r.runs = vec![r.runs[0].clone(); 3]),
            ("files", |r| {
                r.files = BTreeMap::from([("a".into(), String::new())])
            }),
        ];
        for (field, edit) in edits {
            let mut record = record();
            edit(&mut record);
            let error = record.to_text().unwrap_err().to_string();
            assert!(error.contains(&format!("{field} = ")), "{field}: {error}");
        }
    }

    #[test]
    fn a_later_format_and_unknown_fields_are_refused() {
        let text = record().to_text().unwrap();
        let later = Record::parse(&text.replace("format = 1", "format = 2\nnew = true"));
        assert!(matches!(later, Err(RecordError::Format(2))));
        assert!(Record::parse(&format!("new = true\n{text}")).is_err());
    }

    #[test]
    fn slugs_are_short_and_plain() {
        assert_eq!(slug("FP8 + 2x wider (v2)"), "fp8-2x-wider-v2");
        assert_eq!(
            slug(&"ab ".repeat(40)).len(),
            47,
            "cut to 48, then the dash at the end goes"
        );
    }
}
