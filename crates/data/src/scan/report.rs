//! What a scan found.

use serde::{Deserialize, Serialize};

/// How much of a validation set stands in its training tokens, word for word.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Overlap {
    /// Tokens a window.
    pub window_tokens: u64,
    /// SHA-256 of the manifest of the data.
    pub manifest_sha256: String,
    /// SHA-256 of the validation set.
    pub validation_sha256: String,
    /// Windows of the training tokens: one begins at each token but the last 63.
    pub train_windows: u64,
    /// Windows of the training tokens that are also windows of the validation set.
    pub overlapping_windows: u64,
    /// Targets of the validation set.
    pub validation_targets: u64,
    /// Targets that lie in a window which training holds too.
    pub covered_targets: u64,
    /// The training files, in order.
    pub files: Vec<FileOverlap>,
    /// Unbroken runs of overlapping windows, in all.
    pub places_in_all: u64,
    /// The first of these.
    pub places: Vec<Place>,
}

/// A training file's part in an [`Overlap`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileOverlap {
    /// Its name in the folder.
    pub file: String,
    /// Windows that begin in it.
    pub windows: u64,
    /// Those that overlap.
    pub overlapping_windows: u64,
}

/// An unbroken run of training windows that validation holds too.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Place {
    /// The training file in which it begins.
    pub file: String,
    /// Its first token in that file, from 0.
    pub offset: u64,
    /// Its length in tokens; it may end in a later file.
    pub tokens: u64,
    /// Where its first window stands in the validation set, for the first time.
    pub validation_offset: u64,
}

impl Overlap {
    /// Whether training holds no window of the validation set.
    #[must_use]
    pub fn is_clean(&self) -> bool {
        self.overlapping_windows == 0
    }

    /// Share of the validation targets that training holds too, 0 to 1.
    #[must_use]
    pub fn covered_share(&self) -> f64 {
        self.covered_targets as f64 / self.validation_targets.max(1) as f64
    }
}
