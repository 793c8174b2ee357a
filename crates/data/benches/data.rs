//! How fast tokens are made and served. The tokenizer comes from the folder that `BLUEBERRY_ASSETS` names.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use blueberry_data::{Dataset, Loader, Prefetch, Tokenizer, stories};
use divan::Bencher;
use divan::counter::{BytesCount, ItemsCount};

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
