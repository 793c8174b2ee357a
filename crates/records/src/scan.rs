//! What `blueberry data scan --json` said.

use std::path::Path;

use blueberry_rules::LeakScan;
use serde::Deserialize;

use crate::Limits;
use crate::commands::CommandError;
use crate::folder::read_text;

/// What counts of the scan's report.
#[derive(Deserialize)]
struct Report {
    manifest_sha256: String,
    overlapping_windows: u64,
    covered_targets: u64,
    places: Vec<Place>,
}

#[derive(Deserialize)]
struct Place {
    file: String,
    offset: u64,
    tokens: u64,
}

/// Reads the report of a scan. Whether it is of the data that the runs had is for the rule to say.
///
/// # Errors
/// The file cannot be read or is no such report.
pub fn read_scan(path: &Path) -> Result<LeakScan, CommandError> {
    let text = read_text(path, Limits::default().text_bytes)?;
    parse_scan(&text).map_err(|cause| CommandError::Scan {
        path: path.to_owned(),
        cause,
    })
}

/// Reads the text of such a report.
///
/// # Errors
/// It is none.
pub fn parse_scan(text: &str) -> Result<LeakScan, serde_json::Error> {
    let report: Report = serde_json::from_str(text)?;
    let place = |place: &Place| {
        let Place { file, offset, tokens } = place;
        format!("{file} from token {offset}: {tokens} tokens")
    };
    Ok(LeakScan {
        first: report.places.first().map(place),
        manifest_sha256: report.manifest_sha256,
        overlapping_windows: report.overlapping_windows,
        covered_targets: report.covered_targets,
    })
}
