//! What the checks need from the machine: how to find it and how to get it.

use std::path::Path;
use std::process::Command;

use crate::{process, wasm, web};

/// Something that a build or a test cannot do without.
struct Need {
    what: &'static str,
    found: fn() -> bool,
    /// Packages that bring it on Debian and Ubuntu.
    debian: &'static [&'static str],
    /// How to get it on every other system.
    elsewhere: &'static str,
    /// Whether that is the better way on this machine, whatever its system.
    elsewhere_first: fn() -> bool,
}

fn never() -> bool {
    false
}

fn has_rustup() -> bool {
    answers("rustup", &["--version"])
}

fn has_style_tools() -> bool {
    ["fmt", "clippy"]
        .iter()
        .all(|tool| answers("cargo", &[tool, "--version"]))
}

/// Whether a program is there and does what `args` say.
fn answers(program: &str, args: &[&str]) -> bool {
    process::output(Command::new(program).args(args)).is_some()
}

const NEEDS: &[Need] = &[
    Need {
        what: "a C compiler",
        found: has_c_compiler,
        debian: &["build-essential"],
        elsewhere: "`xcode-select --install` (macOS), `dnf install gcc` (Fedora) or `pacman -S gcc` (Arch)",
        elsewhere_first: never,
    },
    Need {
        what: "software Vulkan (lavapipe), on which the GPU tests run",
        found: || !cfg!(target_os = "linux") || has_lavapipe(VULKAN_FOLDERS),
        debian: &["mesa-vulkan-drivers"],
        elsewhere: "`dnf install mesa-vulkan-drivers` (Fedora) or `pacman -S vulkan-swrast` (Arch)",
        elsewhere_first: never,
    },
    Need {
        what: "a compiler for the browser (wasm32-unknown-unknown)",
        found: || wasm::Route::find().is_some(),
        debian: &["rustc-web", "cargo-web", "rust-web-src", "lld-19"],
        elsewhere: "`rustup target add wasm32-unknown-unknown`",
        elsewhere_first: has_rustup,
    },
    Need {
        what: "rustfmt and clippy",
        found: has_style_tools,
        debian: &["rustfmt", "rust-clippy"],
        elsewhere: "`rustup component add rustfmt clippy`",
        elsewhere_first: has_rustup,
    },
    Need {
        what: "git, which says what commit a build is of",
        found: || answers("git", &["--version"]),
        debian: &["git"],
        elsewhere: "`xcode-select --install` (macOS), `dnf install git` (Fedora) or `pacman -S git` (Arch)",
        elsewhere_first: never,
    },
];

/// What some tests want; without it, those are skipped.
const WISHES: &[Need] = &[
    Need {
        what: "a browser (Chromium), in which the page is tested",
        found: || web::browser().is_some(),
        debian: &["chromium"],
        elsewhere: "`brew install --cask chromium` (macOS), `dnf install chromium` (Fedora) or `pacman -S chromium` (Arch); CHROMIUM names one in another place",
        elsewhere_first: never,
    },
    Need {
        what: "node and npm, which drive the browser in tests",
        found: web::has_node,
        debian: &["nodejs", "npm"],
        elsewhere: "`brew install node` (macOS), `dnf install nodejs` (Fedora) or `pacman -S nodejs npm` (Arch): 20 or later",
        elsewhere_first: never,
    },
    Need {
        what: "bubblewrap, in whose sandbox the verifier's tests run",
        found: || !cfg!(target_os = "linux") || has_bubblewrap(),
        debian: &["bubblewrap"],
        elsewhere: "`dnf install bubblewrap` (Fedora) or `pacman -S bubblewrap` (Arch)",
        elsewhere_first: never,
    },
    Need {
        what: "ssh-keygen, against which signatures are tested",
        found: has_ssh_keygen,
        debian: &["openssh-client"],
        elsewhere: "`dnf install openssh-clients` (Fedora) or `pacman -S openssh` (Arch)",
        elsewhere_first: never,
    },
];

/// It has no flag that says its version: one that it does not know makes it end by itself.
fn has_ssh_keygen() -> bool {
    Command::new("ssh-keygen").arg("-?").output().is_ok()
}

const VULKAN_FOLDERS: &[&str] = &["/usr/share/vulkan/icd.d", "/etc/vulkan/icd.d"];

/// The machine lacks something.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("{count} of {} things are missing; the lines above say how to get each", NEEDS.len())]
    Missing { count: usize },
    #[error("the missing packages could not be installed: {0}")]
    Install(#[from] process::Error),
}

/// Prints what is there and what is missing; anything missing is an error.
pub fn doctor() -> Result<(), Error> {
    NEEDS.iter().chain(WISHES).for_each(report);
    match missing(NEEDS).len() {
        0 => Ok(()),
        count => Err(Error::Missing { count }),
    }
}

/// Installs what is missing where that needs no question (as root on Debian and Ubuntu), then reports as
/// [`doctor`] does.
pub fn ensure() -> Result<(), Error> {
    if is_debian() && is_root() {
        add_rustup_parts();
        install(&missing(NEEDS))?;
        if let Err(error) = install(&missing(WISHES)) {
            println!("{error}; what needs them is skipped");
        }
    }
    doctor()
}

fn missing(needs: &'static [Need]) -> Vec<&'static Need> {
    needs.iter().filter(|need| !(need.found)()).collect()
}

fn report(need: &Need) {
    if (need.found)() {
        println!("found    {}", need.what);
    } else {
        println!(
            "missing  {}: {}",
            need.what,
            advice(need, is_debian() && !(need.elsewhere_first)())
        );
    }
}

fn advice(need: &Need, debian: bool) -> String {
    if debian {
        format!(
            "run `apt-get update && apt-get install -y {}` as root",
            need.debian.join(" ")
        )
    } else {
        format!("run {}", need.elsewhere)
    }
}

/// What rustup brings. The quicker way to the browser, even where the other is there: it does not compile the standard
/// library. A failure is no error here: the packages that [`install`] brings are the other way.
fn add_rustup_parts() {
    let add = |kind: &str, names: &[&str]| {
        if let Err(error) = process::run(Command::new("rustup").args([kind, "add"]).args(names)) {
            println!("{error}; trying the system's packages instead");
        }
    };
    if wasm::Route::find() != Some(wasm::Route::Installed) {
        add("target", &[wasm::TARGET]);
    }
    if has_rustup() && !has_style_tools() {
        add("component", &["rustfmt", "clippy"]);
    }
}

fn install(needs: &[&Need]) -> Result<(), process::Error> {
    if needs.is_empty() {
        return Ok(());
    }
    process::run(apt_get().arg("update"))?;
    process::run(
        apt_get()
            .args(["install", "-y"])
            .args(needs.iter().flat_map(|need| need.debian)),
    )
}

fn apt_get() -> Command {
    let mut command = Command::new("apt-get");
    command.env("DEBIAN_FRONTEND", "noninteractive");
    command
}

fn has_c_compiler() -> bool {
    let program = std::env::var_os("CC").unwrap_or_else(|| "cc".into());
    cfg!(windows) || process::output(Command::new(program).arg("--version")).is_some()
}

fn has_bubblewrap() -> bool {
    process::output(Command::new("bwrap").arg("--version")).is_some()
}

fn has_lavapipe(folders: &[&str]) -> bool {
    let files = folders
        .iter()
        .filter_map(|folder| Path::new(folder).read_dir().ok())
        .flatten()
        .flatten();
    files
        .map(|file| file.file_name())
        .any(|name| is_lavapipe(&name.to_string_lossy()))
}

fn is_lavapipe(file_name: &str) -> bool {
    file_name.starts_with("lvp_icd") && file_name.ends_with(".json")
}

fn is_debian() -> bool {
    Path::new("/etc/debian_version").exists()
}

fn is_root() -> bool {
    process::output(Command::new("id").arg("-u")).is_some_and(|id| id == "0")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lavapipe_is_told_from_other_drivers() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().to_str().unwrap();
        std::fs::write(folder.path().join("radeon_icd.x86_64.json"), "{}").unwrap();
        assert!(!has_lavapipe(&[path, "/no/such/folder"]));
        std::fs::write(folder.path().join("lvp_icd.x86_64.json"), "{}").unwrap();
        assert!(has_lavapipe(&["/no/such/folder", path]));
    }

    #[test]
    fn advice_is_a_command_to_run() {
        let vulkan = &NEEDS[1];
        assert_eq!(
            advice(vulkan, true),
            "run `apt-get update && apt-get install -y mesa-vulkan-drivers` as root"
        );
        assert_eq!(
            advice(&NEEDS[2], false),
            "run `rustup target add wasm32-unknown-unknown`"
        );
    }
}
