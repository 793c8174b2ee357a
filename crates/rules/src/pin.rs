//! What of its data a category asks for: digests, and a count.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::{Answer, is_sha256};

/// A digest that a category asks for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Pin {
    /// The category does not ask.
    Any,
    /// The category asks, but the digest is not fixed yet: nobody can tell.
    Unpinned,
    /// This SHA-256 in lower-case hex.
    Sha256(String),
}

/// A text that is no [`Pin`].
#[derive(Debug, Error)]
#[error("`{0}` is no pin: write 64 lower-case hex digits, \"any\" or \"unpinned\"")]
pub struct PinError(String);

impl FromStr for Pin {
    type Err = PinError;

    fn from_str(text: &str) -> Result<Self, PinError> {
        match text {
            "any" => Ok(Self::Any),
            "unpinned" => Ok(Self::Unpinned),
            digest if is_sha256(digest) => Ok(Self::Sha256(digest.to_owned())),
            other => Err(PinError(other.to_owned())),
        }
    }
}

impl TryFrom<String> for Pin {
    type Error = PinError;

    fn try_from(text: String) -> Result<Self, PinError> {
        text.parse()
    }
}

impl From<Pin> for String {
    fn from(pin: Pin) -> Self {
        pin.to_string()
    }
}

impl fmt::Display for Pin {
    fn fmt(&self, text: &mut fmt::Formatter) -> fmt::Result {
        text.write_str(match self {
            Self::Any => "any",
            Self::Unpinned => "unpinned",
            Self::Sha256(digest) => digest,
        })
    }
}

impl Pin {
    /// The answer of a rule that holds a digest of a log's first line against the pin.
    pub(crate) fn answer(&self, found: &str) -> Answer {
        match self {
            Self::Any => Answer::not_applicable(TAKES_ANY),
            Self::Unpinned => Answer::cannot_tell(format!(
                "the digest that the category asks for is not fixed yet (here: {found})"
            )),
            Self::Sha256(asked) if asked == found => Answer::pass(format!("sha256 {found}")),
            Self::Sha256(asked) => {
                Answer::fail_at(1, format!("sha256 {found}, but the category asks for {asked}"))
            }
        }
    }
}

pub(crate) const TAKES_ANY: &str = "the category takes any";

/// A count that a category asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged, expecting = "a count is a number, \"any\" or \"unpinned\"")]
pub enum PinnedCount {
    /// This one.
    Count(u64),
    /// None in particular.
    Open(Open),
}

/// Why a [`PinnedCount`] is no number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Open {
    /// The category does not ask.
    Any,
    /// The category asks, but the count is not fixed yet: nobody can tell.
    Unpinned,
}

impl PinnedCount {
    /// The category does not ask.
    pub const ANY: Self = Self::Open(Open::Any);
    /// The category asks, but the count is not fixed yet.
    pub const UNPINNED: Self = Self::Open(Open::Unpinned);

    pub(crate) fn any() -> Self {
        Self::ANY
    }

    #[allow(clippy::trivially_copy_pass_by_ref)] // serde calls it so
    pub(crate) fn is_any(&self) -> bool {
        *self == Self::ANY
    }
}
