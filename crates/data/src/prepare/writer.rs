//! Writes the training tokens into shards and counts them.

use std::path::{Path, PathBuf};

use super::error::PrepareError;
use super::split::Train;
use crate::error::FileError;
use crate::manifest::ShardInfo;
use crate::shard::ShardWriter;

/// Writes `train_000000.bin` and so on, each of `shard_tokens` but the last.
pub(super) struct TrainWriter {
    dir: PathBuf,
    shard_tokens: u64,
    current: Option<ShardWriter>,
    shards: Vec<ShardInfo>,
    /// How often each token came.
    counts: Vec<u64>,
    tokens: u64,
}

/// What was written.
pub(super) struct Written {
    pub shards: Vec<ShardInfo>,
    /// How often each token of the vocabulary came.
    pub counts: Vec<u64>,
    pub tokens: u64,
}

impl TrainWriter {
    pub(super) fn new(dir: &Path, shard_tokens: u64, vocab_size: u32) -> Self {
        let counts = vec![0; vocab_size as usize];
        Self {
            dir: dir.to_owned(),
            shard_tokens,
            current: None,
            shards: Vec::new(),
            counts,
            tokens: 0,
        }
    }

    fn write(&mut self, mut tokens: &[u16]) -> Result<(), FileError> {
        for &token in tokens {
            self.counts[usize::from(token)] += 1;
        }
        self.tokens += tokens.len() as u64;
        while !tokens.is_empty() {
            let mut shard = match self.current.take() {
                Some(shard) => shard,
                None => ShardWriter::create(&self.dir.join(self.file_name()))?,
            };
            let room = usize::try_from(self.shard_tokens - shard.tokens()).unwrap_or(usize::MAX);
            let (now, later) = tokens.split_at(room.min(tokens.len()));
            shard.push(now)?;
            tokens = later;
            if shard.tokens() == self.shard_tokens {
                self.close(shard)?
            } else {
                self.current = Some(shard)
            }
        }
        Ok(())
    }

    fn file_name(&self) -> String {
        format!("train_{:06}.bin", self.shards.len())
    }

    fn close(&mut self, shard: ShardWriter) -> Result<(), FileError> {
        let file = self.file_name();
        let (tokens, sha256) = shard.finish()?;
        self.shards.push(ShardInfo { file, tokens, sha256 });
        Ok(())
    }

    pub(super) fn finish(mut self) -> Result<Written, FileError> {
        if let Some(shard) = self.current.take() {
            self.close(shard)?;
        }
        Ok(Written {
            shards: self.shards,
            counts: self.counts,
            tokens: self.tokens,
        })
    }
}

impl Train for TrainWriter {
    fn piece(&mut self, tokens: &[u16], end: Option<u16>) -> Result<(), PrepareError> {
        self.write(tokens)?;
        Ok(self.write(end.as_slice())?)
    }

    fn tokens(&self) -> u64 {
        self.tokens
    }
}

impl Written {
    /// Mean of -ln p over `targets`, where p is a token's share of the training tokens with one added to every count.
    pub(super) fn unigram_entropy_nats(&self, targets: &[u16]) -> f64 {
        let all = (self.tokens + self.counts.len() as u64) as f64;
        let nats = |&token: &u16| all.ln() - ((self.counts[usize::from(token)] + 1) as f64).ln();
        targets.iter().map(nats).sum::<f64>() / targets.len() as f64
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    #[test]
    fn pieces_are_cut_at_the_shards_ends() {
        let dir = tempfile::tempdir().unwrap();
        let mut writer = TrainWriter::new(dir.path(), 4, 20);
        writer.piece(&[1, 2, 3], Some(9)).unwrap();
        writer.piece(&(4..14).collect::<Vec<_>>(), None).unwrap();
        let written = writer.finish().unwrap();
        let files: Vec<_> = written
            .shards
            .iter()
            .map(|shard| (shard.file.as_str(), shard.tokens))
            .collect();
        let expected = [
            ("train_000000.bin", 4),
            ("train_000001.bin", 4),
            ("train_000002.bin", 4),
            ("train_000003.bin", 2),
        ];
        assert_eq!(files, expected);
        let last = fs::read(dir.path().join("train_000003.bin")).unwrap();
        assert_eq!(last[1024..], [12, 0, 13, 0]);
        assert_eq!(written.tokens, 14);
        assert_eq!(written.counts[9], 2);
    }

    #[test]
    fn the_entropy_of_the_unigram_is_smoothed_by_one() {
        let dir = tempfile::tempdir().unwrap();
        let mut writer = TrainWriter::new(dir.path(), 100, 4);
        writer.piece(&[0, 0, 0, 1], None).unwrap();
        let written = writer.finish().unwrap();
        // Counts 3, 1, 0, 0 become shares 4/8, 2/8, 1/8, 1/8.
        let expected = (2f64.ln() + 4f64.ln() + 8f64.ln()) / 3.0;
        assert!((written.unigram_entropy_nats(&[0, 1, 3]) - expected).abs() < 1e-12);
    }
}
