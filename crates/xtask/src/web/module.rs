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
}

/// The profile, by variables: a profile of its own in Cargo.toml would have every crate of the workspace built
/// twice.
const PROFILE: &[(&str, &str)] = &[
    ("CARGO_PROFILE_RELEASE_OPT_LEVEL", "s"),
    ("CARGO_PROFILE_RELEASE_LTO", "fat"),
    ("CARGO_PROFILE_RELEASE_CODEGEN_UNITS", "1"),
    ("CARGO_PROFILE_RELEASE_PANIC", "abort"),
];

/// Where speed counts more than size: a log of a million rows is read while a person waits.
const FAST: &[&str] = &[
    "profile.release.package.blueberry-runlog.opt-level=3",
    "profile.release.package.blueberry-replay.opt-level=3",
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
        cargo.args(FAST.iter().flat_map(|setting| ["--config", setting]));
        cargo
            .args(["--package", self.package, "--lib"])
            .envs(PROFILE.iter().copied());
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

    /// `wasm-opt`, where it is installed; the page works without.
    fn optimise(&self, out: &Path) -> Result<(), Error> {
        let wasm = out.join(format!("{}_bg.wasm", self.name));
        if process::output(Command::new("wasm-opt").arg("--version")).is_none() {
            println!("-- `wasm-opt` is not installed (package `binaryen`): the page will be somewhat larger");
            return Ok(());
        }
        let mut optimise = Command::new("wasm-opt");
        optimise.arg("-O3").args(FEATURES).arg(&wasm).arg("-o").arg(&wasm);
        process::run(&mut optimise).map_err(|source| Error::Optimise {
            package: self.package,
            source,
        })
    }
}
