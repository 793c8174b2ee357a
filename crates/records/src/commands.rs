//! What the commands share: how they end, and where categories come from.

use std::io;
use std::path::{Path, PathBuf};

use blueberry_rules::{Categories, Category, CategoryError};
use thiserror::Error;

use crate::Limits;
use crate::folder::{FolderError, read_text};
use crate::leaderboard::LeaderboardError;
use crate::open::OpenError;
use crate::submit::SubmitError;

/// How a command ended that could do its work.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// The thing asked holds or was done: exit code 0.
    Yes,
    /// It does not hold: exit code 1. The command has said why.
    No,
    /// Nothing speaks against it, but something that decides is missing: exit code 3. The command has said what.
    CannotTell,
}

/// Bad usage or input: exit code 2.
#[derive(Debug, Error)]
pub enum CommandError {
    /// Runs or records.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// Another file.
    #[error(transparent)]
    File(#[from] FolderError),
    /// The categories.
    #[error("`{}`: {cause}", path.display())]
    Categories {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        cause: CategoryError,
    },
    /// The report of a scan.
    #[error("`{}` is not what `blueberry data scan --json` prints: {cause}", path.display())]
    Scan {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        cause: serde_json::Error,
    },
    /// A category that there is not.
    #[error("there is no category `{name}`; there are: {known}")]
    UnknownCategory {
        /// Its name.
        name: String,
        /// Those that there are.
        known: String,
    },
    /// Nobody said which category.
    #[error("which category? Say `--category {known}`, or give the attempts file by `--attempts FILE`")]
    NoCategory {
        /// Those that there are.
        known: String,
    },
    /// A submission.
    #[error(transparent)]
    Submit(#[from] SubmitError),
    /// The leaderboard.
    #[error(transparent)]
    Leaderboard(#[from] LeaderboardError),
    /// Attempts that cannot be written.
    #[error(transparent)]
    Attempts(#[from] blueberry_rules::AttemptsError),
    /// Nothing to say it to.
    #[error("cannot write the answer: {0}")]
    Output(#[from] io::Error),
    /// An answer that has no JSON form.
    #[error("cannot write the answer: {0}")]
    Json(#[from] serde_json::Error),
    /// A file that is there already.
    #[error("`{}` exists and is not overwritten; choose another name", .0.display())]
    Exists(PathBuf),
}

/// The categories in a file, or the official ones.
///
/// # Errors
/// [`CommandError`].
pub fn load_categories(file: Option<&Path>) -> Result<Categories, CommandError> {
    let Some(path) = file else {
        return Ok(Categories::official());
    };
    let text = read_text(path, Limits::default().text_bytes)?;
    Categories::parse(&text).map_err(|cause| CommandError::Categories {
        path: path.to_owned(),
        cause,
    })
}

/// The category of this name.
///
/// # Errors
/// [`CommandError::UnknownCategory`].
pub fn find_category<'a>(categories: &'a Categories, name: &str) -> Result<&'a Category, CommandError> {
    let unknown = || CommandError::UnknownCategory {
        name: name.to_owned(),
        known: known(categories, ", "),
    };
    categories.get(name).ok_or_else(unknown)
}

/// The names of the categories.
pub(crate) fn known(categories: &Categories, between: &str) -> String {
    categories
        .list
        .iter()
        .map(|category| category.id.as_str())
        .collect::<Vec<_>>()
        .join(between)
}
