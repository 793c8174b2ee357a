//! The run log: everything that a training run says about itself, in one file, `run.jsonl`.
//!
//! # The format, version 1
//! One JSON object a line, named by its field `event`. Times are seconds, memory is bytes, losses are nats
//! per token, `tokens` are consumed targets.
//!
//! - The first line is [`run`](Run): the settings, the data, the source and the machine.
//! - Every later line is an [`Event`] and says where the run stands ([`At`]): `step`, `tokens`, `train_s`,
//!   `wall_s`.
//! - `seal` lines hold SHA-256 digests of the lines before them, each chained to the last ([`Chain`]), so
//!   that a changed, removed or added line shows. Seals prove that a log is as it was written, not who wrote
//!   it, and lines behind the last seal are not covered.
//! - `end` says how the run stopped; a seal follows it. After an interrupted run, `resume` may follow and the
//!   log goes on from a checkpoint: the steps since that checkpoint come again.
//! - JSON has no NaN and no infinities: they are the strings `"NaN"`, `"Infinity"`, `"-Infinity"`.
//! - Fields and events that a reader does not know are kept. A log of a later version is refused.
//!
//! ```text
//! {"event":"run","version":1,"run_id":"a","config":{},"preset":"tiny","seed":1, ...}
//! {"event":"step","step":1,"tokens":1024,"train_s":0.5,"wall_s":0.5,"loss":10.8, ...}
//! {"event":"eval","step":1,"tokens":1024,"train_s":0.5,"wall_s":0.9,"val_loss":10.7, ...}
//! {"event":"seal","step":1,"tokens":1024,"train_s":0.5,"wall_s":0.9,"lines":3,"sha256":"5f..."}
//! ```
//!
//! # Use
//! [`Writer`] writes to any [`std::io::Write`]; [`read`] reads from any [`std::io::BufRead`], also a torn,
//! edited or hostile log, within [`Limits`]. There are no files, threads or clocks in this crate, so the same
//! code runs on the command line and in a web page.
//!
//! ```
//! use blueberry_runlog::{Limits, read};
//!
//! let text = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/small.jsonl"));
//! let log = read(text.as_bytes(), &Limits::default())?;
//! assert!(log.torn.is_none() && log.seals.broken.is_none() && log.seals.unsealed_lines == 0);
//! let losses: Vec<f64> = log.evals().map(|eval| eval.val_loss).collect();
//! assert_eq!(losses, [3.25]);
//! # Ok::<(), blueberry_runlog::ReadError>(())
//! ```

mod decompress;
mod error;
mod events;
mod float;
pub mod import;
mod reader;
mod run;
mod seal;
mod writer;
mod zstd;

pub use decompress::{DecompressError, Decompressed, decompress};
pub use error::ParseError;
pub use events::{
    At, Benchmark, Checkpoint, End, EndStatus, Eval, Event, Extra, Ledger, Note, Resume, Sample, Seal, Step,
    Warmup,
};
pub use reader::{Limits, Line, ReadError, RunLog, Torn, TornReason, read};
pub use run::{CheckStatus, DataDigests, DeviceCheck, Hardware, ModelCounts, Run, SourceTree};
pub use seal::{Broken, Chain, SealReport};
pub use writer::{WriteError, Writer};

/// The format version that this build writes, and the highest that it reads.
pub const VERSION: u64 = 1;
