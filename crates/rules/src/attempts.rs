//! The seeds that were declared before they ran.

use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::sha256;

/// The longest attempts file that is read, in bytes.
const MAX_BYTES: usize = 1 << 16;
/// TOML's integers end here.
const MAX_SEED: u64 = i64::MAX as u64;

/// What an attempts file says: these seeds of this recipe will be run, and all of them count.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Attempts {
    /// Id of the category.
    pub category: String,
    /// Digest of the recipe; see [`config_sha256`](crate::config_sha256).
    pub config_sha256: String,
    /// The seeds.
    pub seeds: Vec<u64>,
    /// The OpenSSH public key, on one line, of whoever alone may hand the runs in; every log names this file by digest, so
    /// that an unchanged copy of the logs is nobody else's claim. None where anybody may.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub public_key: Option<String>,
    /// For people.
    #[serde(default)]
    pub note: String,
}

/// An attempts file: what it says, and the digest of its bytes, which every log of its runs holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Declared {
    attempts: Attempts,
    sha256: String,
}

/// Why attempts cannot be read or written.
#[derive(Debug, Error)]
pub enum AttemptsError {
    /// It is not TOML, or not of these fields.
    #[error("attempts file: {0}")]
    Toml(#[from] toml::de::Error),
    /// It cannot be written as TOML.
    #[error("attempts file: {0}")]
    Write(#[from] toml::ser::Error),
    /// It is too long.
    #[error("attempts file: {bytes} bytes, at most {MAX_BYTES} are read")]
    TooLong {
        /// Its length.
        bytes: usize,
    },
    /// A seed that TOML cannot hold.
    #[error("attempts file: seed {seed} is above {MAX_SEED}; choose a smaller one")]
    Seed {
        /// The seed.
        seed: u64,
    },
}

impl Attempts {
    /// The text of the file. The same attempts give the same bytes.
    ///
    /// # Errors
    /// [`AttemptsError::Seed`] for a seed that TOML cannot hold.
    pub fn to_text(&self) -> Result<String, AttemptsError> {
        if let Some(&seed) = self.seeds.iter().find(|&&seed| seed > MAX_SEED) {
            return Err(AttemptsError::Seed { seed });
        }
        Ok(toml::to_string(self)?)
    }
}

impl Declared {
    /// Reads an attempts file.
    ///
    /// # Errors
    /// [`AttemptsError`].
    pub fn parse(text: &str) -> Result<Self, AttemptsError> {
        if text.len() > MAX_BYTES {
            return Err(AttemptsError::TooLong { bytes: text.len() });
        }
        Ok(Self {
            attempts: toml::from_str(text)?,
            sha256: sha256(text.as_bytes()),
        })
    }

    /// What it says.
    #[must_use]
    pub fn attempts(&self) -> &Attempts {
        &self.attempts
    }

    /// SHA-256 of its bytes in lower-case hex.
    #[must_use]
    pub fn sha256(&self) -> &str {
        &self.sha256
    }
}
