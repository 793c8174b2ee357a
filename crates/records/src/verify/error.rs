//! Why a verification cannot go on. That a record does not hold is no error but an outcome.

use std::io;
use std::path::{Path, PathBuf};

use blueberry_rules::AttemptsError;
use thiserror::Error;

use super::plan::Role;
use crate::folder::FolderError;
use crate::open::OpenError;
use crate::record::RecordError;
use crate::sign::SignError;

/// Why a verification cannot go on.
#[derive(Debug, Error)]
pub enum VerifyError {
    /// The data is not what the record ran on.
    #[error("{0}: verify the record on the data that it ran on")]
    OtherData(String),
    /// No data is given.
    #[error(
        "`{0}` asks for certain data: prepare it by `blueberry data prepare`, and name its folder by --data"
    )]
    NoData(String),
    /// The operating system.
    #[error("cannot {action} `{}`: {cause}", path.display())]
    Io {
        /// What was tried, as a verb.
        action: &'static str,
        /// The file, folder or program.
        path: PathBuf,
        /// What it said.
        cause: io::Error,
    },
    /// There is no sandbox.
    #[error(
        "no sandbox: `bwrap` or `prlimit` is missing, or may not make namespaces here. Install bubblewrap and util-linux \
         (`apt-get install bubblewrap util-linux`), or run a stranger's code without one by --no-sandbox, which verification.toml will say"
    )]
    NoSandbox,
    /// A file of the record.
    #[error(transparent)]
    Folder(#[from] FolderError),
    /// Its `record.toml`.
    #[error("`{}`: {cause}", path.display())]
    Record {
        /// The record's folder.
        path: PathBuf,
        /// What is wrong.
        cause: RecordError,
    },
    /// A text of the record contradicts its `record.toml` or cannot be used.
    #[error("`{}`: {problem}", path.display())]
    Content {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        problem: String,
    },
    /// A record that is not to be read.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// A source that cannot be run.
    #[error(transparent)]
    Source(#[from] SourceError),
    /// The seeds to run.
    #[error(transparent)]
    Attempts(#[from] AttemptsError),
    /// The record in force is of another category.
    #[error("`{challenger}` is of the category {found}, and the record to beat is of {expected}")]
    Category {
        /// The challenger's id.
        challenger: String,
        /// Its category.
        found: String,
        /// The other's.
        expected: String,
    },
    /// Too few runs, or runs that do not pair off.
    #[error("{found} seeds: {problem}")]
    Seeds {
        /// How many there are.
        found: usize,
        /// What is wrong, and what to do.
        problem: &'static str,
    },
    /// Another verification is in the folder.
    #[error(
        "`{}` holds another verification ({difference} differs): finish that one, or choose another --work",
        path.display()
    )]
    AnotherPlan {
        /// The state file.
        path: PathBuf,
        /// The first field that differs.
        difference: &'static str,
    },
    /// The state file is damaged.
    #[error("`{}` is damaged ({cause}): remove it to begin again", path.display())]
    State {
        /// The file.
        path: PathBuf,
        /// What the parser said.
        cause: serde_json::Error,
    },
    /// Another process is at it.
    #[error("another process verifies in `{}`", .0.display())]
    Busy(PathBuf),
    /// The log of a finished run was changed since.
    #[error("`{}` was changed since its run finished; remove the folder of the verification to begin again", .0.display())]
    Changed(PathBuf),
    /// The verification cannot be written down.
    #[error("verification.toml: {0}")]
    Write(#[from] toml::ser::Error),
    /// The verification cannot be read.
    #[error("verification.toml: {0}")]
    Read(#[from] toml::de::Error),
    /// The verification is of a later version.
    #[error("verification.toml: format {found}, this build reads up to {supported}; use a newer build")]
    Format {
        /// Its version.
        found: u64,
        /// Ours.
        supported: u64,
    },
    /// A person's answer to a question that is not open.
    #[error("--looked-at {0}: the verification has no open question of this rule; leave it out")]
    NothingToLookAt(String),
    /// The device does not work in the sandbox.
    #[error(
        "nothing was run, since the device `{device}` does not work in the sandbox ({ended}):\n\n{said}\n\n{advice}; then call this again"
    )]
    Device {
        /// Its name.
        device: String,
        /// How the check of it ended.
        ended: String,
        /// What the check printed, its end.
        said: String,
        /// What to do.
        advice: &'static str,
    },
    /// A signed verification is there.
    #[error(
        "`{}`: a signed verification is there, and the ledger may hold its digest. After an appeal, replace it by --replace",
        .0.display()
    )]
    Signed(PathBuf),
    /// The signature.
    #[error(transparent)]
    Sign(#[from] SignError),
}

/// Why a source cannot be run: by its own fault or by the verifier's machine ([`SourceError::lies_in_source`]).
#[derive(Debug, Error)]
pub enum SourceError {
    /// Its commit is no name of one.
    #[error("`{0}` is no commit: 40 or 64 lower-case hex digits are")]
    Commit(String),
    /// It is not to be had.
    #[error("the repository `{}` does not have commit {commit}: fetch it first (those of all pull requests by `git fetch origin '+refs/pull/*/head:refs/pull/*'`)", repository.display())]
    Missing {
        /// The commit.
        commit: String,
        /// Where it was looked for.
        repository: PathBuf,
    },
    /// Git says no.
    #[error("`git {command}` failed: {said}")]
    Git {
        /// The command.
        command: String,
        /// What it printed.
        said: String,
    },
    /// It is not what ran.
    #[error(
        "the source tree has the digest {found}, but the record's logs name {expected}: what is submitted is not what ran"
    )]
    Differs {
        /// Of the tree.
        found: String,
        /// Of the logs.
        expected: String,
    },
    /// Its dependencies.
    #[error("Cargo.lock: {problem}")]
    Lock {
        /// What is wrong.
        problem: String,
    },
    /// What it built.
    #[error("the build left no program: {0}")]
    Program(String),
    /// It does not build.
    #[error("`cargo {step}` failed or took over {limit_s} s; see `{}`", output.display())]
    Build {
        /// Fetch or build.
        step: &'static str,
        /// The time that it had.
        limit_s: u64,
        /// What it printed.
        output: PathBuf,
        /// The code with which it exited, where it was not stopped.
        code: Option<i32>,
    },
}

/// What cargo exits with where something does not compile, and where it is told something wrong.
const CARGO_SAYS_NO: i32 = 101;

impl SourceError {
    /// Whether the source is to blame, wherever it is taken out and built. Else the verifier's machine lacks something: a
    /// commit, the network, time, memory. Of a full disk or a linker that is not there cargo says the same as of a source that
    /// does not compile.
    #[must_use]
    pub fn lies_in_source(&self) -> bool {
        match self {
            Self::Commit(_) | Self::Differs { .. } | Self::Lock { .. } | Self::Program(_) => true,
            Self::Missing { .. } => false,
            // A patch that does not fit.
            Self::Git { command, .. } => command.split(' ').next() == Some("apply"),
            // A fetch has the network in between.
            Self::Build { step, code, .. } => *step == "build" && *code == Some(CARGO_SAYS_NO),
        }
    }
}

/// A side whose source cannot be run.
#[derive(Debug, Error)]
#[error("{}: {cause}", role.name())]
pub struct Unbuildable {
    /// Which.
    pub role: Role,
    /// Why.
    pub cause: SourceError,
}

pub(super) fn at(action: &'static str, path: &Path, cause: io::Error) -> VerifyError {
    VerifyError::Io {
        action,
        path: path.to_owned(),
        cause,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_verifiers_machine_lacks_does_not_lie_in_the_source() {
        let git = |command: &str| SourceError::Git {
            command: command.to_owned(),
            said: String::new(),
        };
        let cargo = |step, code| SourceError::Build {
            step,
            limit_s: 1,
            output: PathBuf::new(),
            code,
        };
        let text = String::new;
        let differs = SourceError::Differs {
            found: text(),
            expected: text(),
        };
        let lock = SourceError::Lock { problem: text() };
        let program = SourceError::Program(text());
        let own = [
            SourceError::Commit(text()),
            git("apply --binary -"),
            cargo("build", Some(CARGO_SAYS_NO)),
        ];
        for cause in own.into_iter().chain([differs, lock, program]) {
            assert!(cause.lies_in_source(), "{cause}");
        }
        let missing = SourceError::Missing {
            commit: text(),
            repository: PathBuf::new(),
        };
        for cause in [
            missing,
            git("init --quiet"),
            git("checkout apply"),
            cargo("fetch", Some(CARGO_SAYS_NO)),
            // Killed, as where memory runs out, or out of time.
            cargo("build", None),
            cargo("build", Some(137)),
        ] {
            assert!(!cause.lies_in_source(), "{cause}");
        }
    }
}
