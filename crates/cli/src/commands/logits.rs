//! `blueberry logits`.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::PathBuf;

use anyhow::{Context, Result};
use blueberry_train::native::{LogitRows, saved_logits};

use crate::exit::{Done, Usage};

/// The largest file of rows that is read.
const ROWS_BYTES: u64 = 64 << 20;

/// Writes the logits that the last saved model of a run gives for the next token at places in rows of tokens, so that
/// somebody else can judge the model by them; `blueberry verify --probe` does.
#[derive(Debug, clap::Args)]
pub struct LogitsArgs {
    /// A run's folder.
    pub run: PathBuf,
    /// The rows, as JSON: {"rows": [{"tokens": [17, 4], "positions": [0, 1]}]}.
    #[arg(long, value_name = "FILE.json")]
    pub rows: PathBuf,
    /// Where the logits go, normalised: little-endian f32, the whole vocabulary for each place, in the order of the rows.
    #[arg(long, value_name = "FILE")]
    pub to: PathBuf,
    /// auto, cuda[:i], wgpu[:i], metal, vulkan[:i] or cpu [default: the run's].
    #[arg(long, value_name = "DEVICE")]
    pub device: Option<String>,
}

pub fn run(args: &LogitsArgs) -> Result<Done> {
    let rows = rows(args)?;
    let write = |path: &PathBuf| format!("cannot write `{}`", path.display());
    let file = File::create(&args.to).with_context(|| write(&args.to))?;
    let mut file = BufWriter::new(file);
    saved_logits(&args.run, args.device.as_deref(), &rows, |logits| {
        for logit in logits {
            file.write_all(&logit.to_le_bytes())
                .with_context(|| write(&args.to))?;
        }
        anyhow::Ok(())
    })?;
    file.flush().with_context(|| write(&args.to))?;
    Ok(Done::Yes)
}

fn rows(args: &LogitsArgs) -> Result<LogitRows> {
    let path = args.rows.display();
    let meta = std::fs::metadata(&args.rows).with_context(|| format!("cannot read `{path}`"))?;
    if meta.len() > ROWS_BYTES {
        return Err(Usage("--rows: the file is larger than 64 MiB").into());
    }
    let text = std::fs::read_to_string(&args.rows).with_context(|| format!("cannot read `{path}`"))?;
    serde_json::from_str(&text).map_err(|error| {
        anyhow::Error::new(Usage("--rows: it does not hold rows of tokens and places"))
            .context(format!("`{path}`: {error}"))
    })
}
