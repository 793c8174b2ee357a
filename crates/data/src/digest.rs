//! SHA-256 digests as text.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use sha2::{Digest, Sha256};

use crate::error::{AtPath, FileError};

/// Lower-case hex of `bytes`.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The 32 bytes of a digest in lower-case hex; `None` where it is something else.
pub(crate) fn from_hex(text: &str) -> Option<[u8; 32]> {
    let digits = text.as_bytes();
    if digits.len() != 64 {
        return None;
    }
    let mut bytes = [0; 32];
    for (byte, pair) in bytes.iter_mut().zip(digits.chunks_exact(2)) {
        *byte = nibble(pair[0])? << 4 | nibble(pair[1])?;
    }
    Some(bytes)
}

fn nibble(digit: u8) -> Option<u8> {
    match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'a'..=b'f' => Some(digit - b'a' + 10),
        _ => None,
    }
}

/// Size in bytes and SHA-256 of a file; `seen` is told the size of each part that was read.
pub(crate) fn of_file(path: &Path, seen: &mut dyn FnMut(u64)) -> Result<(u64, String), FileError> {
    of_rest(File::open(path).at("open", path)?, path, seen)
}

/// The same of what is left of an open file; `path` only serves the messages.
pub(crate) fn of_rest(
    mut file: File,
    path: &Path,
    seen: &mut dyn FnMut(u64),
) -> Result<(u64, String), FileError> {
    let mut hasher = Sha256::new();
    let mut buffer = vec![0; 1 << 20];
    let mut bytes = 0;
    loop {
        let read = match file.read(&mut buffer) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            read => read.at("read", path)?,
        };
        if read == 0 {
            return Ok((bytes, hex(&hasher.finalize())));
        }
        hasher.update(&buffer[..read]);
        bytes += read as u64;
        seen(read as u64);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hex_round_trips_and_refuses_the_rest() {
        let digest: [u8; 32] = Sha256::digest(b"abc").into();
        let text = hex(&digest);
        assert!(text.starts_with("ba7816bf"));
        assert_eq!(from_hex(&text), Some(digest));
        assert_eq!(from_hex(&text[1..]), None);
        assert_eq!(from_hex(&text.to_uppercase()), None);
    }

    #[test]
    fn a_file_is_hashed_whole() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a");
        std::fs::write(&path, vec![7; (1 << 20) + 3]).unwrap();
        let mut seen = 0;
        let (bytes, sha256) = of_file(&path, &mut |part| seen += part).unwrap();
        assert_eq!((bytes, seen), ((1 << 20) + 3, (1 << 20) + 3));
        assert_eq!(sha256, hex(&Sha256::digest(vec![7; (1 << 20) + 3])));
    }
}
