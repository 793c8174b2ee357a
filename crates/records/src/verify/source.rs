//! A record's source: taken out of the repository by itself, and built.

use std::ffi::OsStr;
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::folder::read_text;
use crate::record::is_commit;

use super::error::{SourceError, VerifyError, at};

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
/// [`SourceError`]: the repository does not have the commit, the patch does not fit, or the tree is not the one that
/// the record's logs name.
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
    Ok(check_settings(to)?)
}

/// Where packages may come from.
const REGISTRY: &str = "registry+https://github.com/rust-lang/crates.io-index";
/// The longest of cargo's files that is read.
const CARGO_FILE_BYTES: u64 = 16 << 20;

/// A fetch runs with the network, and cargo's settings could name a compiler, a wrapper, a proxy or another registry.
fn check_settings(tree: &Path) -> Result<(), SourceError> {
    for file in [".cargo/config.toml", ".cargo/config"] {
        let path = tree.join(file);
        // A link that leads nowhere is there too.
        if path.symlink_metadata().is_err() {
            continue;
        }
        let text = read_text(&path, CARGO_FILE_BYTES).unwrap_or_else(|_| "unreadable = true".to_owned());
        let table: toml::Table = toml::from_str(&text).unwrap_or_else(|_| {
            let unreadable = ("unreadable".to_owned(), toml::Value::Boolean(true));
            std::iter::once(unreadable).collect()
        });
        if let Some(key) = table.keys().find(|key| *key != "alias") {
            let key = key.clone();
            return Err(SourceError::Settings { file, key });
        }
    }
    let lock = read_text(&tree.join("Cargo.lock"), CARGO_FILE_BYTES).unwrap_or_default();
    let sources = lock.lines().filter_map(|line| line.trim().strip_prefix("source"));
    let mut sources = sources.map(|rest| rest.trim_start_matches([' ', '=']).trim_matches('"'));
    match sources.find(|source| *source != REGISTRY) {
        Some(source) => Err(SourceError::Foreign(source.to_owned())),
        None => Ok(()),
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

/// Runs git in `dir` without the hooks and settings of this machine's user.
fn git<S: AsRef<OsStr>>(dir: &Path, arguments: &[S], input: Option<&[u8]>) -> Result<(), VerifyError> {
    let mut command = Command::new("git");
    command.args(["-c", "core.hooksPath=/dev/null", "-c", "core.symlinks=true"]);
    command.args(["-c", "safe.directory=*", "-c", "advice.detachedHead=false"]);
    command.args(arguments).current_dir(dir);
    command
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        .env("GIT_CONFIG_NOSYSTEM", "1")
        .env("GIT_TERMINAL_PROMPT", "0");
    for variable in ["GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE"] {
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
/// There is no rustc.
pub fn toolchain() -> Result<PathBuf, VerifyError> {
    let output = Command::new("rustc")
        .args(["--print", "sysroot"])
        .current_dir("/")
        .output();
    let output = output.map_err(|cause| at("start", Path::new("rustc"), cause))?;
    Ok(PathBuf::from(String::from_utf8_lossy(&output.stdout).trim()))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)] // helpers of tests, where a panic is the answer
mod tests {
    use super::*;

    fn says(files: &[(&str, &str)]) -> String {
        let tree = tempfile::tempdir().unwrap();
        for (name, text) in files {
            let path = tree.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        check_settings(tree.path()).map_or_else(|error| error.to_string(), |()| "fine".to_owned())
    }

    #[test]
    fn a_source_that_steers_cargo_is_refused() {
        let lock =
            "[[package]]\nname = \"a\"\nsource = \"registry+https://github.com/rust-lang/crates.io-index\"\n";
        let alias = "[alias]\nxtask = \"run\"\n";
        assert_eq!(
            says(&[("Cargo.lock", lock), (".cargo/config.toml", alias)]),
            "fine"
        );
        for (file, text, word) in [
            (
                ".cargo/config.toml",
                "[build]\nrustc-wrapper = \"./a\"\n",
                "build",
            ),
            (
                ".cargo/config",
                "[source.crates-io]\nreplace-with = \"b\"\n",
                "source",
            ),
            (".cargo/config.toml", "[http]\nproxy = \"b\"\n", "http"),
            (".cargo/config.toml", "no toml", "unreadable"),
            (
                "Cargo.lock",
                "source = \"git+https://example.org/a#1\"\n",
                "git+https",
            ),
            ("Cargo.lock", "source=\"sparse+http://10.0.0.1/\"\n", "10.0.0.1"),
        ] {
            let said = says(&[(file, text)]);
            assert!(said.contains(word) && said != "fine", "{file}: {said}");
        }
    }
}
