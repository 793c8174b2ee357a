//! The source that ran: the changes since a commit, as git tells them.

use std::path::Path;

use thiserror::Error;

use crate::record::is_commit;

/// Why git does not tell the changes.
#[derive(Debug, Error)]
pub enum SourceError {
    /// A text that is no commit's name.
    #[error("`{0}` is no commit: the log must name one, so build from a git checkout")]
    NoCommit(String),
    /// Git is missing, or refused.
    #[error("{0}; run this in the repository that was built, with git, or give the patch by `--patch FILE`")]
    Git(std::io::Error),
}

/// The changes of tracked files since `commit`, byte for byte those whose digest a log holds.
///
/// # Errors
/// [`SourceError`].
pub fn patch_since(repository: &Path, commit: &str) -> Result<Vec<u8>, SourceError> {
    if !is_commit(commit) {
        return Err(SourceError::NoCommit(commit.to_owned()));
    }
    blueberry_source::patch_since(repository, commit).map_err(SourceError::Git)
}
