//! What the reference system did, as its authors published it: PyTorch, one RTX 4090, its own validation rows, a
//! clock that ran over compilation and evaluations. Nobody has run it again under these rules.

use serde::Serialize;

/// A line that stands without a rank.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Reference {
    /// The category it stands under.
    #[serde(skip)]
    pub category: &'static str,
    /// Seconds on its clock.
    pub clock_s: f64,
    /// Its validation loss, nats per token.
    pub val_loss: f64,
    /// Targets that it had consumed.
    pub tokens: u64,
    /// Its device.
    pub hardware: &'static str,
    /// What to know about it.
    pub note: &'static str,
}

const GPU: &str = "RTX 4090";

const REFERENCES: [Reference; 4] = [
    Reference {
        category: "dash",
        clock_s: 1_854.0,
        val_loss: 3.633,
        tokens: 98_300_000,
        hardware: GPU,
        note: "at its rate 100M targets take about 31 minutes",
    },
    Reference {
        category: "lowest-loss",
        clock_s: 1_854.0,
        val_loss: 3.633,
        tokens: 98_300_000,
        hardware: GPU,
        note: "over this category's 20 minutes",
    },
    Reference {
        category: "glitchless",
        clock_s: 9_408.0,
        val_loss: 3.194,
        tokens: 500_000_000,
        hardware: GPU,
        note: "did not reach 3.0; nobody has published a run that did",
    },
    Reference {
        category: "marathon",
        clock_s: 9_408.0,
        val_loss: 3.194,
        tokens: 500_000_000,
        hardware: GPU,
        note: "half of the data set: a fault of its step count",
    },
];

/// The line of a category.
pub fn of(category: &str) -> Option<&'static Reference> {
    REFERENCES.iter().find(|reference| reference.category == category)
}
