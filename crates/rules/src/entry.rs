//! A record as the leaderboard knows it.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::{Figure, RecordStatus, Summary};

/// A record as the leaderboard knows it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Entry {
    /// Its id: its folder below `records/`, as `dash/2026-11-25-fused-swiglu`.
    pub id: String,
    /// Id of the category.
    pub category: String,
    /// Who made it.
    pub author: String,
    /// What is new in it.
    pub title: String,
    /// Day of the submission, as `2026-11-25`.
    pub date: String,
    /// Where it stands.
    pub status: RecordStatus,
    /// What its own logs say.
    pub claimed: Figures,
    /// What the verifier's logs say; these stand.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub verified: Option<Figures>,
    /// Id of the record that stood when it was verified, where its runs were not shown to be better than that record's
    /// beside them: then it takes no record, whatever its figure.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub short_of: Option<String>,
    /// Id of the record that its runs were shown to be better than, beside it on one machine.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub beat: Option<String>,
    /// Rules that could not be told and whose question the verifier answered; why stands in the verification.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub looked_at: Vec<String>,
    /// Number of the ledger's entry of its submission.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub submission: Option<u64>,
    /// Number of the ledger's entry that says it is verified.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub verification: Option<u64>,
    /// Day of that entry.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub verified_on: Option<String>,
    /// Digest of its source and settings.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub recipe: String,
    /// Seeds of its runs.
    pub seeds: Vec<u64>,
    /// Digests of its logs, in lower-case hex.
    pub logs: Vec<String>,
    /// Id of the record that it was built on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parent: Option<String>,
    /// Where to read more: a path from the repository's root, or an `https` address.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub link: Option<String>,
}

/// The figures of a set of runs.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Figures {
    /// What the category ranks on; `None` where a run has no figure.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub figure: Option<Figure>,
    /// Name of the device.
    pub hardware: String,
    /// Means by name; the names are those of [`Summary::figures`].
    pub means: BTreeMap<String, f64>,
    /// Means of benchmarks by name.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub benchmarks: BTreeMap<String, f64>,
}

impl Entry {
    /// The figures that count: the verifier's, where there are some, whatever was claimed.
    #[must_use]
    pub fn standing(&self) -> &Figures {
        self.verified.as_ref().unwrap_or(&self.claimed)
    }

    /// The day since which it counts: when a verifier said so, for the day of the submission is its author's word.
    #[must_use]
    pub fn since(&self) -> &str {
        self.verified_on.as_deref().unwrap_or(&self.date)
    }

    /// The mean of the figure that counts.
    #[must_use]
    pub fn mean(&self) -> Option<f64> {
        self.standing().figure.as_ref().map(|figure| figure.mean)
    }
}

impl Figures {
    /// The figures of a summary.
    #[must_use]
    pub fn of(summary: &Summary) -> Self {
        let mut devices: Vec<_> = summary.runs.iter().map(|run| run.hardware.as_str()).collect();
        devices.dedup();
        Self {
            figure: summary.figure.clone(),
            hardware: devices.join(", "),
            means: summary
                .figures()
                .into_iter()
                .map(|(name, figure)| (name, figure.mean))
                .collect(),
            benchmarks: summary.benchmarks(),
        }
    }
}
