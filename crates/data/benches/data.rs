//! How fast tokens are made and served. The tokenizer comes from the folder that `BLUEBERRY_ASSETS` names.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use blueberry_data::manifest::{FILE_NAME, Manifest, ShardInfo, Unit, VERSION, ValidationInfo};
use blueberry_data::{Dataset, Loader, Prefetch, Tokenizer, scan, stories};
use divan::Bencher;
use divan::counter::{BytesCount, ItemsCount};
use sha2::{Digest, Sha256};

fn main() {
    divan::main();
}

/// Half a megabyte of stories.
fn text() -> String {
    stories::stories(1).take(650).collect::<Vec<_>>().join("\n")
}

fn vocabulary() -> Option<Tokenizer> {
    let default = || Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/assets");
    let assets = std::env::var_os("BLUEBERRY_ASSETS").map_or_else(default, PathBuf::from);
    Tokenizer::from_file(&assets.join("tokenizer/tokenizer.json")).ok()
}

fn tokenise(bencher: Bencher<'_, '_>, tokenizer: &Tokenizer) {
    let text = text();
    bencher.counter(BytesCount::new(text.len())).bench_local(|| {
        let mut tokens = Vec::new();
        tokenizer.encode(&text, &mut tokens).map(|()| tokens)
    });
}

#[divan::bench]
fn tokenise_bytes(bencher: Bencher<'_, '_>) {
    tokenise(bencher, &Tokenizer::bytes());
}

#[divan::bench]
fn tokenise_bpe(bencher: Bencher<'_, '_>) {
    match vocabulary() {
        Some(tokenizer) => tokenise(bencher, &tokenizer),
        None => eprintln!("skipped: no tokenizer/tokenizer.json in the folder that BLUEBERRY_ASSETS names"),
    }
}

#[divan::bench]
fn write_stories(bencher: Bencher<'_, '_>) {
    bencher
        .counter(BytesCount::new(1_000_000u64))
        .bench(|| stories::write(1, 1_000_000, std::io::sink()));
}

const BLOCKS: usize = 16;
const BLOCK_LEN: usize = 1024;

/// A loader over two megabytes of stories that never runs out.
fn loader() -> (tempfile::TempDir, Loader) {
    let dir = tempfile::tempdir().expect("a temporary folder");
    let folder = stories::prepare(dir.path(), 2_000_000, Tokenizer::bytes(), &()).expect("a corpus");
    let dataset = Arc::new(Dataset::open(&folder).expect("a dataset"));
    (
        dir,
        Loader::new(dataset, 1, BLOCK_LEN, u64::MAX).expect("a loader"),
    )
}

#[divan::bench]
fn serve(bencher: Bencher<'_, '_>) {
    let (_dir, mut loader) = loader();
    let tokens = ItemsCount::new(BLOCKS * BLOCK_LEN);
    bencher.counter(tokens).bench_local(|| loader.next_blocks(BLOCKS));
}

#[divan::bench]
fn serve_prefetched(bencher: Bencher<'_, '_>) {
    let (_dir, loader) = loader();
    let mut prefetch = Prefetch::new(loader, std::iter::repeat(BLOCKS), 4).expect("a thread");
    let tokens = ItemsCount::new(BLOCKS * BLOCK_LEN);
    bencher.counter(tokens).bench_local(|| prefetch.next_blocks());
}

/// A shard of noise: its number of tokens and digest, as the manifest wants them.
fn noise_shard(path: &Path, seed: u64, tokens: u64) -> (u64, String) {
    let mut header = [0; 1024];
    for (word, value) in header.chunks_exact_mut(4).zip([20_240_520, 1, tokens as u32]) {
        word.copy_from_slice(&value.to_le_bytes());
    }
    // SplitMix64's finaliser: a plain product would come back to the same windows.
    let mix = |x: u64| (x ^ x >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let token = |i: u64| (mix(mix((seed << 40 | i).wrapping_mul(0x9e37_79b9_7f4a_7c15))) >> 32) % 49_152;
    let payload: Vec<u8> = (0..tokens)
        .flat_map(|i| (token(i) as u16).to_le_bytes())
        .collect();
    let sha256 = Sha256::digest(&payload)
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    std::fs::write(path, [&header[..], &payload].concat()).expect("a shard");
    (tokens, sha256)
}

/// A dataset of `tokens` training tokens and the largest validation set.
fn noise_dataset(dir: &Path, tokens: u64) -> Dataset {
    let (file, validation_file) = ("train.bin".to_owned(), "validation.bin".to_owned());
    let (_, validation_sha256) = noise_shard(&dir.join(&validation_file), 1, (1 << 20) + 1);
    let (_, sha256) = noise_shard(&dir.join(&file), 2, tokens);
    let mut tokenizer = Tokenizer::bytes().info();
    tokenizer.vocab_size = 49_152;
    let manifest = Manifest {
        version: VERSION,
        tokenizer,
        train: vec![ShardInfo {
            file,
            tokens,
            sha256: sha256.clone(),
        }],
        validation: ValidationInfo {
            file: validation_file,
            tokens: (1 << 20) + 1,
            targets: 1 << 20,
            sha256: validation_sha256,
            documents: 1,
        },
        sources: Vec::new(),
        documents: 2,
        empty_documents: 0,
        train_tokens: tokens,
        unit: Unit::Document,
        split: "by hand".to_owned(),
        unigram_entropy_nats: 10.8,
        inputs_sha256: sha256,
    };
    let json = serde_json::to_vec(&manifest).expect("a manifest");
    std::fs::write(dir.join(FILE_NAME), json).expect("a manifest");
    Dataset::open(dir).expect("a dataset")
}

/// 64 MiB of tokens of a vocabulary of 49,152 and a validation set of full size, none of which is in them: what a scan
/// costs where there is no leak. On one thread, so that the figure is one core's.
#[divan::bench(sample_count = 10)]
fn scan_for_leaks(bencher: Bencher<'_, '_>) {
    const TOKENS: u64 = 1 << 25;
    let dir = tempfile::tempdir().expect("a temporary folder");
    let dataset = noise_dataset(dir.path(), TOKENS);
    let pool = rayon::ThreadPoolBuilder::new()
        .num_threads(1)
        .build()
        .expect("a thread");
    let scan = || pool.install(|| scan(&dataset, 10, &|_, _| ()));
    assert!(scan().is_ok_and(|found| found.is_clean() && found.validation_targets == 1 << 20));
    bencher.counter(ItemsCount::new(TOKENS)).bench_local(scan);
}
