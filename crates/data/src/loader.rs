//! Serves the training tokens in blocks, in a shuffled order that a saved state can take up again.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::dataset::Dataset;
use crate::digest::{from_hex, hex};
use crate::error::DataError;
use crate::permutation::Permutation;

/// Where a loader stands, and the ledger of what it has served.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LoaderState {
    /// Passes over the data that are complete.
    pub epoch: u64,
    /// Blocks served in this pass.
    pub position: u64,
    /// Targets served in all.
    pub tokens: u64,
    /// A chain over the blocks served, in hex: 32 zero bytes at first, then for every block the SHA-256 of the
    /// previous 32 bytes, the epoch and the block's index (each a little-endian `u64`).
    pub ledger_sha256: String,
}

/// Some blocks of tokens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Blocks {
    /// `[blocks, block_len + 1]`, row by row: the first `block_len` of a row are inputs, the last `block_len` their
    /// targets.
    pub tokens: Vec<u16>,
    /// The pass over the data that the last of the blocks belongs to, from 0.
    pub epoch: u64,
}

/// Serves blocks of a dataset in an order that `seed` gives. Uses constant memory.
#[derive(Clone, Debug)]
pub struct Loader {
    dataset: Arc<Dataset>,
    seed: u64,
    block_len: usize,
    blocks: u64,
    max_epochs: u64,
    order: Permutation,
    at: Position,
}

#[derive(Clone, Debug)]
struct Position {
    epoch: u64,
    /// Below the number of blocks.
    index: u64,
    ledger: [u8; 32],
}

impl Loader {
    /// A loader at the start of the data. It serves every block once an epoch, in another order each time.
    ///
    /// # Errors
    /// The dataset has no block of `block_len` targets.
    pub fn new(
        dataset: Arc<Dataset>,
        seed: u64,
        block_len: usize,
        max_epochs: u64,
    ) -> Result<Self, DataError> {
        let blocks = dataset.checked_blocks(block_len)?;
        let order = Permutation::new(blocks, seed, 0);
        let at = Position {
            epoch: 0,
            index: 0,
            ledger: [0; 32],
        };
        Ok(Self {
            dataset,
            seed,
            block_len,
            blocks,
            max_epochs,
            order,
            at,
        })
    }

    /// This loader, moved to where `state` was saved.
    ///
    /// # Errors
    /// The state cannot come from a loader with this dataset and block length.
    pub fn resume(mut self, state: &LoaderState) -> Result<Self, DataError> {
        let wrong = |field, found: String, expected: String| DataError::State {
            field,
            found,
            expected,
        };
        if state.position >= self.blocks {
            let expected = format!("below {}, the number of blocks", self.blocks);
            return Err(wrong("position", state.position.to_string(), expected));
        }
        let served = u128::from(state.epoch) * u128::from(self.blocks) + u128::from(state.position);
        let tokens = served * self.block_len as u128;
        if u128::from(state.tokens) != tokens {
            return Err(wrong("tokens", state.tokens.to_string(), tokens.to_string()));
        }
        let Some(ledger) = from_hex(&state.ledger_sha256) else {
            let expected = "64 lower-case hex digits".to_owned();
            return Err(wrong("ledger_sha256", state.ledger_sha256.clone(), expected));
        };
        self.order = Permutation::new(self.blocks, self.seed, state.epoch);
        self.at = Position {
            epoch: state.epoch,
            index: state.position,
            ledger,
        };
        Ok(self)
    }

    /// Targets a block.
    #[must_use]
    pub fn block_len(&self) -> usize {
        self.block_len
    }

    /// Where the loader stands.
    #[must_use]
    pub fn state(&self) -> LoaderState {
        let Position { epoch, index, ledger } = &self.at;
        let served = epoch * self.blocks + index;
        LoaderState {
            epoch: *epoch,
            position: *index,
            tokens: served * self.block_len as u64,
            ledger_sha256: hex(ledger),
        }
    }

    /// The next `count` blocks; they may run on into the next epoch.
    ///
    /// # Errors
    /// [`DataError::Exhausted`] where fewer are left, or a token is not in the vocabulary. The loader then stands
    /// where it stood.
    pub fn next_blocks(&mut self, count: usize) -> Result<Blocks, DataError> {
        let left = self.left();
        if count as u64 > left {
            return Err(DataError::Exhausted {
                asked: count as u64,
                left,
                epochs: self.max_epochs,
            });
        }
        let (order, at) = (self.order.clone(), self.at.clone());
        let served = self.serve(count);
        if served.is_err() {
            (self.order, self.at) = (order, at);
        }
        served
    }

    /// Blocks that may still be served.
    fn left(&self) -> u64 {
        let all = self.blocks.saturating_mul(self.max_epochs);
        all.saturating_sub(self.at.epoch * self.blocks + self.at.index)
    }

    fn serve(&mut self, count: usize) -> Result<Blocks, DataError> {
        let mut tokens = Vec::with_capacity(count * (self.block_len + 1));
        let mut epoch = self.at.epoch;
        for _ in 0..count {
            epoch = self.at.epoch;
            let block = self.order.get(self.at.index);
            let start = block * self.block_len as u64;
            self.dataset
                .read(start, start + self.block_len as u64 + 1, &mut tokens)?;
            self.advance(block);
        }
        Ok(Blocks { tokens, epoch })
    }

    fn advance(&mut self, block: u64) {
        let at = &mut self.at;
        let chain = Sha256::new()
            .chain_update(at.ledger)
            .chain_update(at.epoch.to_le_bytes());
        at.ledger = chain.chain_update(block.to_le_bytes()).finalize().into();
        at.index += 1;
        if at.index == self.blocks {
            (at.index, at.epoch) = (0, at.epoch + 1);
            self.order = Permutation::new(self.blocks, self.seed, at.epoch);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::dataset;

    /// 16 blocks of 4 targets; token `i` of the stream is `i`.
    fn loader(max_epochs: u64) -> (tempfile::TempDir, Loader) {
        let (dir, data) = dataset(66);
        (dir, Loader::new(Arc::new(data), 5, 4, max_epochs).unwrap())
    }

    #[test]
    fn an_epoch_serves_every_block_once() {
        let (_dir, mut loader) = loader(2);
        let mut orders = Vec::new();
        for epoch in 0..2 {
            let blocks = loader.next_blocks(16).unwrap();
            assert_eq!(blocks.epoch, epoch);
            let rows: Vec<&[u16]> = blocks.tokens.chunks(5).collect();
            assert!(
                rows.iter()
                    .all(|row| row[0] % 4 == 0 && row.windows(2).all(|pair| pair[0] + 1 == pair[1]))
            );
            let firsts: Vec<u16> = rows.iter().map(|row| row[0] / 4).collect();
            let mut sorted = firsts.clone();
            sorted.sort_unstable();
            assert_eq!(sorted, (0..16).collect::<Vec<_>>());
            orders.push(firsts);
        }
        assert_ne!(orders[0], orders[1]);
    }

    #[test]
    fn the_ledger_is_a_chain_over_the_blocks() {
        let (_dir, mut loader) = loader(2);
        assert_eq!(loader.state().ledger_sha256, "0".repeat(64));
        let first = loader.next_blocks(1).unwrap().tokens[0] / 4;
        let second = loader.next_blocks(1).unwrap().tokens[0] / 4;
        let mut digest = [0; 32];
        for block in [first, second] {
            let mut bytes = digest.to_vec();
            bytes.extend(0u64.to_le_bytes());
            bytes.extend(u64::from(block).to_le_bytes());
            digest = Sha256::digest(bytes).into();
        }
        assert_eq!(loader.state().ledger_sha256, hex(&digest));
        assert_eq!(loader.state().tokens, 8);
    }

    #[test]
    fn the_size_of_the_requests_does_not_matter() {
        let (_dir, loader) = loader(3);
        let (mut by_one, mut by_five) = (loader.clone(), loader);
        let ones: Vec<u16> = (0..45)
            .flat_map(|_| by_one.next_blocks(1).unwrap().tokens)
            .collect();
        let fives: Vec<u16> = (0..9)
            .flat_map(|_| by_five.next_blocks(5).unwrap().tokens)
            .collect();
        assert_eq!(ones, fives);
        assert_eq!(by_one.state(), by_five.state());
    }

    #[test]
    fn a_resumed_loader_goes_on() {
        let (_dir, mut loader) = loader(3);
        let fresh = loader.clone();
        // The last of these states stands at the start of an epoch.
        for count in [3, 9, 7, 13] {
            loader.next_blocks(count).unwrap();
            let json = serde_json::to_string(&loader.state()).unwrap();
            let mut resumed = fresh
                .clone()
                .resume(&serde_json::from_str(&json).unwrap())
                .unwrap();
            let mut original = loader.clone();
            assert_eq!(resumed.next_blocks(6).unwrap(), original.next_blocks(6).unwrap());
            assert_eq!(resumed.state(), original.state());
        }
        assert_eq!((loader.state().epoch, loader.state().position), (2, 0));
    }

    #[test]
    fn the_end_is_an_error_that_changes_nothing() {
        let (_dir, mut loader) = loader(2);
        loader.next_blocks(30).unwrap();
        let state = loader.state();
        let message = loader.next_blocks(3).unwrap_err().to_string();
        assert!(
            message.contains("3 blocks") && message.contains("2 are left of 2 epoch"),
            "{message}"
        );
        assert_eq!(loader.state(), state);
        assert_eq!(loader.next_blocks(2).unwrap().epoch, 1);
        assert!(matches!(
            loader.next_blocks(1),
            Err(DataError::Exhausted { left: 0, .. })
        ));
        assert_eq!(loader.state().tokens, 128);
    }

    #[test]
    fn a_token_beyond_the_vocabulary_stops_the_loader_in_place() {
        let (_dir, data) = crate::testing::dataset_of(&[&[1, 2, 3, 300, 5, 6, 7]]);
        let mut loader = Loader::new(Arc::new(data), 0, 2, 1).unwrap();
        let state = loader.state();
        assert!(matches!(
            loader.next_blocks(3),
            Err(DataError::OutOfVocabulary {
                index: 3,
                token: 300,
                ..
            })
        ));
        assert_eq!(loader.state(), state);
    }

    #[test]
    fn a_state_of_other_data_is_refused() {
        let (_dir, mut loader) = loader(3);
        loader.next_blocks(20).unwrap();
        let good = loader.state();
        let refused = |change: fn(&mut LoaderState)| {
            let mut state = good.clone();
            change(&mut state);
            loader.clone().resume(&state).unwrap_err().to_string()
        };
        assert!(refused(|state| state.tokens += 1).contains("`tokens` is 81, expected 80"));
        assert!(refused(|state| state.position = 16).contains("`position` is 16"));
        assert!(refused(|state| state.epoch = u64::MAX).contains("`tokens`"));
        assert!(refused(|state| state.ledger_sha256 = "x".to_owned()).contains("`ledger_sha256` is x"));
    }

    #[test]
    fn a_dataset_without_a_block_is_refused() {
        let (_dir, data) = dataset(4);
        let data = Arc::new(data);
        assert!(matches!(
            Loader::new(data.clone(), 0, 4, 1),
            Err(DataError::TooSmall { .. })
        ));
        assert!(matches!(Loader::new(data, 0, 0, 1), Err(DataError::EmptyBlock)));
    }
}
