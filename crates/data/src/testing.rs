//! What several tests need.

use std::fs;
use std::path::{Path, PathBuf};

use tempfile::TempDir;

use crate::dataset::Dataset;
use crate::manifest::{FILE_NAME, Manifest, ShardInfo, Unit, VERSION, ValidationInfo};
use crate::shard::ShardWriter;
use crate::tokenizer::Tokenizer;

/// A file of the development assets, which are not part of the project; `None`, with a printed line, without them.
pub(crate) fn assets(name: &str) -> Option<PathBuf> {
    let default = || Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/assets");
    let path = std::env::var_os("BLUEBERRY_ASSETS")
        .map_or_else(default, PathBuf::from)
        .join(name);
    if !path.exists() {
        eprintln!(
            "skipped: no {} (set BLUEBERRY_ASSETS to the folder of the assets)",
            path.display()
        );
        return None;
    }
    Some(path)
}

/// A `tokenizer.json` of `size` words `w0 w1 ..` between spaces.
pub(crate) fn word_level(size: usize) -> String {
    let vocab: Vec<String> = (0..size).map(|id| format!("\"w{id}\":{id}")).collect();
    format!(
        r#"{{"version":"1.0","truncation":null,"padding":null,"added_tokens":[],"normalizer":null,
        "pre_tokenizer":{{"type":"WhitespaceSplit"}},"post_processor":null,"decoder":null,
        "model":{{"type":"WordLevel","vocab":{{{}}},"unk_token":"w0"}}}}"#,
        vocab.join(",")
    )
}

/// A manifest of two training and two validation tokens.
pub(crate) fn manifest() -> Manifest {
    let sha256 = "ab".repeat(32);
    let shard = ShardInfo {
        file: "train_000000.bin".to_owned(),
        tokens: 2,
        sha256: sha256.clone(),
    };
    let file = "validation.bin".to_owned();
    let validation = ValidationInfo {
        file,
        tokens: 2,
        targets: 1,
        sha256: sha256.clone(),
        documents: 1,
    };
    Manifest {
        version: VERSION,
        tokenizer: Tokenizer::bytes().info(),
        train: vec![shard],
        validation,
        sources: Vec::new(),
        documents: 2,
        empty_documents: 0,
        train_tokens: 2,
        unit: Unit::Document,
        split: "by hand".to_owned(),
        unigram_entropy_nats: 5.5,
        inputs_sha256: sha256,
    }
}

/// A dataset of bytes with these shards.
pub(crate) fn dataset_of(shards: &[&[u16]]) -> (TempDir, Dataset) {
    dataset_with(shards, &[1, 2])
}

/// A dataset of bytes with these shards and this validation set.
pub(crate) fn dataset_with(shards: &[&[u16]], validation: &[u16]) -> (TempDir, Dataset) {
    let dir = tempfile::tempdir().unwrap();
    let mut manifest = manifest();
    manifest.train.clear();
    for (index, tokens) in shards.iter().enumerate() {
        let file = format!("train_{index:06}.bin");
        let (tokens, sha256) = write(&dir.path().join(&file), tokens);
        manifest.train.push(ShardInfo { file, tokens, sha256 });
    }
    manifest.train_tokens = manifest.train.iter().map(|shard| shard.tokens).sum();
    let (tokens, sha256) = write(&dir.path().join("validation.bin"), validation);
    manifest.validation = ValidationInfo {
        tokens,
        targets: tokens - 1,
        sha256,
        ..manifest.validation
    };
    fs::write(dir.path().join(FILE_NAME), serde_json::to_vec(&manifest).unwrap()).unwrap();
    let dataset = Dataset::open(dir.path()).unwrap();
    (dir, dataset)
}

/// A dataset whose token `i` is `i`, for up to 257 tokens.
pub(crate) fn dataset(tokens: u16) -> (TempDir, Dataset) {
    dataset_of(&[&(0..tokens).collect::<Vec<_>>()])
}

fn write(path: &Path, tokens: &[u16]) -> (u64, String) {
    let mut writer = ShardWriter::create(path).unwrap();
    writer.push(tokens).unwrap();
    writer.finish().unwrap()
}
