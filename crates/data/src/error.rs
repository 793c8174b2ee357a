//! What can go wrong. Every message says what happened, where, and what to do about it.

use std::io;
use std::path::{Path, PathBuf};

use thiserror::Error;

/// An operation on a file that the system refused.
#[derive(Debug, Error)]
#[error("could not {action} {}: {cause}", path.display())]
pub struct FileError {
    /// What was tried, as a verb: `read`, `write`, `rename`.
    pub action: &'static str,
    /// The file or folder.
    pub path: PathBuf,
    /// The system's answer. Not a `source`, because the message already holds it.
    pub cause: io::Error,
}

/// Puts the path into an `io::Error`, which on its own names no file.
pub(crate) trait AtPath<T> {
    /// `action` is a verb: "could not `action` `path`".
    fn at(self, action: &'static str, path: &Path) -> Result<T, FileError>;
}

impl<T> AtPath<T> for io::Result<T> {
    fn at(self, action: &'static str, path: &Path) -> Result<T, FileError> {
        self.map_err(|cause| FileError {
            action,
            path: path.to_owned(),
            cause,
        })
    }
}

/// A tokenizer that cannot be loaded, or a text that it cannot encode.
#[derive(Debug, Error)]
pub enum TokenizerError {
    /// The file cannot be read.
    #[error(transparent)]
    File(#[from] FileError),
    /// The file is larger than any tokenizer of at most 65,536 tokens needs to be.
    #[error("{} has {bytes} bytes, and a tokenizer file may have {limit}; is it a tokenizer.json?", path.display())]
    TooLarge {
        /// The file.
        path: PathBuf,
        /// Its size.
        bytes: u64,
        /// The largest size that is read.
        limit: u64,
    },
    /// The file is no Hugging Face tokenizer.
    #[error("{} is not a Hugging Face tokenizer.json: {cause}", path.display())]
    Malformed {
        /// The file.
        path: PathBuf,
        /// What the parser said.
        cause: tokenizers::Error,
    },
    /// Token ids are stored in 16 bits.
    #[error(
        "the tokenizer {} has a vocabulary of {vocab_size}, and tokens are stored in 16 bits: \
         use one of at most 65536 entries",
        path.display()
    )]
    VocabularyTooLarge {
        /// The file.
        path: PathBuf,
        /// Largest id plus one.
        vocab_size: usize,
    },
    /// The vocabulary has no entry at all.
    #[error("the tokenizer {} has an empty vocabulary", path.display())]
    VocabularyEmpty {
        /// The file.
        path: PathBuf,
    },
    /// The tokenizer has no token for some piece of the text and no unknown token either.
    #[error("the tokenizer cannot encode a text of {bytes} bytes: {cause}")]
    Encode {
        /// Length of the piece that failed.
        bytes: usize,
        /// What the tokenizer said.
        cause: tokenizers::Error,
    },
}

/// A prepared dataset that cannot be opened, or cannot serve what was asked.
#[derive(Debug, Error)]
pub enum DataError {
    /// A file cannot be read.
    #[error(transparent)]
    File(#[from] FileError),
    /// The dataset's tokenizer cannot be loaded.
    #[error(transparent)]
    Tokenizer(#[from] TokenizerError),
    /// The folder holds no manifest.
    #[error("{} is not a prepared dataset (it has no manifest.json); prepare one there first", dir.display())]
    NotADataset {
        /// The folder.
        dir: PathBuf,
    },
    /// The manifest is no manifest of ours.
    #[error("{} is damaged or foreign: {cause}; prepare the data again", path.display())]
    Manifest {
        /// The manifest.
        path: PathBuf,
        /// What the parser said.
        cause: serde_json::Error,
    },
    /// The manifest was written by another version of this program.
    #[error("{} has format version {found}, this build reads version {supported}; prepare the data again", path.display())]
    ManifestVersion {
        /// The manifest.
        path: PathBuf,
        /// Version in the file.
        found: u64,
        /// Version of this build.
        supported: u32,
    },
    /// A number or name in the manifest contradicts another or is out of bounds.
    #[error("{}: `{field}` is {found}, expected {expected}; prepare the data again", path.display())]
    ManifestField {
        /// The manifest.
        path: PathBuf,
        /// The key.
        field: &'static str,
        /// Its value.
        found: String,
        /// What it has to be.
        expected: String,
    },
    /// A shard that another program wrote, or whose header is damaged.
    #[error(
        "{} is not a token shard of this format: header word {word} is {found}, expected {expected}; \
         prepare the data again",
        path.display()
    )]
    ForeignShard {
        /// The shard.
        path: PathBuf,
        /// Index of the 32-bit word in the header.
        word: usize,
        /// Its value.
        found: i32,
        /// What it has to be.
        expected: i32,
    },
    /// A shard whose length does not fit its header: truncated, or with something appended.
    #[error(
        "{} has {found} bytes, expected {expected} (a header of 1024 and 2 a token); it is truncated \
         or has grown: prepare or copy the data again",
        path.display()
    )]
    ShardLength {
        /// The shard.
        path: PathBuf,
        /// Its size.
        found: u64,
        /// The size that its header asks for.
        expected: u64,
    },
    /// Shard and manifest disagree on the number of tokens.
    #[error("{} holds {found} tokens, the manifest says {expected}; prepare or copy the data again", path.display())]
    ShardTokens {
        /// The shard.
        path: PathBuf,
        /// Tokens in the shard.
        found: u64,
        /// Tokens in the manifest.
        expected: u64,
    },
    /// The bytes of a file are not those that the manifest was written for.
    #[error("{} has SHA-256 {found}, the manifest says {expected}; prepare or copy the data again", path.display())]
    Digest {
        /// The file.
        path: PathBuf,
        /// Digest of its content.
        found: String,
        /// Digest in the manifest.
        expected: String,
    },
    /// A token id that the tokenizer does not have.
    #[error(
        "token {index} of {set} is {token}, but the vocabulary has {vocab_size} entries; prepare the data again"
    )]
    OutOfVocabulary {
        /// `train` or `validation`.
        set: &'static str,
        /// Position of the token in the set.
        index: u64,
        /// The id.
        token: u16,
        /// Size of the vocabulary.
        vocab_size: u32,
    },
    /// A range beyond the end of the training tokens.
    #[error("training tokens {start}..{end} were asked for, and there are {available}")]
    OutOfRange {
        /// First token.
        start: u64,
        /// One beyond the last.
        end: u64,
        /// Number of training tokens.
        available: u64,
    },
    /// Not one block fits.
    #[error("a block of {block_len} takes {} training tokens, and the dataset has {train_tokens}; prepare more text or shorten the block", block_len + 1)]
    TooSmall {
        /// Targets a block.
        block_len: usize,
        /// Training tokens.
        train_tokens: u64,
    },
    /// A length of zero.
    #[error("a block must have at least one target")]
    EmptyBlock,
    /// The run asks for more tokens than the data holds.
    #[error(
        "the run asks for {asked} tokens, and the dataset serves {available} in {epochs} epoch(s); \
         prepare more data, lower the target, or allow more passes with --epochs {needed}"
    )]
    Budget {
        /// Targets that the run wants.
        asked: u64,
        /// Targets that there are in `epochs` passes.
        available: u64,
        /// Passes allowed.
        epochs: u64,
        /// Passes that would do.
        needed: u64,
    },
    /// The loader has served everything it may.
    #[error(
        "{asked} blocks were asked for, and {left} are left of {epochs} epoch(s); \
         prepare more data or allow more passes with --epochs"
    )]
    Exhausted {
        /// Blocks asked for.
        asked: u64,
        /// Blocks left.
        left: u64,
        /// Passes allowed.
        epochs: u64,
    },
    /// A saved loader state that cannot come from this dataset and block length.
    #[error(
        "the saved loader state does not fit this dataset and block length: `{field}` is {found}, \
         expected {expected}; resume with the data and configuration of the run that saved it"
    )]
    State {
        /// The field of the state.
        field: &'static str,
        /// Its value.
        found: String,
        /// What it has to be.
        expected: String,
    },
    /// The thread that prefetches could not be started.
    #[error("could not start the thread that prefetches data: {0}")]
    Thread(std::io::Error),
    /// The prefetching thread has ended: every request was served or an error was handed out.
    #[error("the prefetcher has nothing more to hand out: its requests are served or it has failed before")]
    PrefetchEnded,
}
