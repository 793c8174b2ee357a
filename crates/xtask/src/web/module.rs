//! One crate of the page: compiled, bound to JavaScript, made smaller.

use std::path::{Path, PathBuf};
use std::process::Command;

use wasm_bindgen_cli_support::Bindgen;

use super::Error;
use crate::process;
use crate::wasm::{Route, TARGET};
use crate::workspace::Workspace;

/// A crate that the page runs.
pub struct Module {
    /// The package.
    pub package: &'static str,
    /// What its files are called in the page: `<name>.js` and `<name>_bg.wasm`.
    pub name: &'static str,
    /// How it is compiled.
    pub opt_level: &'static str,
}

/// For what is loaded with the page, or weighs much. `z` was four times as slow where logs are read.
pub const SMALL: &str = "s";
/// For what is small anyway.
pub const FAST: &str = "3";

/// The profile, by variables: a profile of its own in Cargo.toml would have every crate of the workspace built
/// twice.
const PROFILE: &[(&str, &str)] = &[
    ("CARGO_PROFILE_RELEASE_LTO", "fat"),
    ("CARGO_PROFILE_RELEASE_CODEGEN_UNITS", "1"),
    ("CARGO_PROFILE_RELEASE_PANIC", "abort"),
];

/// What every browser with WebAssembly of 2023 has, which `wasm-opt` must be told.
const FEATURES: &[&str] = &[
    "--enable-bulk-memory",
    "--enable-mutable-globals",
    "--enable-multivalue",
    "--enable-nontrapping-float-to-int",
    "--enable-reference-types",
    "--enable-sign-ext",
];

/// The first `wasm-opt` that is right about a module with two tables: 108, which Debian 12 has, exports the wrong one.
const WASM_OPT_VERSION: u32 = 112;

/// Whether a `wasm-opt` is installed that can be trusted.
fn has_good_wasm_opt() -> bool {
    let said = process::output(Command::new("wasm-opt").arg("--version"));
    said.and_then(|words| wasm_opt_version(&words))
        .is_some_and(|version| version >= WASM_OPT_VERSION)
}

/// The version in `wasm-opt version 108 (version_108)`.
fn wasm_opt_version(words: &str) -> Option<u32> {
    words.split_whitespace().find_map(|word| word.parse().ok())
}

impl Module {
    /// Writes the module's two files into `out`.
    pub fn build(&self, workspace: &Workspace, route: Route, out: &Path) -> Result<(), Error> {
        println!("-- {} for {TARGET}", self.package);
        let compiled = self.compile(workspace, route)?;
        self.bind(&compiled, out)?;
        self.optimise(out)
    }

    fn compile(&self, workspace: &Workspace, route: Route) -> Result<PathBuf, Error> {
        let mut cargo = route.cargo(workspace, "build");
        cargo
            .args(["--package", self.package, "--lib"])
            .envs(PROFILE.iter().copied())
            .env("CARGO_PROFILE_RELEASE_OPT_LEVEL", self.opt_level);
        process::run(&mut cargo).map_err(|source| Error::Compile {
            package: self.package,
            source,
        })?;
        let file = format!("{}.wasm", self.package.replace('-', "_"));
        Ok(workspace
            .target
            .join("wasm")
            .join(TARGET)
            .join("release")
            .join(file))
    }

    fn bind(&self, compiled: &Path, out: &Path) -> Result<(), Error> {
        let mut bindgen = Bindgen::new();
        bindgen.input_path(compiled).out_name(self.name).typescript(false);
        bindgen.remove_name_section(true).remove_producers_section(true);
        let bound = bindgen.web(true).and_then(|bindgen| bindgen.generate(out));
        bound.map_err(|error| Error::Bind {
            package: self.package,
            reason: format!("{error:#}"),
        })
    }

    /// `wasm-opt`, where a good one is installed; the page works without.
    fn optimise(&self, out: &Path) -> Result<(), Error> {
        if !has_good_wasm_opt() {
            println!(
                "-- no `wasm-opt` of version {WASM_OPT_VERSION} or later: the page will be somewhat larger"
            );
            return Ok(());
        }
        let wasm = out.join(format!("{}_bg.wasm", self.name));
        let mut optimise = Command::new("wasm-opt");
        optimise.arg("-Os").args(FEATURES).arg(&wasm).arg("-o").arg(&wasm);
        process::run(&mut optimise).map_err(|source| Error::Optimise {
            package: self.package,
            source,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_version_of_wasm_opt_is_read() {
        assert_eq!(wasm_opt_version("wasm-opt version 108"), Some(108));
        assert_eq!(wasm_opt_version("wasm-opt version 123 (version_123)"), Some(123));
        assert_eq!(wasm_opt_version("no such program"), None);
    }
}
