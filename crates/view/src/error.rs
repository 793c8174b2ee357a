//! Why the page is not served.

use std::io;
use std::path::PathBuf;

use crate::runs::MOST_RUNS;

/// Why the page is not served.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The page was not built.
    #[error("{}: no page there; build it with `cargo xtask web`, or name its folder with --page", .0.display())]
    NoPage(PathBuf),
    /// A folder holds no log.
    #[error("{}: no run.jsonl in this folder nor in one of its folders; name a run's folder or a log", .0.display())]
    NoLog(PathBuf),
    /// More runs than are shown.
    #[error("these are {0} runs, and {MOST_RUNS} are shown at once: name those to show")]
    TooMany(usize),
    /// A file or folder cannot be read.
    #[error("{} cannot be read", path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The port is taken or not allowed.
    #[error(
        "port {port} of this machine cannot be had: choose another with --port, or 0 for any that is free"
    )]
    Bind {
        /// The port.
        port: u16,
        /// What the system said.
        source: io::Error,
    },
    /// The server stopped.
    #[error("the server stopped: {0}")]
    Serve(io::Error),
    /// No browser could be started.
    #[error("no browser could be started by `{program}`; open the address by hand")]
    Browser {
        /// What was started.
        program: &'static str,
        /// What the system said.
        source: io::Error,
    },
}

impl Error {
    /// Whether the caller asked for something that is not there.
    #[must_use]
    pub fn is_bad_input(&self) -> bool {
        !matches!(self, Self::Serve(_) | Self::Browser { .. })
    }

    pub(crate) fn file(path: impl Into<PathBuf>) -> impl FnOnce(io::Error) -> Self {
        let path = path.into();
        move |source| Self::File { path, source }
    }
}
