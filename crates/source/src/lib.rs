//! The source tree that a binary is built from: its digest, and the patch by which it differs from its commit.
//!
//! The build script of `blueberry-train` fixes it in the binary, which writes it into every log; a verifier computes it
//! from the source that a record names. Both have to do it here.

use std::fs::{self, FileType};
use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;

use sha2::{Digest, Sha256};

/// What decides what the binary does, below the root of the workspace.
const FILES: [&str; 2] = ["Cargo.toml", "Cargo.lock"];
const FOLDERS: [&str; 3] = ["crates", "presets", "shaders"];

/// The files and folders that decide what the binary does, of those that exist: what a build script has to watch.
#[must_use]
pub fn places(root: &Path) -> Vec<PathBuf> {
    let names = FILES.iter().chain(&FOLDERS);
    names
        .map(|name| root.join(name))
        .filter(|path| path.exists())
        .collect()
}

/// Every file that decides what the binary does, in order. A link stands for itself and is not followed: in a
/// stranger's tree it may lead anywhere.
fn files(root: &Path) -> io::Result<Vec<PathBuf>> {
    let mut files: Vec<PathBuf> = FILES.map(|file| root.join(file)).into();
    for folder in FOLDERS.map(|folder| root.join(folder)) {
        match fs::symlink_metadata(&folder) {
            Ok(found) => collect(folder, found.file_type(), &mut files)?,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(at(&folder, &error)),
        }
    }
    files.sort();
    Ok(files)
}

fn collect(path: PathBuf, kind: FileType, files: &mut Vec<PathBuf>) -> io::Result<()> {
    if !kind.is_dir() {
        files.push(path);
        return Ok(());
    }
    for entry in fs::read_dir(&path).map_err(|error| at(&path, &error))? {
        let entry = entry.map_err(|error| at(&path, &error))?;
        let kind = entry.file_type().map_err(|error| at(&entry.path(), &error))?;
        collect(entry.path(), kind, files)?;
    }
    Ok(())
}

/// SHA-256 over path and content of every file that decides what the binary does, in lower-case hex. A link counts as
/// where it leads and is not followed.
///
/// # Errors
/// A file or folder cannot be read, or is neither file, folder nor link.
pub fn digest(root: &Path) -> io::Result<String> {
    let mut hash = Sha256::new();
    for file in files(root)? {
        let name = file.strip_prefix(root).unwrap_or(&file);
        update(&mut hash, name.to_string_lossy().replace('\\', "/").as_bytes());
        update(&mut hash, &content(&file).map_err(|error| at(&file, &error))?);
    }
    Ok(hex(&hash.finalize()))
}

/// Files that decide what the binary does and that git does not know, ignored ones among them: they are in the digest, and in
/// no commit and no patch, so that nobody can build the same again.
///
/// # Errors
/// There is no git, or no repository.
pub fn unknown(root: &Path) -> io::Result<Vec<String>> {
    let mut command = Command::new("git");
    command
        .args(["ls-files", "--others", "-z", "--"])
        .args(FILES)
        .args(FOLDERS);
    let output = command.current_dir(root).output()?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr).trim().to_owned();
        return Err(io::Error::other(format!(
            "`git ls-files` in `{}` failed: {said}",
            root.display()
        )));
    }
    let names = output
        .stdout
        .split(|&byte| byte == 0)
        .filter(|name| !name.is_empty());
    Ok(names
        .map(|name| String::from_utf8_lossy(name).into_owned())
        .collect())
}

/// What leads from the commit that is checked out to the tree, as `git apply` takes it; empty where they are the same.
/// Files that git does not know are not in it: `git add -N` makes them known.
///
/// The same tree gives the same bytes on every machine, whatever its user's settings, since logs hold the digest.
///
/// # Errors
/// There is no git, or no commit.
pub fn patch(root: &Path) -> io::Result<Vec<u8>> {
    patch_since(root, "HEAD")
}

/// [`patch`] from any commit, which must not begin with a `-`.
///
/// # Errors
/// There is no git, or no such commit.
pub fn patch_since(root: &Path, commit: &str) -> io::Result<Vec<u8>> {
    let mut command = Command::new("git");
    for setting in [
        "core.quotePath=true",
        "diff.suppressBlankEmpty=false",
        "diff.indentHeuristic=true",
    ] {
        command.args(["-c", setting]);
    }
    // Digests in full: a short one has as many digits as the repository needs, and a copy needs fewer.
    command.args([
        "diff",
        "--binary",
        "--full-index",
        "--no-ext-diff",
        "--no-textconv",
        "--no-color",
    ]);
    command.args([
        "--no-renames",
        "--unified=3",
        "--diff-algorithm=myers",
        "--src-prefix=a/",
        "--dst-prefix=b/",
        commit,
        "--",
    ]);
    let output = command.current_dir(root).output()?;
    if output.status.success() {
        return Ok(output.stdout);
    }
    let said = String::from_utf8_lossy(&output.stderr).trim().to_owned();
    Err(io::Error::other(format!(
        "`git diff {commit}` in `{}` failed: {said}",
        root.display()
    )))
}

/// SHA-256 of [`patch`] in lower-case hex; nothing where the tree is its commit's.
///
/// # Errors
/// As [`patch`].
pub fn patch_sha256(root: &Path) -> io::Result<Option<String>> {
    let patch = patch(root)?;
    Ok((!patch.is_empty()).then(|| hex(&Sha256::digest(&patch))))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// With its length, so that no two lists of names and contents give the same bytes.
fn update(hash: &mut Sha256, bytes: &[u8]) {
    hash.update((bytes.len() as u64).to_le_bytes());
    hash.update(bytes);
}

fn content(file: &Path) -> io::Result<Vec<u8>> {
    let kind = fs::symlink_metadata(file)?.file_type();
    if kind.is_symlink() {
        let target = fs::read_link(file)?;
        return Ok(format!("link to {}", target.display()).into_bytes());
    }
    if !kind.is_file() {
        // A read of a pipe or device may never end.
        return Err(io::Error::other(
            "neither a file nor a folder; remove it from the source",
        ));
    }
    fs::read(file)
}

fn at(path: &Path, error: &io::Error) -> io::Error {
    io::Error::new(error.kind(), format!("cannot read `{}`: {error}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tree() -> tempfile::TempDir {
        let root = tempfile::tempdir().unwrap();
        fs::create_dir_all(root.path().join("crates/a")).unwrap();
        for (name, text) in [
            ("Cargo.toml", "[workspace]"),
            ("Cargo.lock", ""),
            ("crates/a/lib.rs", "// a"),
        ] {
            fs::write(root.path().join(name), text).unwrap();
        }
        root
    }

    #[test]
    fn the_digest_is_over_lengths_names_and_contents_in_order() {
        let mut bytes = Vec::new();
        for text in [
            "Cargo.lock",
            "",
            "Cargo.toml",
            "[workspace]",
            "crates/a/lib.rs",
            "// a",
        ] {
            bytes.extend((text.len() as u64).to_le_bytes());
            bytes.extend(text.as_bytes());
        }
        let expected = hex(&Sha256::digest(&bytes));
        assert_eq!(digest(tree().path()).unwrap(), expected);
    }

    #[test]
    fn any_change_shows_but_those_that_no_binary_sees() {
        let root = tree();
        let before = digest(root.path()).unwrap();
        let changed = |name: &str, text: &str| {
            let path = root.path().join(name);
            let was = fs::read(&path).ok();
            fs::write(&path, text).unwrap();
            let after = digest(root.path()).unwrap();
            match was {
                Some(was) => fs::write(&path, was).unwrap(),
                None => fs::remove_file(&path).unwrap(),
            }
            after != before
        };
        assert!(changed("crates/a/lib.rs", "// b"));
        assert!(changed("crates/a/new.rs", ""));
        assert!(changed("Cargo.lock", " "));
        assert!(!changed("README.md", "Hello"));
        assert_eq!(digest(root.path()).unwrap(), before);
    }

    #[test]
    fn a_missing_manifest_is_an_error() {
        let root = tree();
        fs::remove_file(root.path().join("Cargo.lock")).unwrap();
        assert!(
            digest(root.path())
                .unwrap_err()
                .to_string()
                .contains("Cargo.lock")
        );
    }

    fn git(root: &Path, words: &[&str]) {
        let output = Command::new("git")
            .args(words)
            .current_dir(root)
            .output()
            .unwrap();
        assert!(output.status.success(), "{words:?}: {output:?}");
    }

    fn commit(root: &Path) {
        git(root, &["init", "--quiet"]);
        git(root, &["add", "."]);
        let author = ["-c", "user.name=alice", "-c", "user.email=alice@example.org"];
        git(root, &[&author[..], &["commit", "--quiet", "-m", "All"]].concat());
    }

    #[test]
    fn files_that_no_commit_and_no_patch_has_are_named() {
        let root = tree();
        fs::write(root.path().join(".gitignore"), "*.swp\n").unwrap();
        commit(root.path());
        assert_eq!(unknown(root.path()).unwrap(), Vec::<String>::new());
        for name in ["crates/a/new.rs", "crates/a/.lib.rs.swp", "notes.txt"] {
            fs::write(root.path().join(name), "").unwrap();
        }
        assert_eq!(
            unknown(root.path()).unwrap(),
            ["crates/a/.lib.rs.swp", "crates/a/new.rs"]
        );
        git(root.path(), &["add", "-N", "crates/a/new.rs"]);
        assert_eq!(unknown(root.path()).unwrap(), ["crates/a/.lib.rs.swp"]);
    }

    #[test]
    fn a_patch_is_the_same_whatever_the_settings_and_leads_to_the_tree() {
        let (root, copy) = (tree(), tree());
        commit(root.path());
        commit(copy.path());
        assert_eq!(
            (patch(root.path()).unwrap(), patch_sha256(root.path()).unwrap()),
            (Vec::new(), None)
        );
        fs::write(root.path().join("crates/a/lib.rs"), "// b\n").unwrap();
        fs::write(root.path().join("crates/a/data.bin"), [0, 255, 1]).unwrap();
        git(root.path(), &["add", "-N", "crates/a/data.bin"]);
        let changes = patch(root.path()).unwrap();
        for (name, value) in [
            ("diff.noprefix", "true"),
            ("core.abbrev", "4"),
            ("diff.context", "9"),
            ("color.ui", "always"),
        ] {
            git(root.path(), &["config", name, value]);
        }
        assert_eq!(patch(root.path()).unwrap(), changes);
        assert_eq!(patch_since(root.path(), "HEAD~0").unwrap(), changes);
        let file = copy.path().join("changes");
        fs::write(&file, &changes).unwrap();
        git(copy.path(), &["apply", "--binary", "changes"]);
        fs::remove_file(&file).unwrap();
        assert_eq!(digest(copy.path()).unwrap(), digest(root.path()).unwrap());
        git(copy.path(), &["add", "-N", "crates/a/data.bin"]);
        assert_eq!(patch(copy.path()).unwrap(), changes);
        assert_eq!(
            patch_sha256(copy.path()).unwrap(),
            patch_sha256(root.path()).unwrap()
        );
    }

    #[test]
    fn without_a_commit_there_is_no_patch() {
        let error = patch(tree().path()).unwrap_err().to_string();
        assert!(error.contains("git diff HEAD"), "{error}");
    }

    #[cfg(unix)]
    #[test]
    fn a_link_in_a_circle_ends() {
        let root = tree();
        let before = digest(root.path()).unwrap();
        std::os::unix::fs::symlink("..", root.path().join("crates/up")).unwrap();
        assert_ne!(digest(root.path()).unwrap(), before);
    }
}
