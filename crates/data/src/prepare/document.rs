//! What the readers hand on: documents.

pub(super) use super::error::Place;
use super::error::{PrepareError, Problem};

use super::sources::Source;

/// A larger one would take too much memory at once.
pub(super) const MAX_DOCUMENT_BYTES: u64 = 64 << 20;

/// A document as it stands in a source.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Content {
    Text(String),
    /// Ready tokens, all of them in the vocabulary.
    Row(Vec<u16>),
}

impl Content {
    pub(super) fn bytes(&self) -> usize {
        match self {
            Self::Text(text) => text.len(),
            Self::Row(tokens) => tokens.len() * 2,
        }
    }
}

/// Takes the documents of the sources, in order.
pub(super) trait Sink {
    fn document(&mut self, place: Place, content: Content) -> Result<(), PrepareError>;
    /// `bytes` more of the source have been read.
    fn advance(&mut self, bytes: u64);
}

impl Source {
    /// An error in this file.
    pub(super) fn problem(&self, place: Place, problem: Problem) -> PrepareError {
        PrepareError::Input {
            path: self.path.clone(),
            place,
            problem,
        }
    }
}

#[cfg(test)]
pub(super) mod testing {
    use super::*;
    use crate::manifest::SourceInfo;
    use std::path::Path;

    /// Keeps what it is told.
    #[derive(Default)]
    pub(in super::super) struct Kept {
        pub documents: Vec<(Place, Content)>,
        pub bytes: u64,
    }

    impl Sink for Kept {
        fn document(&mut self, place: Place, content: Content) -> Result<(), PrepareError> {
            self.documents.push((place, content));
            Ok(())
        }

        fn advance(&mut self, bytes: u64) {
            self.bytes += bytes;
        }
    }

    impl Kept {
        pub(in super::super) fn texts(&self) -> Vec<&str> {
            self.documents
                .iter()
                .filter_map(|(_, content)| match content {
                    Content::Text(text) => Some(text.as_str()),
                    Content::Row(_) => None,
                })
                .collect()
        }
    }

    /// The source at `path`, without a digest.
    pub(in super::super) fn source(path: &Path) -> Source {
        let bytes = std::fs::metadata(path).unwrap().len();
        let format = super::super::sources::Format::Text;
        let info = SourceInfo {
            name: "source".to_owned(),
            bytes,
            sha256: String::new(),
        };
        Source {
            path: path.to_owned(),
            format,
            info,
        }
    }
}
