//! The server alone, for the page's tests: `view PAGE PORT RUN..`. The command is `blueberry view`.

use std::path::PathBuf;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args_os().skip(1);
    let usage = "usage: view PAGE PORT RUN..";
    let page = PathBuf::from(arguments.next().ok_or(usage)?);
    let port = arguments
        .next()
        .and_then(|port| port.to_str()?.parse().ok())
        .ok_or(usage)?;
    let runs: Vec<PathBuf> = arguments.map(PathBuf::from).collect();
    blueberry_view::view(&page, &runs, port, false, |url| println!("{url}"))?;
    Ok(())
}
