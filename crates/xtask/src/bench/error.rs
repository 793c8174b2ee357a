//! What can go wrong in a benchmark.

use std::io;
use std::path::PathBuf;
use std::process::ExitStatus;

use crate::process;

/// A benchmark that was not taken.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error(transparent)]
    Build(#[from] process::Error),
    #[error("`{path}`: {source}; check that it exists and that you may use it", path = path.display())]
    File { path: PathBuf, source: io::Error },
    #[error("{name} could not be started ({source}); check that it is installed and on PATH")]
    Start { name: String, source: io::Error },
    #[error("{name}: the pipe to it broke ({source}); what it said is above")]
    Pipe { name: String, source: io::Error },
    #[error("{name} ended with {status} before its work was done; what it said is above")]
    Ended { name: String, status: ExitStatus },
    #[error("{name} printed `{text}`, which is not the JSON that was expected ({source})")]
    Json {
        name: String,
        text: String,
        source: serde_json::Error,
    },
    #[error("{name} did not report `{what}`; update the program and this command together")]
    Missing { name: String, what: String },
    #[error(
        "{name} works on {what} = {theirs}, blueberry on {ours}: they must do the same work to be compared"
    )]
    Different {
        name: String,
        what: &'static str,
        ours: u64,
        theirs: u64,
    },
    #[error("no turn was taken, so there is no median; give --rounds 1 or more")]
    NoTurns,
    #[error("the results cannot be written as JSON: {0}")]
    Serialize(serde_json::Error),
    #[error("{count} of the parts failed; the lines above that begin with FAILED say why")]
    Parts { count: usize },
}

impl Error {
    /// For `map_err` on a file operation.
    pub fn file(path: impl Into<PathBuf>) -> impl FnOnce(io::Error) -> Self {
        let path = path.into();
        |source| Self::File { path, source }
    }
}
