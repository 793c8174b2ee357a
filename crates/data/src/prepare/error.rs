//! What can go wrong while a corpus is prepared.

use std::path::PathBuf;

use thiserror::Error;

use crate::error::{DataError, FileError, TokenizerError};

/// A corpus that cannot be prepared.
#[derive(Debug, Error)]
pub enum PrepareError {
    /// A file cannot be read or written.
    #[error(transparent)]
    File(#[from] FileError),
    /// The dataset's tokenizer cannot be loaded.
    #[error(transparent)]
    Tokenizer(#[from] TokenizerError),
    /// An entry of a document file is at fault; `place` says where: `line 3`, `row 17`, `byte 120`.
    #[error("{} {place}: {problem}", path.display())]
    Input {
        /// The file.
        path: PathBuf,
        /// Where in it.
        place: Place,
        /// What is wrong and what to do.
        problem: Problem,
    },
    /// A parquet file that cannot be decoded.
    #[error("could not read {} as parquet: {cause}", path.display())]
    Parquet {
        /// The file.
        path: PathBuf,
        /// What the decoder said.
        cause: parquet::errors::ParquetError,
    },
    /// A parquet file without the column.
    #[error(
        "{} has no column to train on: {wanted} was looked for, the columns are {columns}; \
         name a string column or a list of integers with --field",
        path.display()
    )]
    NoColumn {
        /// The file.
        path: PathBuf,
        /// What was looked for.
        wanted: String,
        /// What is there.
        columns: String,
    },
    /// Text and ready tokens in one corpus would give the validation split two meanings.
    #[error(
        "{} holds documents of text and {} ready rows of tokens; prepare them into two folders",
        text.display(), rows.display()
    )]
    MixedUnits {
        /// A file with text.
        text: PathBuf,
        /// A file with rows.
        rows: PathBuf,
    },
    /// No input has a document.
    #[error(
        "the inputs hold no document ({files} file(s) were looked at); name a text file, a folder, a .jsonl or a .parquet"
    )]
    NoDocuments {
        /// Files that were looked at.
        files: usize,
    },
    /// Their names alone are more than a manifest may hold.
    #[error(
        "the inputs are {files} files, more than a manifest can name; join them into fewer, .jsonl files with a document a line say"
    )]
    TooManyFiles {
        /// Files that were found.
        files: usize,
    },
    /// Everything went to validation, or less than two tokens are left on one side.
    #[error(
        "after the split {train} tokens are left for training and {validation} for validation, and each needs 2; \
         add more text"
    )]
    TooLittle {
        /// Training tokens.
        train: u64,
        /// Validation tokens.
        validation: u64,
    },
    /// The output holds files that no preparation wrote.
    #[error("{} is not empty and is not a prepared dataset; name another folder or empty it", out.display())]
    Occupied {
        /// The folder.
        out: PathBuf,
    },
    /// The output holds the dataset of other inputs.
    #[error(
        "{} already holds a dataset of other inputs, or of another tokenizer, field or shard size; \
         name another folder or remove this one",
        out.display()
    )]
    OtherInputs {
        /// The folder.
        out: PathBuf,
    },
    /// The output has no name, such as `/` or `..`.
    #[error("{} cannot be the output; name a folder that is new or empty", out.display())]
    BadOutput {
        /// The folder.
        out: PathBuf,
    },
    /// The output lies in one of the inputs, and would be an input of the next preparation.
    #[error("{} lies inside the input {}; put the output somewhere else", out.display(), input.display())]
    OutputInInput {
        /// The folder.
        out: PathBuf,
        /// The input.
        input: PathBuf,
    },
    /// The output holds the dataset that was asked for, but a file of it is missing or damaged.
    #[error("{} cannot be used as it is: {cause}; remove it and prepare again", out.display())]
    DamagedOutput {
        /// The folder.
        out: PathBuf,
        /// What is wrong.
        cause: DataError,
    },
    /// A folder that cannot be walked.
    #[error("could not list the input {}: {cause}", path.display())]
    Walk {
        /// The input.
        path: PathBuf,
        /// What the walk ran into.
        cause: walkdir::Error,
    },
    /// A shard's size that its header cannot hold.
    #[error("a shard of {found} tokens cannot be written; choose 1 to {limit}")]
    ShardSize {
        /// The size.
        found: u64,
        /// The largest size.
        limit: u64,
    },
    /// The worker threads could not be started.
    #[error("could not start the threads that tokenise: {0}")]
    Threads(rayon::ThreadPoolBuildError),
    /// The manifest could not be turned into JSON.
    #[error("could not write the manifest: {0}")]
    Manifest(serde_json::Error),
}

/// A place in an input file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// Offset from the start of the file.
    Byte(u64),
    /// Line, from 1.
    Line(u64),
    /// Row of a table, from 0.
    Row(u64),
}

impl std::fmt::Display for Place {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Byte(offset) => write!(f, "at byte {offset}"),
            Self::Line(line) => write!(f, "line {line}"),
            Self::Row(row) => write!(f, "row {row}"),
        }
    }
}

/// What is wrong with an entry of an input file.
#[derive(Debug, Error)]
pub enum Problem {
    /// Bytes that are no UTF-8.
    #[error("the text is not UTF-8; convert it, or leave the file out")]
    NotUtf8,
    /// A file with no text.
    #[error("the file is empty; leave it out")]
    Empty,
    /// A document that would take too much memory.
    #[error("a document of more than {limit} bytes; cut it into several")]
    TooLarge {
        /// The largest size.
        limit: u64,
    },
    /// A line that is no JSON object with the field.
    #[error("not a JSON object with a string `{field}` (column {column}): {reason}")]
    Json {
        /// The field.
        field: String,
        /// Byte of the line, from 1, at which the parser gave up.
        column: usize,
        /// What the parser said.
        reason: String,
    },
    /// A ready token that the tokenizer does not have.
    #[error(
        "token {token} is not in the vocabulary of {vocab_size}; prepare with the tokenizer that made the rows"
    )]
    OutOfVocabulary {
        /// The id.
        token: i64,
        /// Size of the vocabulary.
        vocab_size: u32,
    },
    /// The tokenizer has no token for some of it.
    #[error(transparent)]
    Tokenizer(TokenizerError),
    /// A list with a hole.
    #[error("a null among the tokens")]
    NullToken,
}
