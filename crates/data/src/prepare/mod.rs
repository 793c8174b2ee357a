//! Turns text into a dataset: [`prepare()`].
//!
//! The sources are read twice: once for their digests, which tell whether there is anything to do, and once in
//! batches of some megabytes, which are tokenised on all threads and written in order. Resident memory stays below
//! half a gigabyte whatever the size of the corpus.

use std::fs;
use std::io::Write;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};

use rayon::{ThreadPool, ThreadPoolBuilder};

use crate::dataset::TOKENIZER_FILE;
use crate::error::{AtPath, FileError};
use crate::manifest::{FILE_NAME, Manifest, Unit, VERSION, ValidationInfo};
use crate::shard::{MAX_TOKENS, ShardWriter};
use crate::tokenizer::Tokenizer;

use output::Output;
use pipeline::{Outcome, Pipeline};
use sources::{Format, Source};
use split::{Split, Validation};
use writer::TrainWriter;

mod batch;
mod document;
mod error;
mod jsonl;
mod output;
mod parquet;
#[cfg(test)]
mod parquet_files;
mod pipeline;
mod progress;
mod sources;
mod split;
mod text;
mod writer;

pub use error::{Place, PrepareError, Problem};
pub use progress::{Progress, Stage, Status};

/// Name of the validation set in the dataset's folder.
const VALIDATION_FILE: &str = "validation.bin";

/// What to prepare, and how.
#[derive(Debug)]
pub struct PrepareOptions {
    /// Files and folders. Of a folder every file below is taken, except those whose names start with a dot; a
    /// `.jsonl` or `.parquet` holds a document a line or row, any other file is one document.
    pub inputs: Vec<PathBuf>,
    /// The folder to make; may exist if it is empty, or if it holds what would be made.
    pub out: PathBuf,
    /// What makes the tokens, or made them where the rows are ready.
    pub tokenizer: Tokenizer,
    /// The field of JSON lines, or the column of parquet: `text` by default, and in parquet `input_ids` where
    /// there is no `text`.
    pub field: Option<String>,
    /// Threads that tokenise: one a core by default.
    pub threads: Option<NonZeroUsize>,
    /// Tokens a shard.
    pub shard_tokens: u64,
}

impl PrepareOptions {
    /// The usual field, one thread a core, 100 million tokens a shard.
    #[must_use]
    pub fn new(inputs: Vec<PathBuf>, out: PathBuf, tokenizer: Tokenizer) -> Self {
        Self {
            inputs,
            out,
            tokenizer,
            field: None,
            threads: None,
            shard_tokens: 100_000_000,
        }
    }
}

/// A dataset on the disk.
#[derive(Clone, Debug, PartialEq)]
pub struct Prepared {
    /// Its manifest.
    pub manifest: Manifest,
    /// Whether anything was written: not where `out` held the dataset of the same inputs already.
    pub changed: bool,
}

/// Makes the dataset of `options.inputs` in `options.out`.
///
/// The output depends on the inputs' names below the folder that they share and on their contents alone, not on their
/// order, on where they lie, on whether they or their folder is named or on the number of threads. It appears when it is
/// whole; on an error nothing is left behind but a lock file beside it and the folders that lead there.
///
/// # Errors
/// An input cannot be read, has text that is not UTF-8, or nothing to train on; `out` holds something else; the disk
/// is full.
pub fn prepare(options: &PrepareOptions, progress: &dyn Progress) -> Result<Prepared, PrepareError> {
    let found = options.shard_tokens;
    if found == 0 || found > MAX_TOKENS {
        return Err(PrepareError::ShardSize {
            found,
            limit: MAX_TOKENS,
        });
    }
    pool(options.threads)?.install(|| prepare_here(options, progress))
}

fn pool(threads: Option<NonZeroUsize>) -> Result<ThreadPool, PrepareError> {
    // Rayon reads 0 as one thread a core.
    let threads = threads.map_or(0, NonZeroUsize::get);
    ThreadPoolBuilder::new()
        .num_threads(threads)
        .build()
        .map_err(PrepareError::Threads)
}

fn prepare_here(options: &PrepareOptions, progress: &dyn Progress) -> Result<Prepared, PrepareError> {
    let out = output::resolve(&options.out)?;
    let sources = sources::find(&options.inputs, &out, progress)?;
    let inputs_sha256 = sources::fingerprint(options, &sources);
    let output = Output::claim(&out)?;
    if let Some(manifest) = output.existing(&inputs_sha256, progress)? {
        return Ok(Prepared {
            manifest,
            changed: false,
        });
    }
    let unit = unit(&sources, options.field.as_deref())?;
    let work = output.start()?;
    let end = options
        .tokenizer
        .end_of_document()
        .filter(|_| unit == Unit::Document);
    let writer = TrainWriter::new(work, options.shard_tokens, options.tokenizer.vocab_size());
    let outcome = Pipeline::new(options, &sources, progress, Split::new(unit, end), writer).run()?;
    let manifest = write_rest(work, options, &sources, outcome, (unit, inputs_sha256))?;
    output.commit()?;
    Ok(Prepared {
        manifest,
        changed: true,
    })
}

/// Documents or rows: one kind in all the sources.
fn unit(sources: &[Source], field: Option<&str>) -> Result<Unit, PrepareError> {
    let (mut text, mut rows) = (None, None);
    for source in sources {
        let unit = match source.format {
            Format::Text | Format::JsonLines => Unit::Document,
            Format::Parquet => parquet::unit(source, field)?,
        };
        let first = if unit == Unit::Document {
            &mut text
        } else {
            &mut rows
        };
        first.get_or_insert(&source.path);
    }
    match (text, rows) {
        (None, None) => Err(PrepareError::NoDocuments { files: 0 }),
        (Some(_), None) => Ok(Unit::Document),
        (None, Some(_)) => Ok(Unit::Row),
        (Some(text), Some(rows)) => Err(PrepareError::MixedUnits {
            text: text.clone(),
            rows: rows.clone(),
        }),
    }
}

/// Everything beside the training shards.
fn write_rest(
    dir: &Path,
    options: &PrepareOptions,
    sources: &[Source],
    outcome: Outcome,
    (unit, inputs_sha256): (Unit, String),
) -> Result<Manifest, PrepareError> {
    let Outcome {
        written,
        validation,
        documents,
        empty_documents,
    } = outcome;
    if written.tokens < 2 || validation.tokens.len() < 2 {
        return Err(PrepareError::TooLittle {
            train: written.tokens,
            validation: validation.tokens.len() as u64,
        });
    }
    let manifest = Manifest {
        version: VERSION,
        tokenizer: options.tokenizer.info(),
        validation: write_validation(dir, &validation)?,
        sources: sources.iter().map(|source| source.info.clone()).collect(),
        documents,
        empty_documents,
        train_tokens: written.tokens,
        unit,
        unigram_entropy_nats: written.unigram_entropy_nats(&validation.tokens[1..]),
        split: validation.rule,
        train: written.shards,
        inputs_sha256,
    };
    if let Some(json) = options.tokenizer.json() {
        write(&dir.join(TOKENIZER_FILE), json)?;
    }
    let mut json = serde_json::to_vec_pretty(&manifest).map_err(PrepareError::Manifest)?;
    json.push(b'\n');
    write(&dir.join(FILE_NAME), &json)?;
    Ok(manifest)
}

fn write_validation(dir: &Path, validation: &Validation) -> Result<ValidationInfo, FileError> {
    let mut shard = ShardWriter::create(&dir.join(VALIDATION_FILE))?;
    shard.push(&validation.tokens)?;
    let (tokens, sha256) = shard.finish()?;
    let file = VALIDATION_FILE.to_owned();
    Ok(ValidationInfo {
        file,
        tokens,
        targets: tokens - 1,
        sha256,
        documents: validation.pieces,
    })
}

fn write(path: &Path, bytes: &[u8]) -> Result<(), FileError> {
    let mut file = fs::File::create_new(path).at("create", path)?;
    file.write_all(bytes).at("write", path)?;
    file.sync_all().at("write", path)
}

#[cfg(test)]
mod tests;
