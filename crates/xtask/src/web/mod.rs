//! `cargo xtask web`: the web page as a static folder that any host serves.
//!
//! Its modules are compiled for the browser (see [`MODULES`]), `web/` is copied beside them, and everything but
//! the three files that a browser asks for by name goes into a folder named by the digest of its content, so
//! that a cache never holds half of an old page.

mod assemble;
mod error;
mod module;
mod records;
mod sizes;
mod slim;
mod tests;

use std::path::PathBuf;

pub use error::Error;
pub use tests::{browser, has_node, missing_for_tests, test};

use crate::wasm::Route;
use crate::workspace::Workspace;
use module::{FAST, Module, SMALL};

/// What `cargo xtask web` can be told.
#[derive(clap::Args, Default)]
pub struct Flags {
    /// Where the page goes; what stood there is replaced [default: web/dist].
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
}

/// The crates that the page runs. The second starts where the browser has WebGPU, the third when somebody asks for a
/// verdict, the fourth when somebody opens a packed log, the fifth with a long one; the service worker fetches all of them
/// behind the first view, so that they are there without a network.
const MODULES: &[Module] = &[
    Module {
        package: "blueberry-replay",
        name: "replay",
        opt_level: SMALL,
    },
    Module {
        package: "blueberry-curves",
        name: "curves",
        opt_level: SMALL,
    },
    Module {
        package: "blueberry-judge",
        name: "judge",
        opt_level: SMALL,
    },
    Module {
        package: "blueberry-unpack",
        name: "unpack",
        opt_level: SMALL,
    },
    Module {
        package: "blueberry-steps",
        name: "steps",
        opt_level: FAST,
    },
];

/// Most compressed bytes that the first view may cost, everything in it included.
const BUDGET_BYTES: u64 = 300_000;

/// Builds the page and prints what it weighs.
pub fn run(workspace: &Workspace, flags: &Flags) -> Result<(), Error> {
    let out = flags
        .out
        .clone()
        .unwrap_or_else(|| workspace.root.join("web/dist"));
    let weights = build(workspace, &out)?;
    print!("{}", sizes::table(&weights));
    println!(
        "\nThe page is in {}: serve that folder, or run `blueberry view RUN`.",
        out.display()
    );
    let first_view = sizes::first_view(&weights);
    if first_view > BUDGET_BYTES {
        return Err(Error::TooHeavy { first_view });
    }
    Ok(())
}

/// Builds the page into `out` and weighs its files.
pub fn build(workspace: &Workspace, out: &std::path::Path) -> Result<Vec<sizes::Weight>, Error> {
    let route = Route::find().ok_or(Error::NoRoute)?;
    let scratch = workspace.target.join("wasm").join("page");
    for module in MODULES {
        module.build(workspace, route, &scratch)?;
    }
    assemble::assemble(&workspace.root, &scratch, out)?;
    sizes::weigh(out)
}
