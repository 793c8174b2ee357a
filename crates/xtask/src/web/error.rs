//! Why the page was not built.

use std::io;
use std::path::{Path, PathBuf};

use super::BUDGET_BYTES;
use crate::{process, wasm};

/// Why the page was not built.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("no compiler for {}; `cargo xtask doctor` says how to get one", wasm::TARGET)]
    NoRoute,
    #[error("{package} does not compile for {}: {source}", wasm::TARGET)]
    Compile {
        package: &'static str,
        source: process::Error,
    },
    #[error(
        "no JavaScript for {package}: {reason}\nThe version of `wasm-bindgen` in {package} and of `wasm-bindgen-cli-support` in blueberry-xtask must be one."
    )]
    Bind { package: &'static str, reason: String },
    #[error("{package} was not made smaller: {source}")]
    Optimise {
        package: &'static str,
        source: process::Error,
    },
    #[error("{}: {source}", path.display())]
    File { path: PathBuf, source: io::Error },
    #[error("{} names `{name}`, which is no file of web/", file.display())]
    UnknownName { file: PathBuf, name: String },
    #[error("{} exists and is no page that this command built; choose another --out", path.display())]
    NotOurs { path: PathBuf },
    #[error("the page's tests: {0}")]
    Tests(process::Error),
    #[error(
        "the first view weighs {first_view} bytes compressed, more than {BUDGET_BYTES}: the table above says what"
    )]
    TooHeavy { first_view: u64 },
}

impl Error {
    /// An error of the file system, with its path.
    pub fn file(path: &Path) -> impl FnOnce(io::Error) -> Self + '_ {
        move |source| Self::File {
            path: path.to_owned(),
            source,
        }
    }
}
