//! The page's tests: node drives a real browser.

use std::path::{Path, PathBuf};
use std::process::Command;

use super::Error;
use crate::process;
use crate::workspace::Workspace;

const BROWSERS: &[&str] = &[
    "/usr/bin/chromium",
    "/usr/bin/chromium-browser",
    "/usr/bin/google-chrome",
    "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
];

/// The browser that the tests drive.
pub fn browser() -> Option<PathBuf> {
    let named = std::env::var_os("CHROMIUM").map(PathBuf::from);
    named.or_else(|| BROWSERS.iter().map(PathBuf::from).find(|path| path.exists()))
}

/// Whether node and npm are installed.
pub fn has_node() -> bool {
    ["node", "npm"].iter().all(|program| has(program))
}

fn has(program: &str) -> bool {
    process::output(Command::new(program).arg("--version")).is_some()
}

/// Why the tests cannot run on this machine, if they cannot.
pub fn missing_for_tests() -> Option<String> {
    match (browser(), has_node()) {
        (None, _) => Some("no Chromium; `cargo xtask doctor` says how to get one".to_owned()),
        (_, false) => Some("no node and npm; `cargo xtask doctor` says how to get them".to_owned()),
        _ => None,
    }
}

/// Installs what the tests are written with and runs them against the built page.
pub fn test(workspace: &Workspace) -> Result<(), Error> {
    let folder = workspace.root.join("tests/page");
    if !folder.join("node_modules/playwright-core").exists() {
        npm(&folder, &["ci", "--ignore-scripts"])?;
    }
    let mut tests = Command::new("npm");
    tests.args(["test"]).current_dir(&folder);
    tests.env("BLUEBERRY_VIEW", workspace.target.join("release/examples/view"));
    tests.env("BLUEBERRY_PAGE_OUT", workspace.target.join("page-tests"));
    let program = workspace.target.join("release/blueberry");
    if program.exists() && std::env::var_os("BLUEBERRY_BIN").is_none() {
        tests.env("BLUEBERRY_BIN", program);
    }
    if let Some(browser) = browser() {
        tests.env("CHROMIUM", browser);
    }
    process::run(&mut tests).map_err(Error::Tests)
}

fn npm(folder: &Path, args: &[&str]) -> Result<(), Error> {
    process::run(Command::new("npm").args(args).current_dir(folder)).map_err(Error::Tests)
}
