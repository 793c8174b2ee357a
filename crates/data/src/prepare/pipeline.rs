//! From documents to tokens on every core, and from tokens to their side of the split in the order of the input.

use rayon::prelude::*;

use super::batch::{BATCH_BYTES, Batcher, Document};
use super::document::{Content, Place, Sink};
use super::error::{PrepareError, Problem};
use super::progress::{Progress, Stage, Status};
use super::sources::{Format, Source};
use super::split::{Piece, Split, Validation};
use super::writer::{TrainWriter, Written};
use super::{PrepareOptions, jsonl, parquet, text};

/// Takes the documents of all sources.
pub(super) struct Pipeline<'a> {
    options: &'a PrepareOptions,
    sources: &'a [Source],
    progress: &'a dyn Progress,
    /// Index of the source that is being read.
    source: usize,
    batcher: Batcher,
    split: Split,
    writer: TrainWriter,
    status: Status,
    empty_documents: u64,
}

/// What came out.
pub(super) struct Outcome {
    pub written: Written,
    pub validation: Validation,
    pub documents: u64,
    pub empty_documents: u64,
}

impl<'a> Pipeline<'a> {
    pub(super) fn new(
        options: &'a PrepareOptions,
        sources: &'a [Source],
        progress: &'a dyn Progress,
        split: Split,
        writer: TrainWriter,
    ) -> Self {
        let bytes_total = sources.iter().map(|source| source.info.bytes).sum();
        let status = Status {
            stage: Stage::Tokenising,
            bytes_done: 0,
            bytes_total,
            documents: 0,
            tokens: 0,
        };
        let batcher = Batcher::new(BATCH_BYTES);
        Self {
            options,
            sources,
            progress,
            source: 0,
            batcher,
            split,
            writer,
            status,
            empty_documents: 0,
        }
    }

    /// Reads all sources to the end.
    pub(super) fn run(mut self) -> Result<Outcome, PrepareError> {
        for (index, source) in self.sources.iter().enumerate() {
            self.source = index;
            self.read(source)?;
        }
        let batch = self.batcher.take();
        self.process(batch)?;
        if self.status.documents == self.empty_documents {
            return Err(PrepareError::NoDocuments {
                files: self.sources.len(),
            });
        }
        let validation = self.split.finish(&mut self.writer)?;
        let written = self.writer.finish()?;
        let (documents, empty_documents) = (self.status.documents, self.empty_documents);
        Ok(Outcome {
            written,
            validation,
            documents,
            empty_documents,
        })
    }

    fn read(&mut self, source: &Source) -> Result<(), PrepareError> {
        let field = self.options.field.as_deref();
        match source.format {
            Format::Text => text::read(source, self),
            Format::JsonLines => jsonl::read(source, field.unwrap_or("text"), self),
            Format::Parquet => parquet::read(source, field, self.options.tokenizer.vocab_size(), self),
        }
    }

    fn process(&mut self, batch: Vec<Document>) -> Result<(), PrepareError> {
        let pieces = batch.into_par_iter().map(|document| self.piece(document));
        let pieces = pieces.collect::<Result<Vec<Piece>, _>>()?;
        for piece in pieces {
            self.status.tokens += piece.tokens().len() as u64;
            self.split.push(piece, &mut self.writer)?;
        }
        self.progress.update(&self.status);
        Ok(())
    }

    fn piece(&self, document: Document) -> Result<Piece, PrepareError> {
        let Document {
            source,
            place,
            content,
        } = document;
        let tokens = match content {
            Content::Row(tokens) => tokens,
            Content::Text(text) => {
                let mut tokens = Vec::new();
                let encoded = self.options.tokenizer.encode(&text, &mut tokens);
                encoded.map_err(|cause| self.sources[source].problem(place, Problem::Tokenizer(cause)))?;
                tokens
            }
        };
        Ok(Piece::new(tokens))
    }
}

impl Sink for Pipeline<'_> {
    fn document(&mut self, place: Place, content: Content) -> Result<(), PrepareError> {
        self.status.documents += 1;
        if content.bytes() == 0 {
            self.empty_documents += 1;
            return Ok(());
        }
        match self.batcher.push(Document {
            source: self.source,
            place,
            content,
        }) {
            Some(batch) => self.process(batch),
            None => Ok(()),
        }
    }

    fn advance(&mut self, bytes: u64) {
        self.status.bytes_done += bytes;
    }
}
