//! The tests of the workspace, in the two parts that run beside one another. Both are cargo commands over the whole
//! workspace: a single package has other features, and Burn would be built again for it.

use std::path::Path;
use std::process::Command;

use serde::Deserialize;

use crate::workspace::Workspace;
use crate::{nvrtc, process};

/// Files of tests, by name, that compile and run kernels of GPUs: minutes each, mostly on one core.
const OF_GPUS: &[&str] = &["device_memory", "gpu", "ptx", "wgpu"];

/// How much CubeCL tunes.
const AUTOTUNE: &str = "CUBECL_AUTOTUNE_LEVEL";

/// The tests were not run, or one failed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error(transparent)]
    Process(#[from] process::Error),
    #[error("what cargo says about the workspace cannot be read: {0}")]
    Metadata(#[source] serde_json::Error),
    #[error("cargo says nothing about the workspace; see what `cargo metadata --no-deps` prints")]
    NoMetadata,
    #[error("the workspace has no tests called `{0}`; was the file renamed?")]
    Renamed(&'static str),
}

/// The tests of [`OF_GPUS`].
pub fn of_gpus(workspace: &Workspace) -> Result<(), Error> {
    let mut cargo = cargo_test(workspace);
    cargo.args(named(OF_GPUS));
    // Which of Burn's routines is the quickest matters to no test, and trying them all takes minutes of compiling.
    if std::env::var_os(AUTOTUNE).is_none() {
        cargo.env(AUTOTUNE, "minimal");
    }
    // Not CUDA_PATH, for which a build script would run again.
    if std::env::var_os("BLUEBERRY_NVRTC").is_none()
        && let Some(folder) = nvrtc::ensure(workspace)
    {
        cargo.env("BLUEBERRY_NVRTC", folder);
    }
    Ok(process::run(&mut cargo)?)
}

/// Every test that [`of_gpus`] does not run.
pub fn all_others(workspace: &Workspace) -> Result<(), Error> {
    let mut metadata = workspace.cargo();
    metadata.args(["metadata", "--no-deps", "--format-version", "1"]);
    let metadata = process::output(&mut metadata).ok_or(Error::NoMetadata)?;
    let mut cargo = cargo_test(workspace);
    cargo
        .args(["--lib", "--bins"])
        .args(named(&all_but_gpus(&metadata)?));
    process::run(&mut cargo)?;
    Ok(process::run(cargo_test(workspace).arg("--doc"))?)
}

/// `cargo test`, with what tests find in the environment.
fn cargo_test(workspace: &Workspace) -> Command {
    let mut cargo = workspace.cargo();
    cargo.args(["test", "--release", "--workspace"]);
    // The software Vulkan driver warns, and may fail, without a folder for its sockets.
    if !std::env::var_os("XDG_RUNTIME_DIR").is_some_and(|folder| Path::new(&folder).is_dir()) {
        cargo.env("XDG_RUNTIME_DIR", std::env::temp_dir());
    }
    let assets = workspace.root.join("../shared/assets");
    if std::env::var_os("BLUEBERRY_ASSETS").is_none() && assets.is_dir() {
        cargo.env("BLUEBERRY_ASSETS", assets);
    }
    cargo
}

fn named<S: AsRef<str>>(names: &[S]) -> impl Iterator<Item = &str> {
    names.iter().flat_map(|name| ["--test", name.as_ref()])
}

/// The names of the other files of tests, from what `cargo metadata` prints.
fn all_but_gpus(metadata: &str) -> Result<Vec<String>, Error> {
    #[derive(Deserialize)]
    struct Metadata {
        packages: Vec<Package>,
    }
    #[derive(Deserialize)]
    struct Package {
        targets: Vec<Target>,
    }
    #[derive(Deserialize)]
    struct Target {
        name: String,
        kind: Vec<String>,
    }
    let metadata: Metadata = serde_json::from_str(metadata).map_err(Error::Metadata)?;
    let targets = metadata.packages.into_iter().flat_map(|package| package.targets);
    let mut names: Vec<_> = targets
        .filter(|target| target.kind.iter().any(|kind| kind == "test"))
        .map(|target| target.name)
        .collect();
    names.sort();
    // Two packages may have files of one name, which one argument names both.
    names.dedup();
    for slow in OF_GPUS {
        let place = names.iter().position(|name| name == slow);
        names.remove(place.ok_or(Error::Renamed(slow))?);
    }
    Ok(names)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn metadata(names: &[&str]) -> String {
        let targets: Vec<_> = names
            .iter()
            .map(|name| serde_json::json!({ "name": name, "kind": ["test"] }))
            .collect();
        let library = serde_json::json!({ "name": "library", "kind": ["lib"] });
        let packages = [
            serde_json::json!({ "targets": targets }),
            serde_json::json!({ "targets": [library] }),
        ];
        serde_json::json!({ "packages": packages }).to_string()
    }

    #[test]
    fn every_file_of_tests_is_in_one_part() {
        let all = ["kill", "wgpu", "memory", "gpu", "memory", "ptx", "device_memory"];
        assert_eq!(all_but_gpus(&metadata(&all)).unwrap(), ["kill", "memory"]);
    }

    #[test]
    fn tests_that_are_gone_are_missed() {
        let error = all_but_gpus(&metadata(&["device_memory", "gpu", "wgpu"]))
            .unwrap_err()
            .to_string();
        assert!(error.contains("no tests called `ptx`"), "{error}");
    }
}
