//! Real logs of other programs, which are not part of the project.
#![allow(dead_code)] // each test file uses a part

use std::path::{Path, PathBuf};

pub const LOGS: [&str; 10] = [
    "100M_RTX4090_Xeon8473C.json",
    "8M_RTX4090_Xeon8473C.json",
    "modded_2024-06-06_AdamW.log",
    "modded_2024-10-10_Muon.nosrc.txt",
    "modded_2024-10-13_llmc_main.log",
    "modded_2026-07-17_baseline_1.nosrc.txt",
    "modded_2026-07-17_challenger_1.nosrc.txt",
    "modded_2026-07-17_challenger_2.nosrc.txt",
    "strict_run_1.tfevents",
    "trackio_example_wandb_export.csv",
];

/// The bytes of a log; `None`, with a printed line, where the assets are missing.
pub fn log(name: &str) -> Option<Vec<u8>> {
    let default = || Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/assets");
    let folder = std::env::var_os("BLUEBERRY_ASSETS").map_or_else(default, PathBuf::from);
    let path = folder.join("logs").join(name);
    let bytes = std::fs::read(&path).ok();
    if bytes.is_none() {
        eprintln!(
            "skipped: no {} (set BLUEBERRY_ASSETS to the folder of the assets)",
            path.display()
        );
    }
    bytes
}
