//! `blueberry view`.

use std::path::PathBuf;

use anyhow::Result;

use crate::args::ViewArgs;
use crate::exit::Done;

/// Serves the page with some runs until Ctrl-C.
pub fn run(args: &ViewArgs) -> Result<Done> {
    let page = args.page.clone().unwrap_or_else(built_page);
    blueberry_view::view(&page, &args.runs, args.port, args.open, |url| {
        outln!("{url}\nPress Ctrl-C to stop.");
    })?;
    Ok(Done::Yes)
}

/// Where the page is: beside the program, where it was installed with one, else where the program was built, else in the
/// checkout that one stands in.
fn built_page() -> PathBuf {
    let beside = std::env::current_exe()
        .ok()
        .and_then(|program| Some(program.parent()?.join("page")));
    let built = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../web/dist"));
    let places = beside
        .into_iter()
        .chain([built.clone(), PathBuf::from("web/dist")]);
    places
        .into_iter()
        .find(|page| page.join("index.html").is_file())
        .unwrap_or(built)
}
