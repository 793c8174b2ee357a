//! Where the workspace lies and where its builds go.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::process;

/// The workspace that the command was started in.
pub struct Workspace {
    /// Folder of the root Cargo.toml.
    pub root: PathBuf,
    /// Where every cargo started from here builds.
    pub target: PathBuf,
}

/// No workspace to work on.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("no Cargo workspace at or above the current folder; change into the checkout and try again")]
    NotFound,
}

impl Workspace {
    /// The workspace at or above the current folder.
    pub fn find() -> Result<Self, Error> {
        let mut locate = Command::new("cargo");
        locate.args(["locate-project", "--workspace", "--message-format", "plain"]);
        let manifest = process::output(&mut locate).ok_or(Error::NotFound)?;
        let root = Path::new(&manifest).parent().ok_or(Error::NotFound)?.to_owned();
        let target = target_dir(&root, |name| {
            std::env::var_os(name).filter(|value| !value.is_empty())
        });
        // Children run in the root, so a path relative to the caller's folder would point elsewhere.
        let target = std::path::absolute(&target).unwrap_or(target);
        Ok(Self { root, target })
    }

    /// `cargo` in the root, building into [`Self::target`].
    pub fn cargo(&self) -> Command {
        let mut cargo = Command::new("cargo");
        cargo
            .current_dir(&self.root)
            .env("CARGO_TARGET_DIR", &self.target);
        cargo
    }
}

/// The target directory: the caller's, else in CI one under the user's cache, so that a fresh clone finds
/// the dependencies that an earlier one compiled, else the workspace's own.
fn target_dir(root: &Path, variable: impl Fn(&str) -> Option<OsString>) -> PathBuf {
    if let Some(chosen) = variable("CARGO_TARGET_DIR") {
        return chosen.into();
    }
    let cache = variable("XDG_CACHE_HOME")
        .map(PathBuf::from)
        .or_else(|| variable("HOME").map(|home| Path::new(&home).join(".cache")));
    match (variable("CI"), cache) {
        (Some(_), Some(cache)) => cache.join("blueberry/target"),
        _ => root.join("target"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn target_with(variables: &[(&str, &str)]) -> PathBuf {
        target_dir(Path::new("/clone"), |name| {
            variables
                .iter()
                .find(|(key, _)| *key == name)
                .map(|(_, value)| value.into())
        })
    }

    #[test]
    fn the_callers_target_directory_wins() {
        assert_eq!(
            target_with(&[("CI", "1"), ("HOME", "/h"), ("CARGO_TARGET_DIR", "/t")]),
            Path::new("/t")
        );
    }

    #[test]
    fn ci_shares_builds_between_clones() {
        assert_eq!(
            target_with(&[("CI", "1"), ("HOME", "/h")]),
            Path::new("/h/.cache/blueberry/target")
        );
        let with_cache = [("CI", "1"), ("HOME", "/h"), ("XDG_CACHE_HOME", "/c")];
        assert_eq!(target_with(&with_cache), Path::new("/c/blueberry/target"));
    }

    #[test]
    fn without_ci_the_clone_keeps_its_builds() {
        assert_eq!(
            target_with(&[("HOME", "/h"), ("XDG_CACHE_HOME", "/c")]),
            Path::new("/clone/target")
        );
        assert_eq!(target_with(&[("CI", "1")]), Path::new("/clone/target"));
    }
}
