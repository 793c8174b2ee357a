//! The most memory that a short run holds: model, optimiser, data, validation and checkpoint.

use serde::Serialize;

use super::report::{Measured, PartReport, Table, megabytes};
use super::scratch::Scratch;
use super::training::{self, TrainingRun};
use super::{Context, Error};

/// Presets and the targets that each trains on: a few steps, after which the peak stays.
const RUNS: [(&str, u64); 2] = [("tiny", 8_192), ("nano", 4_096)];

#[derive(Serialize)]
struct Peak {
    preset: &'static str,
    tokens: u64,
    peak_resident_bytes: u64,
}

/// Measures every preset on the CPU.
pub fn run(context: &Context) -> Result<PartReport, Error> {
    let peaks = RUNS.iter().map(|&(preset, tokens)| peak(context, preset, tokens));
    let peaks: Vec<_> = peaks.collect::<Result<_, _>>()?;
    let mut table = Table::new(&["memory", "peak"]);
    for one in &peaks {
        table.row([one.preset.to_owned(), megabytes(Some(one.peak_resident_bytes))]);
    }
    let part = Measured::new(&peaks, vec![], vec![table])?;
    Ok(PartReport::Measured { part })
}

fn peak(context: &Context, preset: &'static str, tokens: u64) -> Result<Peak, Error> {
    let scratch = Scratch::new()?;
    let mut command = training::command(context, preset, "cpu", tokens);
    let run = TrainingRun::take(&mut command, &scratch.path().join("run"))?;
    Ok(Peak {
        preset,
        tokens,
        // A whole number of bytes, far below 2^53.
        peak_resident_bytes: run.summary("peak_resident_bytes")? as u64,
    })
}
