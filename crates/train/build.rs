//! Fixes commit and source digest in the binary, so that a run log can name the source it came from.

use std::io;
use std::path::Path;
use std::process::Command;

fn main() -> io::Result<()> {
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
        blueberry_source::digest(&root)?
    );
    for place in blueberry_source::places(&root) {
        println!("cargo::rerun-if-changed={}", place.display());
    }
    println!("cargo::rerun-if-changed={}", root.join(".git/HEAD").display());
    println!(
        "cargo::rerun-if-changed={}",
        root.join(".git/logs/HEAD").display()
    );
    Ok(())
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
