//! Logs may come compressed: gzip and zstd are told by their first bytes, everything else is plain.
//!
//! Pure Rust, for the browser. The result never gives more than a limit, since a few bytes can unfold to
//! gigabytes.

use std::io::{self, BufRead, BufReader, Cursor, Read};

use flate2::bufread::MultiGzDecoder;
use thiserror::Error;

use crate::zstd::ZstdReader;

const GZIP: [u8; 2] = [0x1f, 0x8b];
const ZSTD: [u8; 4] = [0x28, 0xb5, 0x2f, 0xfd];

/// Why compressed input cannot be read. Comes as the source of an [`io::Error`].
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum DecompressError {
    /// There is more than the limit.
    #[error("more than {limit} bytes when unpacked; this is no run log, or raise the limit")]
    TooLarge {
        /// The limit in bytes.
        limit: u64,
    },
    /// The zstd stream is damaged, cut short, or asks for something that is not supported.
    #[error("byte {offset} of the zstd stream: {reason}")]
    Zstd {
        /// Compressed bytes that were read before.
        offset: u64,
        /// What is wrong.
        reason: &'static str,
    },
}

impl From<DecompressError> for io::Error {
    fn from(error: DecompressError) -> Self {
        Self::new(io::ErrorKind::InvalidData, error)
    }
}

/// Unpacked input; see [`decompress`].
pub type Decompressed<R> = BufReader<Capped<Unpacked<R>>>;

/// Unpacks `input`, which is gzip, zstd or plain by its first bytes. Concatenated streams are read as one.
///
/// # Errors
/// When the first bytes cannot be read. Reading from the result fails with a [`DecompressError`] inside the
/// [`io::Error`] after `limit_bytes` unpacked bytes and for a damaged stream, never with a panic.
pub fn decompress<R: BufRead>(mut input: R, limit_bytes: u64) -> io::Result<Decompressed<R>> {
    let start = first_bytes(&mut input)?;
    let is_gzip = start.starts_with(&GZIP);
    let is_zstd = start.starts_with(&ZSTD);
    let whole = Cursor::new(start).chain(input);
    let unpacked = if is_gzip {
        Unpacked::Gzip(Box::new(MultiGzDecoder::new(whole)))
    } else if is_zstd {
        Unpacked::Zstd(Box::new(ZstdReader::new(whole)))
    } else {
        Unpacked::Plain(whole)
    };
    let capped = Capped {
        inner: unpacked,
        left: limit_bytes,
        limit: limit_bytes,
    };
    Ok(BufReader::with_capacity(1 << 16, capped))
}

/// Up to four bytes; a pipe may give them one by one.
fn first_bytes(input: &mut impl BufRead) -> io::Result<Vec<u8>> {
    let mut start = Vec::with_capacity(ZSTD.len());
    input.take(ZSTD.len() as u64).read_to_end(&mut start)?;
    Ok(start)
}

type Whole<R> = io::Chain<Cursor<Vec<u8>>, R>;

/// One of the ways that input is packed.
pub enum Unpacked<R: BufRead> {
    /// Not packed.
    Plain(Whole<R>),
    /// gzip, RFC 1952.
    Gzip(Box<MultiGzDecoder<Whole<R>>>),
    /// zstd, RFC 8878.
    Zstd(Box<ZstdReader<Whole<R>>>),
}

impl<R: BufRead> Read for Unpacked<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Plain(input) => input.read(buffer),
            Self::Gzip(input) => input.read(buffer),
            Self::Zstd(input) => input.read(buffer),
        }
    }
}

/// Gives at most so many bytes, and an error where there are more.
pub struct Capped<R> {
    inner: R,
    left: u64,
    limit: u64,
}

impl<R: Read> Read for Capped<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        // One byte more than is left shows that there are too many.
        let most = usize::try_from(self.left.saturating_add(1)).unwrap_or(usize::MAX);
        let room = most.min(buffer.len());
        let got = self.inner.read(&mut buffer[..room])?;
        let Some(left) = self.left.checked_sub(got as u64) else {
            return Err(DecompressError::TooLarge { limit: self.limit }.into());
        };
        self.left = left;
        Ok(got)
    }
}
