//! Checks that the crates of the web page compile for the browser.

use std::path::Path;
use std::process::Command;

use crate::process;
use crate::workspace::Workspace;

/// The browser's target triple.
pub const TARGET: &str = "wasm32-unknown-unknown";

/// A crate that must compile for [`TARGET`], and the features that it has there.
struct Package {
    name: &'static str,
    features: &'static str,
}

const PACKAGES: &[Package] = &[
    Package {
        name: "blueberry-runlog",
        features: "",
    },
    Package {
        name: "blueberry-steps",
        features: "",
    },
    Package {
        name: "blueberry-replay",
        features: "",
    },
    Package {
        name: "blueberry-judge",
        features: "",
    },
    Package {
        name: "blueberry-unpack",
        features: "",
    },
    Package {
        name: "blueberry-curves",
        features: "",
    },
    Package {
        name: "blueberry-kernels",
        features: "web",
    },
    Package {
        name: "blueberry-model",
        features: "",
    },
    Package {
        name: "blueberry-optim",
        features: "",
    },
    Package {
        name: "blueberry-train",
        features: "web",
    },
];

/// The browser's crates were not checked, or do not compile.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("no compiler for {TARGET}; `cargo xtask doctor` says how to get one")]
    NoRoute,
    #[error("{package} does not compile for {TARGET}: {source}")]
    Compile {
        package: &'static str,
        source: process::Error,
    },
}

/// A way to compile for [`TARGET`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Route {
    /// The compiler in use has the target's standard library.
    Installed,
    /// Debian's second compiler (`rustc-web`), which compiles the standard library from source.
    Debian,
}

impl Route {
    /// The route that this machine has.
    pub fn find() -> Option<Self> {
        if target_is_installed() {
            return Some(Self::Installed);
        }
        DEBIAN_FILES
            .iter()
            .all(|file| Path::new(file).exists())
            .then_some(Self::Debian)
    }

    /// `cargo <subcommand>` for [`TARGET`]. It builds apart from the native crates, because the second
    /// compiler would otherwise throw away their build.
    pub fn cargo(self, workspace: &Workspace, subcommand: &str) -> Command {
        let mut cargo = match self {
            Self::Installed => Command::new("cargo"),
            Self::Debian => Command::new(DEBIAN_CARGO),
        };
        cargo
            .current_dir(&workspace.root)
            .env("CARGO_TARGET_DIR", workspace.target.join("wasm"));
        cargo.args([subcommand, "--release", "--target", TARGET]);
        if self == Self::Debian {
            cargo.args(["-Z", "build-std=std,panic_abort"]);
            cargo.env("RUSTC", DEBIAN_RUSTC).env("RUSTC_BOOTSTRAP", "1");
            cargo.env("CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_LINKER", DEBIAN_LINKER);
            // `cargo run` puts the first compiler's libraries here, which the second must not load.
            cargo.env_remove("LD_LIBRARY_PATH");
        }
        cargo
    }
}

const DEBIAN_CARGO: &str = "/usr/bin/cargo";
const DEBIAN_RUSTC: &str = "/usr/bin/rustc";
const DEBIAN_LINKER: &str = "/usr/bin/wasm-ld-19";
const DEBIAN_FILES: &[&str] = &[
    DEBIAN_CARGO,
    DEBIAN_RUSTC,
    DEBIAN_LINKER,
    "/usr/lib/rustlib/src/rust/library/Cargo.lock",
];

fn target_is_installed() -> bool {
    let mut rustc = Command::new("rustc");
    rustc.args(["--print", "target-libdir", "--target", TARGET]);
    process::output(&mut rustc).is_some_and(|folder| Path::new(&folder).is_dir())
}

/// `cargo check` of every crate of the web page, with its features there.
pub fn check(workspace: &Workspace) -> Result<(), Error> {
    let route = Route::find().ok_or(Error::NoRoute)?;
    for package in PACKAGES {
        println!(
            "-- {} for {TARGET}, features: [{}]",
            package.name, package.features
        );
        let mut cargo = route.cargo(workspace, "check");
        cargo.args([
            "--no-default-features",
            "--package",
            package.name,
            "--features",
            package.features,
        ]);
        process::run(&mut cargo).map_err(|source| Error::Compile {
            package: package.name,
            source,
        })?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check_command(route: Route) -> Command {
        let workspace = Workspace {
            root: "/clone".into(),
            target: "/builds".into(),
        };
        route.cargo(&workspace, "check")
    }

    fn has_variable(command: &Command, name: &str, value: &str) -> bool {
        command
            .get_envs()
            .any(|(key, set)| key == name && set.is_some_and(|set| set == value))
    }

    #[test]
    fn the_browser_builds_apart_from_the_native_crates() {
        for route in [Route::Installed, Route::Debian] {
            assert!(
                has_variable(&check_command(route), "CARGO_TARGET_DIR", "/builds/wasm"),
                "{route:?}"
            );
        }
    }

    #[test]
    fn only_the_second_compiler_builds_the_standard_library() {
        let builds_std = |route| {
            check_command(route)
                .get_args()
                .any(|arg| arg == "build-std=std,panic_abort")
        };
        assert!(builds_std(Route::Debian) && !builds_std(Route::Installed));
        assert!(has_variable(&check_command(Route::Debian), "RUSTC", DEBIAN_RUSTC));
        assert!(!has_variable(
            &check_command(Route::Installed),
            "RUSTC_BOOTSTRAP",
            "1"
        ));
    }
}
