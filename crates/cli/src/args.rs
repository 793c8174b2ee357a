//! What can be said on the command line.

use std::path::PathBuf;

use clap::{Args as ClapArgs, Parser, Subcommand};

use crate::commands;
use crate::commands::eval::EvalArgs;
use crate::commands::logits::LogitsArgs;
use crate::commands::probe::ProbeArgs;
use crate::commands::scan::ScanArgs;
use crate::commands::verify::VerifyRecordArgs;

#[derive(Debug, Parser)]
#[command(
    name = "blueberry",
    version,
    about = "A speedrun harness: race to train a language model of about 151 million parameters.",
    max_term_width = 100
)]
pub struct Args {
    #[command(subcommand)]
    pub command: Command,
}

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Train a model. Without arguments: the best device, preset `tiny`, the built-in corpus, about two
    /// minutes on two CPU cores.
    Train(TrainArgs),
    /// List the devices of this machine and why one cannot be used.
    Devices(DevicesArgs),
    /// Say what a run holds.
    Info(InfoArgs),
    /// Show runs in the web page, served on this machine only; a run that is still training is followed.
    View(ViewArgs),
    /// Time the steps of a preset on made-up tokens, each operation in them, and what the device can do at best.
    Bench(BenchArgs),
    /// Turn text into token shards.
    #[command(subcommand)]
    Data(DataCommand),
    /// Declare the seeds of a claim before they run.
    Attempts(commands::attempts::Flags),
    /// Say what every rule asks, a sentence each.
    Rules,
    /// Hold runs or records against the rules: exit code 0 eligible, 1 a rule is broken, 2 unreadable, 3 nobody can tell yet.
    Check(commands::check::Flags),
    /// Turn runs into a record, unless a rule is broken.
    Submit(commands::submit::Flags),
    /// Write a request for a sponsored run.
    Propose(commands::propose::Flags),
    /// Make LEADERBOARD.md anew from the records.
    Leaderboard(commands::leaderboard::Flags),
    Eval(EvalArgs),
    Verify(VerifyRecordArgs),
    Probe(ProbeArgs),
    Logits(LogitsArgs),
}

#[derive(Debug, ClapArgs)]
pub struct TrainArgs {
    /// A built-in preset (tiny, nano, reference) or the path of a .toml file [default: tiny].
    #[arg(long, value_name = "NAME|PATH.toml")]
    pub preset: Option<String>,
    /// Override any field of the preset, as `optim.muon.lr=0.02`. May be repeated.
    #[arg(long = "set", value_name = "KEY=VALUE")]
    pub overrides: Vec<String>,
    /// A folder made by `blueberry data prepare`; without it, the built-in corpus.
    #[arg(long, value_name = "DIR")]
    pub data: Option<PathBuf>,
    /// Targets to consume, rounded up to whole steps: 100000000, 100_000_000 or 100M.
    #[arg(long, value_name = "N", value_parser = count)]
    pub train_tokens: Option<u64>,
    /// How often the data may be seen.
    #[arg(long, value_name = "N")]
    pub epochs: Option<u64>,
    /// auto, cuda[:i], wgpu[:i], metal, vulkan[:i] or cpu [default: auto].
    #[arg(long, value_name = "DEVICE")]
    pub device: Option<String>,
    /// Seed of weights, data order and samples [default: 42].
    #[arg(long, value_name = "N")]
    pub seed: Option<u64>,
    /// The run's folder, by whose name it is known [default: runs/<preset>-<seed>-<time>].
    #[arg(long, value_name = "DIR")]
    pub out: Option<PathBuf>,
    /// Go on with the run in this folder, with the settings in its log.
    #[arg(long, value_name = "DIR", conflicts_with_all = [
        "preset", "overrides", "data", "train_tokens", "epochs", "seed", "out", "user", "attempts"
    ])]
    pub resume: Option<PathBuf>,
    /// The file of `blueberry attempts` that declares this seed; its digest goes into the log, as a record needs.
    #[arg(long, value_name = "FILE")]
    pub attempts: Option<PathBuf>,
    /// Train without the device's check, or although it failed; the log says so.
    #[arg(long)]
    pub unchecked_device: bool,
    /// Say what the run would be, what memory and disk it takes, whether data that is named would do, and stop.
    #[arg(long, conflicts_with = "resume")]
    pub dry_run: bool,
    /// Start although the machine has too little memory for it, as far as can be told.
    #[arg(long)]
    pub ignore_memory: bool,
    /// Your name, for the log.
    #[arg(long, value_name = "NAME")]
    pub user: Option<String>,
    /// Write the log's lines to standard output instead of a progress line.
    #[arg(long)]
    pub json: bool,
}

#[derive(Debug, ClapArgs)]
pub struct DevicesArgs {
    /// Train a small model for a step on each device and compare loss and every gradient with the CPU's.
    #[arg(long)]
    pub check: bool,
    /// Only this device: cuda[:i], wgpu[:i], metal, vulkan[:i] or cpu. A software adapter is only checked
    /// when it is named.
    #[arg(long, value_name = "DEVICE")]
    pub device: Option<String>,
    /// For machines.
    #[arg(long)]
    pub json: bool,
}

#[derive(Debug, ClapArgs)]
pub struct InfoArgs {
    /// A run's folder, or a log.
    pub run: PathBuf,
    /// For machines.
    #[arg(long)]
    pub json: bool,
}

#[derive(Debug, ClapArgs)]
pub struct ViewArgs {
    /// Runs' folders, folders of runs, or logs of any kind that the page reads.
    pub runs: Vec<PathBuf>,
    /// Port of 127.0.0.1; 0 takes any that is free.
    #[arg(long, value_name = "N", default_value_t = blueberry_view::DEFAULT_PORT)]
    pub port: u16,
    /// Open the browser.
    #[arg(long)]
    pub open: bool,
    /// The built page [default: what `cargo xtask web` built].
    #[arg(long, value_name = "DIR")]
    pub page: Option<PathBuf>,
}

#[derive(Debug, Subcommand)]
pub enum DataCommand {
    /// Turn text files, folders, JSON lines or Parquet into token shards and a manifest. A second run with
    /// the same inputs changes nothing.
    Prepare(PrepareArgs),
    /// Compare every shard of a prepared folder with the digests in its manifest.
    Verify(VerifyArgs),
    Scan(ScanArgs),
}

#[derive(Debug, ClapArgs)]
pub struct PrepareArgs {
    /// Text files, folders, .jsonl or .parquet. A text file is one document, of 64 MiB at most: longer text goes into
    /// .jsonl, a document a line.
    #[arg(required = true)]
    pub inputs: Vec<PathBuf>,
    /// The folder to make.
    #[arg(long, value_name = "DIR")]
    pub out: PathBuf,
    /// A Hugging Face tokenizer.json, or `bytes`.
    #[arg(long, value_name = "FILE|bytes", default_value = "bytes")]
    pub tokenizer: String,
    /// The field of JSON lines or column of Parquet that holds the text (or ready `input_ids`).
    #[arg(long, value_name = "NAME")]
    pub field: Option<String>,
    /// Threads [default: all].
    #[arg(long, value_name = "N")]
    pub threads: Option<usize>,
}

#[derive(Debug, ClapArgs)]
pub struct VerifyArgs {
    /// A folder made by `blueberry data prepare`.
    pub dir: PathBuf,
}

#[derive(Debug, ClapArgs)]
pub struct BenchArgs {
    /// A built-in preset (tiny, nano, reference) or the path of a .toml file.
    #[arg(long, value_name = "NAME|PATH.toml", default_value = "tiny")]
    pub preset: String,
    /// Override any field of the preset, as `train.micro_batch=8`. May be repeated.
    #[arg(long = "set", value_name = "KEY=VALUE")]
    pub overrides: Vec<String>,
    /// auto, cuda[:i], wgpu[:i], metal, vulkan[:i] or cpu.
    #[arg(long, value_name = "DEVICE", default_value = "auto")]
    pub device: String,
    /// Steps that are timed.
    #[arg(long, value_name = "N", default_value_t = 10)]
    pub steps: usize,
    /// Steps before them that are not.
    #[arg(long, value_name = "N", default_value_t = 3)]
    pub warmup: usize,
    /// Seed of weights and tokens.
    #[arg(long, value_name = "N", default_value_t = 42)]
    pub seed: u64,
    /// Also write the measurements to this file, as JSON.
    #[arg(long, value_name = "FILE")]
    pub out: Option<PathBuf>,
    /// After the warm-up, answer each line `go K` on standard input with a measurement of K more steps, so
    /// that another program can take turns on the same machine.
    #[arg(long)]
    pub interactive: bool,
    /// Print the preset as `bench/pytorch/train.py --config` reads it, and measure nothing.
    #[arg(long)]
    pub pytorch_config: bool,
}

/// A count as people write it: `100_000_000`, `100M`, `1.5B`, `1e8`.
pub fn count(text: &str) -> Result<u64, String> {
    let plain = text.replace('_', "");
    if let Ok(count) = plain.parse() {
        return Ok(count);
    }
    let (digits, power) = match plain.char_indices().last() {
        Some((at, 'k' | 'K')) => (&plain[..at], "e3"),
        Some((at, 'M')) => (&plain[..at], "e6"),
        Some((at, 'B' | 'G')) => (&plain[..at], "e9"),
        _ => (&plain[..], ""),
    };
    // As one number, which is rounded once: 4.1 times 1e9 is no whole number.
    let value = format!("{digits}{power}").parse().unwrap_or(f64::NAN);
    // Larger ones are no longer exact.
    if value >= 0.0 && value.fract() == 0.0 && value <= (1u64 << 53) as f64 {
        Ok(value as u64)
    } else {
        Err("not a count: write 100000000, 100_000_000, 100M or 1e8".to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::count;

    #[test]
    fn counts_are_read_as_people_write_them() {
        for (text, expected) in [
            ("100000000", 100_000_000),
            ("100_000_000", 100_000_000),
            ("100M", 100_000_000),
            ("1e8", 100_000_000),
            ("1.5B", 1_500_000_000),
            ("4.1B", 4_100_000_000),
            ("16.1k", 16_100),
            ("16k", 16_000),
            ("0", 0),
        ] {
            assert_eq!(count(text), Ok(expected), "{text}");
        }
        for text in ["", "M", "-1", "1.5", "0.5k3", "1e3k", "1e300", "inf", "NaN", "1m"] {
            assert!(count(text).is_err(), "{text}");
        }
    }
}
