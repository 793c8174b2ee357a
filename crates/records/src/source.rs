//! The source that ran: the changes since a commit, as git tells them.

use std::ffi::OsStr;
use std::path::Path;
use std::process::Command;

use thiserror::Error;

use crate::record::is_commit;

/// Why git does not tell the changes.
#[derive(Debug, Error)]
pub enum SourceError {
    /// A text that is no commit's name.
    #[error("`{0}` is no commit: the log must name one, so build from a git checkout")]
    NoCommit(String),
    /// Git is missing.
    #[error("cannot run git: {0}; install it, or give the patch by `--patch FILE`")]
    NoGit(std::io::Error),
    /// Git refused.
    #[error(
        "git in `{path}`: {message}; run this in the repository that was built, or give the patch by `--patch FILE`"
    )]
    Git {
        /// Where.
        path: String,
        /// What it said.
        message: String,
    },
}

/// The changes of tracked files since `commit`, as `git diff --binary` prints them; whatever the user's settings of git,
/// the same changes give the same bytes.
///
/// # Errors
/// [`SourceError`].
pub fn patch_since(repository: &Path, commit: &str) -> Result<Vec<u8>, SourceError> {
    if !is_commit(commit) {
        return Err(SourceError::NoCommit(commit.to_owned()));
    }
    let fixed = [
        "diff",
        "--binary",
        "--full-index",
        "--no-color",
        "--no-ext-diff",
        "--no-textconv",
        "--no-renames",
    ];
    let shape = [
        "--src-prefix=a/",
        "--dst-prefix=b/",
        "--diff-algorithm=myers",
        "--unified=3",
        commit,
        "--",
    ];
    git(repository, fixed.iter().chain(&shape))
}

fn git<I: IntoIterator<Item = S>, S: AsRef<OsStr>>(
    repository: &Path,
    arguments: I,
) -> Result<Vec<u8>, SourceError> {
    let output = Command::new("git")
        .arg("-C")
        .arg(repository)
        .args(arguments)
        .output()
        .map_err(SourceError::NoGit)?;
    if output.status.success() {
        return Ok(output.stdout);
    }
    let message = String::from_utf8_lossy(&output.stderr).trim().to_owned();
    Err(SourceError::Git {
        path: repository.display().to_string(),
        message,
    })
}
