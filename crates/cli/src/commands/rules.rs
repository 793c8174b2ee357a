//! `blueberry rules`.

use anyhow::Result;
use blueberry_rules::render_rules;

use crate::exit::Done;

/// Says what every rule asks.
pub fn run() -> Result<Done> {
    outln!("{}", render_rules().trim_end());
    Ok(Done::Yes)
}
