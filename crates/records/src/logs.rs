//! Reading logs, plain or packed, within limits that all logs of a claim share.

use std::fs::File;
use std::io::{self, BufReader, Read};
use std::path::{Path, PathBuf};

use blueberry_rules::LoggedRun;
use blueberry_runlog::{DecompressError, ReadError, RunLog, decompress, read};
use sha2::{Digest, Sha256};
use thiserror::Error;

use crate::LogLimits;
use crate::folder::{FolderError, open_plain};

/// Name of the log in a run's folder.
pub const LOG_FILE: &str = "run.jsonl";

/// Reads logs until their limits are used up.
#[derive(Debug, Clone)]
pub struct LogReader {
    left: LogLimits,
    limits: LogLimits,
}

/// Why a log is not read.
#[derive(Debug, Error)]
pub enum LogError {
    /// The file.
    #[error(transparent)]
    File(#[from] FolderError),
    /// Its content.
    #[error("`{}`: {cause}", path.display())]
    Content {
        /// The log.
        path: PathBuf,
        /// What is wrong, with the line.
        cause: ReadError,
    },
    /// Its packing.
    #[error("`{}`: cannot be unpacked: {cause}", path.display())]
    Packing {
        /// The log.
        path: PathBuf,
        /// What is wrong.
        cause: io::Error,
    },
    /// Too many logs.
    #[error("`{}`: more than {limit} logs of one claim, which are all that is read", path.display())]
    TooMany {
        /// The first log too many.
        path: PathBuf,
        /// The limit.
        limit: usize,
    },
    /// Too much in them.
    #[error("`{}`: with this log, those of the claim together have over {limit} {what}, which are all that is read", path.display())]
    TooMuch {
        /// The log with which it is too much.
        path: PathBuf,
        /// The limit of all of them.
        limit: u64,
        /// Of what.
        what: &'static str,
    },
}

/// Too many values, as the source of an [`io::Error`].
#[derive(Debug, Error)]
#[error("too many values")]
struct TooManyValues;

impl LogReader {
    /// A reader with all of its limits left.
    #[must_use]
    pub fn new(limits: &LogLimits) -> Self {
        Self {
            left: *limits,
            limits: *limits,
        }
    }

    /// Reads the log of a run's folder, or a log by itself, named `name` in messages and verdicts. Torn ends
    /// and broken seals are in the result, for the judge.
    ///
    /// # Errors
    /// [`LogError`], with path and line.
    pub fn read(&mut self, path: &Path, name: &str) -> Result<LoggedRun, LogError> {
        let path = if path.is_dir() {
            path.join(LOG_FILE)
        } else {
            path.to_owned()
        };
        let limit = self.limits.count;
        self.left.count = self.left.count.checked_sub(1).ok_or(LogError::TooMany {
            path: path.clone(),
            limit,
        })?;
        let (log, sha256) = self.unpack(open_plain(&path)?, &path)?;
        Ok(LoggedRun {
            name: name.to_owned(),
            sha256,
            log,
        })
    }

    fn unpack(&mut self, file: File, path: &Path) -> Result<(RunLog, String), LogError> {
        let packing = |cause| LogError::Packing {
            path: path.to_owned(),
            cause,
        };
        let unpacked = decompress(BufReader::new(file), self.left.bytes).map_err(packing)?;
        let mut meter = Meter {
            inner: unpacked,
            hash: Sha256::new(),
            values: 0,
            limit: self.left.values,
        };
        let limits = blueberry_runlog::Limits {
            line_bytes: self.left.line_bytes,
            lines: self.left.lines,
            bytes: self.left.bytes,
        };
        let log = read(BufReader::with_capacity(1 << 16, &mut meter), &limits).map_err(|cause| {
            let path = path.to_owned();
            match self.too_much(&cause) {
                // What was left for this log is no limit that anybody knows.
                Some((limit, what)) => LogError::TooMuch { path, limit, what },
                None => LogError::Content { path, cause },
            }
        })?;
        self.left.bytes = self.left.bytes.saturating_sub(log.intact_bytes);
        self.left.lines = self.left.lines.saturating_sub(log.lines.len() as u64 + 1);
        self.left.values = self.left.values.saturating_sub(meter.values);
        Ok((log, hex(&meter.hash.finalize())))
    }

    /// Which of the limits that all logs share an error is about, as it was before the first log, and of what.
    fn too_much(&self, cause: &ReadError) -> Option<(u64, &'static str)> {
        match cause {
            ReadError::TooManyLines { .. } => Some((self.limits.lines, "lines")),
            ReadError::TooManyBytes { .. } => Some((self.limits.bytes, "bytes")),
            ReadError::Io { cause, .. } => past_limit(cause, &self.limits),
            _ => None,
        }
    }
}

/// What of the limits an input goes past that a log is read from.
fn past_limit(cause: &io::Error, limits: &LogLimits) -> Option<(u64, &'static str)> {
    let cause = cause.get_ref()?;
    if cause.is::<TooManyValues>() {
        return Some((limits.values, "values"));
    }
    let unpacked = cause.downcast_ref::<DecompressError>()?;
    matches!(unpacked, DecompressError::TooLarge { .. }).then_some((limits.bytes, "bytes"))
}

/// The whole of a log that was read before, unpacked.
pub(crate) fn unpacked(path: &Path) -> Result<Vec<u8>, LogError> {
    let path = if path.is_dir() {
        path.join(LOG_FILE)
    } else {
        path.to_owned()
    };
    let packing = |cause| LogError::Packing {
        path: path.clone(),
        cause,
    };
    let file = BufReader::new(open_plain(&path)?);
    let mut bytes = Vec::new();
    decompress(file, LogLimits::default().bytes)
        .and_then(|mut log| log.read_to_end(&mut bytes))
        .map_err(packing)?;
    Ok(bytes)
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Hashes what passes and counts its JSON values, commas in texts among them.
struct Meter<R> {
    inner: R,
    hash: Sha256,
    values: u64,
    limit: u64,
}

impl<R: Read> Read for Meter<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let got = self.inner.read(buffer)?;
        let passed = &buffer[..got];
        self.hash.update(passed);
        let values = passed
            .iter()
            .filter(|byte| matches!(byte, b',' | b'[' | b'{'))
            .count();
        self.values += values as u64;
        if self.values > self.limit {
            return Err(io::Error::new(io::ErrorKind::InvalidData, TooManyValues));
        }
        Ok(got)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{Dir, small_log};

    fn read_with(limits: LogLimits, bytes: &[u8]) -> Result<LoggedRun, LogError> {
        let dir = Dir::new();
        LogReader::new(&limits).read(&dir.write("log", bytes), "log")
    }

    #[test]
    fn plain_and_packed_logs_are_the_same_log() {
        let plain = small_log();
        let zstd = zstd::encode_all(plain.as_slice(), 3).unwrap();
        for bytes in [&plain, &zstd] {
            let run = read_with(LogLimits::default(), bytes).unwrap();
            assert_eq!(run.sha256, blueberry_rules::sha256(&plain));
            assert!(run.log.seals.broken.is_none() && run.log.end().is_some());
        }
    }

    #[test]
    fn every_limit_names_the_file_and_what_was_too_much() {
        let (all, log) = (LogLimits::default(), small_log());
        for (limits, what) in [
            (LogLimits { count: 0, ..all }, "more than 0 logs"),
            (LogLimits { bytes: 2000, ..all }, "over 2000 bytes"),
            (LogLimits { lines: 3, ..all }, "over 3 lines"),
            (
                LogLimits {
                    line_bytes: 90,
                    ..all
                },
                "line 1: longer than 90 bytes",
            ),
            (LogLimits { values: 20, ..all }, "over 20 values"),
        ] {
            let error = read_with(limits, &log).unwrap_err().to_string();
            assert!(error.contains(what) && error.contains("log"), "{error}");
        }
    }

    #[test]
    fn the_logs_of_a_claim_share_their_limits() {
        let (dir, log) = (Dir::new(), small_log());
        let path = dir.write("log", &log);
        let limits = LogLimits {
            bytes: log.len() as u64 * 3 / 2,
            ..LogLimits::default()
        };
        let mut reader = LogReader::new(&limits);
        reader.read(&path, "first").unwrap();
        assert!(reader.read(&path, "second").is_err());
    }

    /// What is left for the last log is no number that anybody knows.
    #[test]
    fn the_limit_that_is_named_is_that_of_all_logs() {
        let (dir, log) = (Dir::new(), small_log());
        let path = dir.write("log", &log);
        let lines = log.iter().filter(|byte| **byte == b'\n').count() as u64;
        let limits = LogLimits {
            lines: lines * 3 / 2,
            ..LogLimits::default()
        };
        let mut reader = LogReader::new(&limits);
        reader.read(&path, "first").unwrap();
        let error = reader.read(&path, "second").unwrap_err().to_string();
        let says = format!("those of the claim together have over {} lines", limits.lines);
        assert!(error.contains(&says), "{error}");
    }

    #[test]
    fn what_is_packed_badly_is_an_error() {
        let packed = zstd::encode_all(small_log().as_slice(), 3).unwrap();
        for cut in [5, packed.len() / 2, packed.len() - 1] {
            assert!(
                read_with(LogLimits::default(), &packed[..cut]).is_err(),
                "cut at {cut}"
            );
        }
        let bomb = zstd::encode_all(io::repeat(b'{').take(1 << 28), 1).unwrap();
        let error = read_with(LogLimits::default(), &bomb).unwrap_err().to_string();
        assert!(error.contains("line 1"), "{error}");
    }
}
