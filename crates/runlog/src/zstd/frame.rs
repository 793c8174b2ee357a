//! Headers of frames and blocks, RFC 8878 sections 3.1.1.1 and 3.1.1.2.

use super::{MAX_BLOCK, MAX_WINDOW, Wrong};

/// What is needed of a frame's header.
#[derive(Debug, Clone, Copy)]
pub(super) struct FrameHeader {
    /// How far back a match may reach, in bytes.
    pub window: usize,
    pub has_checksum: bool,
}

impl FrameHeader {
    /// Bytes of the header behind its descriptor.
    pub(super) fn rest_bytes(descriptor: u8) -> usize {
        let window = usize::from(!is_single(descriptor));
        window + dictionary_bytes(descriptor) + content_bytes(descriptor)
    }

    /// Takes the bytes behind the descriptor.
    pub(super) fn parse(descriptor: u8, rest: &[u8]) -> Result<Self, Wrong> {
        if descriptor & 0x08 != 0 {
            return Err("the frame is of a later version");
        }
        let (window, rest) = rest.split_at(usize::from(!is_single(descriptor)));
        let (dictionary, content) = rest.split_at(dictionary_bytes(descriptor));
        if dictionary.iter().any(|&byte| byte != 0) {
            return Err("it was packed with a dictionary, which is not supported");
        }
        let window = match window {
            [window] => window_bytes(*window),
            // The window is the whole content.
            _ => content_size(content),
        };
        if window > MAX_WINDOW {
            return Err("its window is above 128 MiB");
        }
        Ok(Self {
            window: window as usize,
            has_checksum: descriptor & 0x04 != 0,
        })
    }
}

fn is_single(descriptor: u8) -> bool {
    descriptor & 0x20 != 0
}

fn dictionary_bytes(descriptor: u8) -> usize {
    [0, 1, 2, 4][usize::from(descriptor & 3)]
}

fn content_bytes(descriptor: u8) -> usize {
    match descriptor >> 6 {
        0 => usize::from(is_single(descriptor)),
        flag => 1 << flag,
    }
}

fn window_bytes(descriptor: u8) -> u64 {
    let base = 1u64 << (10 + (descriptor >> 3));
    base + base / 8 * u64::from(descriptor & 7)
}

fn content_size(bytes: &[u8]) -> u64 {
    let size = bytes
        .iter()
        .rev()
        .fold(0, |size, &byte| size << 8 | u64::from(byte));
    // Two bytes count from 256, since one would do for less.
    if bytes.len() == 2 { size + 256 } else { size }
}

/// How a block is packed.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum BlockKind {
    Raw,
    Repeated,
    Compressed,
}

#[derive(Debug, Clone, Copy)]
pub(super) struct BlockHeader {
    pub is_last: bool,
    pub kind: BlockKind,
    /// Bytes as packed; of a repeated byte, how often it comes.
    pub bytes: usize,
}

impl BlockHeader {
    pub(super) fn parse([a, b, c]: [u8; 3]) -> Result<Self, Wrong> {
        let bits = u32::from_le_bytes([a, b, c, 0]);
        let kind = match bits >> 1 & 3 {
            0 => BlockKind::Raw,
            1 => BlockKind::Repeated,
            2 => BlockKind::Compressed,
            _ => return Err("a block of a kind that is not in use"),
        };
        let bytes = (bits >> 3) as usize;
        if bytes > MAX_BLOCK {
            return Err("a block above 128 KiB");
        }
        Ok(Self {
            is_last: bits & 1 == 1,
            kind,
            bytes,
        })
    }
}
