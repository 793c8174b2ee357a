//! What a prepared dataset says of itself, in `manifest.json`.

use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::digest::{from_hex, hex};
use crate::error::{AtPath, DataError};

/// Version of the manifest and of everything that it describes.
pub const VERSION: u32 = 1;
/// Name of the file in the dataset's folder.
pub const FILE_NAME: &str = "manifest.json";
/// Room for some hundred thousand sources.
const MAX_BYTES: u64 = 64 << 20;
/// The validation set is cut to this many tokens: 1,048,576 targets.
pub const MAX_VALIDATION_TOKENS: u64 = (1 << 20) + 1;

/// The manifest of a dataset. It holds no time and no path, so that the same inputs give the same bytes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// [`VERSION`].
    pub version: u32,
    /// What made the tokens.
    pub tokenizer: TokenizerInfo,
    /// The training tokens, in order.
    pub train: Vec<ShardInfo>,
    /// The validation set.
    pub validation: ValidationInfo,
    /// What the tokens were made from, in order.
    pub sources: Vec<SourceInfo>,
    /// Documents, or rows, that were read.
    pub documents: u64,
    /// Documents that were left out because they had no text.
    pub empty_documents: u64,
    /// Sum over `train`.
    pub train_tokens: u64,
    /// What the split keeps together.
    pub unit: Unit,
    /// How training and validation were told apart.
    pub split: String,
    /// Cross-entropy, in nats a token, of the validation targets under the training tokens' frequencies (each count
    /// plus one): what a model scores that knows how often each token comes and nothing else.
    pub unigram_entropy_nats: f64,
    /// SHA-256 over format version, tokenizer, field, shard size and the sources' names and contents.
    pub inputs_sha256: String,
}

/// The tokenizer of a dataset.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TokenizerInfo {
    /// Which tokenizer.
    pub kind: TokenizerKind,
    /// Largest id plus one.
    pub vocab_size: u32,
    /// SHA-256 of `tokenizer.json`.
    pub sha256: String,
    /// The token after every document of text, where the vocabulary has one.
    pub end_of_document: Option<u16>,
}

/// The kinds of tokenizer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum TokenizerKind {
    /// Bytes, and 256 for the end of a document.
    Bytes,
    /// The `tokenizer.json` beside the manifest.
    HuggingFace,
}

/// A file of training tokens.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ShardInfo {
    /// Name in the dataset's folder.
    pub file: String,
    /// Number of tokens.
    pub tokens: u64,
    /// SHA-256 of the tokens as little-endian `u16`, without the file's header.
    pub sha256: String,
}

/// The validation set.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ValidationInfo {
    /// Name in the dataset's folder.
    pub file: String,
    /// Number of tokens.
    pub tokens: u64,
    /// Tokens that are predicted: one less.
    pub targets: u64,
    /// SHA-256 of the tokens as little-endian `u16`: two runs with the same digest were validated on the same set.
    pub sha256: String,
    /// Documents, or rows, of which the set has at least one token.
    pub documents: u64,
}

/// An input file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SourceInfo {
    /// Its name, below the folder that was given.
    pub name: String,
    /// Its size.
    pub bytes: u64,
    /// SHA-256 of its content.
    pub sha256: String,
}

/// What the split keeps together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Unit {
    /// A document of text.
    Document,
    /// A row of ready tokens.
    Row,
}

impl Manifest {
    /// Reads and checks the manifest of the dataset in `dir`. Also returns the SHA-256 of the file, in hex.
    ///
    /// # Errors
    /// There is none, it is of another version, or it contradicts itself.
    pub fn read(dir: &Path) -> Result<(Self, String), DataError> {
        let path = dir.join(FILE_NAME);
        let json = read_limited(dir, &path)?;
        let malformed = |cause| DataError::Manifest {
            path: path.clone(),
            cause,
        };
        // The version is looked at first: a later one may have other keys.
        let versioned: Versioned = serde_json::from_slice(&json).map_err(malformed)?;
        if versioned.version != u64::from(VERSION) {
            return Err(DataError::ManifestVersion {
                path,
                found: versioned.version,
                supported: VERSION,
            });
        }
        let manifest: Self = serde_json::from_slice(&json).map_err(malformed)?;
        manifest.check(&path)?;
        Ok((manifest, hex(&Sha256::digest(&json))))
    }

    /// Inputs that this manifest cannot have been written for would otherwise surface as a panic or a wrong number
    /// far from here.
    fn check(&self, path: &Path) -> Result<(), DataError> {
        let field = |field, found: String, expected: String| DataError::ManifestField {
            path: path.to_owned(),
            field,
            found,
            expected,
        };
        let sum: u128 = self.train.iter().map(|shard| u128::from(shard.tokens)).sum();
        if sum != u128::from(self.train_tokens) {
            return Err(field(
                "train_tokens",
                self.train_tokens.to_string(),
                format!("{sum}, the sum over the shards"),
            ));
        }
        let validation = &self.validation;
        if validation.tokens < 2 || validation.tokens > MAX_VALIDATION_TOKENS {
            let expected = format!("2 to {MAX_VALIDATION_TOKENS}");
            return Err(field(
                "validation.tokens",
                validation.tokens.to_string(),
                expected,
            ));
        }
        if validation.targets != validation.tokens - 1 {
            let expected = (validation.tokens - 1).to_string();
            return Err(field(
                "validation.targets",
                validation.targets.to_string(),
                expected,
            ));
        }
        let vocab_size = self.tokenizer.vocab_size;
        if vocab_size == 0 || vocab_size > 1 << 16 {
            return Err(field(
                "tokenizer.vocab_size",
                vocab_size.to_string(),
                "1 to 65536".to_owned(),
            ));
        }
        if let Some(file) = self.files().find(|file| !is_plain_name(file)) {
            return Err(field(
                "file",
                file.to_owned(),
                "a file name without a folder".to_owned(),
            ));
        }
        if let Some(digest) = self.digests().find(|digest| from_hex(digest).is_none()) {
            return Err(field(
                "sha256",
                digest.to_owned(),
                "64 lower-case hex digits".to_owned(),
            ));
        }
        Ok(())
    }

    fn files(&self) -> impl Iterator<Item = &str> {
        self.train
            .iter()
            .map(|shard| shard.file.as_str())
            .chain([self.validation.file.as_str()])
    }

    fn digests(&self) -> impl Iterator<Item = &str> {
        let fixed = [
            &self.tokenizer.sha256,
            &self.validation.sha256,
            &self.inputs_sha256,
        ];
        self.train
            .iter()
            .map(|shard| &shard.sha256)
            .chain(fixed)
            .map(String::as_str)
    }
}

#[derive(Deserialize)]
struct Versioned {
    version: u64,
}

fn read_limited(dir: &Path, path: &Path) -> Result<Vec<u8>, DataError> {
    let file = match fs::File::open(path) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            return Err(DataError::NotADataset {
                dir: PathBuf::from(dir),
            });
        }
        file => file.at("open", path)?,
    };
    let mut json = Vec::new();
    file.take(MAX_BYTES).read_to_end(&mut json).at("read", path)?;
    Ok(json)
}

/// A manifest may not lead out of its folder.
fn is_plain_name(name: &str) -> bool {
    !name.is_empty() && name != "." && name != ".." && !name.contains(['/', '\\', ':', '\0'])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::manifest;

    fn read_after(change: impl FnOnce(&mut serde_json::Value)) -> Result<Manifest, String> {
        let dir = tempfile::tempdir().unwrap();
        let mut json = serde_json::to_value(manifest()).unwrap();
        change(&mut json);
        fs::write(dir.path().join(FILE_NAME), json.to_string()).unwrap();
        Manifest::read(dir.path())
            .map(|(manifest, _)| manifest)
            .map_err(|error| error.to_string())
    }

    #[test]
    fn a_manifest_reads_back() {
        assert_eq!(read_after(|_| ()).unwrap(), manifest());
    }

    #[test]
    fn a_manifest_that_contradicts_itself_is_refused() {
        type Change = fn(&mut serde_json::Value);
        let cases: [(Change, &str); 8] = [
            (
                |json| json["version"] = 2.into(),
                "version 2, this build reads version 1",
            ),
            (
                |json| json["train_tokens"] = 1.into(),
                "`train_tokens` is 1, expected 2",
            ),
            (
                |json| json["validation"]["targets"] = 7.into(),
                "`validation.targets` is 7, expected 1",
            ),
            (
                |json| json["validation"]["tokens"] = 1.into(),
                "`validation.tokens` is 1",
            ),
            (
                |json| json["tokenizer"]["vocab_size"] = 70_000.into(),
                "`tokenizer.vocab_size` is 70000",
            ),
            (|json| json["train"][0]["file"] = "../a".into(), "`file` is ../a"),
            (|json| json["inputs_sha256"] = "ab".into(), "`sha256` is ab"),
            (|json| json["colour"] = "red".into(), "unknown field `colour`"),
        ];
        for (change, expected) in cases {
            let message = read_after(change).unwrap_err();
            assert!(
                message.contains(expected) && message.contains(FILE_NAME),
                "{message}"
            );
        }
    }

    #[test]
    fn a_folder_without_manifest_is_no_dataset() {
        let dir = tempfile::tempdir().unwrap();
        assert!(matches!(
            Manifest::read(dir.path()),
            Err(DataError::NotADataset { .. })
        ));
    }
}
