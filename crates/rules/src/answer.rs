//! What a rule answers.

use serde::{Deserialize, Serialize};

/// What a rule answers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "answer", rename_all = "kebab-case")]
pub enum Answer {
    /// It holds.
    Pass {
        /// What shows it.
        evidence: String,
    },
    /// It is broken.
    Fail {
        /// What shows it.
        evidence: String,
        /// Line of the log, from 1, where one line shows it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        line: Option<u64>,
    },
    /// Nobody can say from what is here.
    CannotTell {
        /// What is missing, and how to come by it.
        missing: String,
    },
    /// The category does not ask.
    NotApplicable {
        /// Why not.
        why: String,
    },
}

impl Answer {
    pub(crate) fn pass(evidence: impl Into<String>) -> Self {
        Self::Pass {
            evidence: evidence.into(),
        }
    }

    pub(crate) fn fail(evidence: impl Into<String>) -> Self {
        Self::Fail {
            evidence: evidence.into(),
            line: None,
        }
    }

    pub(crate) fn fail_at(line: u64, evidence: impl Into<String>) -> Self {
        Self::Fail {
            evidence: evidence.into(),
            line: Some(line),
        }
    }

    pub(crate) fn cannot_tell(missing: impl Into<String>) -> Self {
        Self::CannotTell {
            missing: missing.into(),
        }
    }

    pub(crate) fn not_applicable(why: impl Into<String>) -> Self {
        Self::NotApplicable { why: why.into() }
    }

    /// What it says, for people.
    #[must_use]
    pub fn words(&self) -> &str {
        match self {
            Self::Pass { evidence } | Self::Fail { evidence, .. } => evidence,
            Self::CannotTell { missing } => missing,
            Self::NotApplicable { why } => why,
        }
    }
}
