//! Tells validation from training by content alone.

use std::collections::BTreeSet;

use sha2::{Digest, Sha256};

use super::error::PrepareError;
use crate::manifest::{MAX_VALIDATION_TOKENS, Unit};
use crate::shard::to_bytes;

/// What is never divided between training and validation: a document or a row. Ordered by hash, ties by content.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Piece {
    hash: u64,
    tokens: Vec<u16>,
}

impl Piece {
    /// `tokens` are without the end of the document.
    pub(super) fn new(tokens: Vec<u16>) -> Self {
        Self {
            hash: hash(&tokens),
            tokens,
        }
    }

    pub(super) fn tokens(&self) -> &[u16] {
        &self.tokens
    }
}

/// First 8 bytes, big-endian, of the SHA-256 of the tokens as little-endian `u16`.
fn hash(tokens: &[u16]) -> u64 {
    let digest: [u8; 32] = Sha256::digest(to_bytes(tokens)).into();
    digest
        .iter()
        .take(8)
        .fold(0, |hash, &byte| hash << 8 | u64::from(byte))
}

/// Takes pieces of training, each followed by what ends a document.
pub(super) trait Train {
    fn piece(&mut self, tokens: &[u16], end: Option<u16>) -> Result<(), PrepareError>;
    /// Tokens taken so far.
    fn tokens(&self) -> u64;
}

/// The validation set, and how it was chosen.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Validation {
    pub tokens: Vec<u16>,
    /// Pieces of which there is at least one token.
    pub pieces: u64,
    pub rule: String,
}

/// Sends every piece to one side, in constant memory.
///
/// Every piece that belongs to validation is withheld from training, but no more are kept than the set will hold: the
/// piece of the largest hash is dropped as soon as the others fill the set.
#[derive(Debug)]
pub(super) struct Split {
    unit: Unit,
    end: Option<u16>,
    max_tokens: u64,
    validation: BTreeSet<Piece>,
    validation_tokens: u64,
    /// While validation is empty: the piece of smallest hash so far, and how often it came.
    smallest: Option<(Piece, u64)>,
}

impl Split {
    /// `end` is the token after every piece.
    pub(super) fn new(unit: Unit, end: Option<u16>) -> Self {
        Self::with_max_tokens(unit, end, MAX_VALIDATION_TOKENS)
    }

    fn with_max_tokens(unit: Unit, end: Option<u16>, max_tokens: u64) -> Self {
        Self {
            unit,
            end,
            max_tokens,
            validation: BTreeSet::new(),
            validation_tokens: 0,
            smallest: None,
        }
    }

    /// Sends `piece` to `train`, or keeps it.
    pub(super) fn push(&mut self, piece: Piece, train: &mut impl Train) -> Result<(), PrepareError> {
        if self.is_validation(&piece) {
            self.keep(piece);
            return self.release_smallest(train);
        }
        if !self.validation.is_empty() {
            return train.piece(&piece.tokens, self.end);
        }
        self.set_aside(piece, train)
    }

    /// One in how many pieces is validation.
    fn one_in(&self) -> u128 {
        match self.unit {
            Unit::Document => 100,
            Unit::Row => 256,
        }
    }

    fn is_validation(&self, piece: &Piece) -> bool {
        u128::from(piece.hash) * self.one_in() < 1 << 64
    }

    fn len(&self, piece: &Piece) -> u64 {
        piece.tokens.len() as u64 + u64::from(self.end.is_some())
    }

    /// A piece that is there already is dropped.
    fn keep(&mut self, piece: Piece) {
        let len = self.len(&piece);
        if self.validation.insert(piece) {
            self.validation_tokens += len;
        }
        while let Some(last) = self.validation.last() {
            let others = self.validation_tokens - self.len(last);
            if others < self.max_tokens {
                break;
            }
            self.validation_tokens = others;
            self.validation.pop_last();
        }
    }

    fn set_aside(&mut self, piece: Piece, train: &mut impl Train) -> Result<(), PrepareError> {
        match &mut self.smallest {
            Some((smallest, _)) if piece > *smallest => train.piece(&piece.tokens, self.end),
            Some((smallest, count)) if piece == *smallest => {
                *count += 1;
                Ok(())
            }
            _ => {
                self.release_smallest(train)?;
                self.smallest = Some((piece, 1));
                Ok(())
            }
        }
    }

    /// The piece of smallest hash turned out to be training after all.
    fn release_smallest(&mut self, train: &mut impl Train) -> Result<(), PrepareError> {
        if let Some((piece, count)) = self.smallest.take() {
            for _ in 0..count {
                train.piece(&piece.tokens, self.end)?;
            }
        }
        Ok(())
    }

    /// The validation set, after the last piece.
    pub(super) fn finish(mut self, train: &mut impl Train) -> Result<Validation, PrepareError> {
        let fallback = self.smallest.take().map(|(piece, _)| piece);
        let by_smallest = fallback.is_some();
        if let Some(piece) = fallback {
            self.keep(piece);
        }
        if train.tokens() == 0 && self.validation.len() == 1 {
            return self.within_a_piece(train);
        }
        let mut tokens: Vec<u16> = Vec::new();
        for piece in &self.validation {
            tokens.extend(piece.tokens.iter().chain(&self.end));
        }
        tokens.truncate(self.max_tokens as usize);
        Ok(Validation {
            tokens,
            pieces: self.validation.len() as u64,
            rule: self.rule(by_smallest),
        })
    }

    fn within_a_piece(&self, train: &mut impl Train) -> Result<Validation, PrepareError> {
        let pieces = self
            .validation
            .iter()
            .flat_map(|piece| piece.tokens.iter().chain(&self.end));
        let all: Vec<u16> = pieces.copied().collect();
        let validation = (all.len() / 10).min(self.max_tokens as usize);
        let (head, tail) = all.split_at(all.len() - validation);
        train.piece(head, None)?;
        let rule = format!(
            "the split lies within a {}, the only one there is: its last tenth, at most {} tokens, is validation, \
             so that training and validation share their subject",
            self.name(),
            self.max_tokens
        );
        Ok(Validation {
            tokens: tail.to_vec(),
            pieces: 1,
            rule,
        })
    }

    fn name(&self) -> &'static str {
        match self.unit {
            Unit::Document => "document",
            Unit::Row => "row",
        }
    }

    fn rule(&self, by_smallest: bool) -> String {
        let (name, one_in, max) = (self.name(), self.one_in(), self.max_tokens);
        if by_smallest {
            return format!(
                "the {name} of the smallest hash is validation, since none has one below 2^64/{one_in}; the hash is \
                 the first 8 bytes of the SHA-256 of its tokens; at most {max} tokens"
            );
        }
        format!(
            "a {name} is validation when the first 8 bytes of the SHA-256 of its tokens are below 2^64/{one_in}; the \
             set is the first {max} tokens of those, each once, in the order of their hashes"
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Default)]
    struct Kept(Vec<Vec<u16>>);

    impl Train for Kept {
        fn piece(&mut self, tokens: &[u16], end: Option<u16>) -> Result<(), PrepareError> {
            self.0.push(tokens.iter().copied().chain(end).collect());
            Ok(())
        }

        fn tokens(&self) -> u64 {
            self.0.iter().map(|piece| piece.len() as u64).sum()
        }
    }

    fn run(pieces: &[Vec<u16>], unit: Unit, max_tokens: u64) -> (Vec<Vec<u16>>, Validation) {
        let end = (unit == Unit::Document).then_some(256);
        let (mut split, mut train) = (Split::with_max_tokens(unit, end, max_tokens), Kept::default());
        for piece in pieces {
            split.push(Piece::new(piece.clone()), &mut train).unwrap();
        }
        let validation = split.finish(&mut train).unwrap();
        (train.0, validation)
    }

    /// 2,000 documents of three tokens.
    fn documents() -> Vec<Vec<u16>> {
        (0..2000).map(|i| vec![i % 256, i / 256, 7]).collect()
    }

    #[test]
    fn the_hash_is_the_head_of_the_digest() {
        // SHA-256 of the bytes 61 62 ("ab") starts with fb8e20fc2e4c3f24.
        assert_eq!(hash(&[0x6261]), 0xfb8e_20fc_2e4c_3f24);
    }

    #[test]
    fn a_hundredth_of_the_documents_is_validation_and_in_hash_order() {
        let (train, validation) = run(&documents(), Unit::Document, 1 << 20);
        let mut expected: Vec<Vec<u16>> = documents();
        // Floating point is exact enough to check the bound, since no hash lies that close to it.
        expected.retain(|tokens| (hash(tokens) as f64) < 2f64.powi(64) / 100.0);
        expected.sort_by_key(|tokens| hash(tokens));
        assert!((5..50).contains(&expected.len()), "{}", expected.len());
        assert_eq!(validation.pieces, expected.len() as u64);
        assert_eq!(train.len(), 2000 - expected.len());
        let concatenated: Vec<u16> = expected
            .iter()
            .flat_map(|tokens| [tokens, &[256][..]].concat())
            .collect();
        assert_eq!(validation.tokens, concatenated);
        assert!(
            train
                .iter()
                .all(|piece| piece.len() == 4 && !expected.contains(&piece[..3].to_vec()))
        );
        let (_, rows) = run(&documents(), Unit::Row, 1 << 20);
        assert!(rows.pieces < validation.pieces && rows.tokens.len() as u64 == 3 * rows.pieces);
    }

    #[test]
    fn the_set_does_not_depend_on_order_or_repetition() {
        let (train, validation) = run(&documents(), Unit::Document, 21);
        assert_eq!((validation.tokens.len(), validation.pieces), (21, 6));
        let mut reversed = documents();
        reversed.reverse();
        let (train_reversed, validation_reversed) = run(&reversed, Unit::Document, 21);
        assert_eq!(validation, validation_reversed);
        assert_eq!(train.len(), train_reversed.len());
        let (train_twice, validation_twice) = run(&[documents(), reversed].concat(), Unit::Document, 21);
        assert_eq!(validation, validation_twice);
        assert_eq!(train_twice.len(), 2 * train.len());
    }

    #[test]
    fn what_is_cut_from_the_set_is_not_trained_on() {
        let (train_all, all) = run(&documents(), Unit::Document, 1 << 20);
        let (train_few, few) = run(&documents(), Unit::Document, 5);
        assert_eq!(train_all, train_few);
        assert_eq!(few.tokens, all.tokens[..5]);
        assert_eq!(few.pieces, 2);
    }

    #[test]
    fn without_a_small_hash_the_smallest_is_taken() {
        let mut all = documents();
        all.retain(|tokens| hash(tokens) >= u64::MAX / 100);
        all.truncate(40);
        let smallest = all.iter().min_by_key(|tokens| hash(tokens)).unwrap().clone();
        for copies in 1..3 {
            let (train, validation) = run(&vec![all.clone(); copies].concat(), Unit::Document, 1 << 20);
            assert_eq!(validation.tokens, [&smallest[..], &[256]].concat());
            assert!(validation.rule.contains("smallest hash"));
            assert_eq!(train.len(), 39 * copies);
            assert!(train.iter().all(|piece| piece[..3] != smallest));
        }
    }

    #[test]
    fn the_only_document_is_divided() {
        let document: Vec<u16> = (0..99).collect();
        for copies in 1..3 {
            let (train, validation) = run(&vec![document.clone(); copies], Unit::Document, 1 << 20);
            assert_eq!(train, [(0..90).collect::<Vec<u16>>()]);
            assert_eq!(validation.tokens, [90, 91, 92, 93, 94, 95, 96, 97, 98, 256]);
            assert!(validation.rule.contains("within a document"));
        }
        assert_eq!(run(&[document], Unit::Document, 4).1.tokens, [96, 97, 98, 256]);
    }
}
