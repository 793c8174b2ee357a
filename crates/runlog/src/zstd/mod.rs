//! zstd streams, RFC 8878: frames one after another, without dictionaries.
//!
//! Written for strangers' files: every size is held against a limit before memory is taken, and whatever is wrong is
//! a [`DecompressError`], never a panic. Content checksums are not verified; a run log has its seals.

mod bits;
mod block;
mod frame;
mod fse;
mod huffman;
mod literals;
mod sequences;

use std::io::{self, BufRead, Read};

use crate::DecompressError;
use block::Decoder;
use frame::{BlockHeader, BlockKind, FrameHeader};

/// The largest window that is supported in bytes: what `zstd --ultra --long` asks for at most by default.
const MAX_WINDOW: u64 = 128 << 20;
/// The largest block in bytes, packed or not.
const MAX_BLOCK: usize = 128 << 10;

/// What is wrong with a stream.
type Wrong = &'static str;

/// Unpacks a zstd stream.
pub struct ZstdReader<R> {
    input: R,
    /// Packed bytes that were read.
    offset: u64,
    frame: Option<FrameHeader>,
    decoder: Decoder,
    packed: Vec<u8>,
}

impl<R: BufRead> ZstdReader<R> {
    pub(crate) fn new(input: R) -> Self {
        Self {
            input,
            offset: 0,
            frame: None,
            decoder: Decoder::default(),
            packed: Vec::new(),
        }
    }

    /// Unpacks the next block, beginning a frame where none is open. Says whether there was one.
    fn advance(&mut self) -> io::Result<bool> {
        let frame = match self.frame.take() {
            Some(frame) => frame,
            None => match self.next_frame()? {
                Some(frame) => frame,
                None => return Ok(false),
            },
        };
        let header = BlockHeader::parse(self.array()?).map_err(|wrong| self.wrong(wrong))?;
        let packed_bytes = if header.kind == BlockKind::Repeated {
            1
        } else {
            header.bytes
        };
        self.fill(packed_bytes)?;
        let packed = std::mem::take(&mut self.packed);
        let done = self.decoder.block(&header, &packed, frame.window);
        self.packed = packed;
        done.map_err(|wrong| self.wrong(wrong))?;
        if !header.is_last {
            self.frame = Some(frame);
        } else if frame.has_checksum {
            self.array::<4>()?;
        }
        Ok(true)
    }

    /// The next frame's header; skips frames that carry no content.
    fn next_frame(&mut self) -> io::Result<Option<FrameHeader>> {
        while !self.input.fill_buf()?.is_empty() {
            let magic = u32::from_le_bytes(self.array()?);
            if magic & 0xffff_fff0 == 0x184d_2a50 {
                let bytes = u32::from_le_bytes(self.array()?);
                self.skip(bytes.into())?;
                continue;
            }
            if magic != 0xfd2f_b528 {
                return Err(self.wrong("no frame begins here"));
            }
            let [descriptor] = self.array()?;
            self.fill(FrameHeader::rest_bytes(descriptor))?;
            let header = FrameHeader::parse(descriptor, &self.packed).map_err(|wrong| self.wrong(wrong))?;
            self.decoder.begin_frame();
            return Ok(Some(header));
        }
        Ok(None)
    }

    fn skip(&mut self, bytes: u64) -> io::Result<()> {
        let skipped = io::copy(&mut self.input.by_ref().take(bytes), &mut io::sink())?;
        self.offset += skipped;
        if skipped < bytes {
            Err(self.wrong("it is cut short"))
        } else {
            Ok(())
        }
    }

    fn array<const N: usize>(&mut self) -> io::Result<[u8; N]> {
        self.fill(N)?;
        self.packed[..]
            .try_into()
            .map_err(|_| self.wrong("it is cut short"))
    }

    /// Reads the next bytes into `packed`. Callers ask for a block at most.
    fn fill(&mut self, bytes: usize) -> io::Result<()> {
        self.packed.clear();
        self.input
            .by_ref()
            .take(bytes as u64)
            .read_to_end(&mut self.packed)?;
        self.offset += self.packed.len() as u64;
        if self.packed.len() < bytes {
            Err(self.wrong("it is cut short"))
        } else {
            Ok(())
        }
    }

    fn wrong(&self, reason: Wrong) -> io::Error {
        DecompressError::Zstd {
            offset: self.offset,
            reason,
        }
        .into()
    }
}

impl<R: BufRead> Read for ZstdReader<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            let got = self.decoder.give(buffer);
            if got > 0 || buffer.is_empty() || !self.advance()? {
                return Ok(got);
            }
        }
    }
}
