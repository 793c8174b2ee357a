//! Fixes commit and source digest in the binary, so that a run log can name the source it came from.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use sha2::{Digest, Sha256};

fn main() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    println!(
        "cargo::rustc-env=BLUEBERRY_COMMIT={}",
        git(&root, &["rev-parse", "HEAD"]).unwrap_or_default()
    );
    let status = git(&root, &["status", "--porcelain", "--untracked-files=no"]);
    let dirty = status.is_none_or(|changes| !changes.is_empty());
    println!("cargo::rustc-env=BLUEBERRY_DIRTY={dirty}");
    println!(
        "cargo::rustc-env=BLUEBERRY_SOURCE_SHA256={}",
        source_digest(&root)
    );
    println!("cargo::rerun-if-changed={}", root.join(".git/HEAD").display());
    println!(
        "cargo::rerun-if-changed={}",
        root.join(".git/logs/HEAD").display()
    );
}

fn git(root: &Path, arguments: &[&str]) -> Option<String> {
    let output = Command::new("git")
        .arg("-C")
        .arg(root)
        .args(arguments)
        .output()
        .ok()?;
    output
        .status
        .success()
        .then(|| String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

/// SHA-256 over the path and content of every file that decides what the binary does, in order.
fn source_digest(root: &Path) -> String {
    let mut files = vec![root.join("Cargo.toml"), root.join("Cargo.lock")];
    for folder in ["crates", "presets", "shaders"] {
        collect(&root.join(folder), &mut files);
    }
    files.sort();
    let mut hash = Sha256::new();
    for file in &files {
        println!("cargo::rerun-if-changed={}", file.display());
        let name = file
            .strip_prefix(root)
            .unwrap_or(file)
            .to_string_lossy()
            .replace('\\', "/");
        let content = fs::read(file).unwrap_or_default();
        hash.update((name.len() as u64).to_le_bytes());
        hash.update(name.as_bytes());
        hash.update((content.len() as u64).to_le_bytes());
        hash.update(content);
    }
    hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
}

fn collect(folder: &Path, files: &mut Vec<PathBuf>) {
    let Ok(entries) = fs::read_dir(folder) else { return };
    for path in entries.flatten().map(|entry| entry.path()) {
        if path.is_dir() {
            collect(&path, files);
        } else {
            files.push(path);
        }
    }
}
