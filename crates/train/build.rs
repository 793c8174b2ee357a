//! Fixes commit and source digest in the binary, so that a run log can name the source it came from.

use std::io;
use std::path::Path;
use std::process::Command;

fn main() -> io::Result<()> {
    // Asked for now: a build folder that checkouts share may hold this script as another one compiled it.
    let package = std::env::var_os("CARGO_MANIFEST_DIR").ok_or(io::ErrorKind::NotFound)?;
    let root = Path::new(&package).join("../..");
    println!(
        "cargo::rustc-env=BLUEBERRY_COMMIT={}",
        git(&root, &["rev-parse", "HEAD"]).unwrap_or_default()
    );
    let status = git(&root, &["status", "--porcelain", "--untracked-files=no"]);
    let unknown = blueberry_source::unknown(&root).unwrap_or_default();
    let dirty = status.is_none_or(|changes| !changes.is_empty()) || !unknown.is_empty();
    println!("cargo::rustc-env=BLUEBERRY_UNKNOWN_FILES={}", some_of(&unknown));
    println!("cargo::rustc-env=BLUEBERRY_DIRTY={dirty}");
    println!(
        "cargo::rustc-env=BLUEBERRY_SOURCE_SHA256={}",
        blueberry_source::digest(&root)?
    );
    println!("cargo::rustc-env=BLUEBERRY_BUILD_FLAGS={}", build_flags());
    // Without git there is no commit either, and the log says so.
    let patch = dirty
        .then(|| blueberry_source::patch_sha256(&root).ok().flatten())
        .flatten();
    println!(
        "cargo::rustc-env=BLUEBERRY_PATCH_SHA256={}",
        patch.unwrap_or_default()
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

/// The first names, and how many more there are, in one line.
fn some_of(names: &[String]) -> String {
    const NAMED: usize = 3;
    let first = names[..names.len().min(NAMED)]
        .join(", ")
        .replace(char::is_control, "?");
    match names.len().saturating_sub(NAMED) {
        0 => first,
        more => format!("{first} and {more} more"),
    }
}

/// Compiler, target, profile and flags, as Cargo hands them to a build script.
fn build_flags() -> String {
    let variable = |name: &str| std::env::var(name).unwrap_or_default();
    let compiler = Command::new(variable("RUSTC")).arg("--version").output();
    let compiler = compiler.map_or_else(
        |_| "rustc".to_owned(),
        |output| String::from_utf8_lossy(&output.stdout).trim().to_owned(),
    );
    let flags = variable("CARGO_ENCODED_RUSTFLAGS").replace('\u{1f}', " ");
    let flags = if flags.is_empty() { "no RUSTFLAGS" } else { &flags };
    format!(
        "{compiler}, {}, {}, opt-level {}, {flags}",
        variable("TARGET"),
        variable("PROFILE"),
        variable("OPT_LEVEL")
    )
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
