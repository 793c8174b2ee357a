//! A prepared dataset on the disk, opened for training.

use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use crate::digest::hex;
use crate::error::DataError;
use crate::manifest::{self, Manifest, ShardInfo, TokenizerKind};
use crate::shard::{Shard, to_bytes};
use crate::tokenizer::Tokenizer;

/// Name of the tokenizer in the dataset's folder.
pub(crate) const TOKENIZER_FILE: &str = "tokenizer.json";

/// The shards and manifest of a folder. The shards are mapped, not read: resident memory stays small whatever their
/// size. Their concatenation is one stream of tokens.
#[derive(Debug)]
pub struct Dataset {
    dir: PathBuf,
    manifest: Manifest,
    manifest_sha256: String,
    shards: Vec<Shard>,
    /// First token of each shard in the stream.
    starts: Vec<u64>,
    validation: Shard,
}

impl Dataset {
    /// Opens the dataset in `dir`.
    ///
    /// The manifest, each shard's header and length, and the validation set's digest are checked; the training
    /// tokens are not read (see [`Dataset::check_train`] and [`Dataset::verify`]).
    ///
    /// # Errors
    /// A file is missing, truncated, foreign, or contradicts the manifest.
    pub fn open(dir: &Path) -> Result<Self, DataError> {
        let (manifest, manifest_sha256) = Manifest::read(dir)?;
        let shards = manifest
            .train
            .iter()
            .map(|info| open_shard(dir, &info.file, info.tokens));
        let shards = shards.collect::<Result<Vec<_>, _>>()?;
        let starts = shards.iter().scan(0, |next, shard| {
            Some(std::mem::replace(next, *next + shard.len()))
        });
        let starts = starts.collect();
        let validation = open_shard(dir, &manifest.validation.file, manifest.validation.tokens)?;
        check_digest(&validation, &manifest.validation.sha256, &mut |_| ())?;
        Ok(Self {
            dir: dir.to_owned(),
            manifest,
            manifest_sha256,
            shards,
            starts,
            validation,
        })
    }

    /// The folder.
    #[must_use]
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// The manifest.
    #[must_use]
    pub fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    /// SHA-256 of `manifest.json`, in hex. It stands for the whole dataset, since the manifest holds the digest of
    /// every shard.
    #[must_use]
    pub fn manifest_sha256(&self) -> &str {
        &self.manifest_sha256
    }

    /// Number of training tokens.
    #[must_use]
    pub fn train_tokens(&self) -> u64 {
        self.manifest.train_tokens
    }

    /// Rows that an embedding of these tokens needs.
    #[must_use]
    pub fn vocab_size(&self) -> u32 {
        self.manifest.tokenizer.vocab_size
    }

    /// The tokenizer that made the tokens.
    ///
    /// # Errors
    /// `tokenizer.json` is missing, malformed, or not the one of the manifest, or the manifest is wrong about it.
    pub fn tokenizer(&self) -> Result<Tokenizer, DataError> {
        let path = self.dir.join(TOKENIZER_FILE);
        let tokenizer = match self.manifest.tokenizer.kind {
            TokenizerKind::Bytes => Tokenizer::bytes(),
            TokenizerKind::HuggingFace => Tokenizer::from_file(&path)?,
        };
        let (found, expected) = (tokenizer.sha256(), &self.manifest.tokenizer.sha256);
        if found != expected {
            return Err(DataError::Digest {
                path,
                found: found.to_owned(),
                expected: expected.clone(),
            });
        }
        let (found, said) = (tokenizer.info(), &self.manifest.tokenizer);
        let end = |end: Option<u16>| end.map_or("none".to_owned(), |id| id.to_string());
        for (field, said, found) in [
            (
                "tokenizer.vocab_size",
                said.vocab_size.to_string(),
                found.vocab_size.to_string(),
            ),
            (
                "tokenizer.end_of_document",
                end(said.end_of_document),
                end(found.end_of_document),
            ),
        ] {
            if said != found {
                return Err(DataError::ManifestField {
                    path: self.dir.join(manifest::FILE_NAME),
                    field,
                    found: said,
                    expected: found,
                });
            }
        }
        Ok(tokenizer)
    }

    /// The validation set: at most 1,048,577 tokens, of which all but the first are targets.
    ///
    /// # Errors
    /// A token is not in the vocabulary.
    pub fn validation_tokens(&self) -> Result<Vec<u16>, DataError> {
        let mut tokens = Vec::new();
        self.validation
            .read(0, self.validation.payload().len() / 2, &mut tokens);
        self.check_vocabulary("validation", 0, &tokens)?;
        Ok(tokens)
    }

    /// Appends the training tokens `start..end` of the stream to `out`.
    ///
    /// # Errors
    /// The range ends beyond the stream, or a token is not in the vocabulary; `out` is then as it was.
    pub fn read(&self, start: u64, end: u64, out: &mut Vec<u16>) -> Result<(), DataError> {
        let available = self.train_tokens();
        if start > end || end > available {
            return Err(DataError::OutOfRange {
                start,
                end,
                available,
            });
        }
        let before = out.len();
        self.copy(start, end, out);
        let checked = self.check_vocabulary("train", start, &out[before..]);
        if checked.is_err() {
            out.truncate(before);
        }
        checked
    }

    fn copy(&self, start: u64, end: u64, out: &mut Vec<u16>) {
        let first = self
            .starts
            .partition_point(|&shard_start| shard_start <= start)
            .saturating_sub(1);
        for (shard, &shard_start) in self.shards.iter().zip(&self.starts).skip(first) {
            if shard_start >= end {
                break;
            }
            let from = start.max(shard_start) - shard_start;
            let to = end.min(shard_start + shard.len()) - shard_start;
            shard.read(from as usize, to as usize, out);
        }
    }

    fn check_vocabulary(&self, set: &'static str, start: u64, tokens: &[u16]) -> Result<(), DataError> {
        let vocab_size = self.vocab_size();
        // The maximum is found many tokens at a time; the culprit only where there is one.
        if tokens
            .iter()
            .copied()
            .max()
            .is_none_or(|largest| u32::from(largest) < vocab_size)
        {
            return Ok(());
        }
        let culprit = tokens
            .iter()
            .enumerate()
            .find(|&(_, &token)| u32::from(token) >= vocab_size);
        culprit.map_or(Ok(()), |(at, &token)| {
            Err(DataError::OutOfVocabulary {
                set,
                index: start + at as u64,
                token,
                vocab_size,
            })
        })
    }

    /// Number of blocks of `block_len` targets in the training tokens. Neighbours share a token: block `i` is
    /// tokens `i * block_len ..= (i + 1) * block_len`.
    #[must_use]
    pub fn blocks(&self, block_len: usize) -> u64 {
        self.train_tokens()
            .saturating_sub(1)
            .checked_div(block_len as u64)
            .unwrap_or(0)
    }

    /// Whether a run of `target_tokens` targets can be served in `max_epochs` passes.
    ///
    /// # Errors
    /// [`DataError::Budget`] says how many passes it would take; [`DataError::TooSmall`] that no number would do.
    pub fn check_budget(
        &self,
        target_tokens: u64,
        block_len: usize,
        max_epochs: u64,
    ) -> Result<(), DataError> {
        let per_epoch = self.checked_blocks(block_len)? * block_len as u64;
        let available = per_epoch.saturating_mul(max_epochs);
        if target_tokens > available {
            let needed = target_tokens.div_ceil(per_epoch);
            return Err(DataError::Budget {
                asked: target_tokens,
                available,
                epochs: max_epochs,
                needed,
            });
        }
        Ok(())
    }

    /// [`Dataset::blocks`], at least one.
    pub(crate) fn checked_blocks(&self, block_len: usize) -> Result<u64, DataError> {
        if block_len == 0 {
            return Err(DataError::EmptyBlock);
        }
        match self.blocks(block_len) {
            0 => Err(DataError::TooSmall {
                block_len,
                train_tokens: self.train_tokens(),
            }),
            blocks => Ok(blocks),
        }
    }

    /// Reads all training tokens and compares them with the digests of the manifest; `seen` is told the bytes of each part
    /// that was read, [`Dataset::train_bytes`] in all.
    ///
    /// # Errors
    /// The first shard that differs.
    pub fn check_train(&self, seen: &mut dyn FnMut(u64)) -> Result<(), DataError> {
        for (shard, info) in self.shards.iter().zip(&self.manifest.train) {
            check_digest(shard, &info.sha256, seen)?;
        }
        Ok(())
    }

    /// Bytes of the training tokens.
    #[must_use]
    pub fn train_bytes(&self) -> u64 {
        2 * self.train_tokens()
    }

    /// Reads everything and compares it with the digests of the manifest, and every token with the vocabulary: twice, so
    /// `progress` is told how much is read of twice [`Dataset::train_bytes`].
    ///
    /// # Errors
    /// The first file that differs, or the first token that is not in the vocabulary.
    pub fn verify(&self, progress: &mut dyn FnMut(u64, u64)) -> Result<(), DataError> {
        let (mut done, all) = (0, 2 * self.train_bytes());
        let mut seen = |bytes| {
            done += bytes;
            progress(done, all);
        };
        for ((shard, info), &start) in self.shards.iter().zip(&self.manifest.train).zip(&self.starts) {
            check_digest(shard, &info.sha256, &mut seen)?;
            self.verify_vocabulary(info, start, &mut seen)?;
        }
        self.tokenizer()?;
        let validation = self.validation_tokens()?;
        debug_assert_eq!(
            hex(&Sha256::digest(to_bytes(&validation))),
            self.manifest.validation.sha256
        );
        Ok(())
    }

    fn verify_vocabulary(
        &self,
        info: &ShardInfo,
        start: u64,
        seen: &mut dyn FnMut(u64),
    ) -> Result<(), DataError> {
        let mut part = Vec::new();
        for from in (0..info.tokens).step_by(1 << 20) {
            part.clear();
            let to = info.tokens.min(from + (1 << 20));
            self.read(start + from, start + to, &mut part)?;
            seen(2 * (to - from));
        }
        Ok(())
    }
}

fn open_shard(dir: &Path, file: &str, expected: u64) -> Result<Shard, DataError> {
    let shard = Shard::open(&dir.join(file))?;
    if shard.len() != expected {
        return Err(DataError::ShardTokens {
            path: shard.path().to_owned(),
            found: shard.len(),
            expected,
        });
    }
    Ok(shard)
}

fn check_digest(shard: &Shard, expected: &str, seen: &mut dyn FnMut(u64)) -> Result<(), DataError> {
    let found = shard.sha256(seen)?;
    if found != expected {
        let (path, expected) = (shard.path().to_owned(), expected.to_owned());
        return Err(DataError::Digest {
            path,
            found,
            expected,
        });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{dataset, dataset_of};
    use std::fs;

    #[test]
    fn the_stream_runs_across_shards() {
        let (_dir, data) = dataset_of(&[&[0, 1, 2], &[], &[3], &[4, 5, 6, 7]]);
        for start in 0..=8 {
            for end in start..=8 {
                let mut out = Vec::new();
                data.read(start, end, &mut out).unwrap();
                assert_eq!(out, (start as u16..end as u16).collect::<Vec<_>>());
            }
        }
        assert!(matches!(
            data.read(3, 9, &mut Vec::new()),
            Err(DataError::OutOfRange { available: 8, .. })
        ));
        assert!(matches!(
            data.read(3, 2, &mut Vec::new()),
            Err(DataError::OutOfRange { .. })
        ));
    }

    #[test]
    fn a_token_beyond_the_vocabulary_is_an_error() {
        let (_dir, data) = dataset_of(&[&[1, 2], &[256, 257, 3]]);
        let mut out = vec![9];
        let message = data.read(1, 5, &mut out).unwrap_err().to_string();
        assert_eq!(out, [9]);
        assert!(
            message.contains("token 3 of train is 257") && message.contains("257 entries"),
            "{message}"
        );
        assert!(data.read(0, 3, &mut out).is_ok());
        assert!(matches!(
            data.verify(&mut |_, _| ()),
            Err(DataError::OutOfVocabulary { index: 3, .. })
        ));
    }

    #[test]
    fn blocks_share_a_token() {
        let (_dir, data) = dataset(13);
        assert_eq!(
            [1, 2, 3, 4, 5, 6, 12, 13].map(|len| data.blocks(len)),
            [12, 6, 4, 3, 2, 2, 1, 0]
        );
        assert_eq!(data.blocks(0), 0);
    }

    #[test]
    fn a_budget_names_both_numbers_and_the_flag() {
        let (_dir, data) = dataset(13);
        data.check_budget(20, 5, 2).unwrap();
        let message = data.check_budget(21, 5, 2).unwrap_err().to_string();
        for part in ["21 tokens", "serves 20 in 2 epoch", "--epochs 3"] {
            assert!(message.contains(part), "{message}");
        }
        assert!(matches!(
            data.check_budget(1, 13, 2),
            Err(DataError::TooSmall { .. })
        ));
        assert!(matches!(data.check_budget(1, 0, 2), Err(DataError::EmptyBlock)));
        assert!(matches!(
            data.check_budget(1, 5, 0),
            Err(DataError::Budget { .. })
        ));
    }

    fn reopen_after(change: impl FnOnce(&Path)) -> Result<(), String> {
        let (dir, data) = dataset(100);
        drop(data);
        change(dir.path());
        Dataset::open(dir.path())
            .and_then(|data| data.verify(&mut |_, _| ()))
            .map_err(|error| error.to_string())
    }

    #[test]
    fn all_that_is_read_is_told() {
        let (_dir, data) = dataset_of(&[&[0, 1, 2], &[], &[3, 4, 5, 6, 7]]);
        let mut told = Vec::new();
        data.verify(&mut |done, all| told.push((done, all))).unwrap();
        // 16 bytes of tokens, for the digests and for the vocabulary.
        assert!(
            told.iter().all(|&(done, all)| all == 32 && done <= all),
            "{told:?}"
        );
        assert_eq!(told.last(), Some(&(32, 32)));
        assert!(told.is_sorted());
    }

    fn edit(path: &Path, change: impl FnOnce(&mut Vec<u8>)) {
        let mut bytes = fs::read(path).unwrap();
        change(&mut bytes);
        fs::write(path, bytes).unwrap();
    }

    #[test]
    fn damage_is_found_and_named() {
        reopen_after(|_| ()).unwrap();
        let changed = |file: &'static str, change: fn(&mut Vec<u8>)| {
            let message = reopen_after(|dir| edit(&dir.join(file), change)).unwrap_err();
            assert!(message.contains(file), "{message}");
            message
        };
        assert!(changed("train_000000.bin", |bytes| bytes.truncate(1100)).contains("truncated"));
        assert!(changed("train_000000.bin", |bytes| bytes[0] ^= 1).contains("not a token shard"));
        assert!(changed("train_000000.bin", |bytes| bytes[1030] ^= 1).contains("SHA-256"));
        assert!(changed("validation.bin", |bytes| bytes[1024] ^= 1).contains("SHA-256"));
        let one_less = |bytes: &mut Vec<u8>| {
            bytes.truncate(bytes.len() - 2);
            bytes[8] -= 1;
        };
        assert!(changed("train_000000.bin", one_less).contains("holds 99 tokens, the manifest says 100"));
        let missing = reopen_after(|dir| fs::remove_file(dir.join("train_000000.bin")).unwrap());
        assert!(missing.unwrap_err().contains("could not open"));
    }

    #[test]
    fn opening_reads_no_training_tokens_and_a_check_reads_all() {
        let (dir, data) = dataset(100);
        drop(data);
        edit(&dir.path().join("train_000000.bin"), |bytes| bytes[1030] ^= 1);
        let data = Dataset::open(dir.path()).unwrap();
        assert!(matches!(
            data.verify(&mut |_, _| ()),
            Err(DataError::Digest { .. })
        ));
        let mut read = 0;
        let checked = data.check_train(&mut |bytes| read += bytes);
        assert!(matches!(checked, Err(DataError::Digest { .. })));
        assert_eq!(read, data.train_bytes());
    }
}
