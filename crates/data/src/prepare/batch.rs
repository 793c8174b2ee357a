//! Gathers documents into batches that are worth sharing out among threads and small enough for memory.

use super::document::{Content, Place};

/// Bytes of documents in a batch. Their tokens take twice that at most (the byte tokenizer).
pub(super) const BATCH_BYTES: usize = 16 << 20;
/// A document costs some memory beyond its bytes.
const MAX_DOCUMENTS: usize = 1 << 16;

/// A document and where it came from.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Document {
    /// Index of the source.
    pub source: usize,
    pub place: Place,
    pub content: Content,
}

/// Gathers documents until they reach a number of bytes.
#[derive(Debug)]
pub(super) struct Batcher {
    limit_bytes: usize,
    bytes: usize,
    documents: Vec<Document>,
}

impl Batcher {
    pub(super) fn new(limit_bytes: usize) -> Self {
        Self {
            limit_bytes,
            bytes: 0,
            documents: Vec::new(),
        }
    }

    /// The batch, once `document` fills it. A batch is larger than the limit by less than its last document.
    pub(super) fn push(&mut self, document: Document) -> Option<Vec<Document>> {
        self.bytes += document.content.bytes();
        self.documents.push(document);
        let full = self.bytes >= self.limit_bytes || self.documents.len() >= MAX_DOCUMENTS;
        full.then(|| self.take())
    }

    /// What has been gathered since the last batch.
    pub(super) fn take(&mut self) -> Vec<Document> {
        self.bytes = 0;
        std::mem::take(&mut self.documents)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn document(bytes: usize) -> Document {
        Document {
            source: 0,
            place: Place::Line(1),
            content: Content::Text("x".repeat(bytes)),
        }
    }

    #[test]
    fn a_batch_is_bounded_by_its_last_document() {
        let mut batcher = Batcher::new(100);
        let sizes = [30, 30, 30, 30, 500, 0, 99, 1, 7];
        let batches: Vec<Vec<usize>> = sizes
            .iter()
            .filter_map(|&bytes| batcher.push(document(bytes)))
            .map(|batch| batch.iter().map(|document| document.content.bytes()).collect())
            .collect();
        assert_eq!(batches, [vec![30, 30, 30, 30], vec![500], vec![0, 99, 1]]);
        assert_eq!(batcher.take(), [document(7)]);
        assert_eq!(batcher.take(), []);
    }

    #[test]
    fn tokens_count_double_and_empty_documents_count_too() {
        let mut batcher = Batcher::new(100);
        let row = Document {
            source: 0,
            place: Place::Row(0),
            content: Content::Row(vec![1; 50]),
        };
        assert!(batcher.push(row).is_some());
        let full = (0..MAX_DOCUMENTS + 1)
            .filter_map(|_| batcher.push(document(0)))
            .map(|batch| batch.len());
        assert_eq!(full.collect::<Vec<_>>(), [MAX_DOCUMENTS]);
    }
}
