//! A record's source: taken out of the repository by itself, and built.

use std::ffi::OsStr;
use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde::Deserialize;

use super::error::{SourceError, VerifyError, at};
use super::handover;
use crate::record::is_commit;

/// The source that a record names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Source {
    /// Commit, 40 or 64 lower-case hex digits.
    pub commit: String,
    /// What leads from the commit to the source (`git diff --binary`), where it differs.
    pub patch: Option<Vec<u8>>,
    /// Digest of the source tree, as the logs of the record have it.
    pub sha256: String,
}

/// Puts `source` into the new folder `to`, from the repository in `repository`.
///
/// `to` becomes a repository of its own with that one commit, rather than a worktree of the verifier's: a build asks
/// git for the commit, and must not see the verifier's settings, in which there may be a token.
///
/// # Errors
/// [`SourceError`]: the repository does not have the commit, the patch does not fit, the tree is not the one that the
/// record's logs name, or it has dependencies that are not of crates.io.
pub fn check_out(source: &Source, repository: &Path, to: &Path) -> Result<(), VerifyError> {
    if !is_commit(&source.commit) {
        return Err(SourceError::Commit(source.commit.clone()).into());
    }
    if to.exists() {
        fs::remove_dir_all(to).map_err(|cause| at("remove", to, cause))?;
    }
    fs::create_dir_all(to).map_err(|cause| at("create", to, cause))?;
    let repository = fs::canonicalize(repository).map_err(|cause| at("open", repository, cause))?;
    git(to, &["init", "--quiet"], None)?;
    let fetch = ["fetch", "--quiet", "--no-tags", "--depth", "1", "--"].map(OsStr::new);
    let from = [repository.as_os_str(), OsStr::new(&source.commit)];
    git(to, &[&fetch[..], &from].concat(), None).map_err(|_| SourceError::Missing {
        commit: source.commit.clone(),
        repository,
    })?;
    git(to, &["checkout", "--quiet", "--detach", "FETCH_HEAD"], None)?;
    if let Some(patch) = &source.patch {
        git(
            to,
            &["apply", "--binary", "--whitespace=nowarn", "-"],
            Some(patch),
        )?;
        // The build takes the patch from git again, which sees new files only where it knows of them.
        git(to, &["add", "--intent-to-add", "--all"], None)?;
    }
    check_digest(source, to)?;
    check_sources(to)
}

/// Where a locked dependency may come from: the two names of crates.io.
const CRATES_IO: [&str; 2] = [
    "registry+https://github.com/rust-lang/crates.io-index",
    "sparse+https://index.crates.io/",
];
const LOCK_FILE: &str = "Cargo.lock";
const LOCK_BYTES: u64 = 16 << 20;

/// What is read of a `Cargo.lock`.
#[derive(Deserialize)]
struct Lock {
    #[serde(default)]
    package: Vec<Locked>,
}

#[derive(Deserialize)]
struct Locked {
    name: String,
    #[serde(default)]
    source: Option<String>,
}

/// Holds every dependency to [`CRATES_IO`] or the tree itself: others are fetched by means that a stranger chooses.
fn check_sources(tree: &Path) -> Result<(), VerifyError> {
    let lock = |problem: String| SourceError::Lock { problem };
    let text = handover::read(tree, &[LOCK_FILE], LOCK_BYTES).map_err(|cause| lock(cause.to_string()))?;
    let text = String::from_utf8(text).map_err(|cause| lock(cause.to_string()))?;
    Ok(check_lock(&text)?)
}

/// Holds every dependency of a `Cargo.lock` to crates.io or the tree itself.
///
/// # Errors
/// [`SourceError::Lock`]: one is from elsewhere, or it cannot be read.
pub fn check_lock(text: &str) -> Result<(), SourceError> {
    let lock = |problem: String| SourceError::Lock { problem };
    let found: Lock = toml::from_str(text).map_err(|cause| lock(cause.to_string()))?;
    let elsewhere = |package: &&Locked| {
        let source = package.source.as_deref();
        source.is_some_and(|source| !CRATES_IO.contains(&source))
    };
    match found.package.iter().find(elsewhere) {
        None => Ok(()),
        Some(package) => Err(lock(format!(
            "`{}` comes from {}: dependencies are of crates.io or in the source itself",
            package.name,
            package.source.as_deref().unwrap_or_default()
        ))),
    }
}

fn check_digest(source: &Source, tree: &Path) -> Result<(), VerifyError> {
    let found = blueberry_source::digest(tree).map_err(|cause| at("read", tree, cause))?;
    if found != source.sha256 {
        let expected = source.sha256.clone();
        return Err(SourceError::Differs { found, expected }.into());
    }
    Ok(())
}

/// Runs git in `dir` without the hooks and settings of this machine and its user: a filter among them would run on a
/// stranger's files.
fn git<S: AsRef<OsStr>>(dir: &Path, arguments: &[S], input: Option<&[u8]>) -> Result<(), VerifyError> {
    let mut command = Command::new("git");
    command.args(["-c", "core.hooksPath=/dev/null", "-c", "core.symlinks=true"]);
    command.args(["-c", "safe.directory=*", "-c", "advice.detachedHead=false"]);
    command.args(arguments).current_dir(dir);
    command
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        .env("GIT_CONFIG_NOSYSTEM", "1")
        .env("GIT_TERMINAL_PROMPT", "0");
    for variable in [
        "GIT_DIR",
        "GIT_WORK_TREE",
        "GIT_INDEX_FILE",
        "GIT_CONFIG",
        "GIT_CONFIG_COUNT",
        "GIT_CONFIG_PARAMETERS",
        "GIT_TEMPLATE_DIR",
    ] {
        command.env_remove(variable);
    }
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(|cause| at("start", Path::new("git"), cause))?;
    if let Some(mut stdin) = child.stdin.take() {
        // A git that stops reading says why itself.
        let _ = stdin.write_all(input.unwrap_or_default());
    }
    let output = child
        .wait_with_output()
        .map_err(|cause| at("run", Path::new("git"), cause))?;
    if output.status.success() {
        return Ok(());
    }
    let words: Vec<_> = arguments
        .iter()
        .map(|word| word.as_ref().to_string_lossy())
        .collect();
    let said = String::from_utf8_lossy(&output.stderr).trim().to_owned();
    Err(SourceError::Git {
        command: words.join(" "),
        said,
    }
    .into())
}

/// Where the toolchain of this machine lies: the folder with `bin/cargo` and `bin/rustc` in it.
///
/// Asked outside of the stranger's source, which could name another.
///
/// # Errors
/// There is no rustc, or it does not say: rustup without a toolchain.
pub fn toolchain() -> Result<PathBuf, VerifyError> {
    let rustc = Path::new("rustc");
    let output = Command::new(rustc)
        .args(["--print", "sysroot"])
        .current_dir("/")
        .output();
    let output = output.map_err(|cause| at("start", rustc, cause))?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr).trim().to_owned();
        return Err(at("ask for the toolchain of", rustc, io::Error::other(said)));
    }
    Ok(PathBuf::from(String::from_utf8_lossy(&output.stdout).trim()))
}
