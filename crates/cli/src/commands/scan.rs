//! `blueberry data scan`.

use std::path::PathBuf;

use anyhow::Result;
use blueberry_data::{Dataset, Overlap, scan};

use crate::commands::data::hold_against_digests;
use crate::exit::Done;
use crate::format::grouped;
use crate::meter::{EVERY, Meter};

/// Looks for the validation set in the training tokens.
#[derive(Debug, clap::Args)]
pub struct ScanArgs {
    /// A folder made by `blueberry data prepare`.
    pub dir: PathBuf,
    /// How many places are named.
    #[arg(long, value_name = "N", default_value_t = 10)]
    pub places: usize,
    /// For machines.
    #[arg(long)]
    pub json: bool,
}

/// Exit code 0 where there is no overlap, 1 where there is one.
pub fn run(args: &ScanArgs) -> Result<Done> {
    let dataset = Dataset::open(&args.dir)?;
    // What is scanned must be what the report names.
    hold_against_digests(&dataset)?;
    let overlap = scan_data(&dataset, args.places)?;
    if args.json {
        outln!("{}", serde_json::to_string_pretty(&overlap)?);
    } else {
        print(args, &overlap);
    }
    Ok(if overlap.is_clean() { Done::Yes } else { Done::No })
}

/// [`scan`], with its progress.
pub fn scan_data(dataset: &Dataset, places: usize) -> Result<Overlap> {
    let meter = Meter::bar("{msg} {bar:24} {percent:>3}%  {per_sec}  ETA {eta}", EVERY);
    Ok(scan(dataset, places, &|done, all| {
        let (seen, windows) = (grouped(done), grouped(all));
        let text = format!("looking for validation data in the training data: {seen} of {windows} windows");
        meter.set(done, all, text);
    })?)
}

fn print(args: &ScanArgs, overlap: &Overlap) {
    let (dir, window) = (args.dir.display(), overlap.window_tokens);
    if overlap.is_clean() {
        outln!("{dir}: no {window} tokens of the validation set stand in the training tokens");
    } else {
        outln!("{dir}: the validation set and the training tokens overlap");
    }
    outln!(
        "  windows of {window} tokens  {} of {} overlap",
        grouped(overlap.overlapping_windows),
        grouped(overlap.train_windows)
    );
    outln!(
        "  validation targets    {} of {} are covered ({:.3}%)",
        grouped(overlap.covered_targets),
        grouped(overlap.validation_targets),
        overlap.covered_share() * 100.0
    );
    for file in overlap.files.iter().filter(|file| file.overlapping_windows > 0) {
        outln!("  {}: {} windows", file.file, grouped(file.overlapping_windows));
    }
    for place in &overlap.places {
        outln!(
            "  {} from token {}: {} tokens, validation from token {}",
            place.file,
            grouped(place.offset),
            grouped(place.tokens),
            grouped(place.validation_offset)
        );
    }
    let more = overlap.places_in_all - overlap.places.len() as u64;
    if more > 0 {
        outln!("  and {} more places", grouped(more));
    }
}
