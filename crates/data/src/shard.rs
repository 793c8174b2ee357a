//! A file of tokens, in the format of llm.c: a header of 256 little-endian `i32` (magic 20240520, version 1, number
//! of tokens, the rest 0), then every token as a little-endian `u16`.

use std::fs::File;
use std::io::{BufWriter, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use memmap2::Mmap;
use sha2::{Digest, Sha256};

use crate::digest::{hex, of_rest};
use crate::error::{AtPath, DataError, FileError};

const MAGIC: i32 = 20_240_520;
const VERSION: i32 = 1;
/// Size of the header.
pub(crate) const HEADER_BYTES: usize = 256 * 4;
/// The header counts the tokens in an `i32`.
pub(crate) const MAX_TOKENS: u64 = i32::MAX as u64;

fn header(tokens: i32) -> [u8; HEADER_BYTES] {
    let mut bytes = [0; HEADER_BYTES];
    for (word, value) in bytes.chunks_exact_mut(4).zip([MAGIC, VERSION, tokens]) {
        word.copy_from_slice(&value.to_le_bytes());
    }
    bytes
}

/// Tokens as they stand in a file.
pub(crate) fn to_bytes(tokens: &[u16]) -> Vec<u8> {
    tokens.iter().flat_map(|token| token.to_le_bytes()).collect()
}

/// Writes one shard; the header's count is filled in by [`ShardWriter::finish`].
pub(crate) struct ShardWriter {
    path: PathBuf,
    file: BufWriter<File>,
    hasher: Sha256,
    tokens: i32,
}

impl ShardWriter {
    pub(crate) fn create(path: &Path) -> Result<Self, FileError> {
        let mut file = BufWriter::with_capacity(1 << 18, File::create_new(path).at("create", path)?);
        file.write_all(&header(0)).at("write", path)?;
        Ok(Self {
            path: path.to_owned(),
            file,
            hasher: Sha256::new(),
            tokens: 0,
        })
    }

    /// Tokens written so far.
    pub(crate) fn tokens(&self) -> u64 {
        u64::from(self.tokens.unsigned_abs())
    }

    /// The caller keeps the total within [`MAX_TOKENS`].
    pub(crate) fn push(&mut self, tokens: &[u16]) -> Result<(), FileError> {
        debug_assert!(self.tokens() + tokens.len() as u64 <= MAX_TOKENS);
        let bytes = to_bytes(tokens);
        self.hasher.update(&bytes);
        self.tokens += tokens.len() as i32;
        self.file.write_all(&bytes).at("write", &self.path)
    }

    /// The number of tokens and the SHA-256 of their bytes (without the header), once all of it is on the disk.
    pub(crate) fn finish(self) -> Result<(u64, String), FileError> {
        let (tokens, path) = (self.tokens(), self.path);
        let mut file = self
            .file
            .into_inner()
            .map_err(std::io::IntoInnerError::into_error)
            .at("write", &path)?;
        file.seek(SeekFrom::Start(0)).at("write", &path)?;
        file.write_all(&header(self.tokens)).at("write", &path)?;
        file.sync_all().at("write", &path)?;
        Ok((tokens, hex(&self.hasher.finalize())))
    }
}

/// A shard in memory, by mapping.
#[derive(Debug)]
pub(crate) struct Shard {
    path: PathBuf,
    map: Mmap,
}

impl Shard {
    /// Maps the shard after its header and length are checked; its tokens are not read.
    pub(crate) fn open(path: &Path) -> Result<Self, DataError> {
        let file = File::open(path).at("open", path)?;
        let found = file.metadata().at("read", path)?.len();
        if found < HEADER_BYTES as u64 {
            return Err(DataError::ShardLength {
                path: path.to_owned(),
                found,
                expected: HEADER_BYTES as u64,
            });
        }
        // SAFETY: a mapping is unsound where the file is changed under it. Shards are written once, under another
        // name, and renamed into place; a user who truncates one during a run gets SIGBUS, not wrong numbers.
        let map = unsafe { Mmap::map(&file) }.at("map", path)?;
        let shard = Self {
            path: path.to_owned(),
            map,
        };
        shard.check()?;
        Ok(shard)
    }

    fn check(&self) -> Result<(), DataError> {
        for (word, expected) in [(0, MAGIC), (1, VERSION)] {
            let found = self.word(word);
            if found != expected {
                return Err(DataError::ForeignShard {
                    path: self.path.clone(),
                    word,
                    found,
                    expected,
                });
            }
        }
        let tokens = self.word(2);
        let Ok(count) = u64::try_from(tokens) else {
            return Err(DataError::ForeignShard {
                path: self.path.clone(),
                word: 2,
                found: tokens,
                expected: 0,
            });
        };
        let (found, expected) = (self.map.len() as u64, HEADER_BYTES as u64 + 2 * count);
        if found != expected {
            return Err(DataError::ShardLength {
                path: self.path.clone(),
                found,
                expected,
            });
        }
        Ok(())
    }

    fn word(&self, index: usize) -> i32 {
        let bytes = &self.map[index * 4..index * 4 + 4];
        i32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]])
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// The tokens as bytes, two a token.
    pub(crate) fn payload(&self) -> &[u8] {
        &self.map[HEADER_BYTES..]
    }

    /// Number of tokens.
    pub(crate) fn len(&self) -> u64 {
        (self.payload().len() / 2) as u64
    }

    /// Appends tokens `start..end`; the caller keeps the range within [`Shard::len`].
    pub(crate) fn read(&self, start: usize, end: usize, out: &mut Vec<u16>) {
        let bytes = &self.payload()[start * 2..end * 2];
        out.extend(
            bytes
                .chunks_exact(2)
                .map(|pair| u16::from_le_bytes([pair[0], pair[1]])),
        );
    }

    /// SHA-256 of the tokens' bytes, in hex; `seen` is told the size of each part that was read. They are read from the
    /// file, not from the map, whose pages would count as this process's memory from then on.
    pub(crate) fn sha256(&self, seen: &mut dyn FnMut(u64)) -> Result<String, FileError> {
        let path = &self.path;
        let mut file = File::open(path).at("open", path)?;
        file.seek(SeekFrom::Start(HEADER_BYTES as u64)).at("read", path)?;
        Ok(of_rest(file, path, seen)?.1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    fn written(tokens: &[u16]) -> (tempfile::TempDir, PathBuf) {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("shard.bin");
        let mut writer = ShardWriter::create(&path).unwrap();
        writer.push(tokens).unwrap();
        writer.finish().unwrap();
        (dir, path)
    }

    #[test]
    fn a_shard_is_byte_exact() {
        let (_dir, path) = written(&[1, 256, 65_535]);
        let mut expected = vec![0u8; 1024];
        // 20240520 = 0x0134D888.
        expected[..12].copy_from_slice(&[0x88, 0xd8, 0x34, 0x01, 1, 0, 0, 0, 3, 0, 0, 0]);
        expected.extend([1, 0, 0, 1, 0xff, 0xff]);
        assert_eq!(fs::read(&path).unwrap(), expected);
    }

    #[test]
    fn a_shard_reads_back() {
        let tokens: Vec<u16> = (0..1000).map(|i| i * 61).collect();
        let (_dir, path) = written(&tokens);
        let shard = Shard::open(&path).unwrap();
        let mut out = vec![9];
        shard.read(3, 7, &mut out);
        assert_eq!(out[1..], tokens[3..7]);
        assert_eq!(shard.len(), 1000);
        assert_eq!(
            shard.sha256(&mut |_| ()).unwrap(),
            hex(&Sha256::digest(to_bytes(&tokens)))
        );
    }

    fn open_after(change: impl FnOnce(&mut Vec<u8>)) -> String {
        let (_dir, path) = written(&[1, 2, 3]);
        let mut bytes = fs::read(&path).unwrap();
        change(&mut bytes);
        fs::write(&path, bytes).unwrap();
        Shard::open(&path).unwrap_err().to_string()
    }

    #[test]
    fn truncated_and_foreign_shards_are_refused() {
        let truncated = open_after(|bytes| bytes.truncate(1027));
        assert!(truncated.contains("shard.bin") && truncated.contains("1027") && truncated.contains("1030"));
        assert!(open_after(|bytes| bytes.truncate(10)).contains("10 bytes"));
        assert!(open_after(|bytes| bytes.push(0)).contains("1031"));
        assert!(open_after(|bytes| bytes[0] = 0).contains("header word 0"));
        assert!(open_after(|bytes| bytes[4] = 2).contains("header word 1 is 2, expected 1"));
        assert!(open_after(|bytes| bytes[8..12].fill(0xff)).contains("header word 2 is -1"));
        assert!(open_after(Vec::clear).contains("0 bytes"));
    }
}
