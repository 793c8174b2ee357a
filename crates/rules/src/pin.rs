//! A digest that a category asks for.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::is_sha256;

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
