//! How fast a core looks for leaks, and in how much memory, as JSON.
//!
//! ```sh
//! cargo run --release -p blueberry-data --example scan_speed -- 5    # five rounds
//! ```
//!
//! 64 MiB of tokens of a vocabulary of 49,152 and a validation set of full size, none of which is in them: what a scan
//! costs where there is no leak. On one thread, so that the figure is one core's; beside the wall's time stands the
//! thread's own, which other programs do not lengthen (Linux).

use std::error::Error;
use std::fs;
use std::path::Path;
use std::time::Instant;

use blueberry_data::manifest::{FILE_NAME, Manifest, ShardInfo, Unit, VERSION, ValidationInfo};
use blueberry_data::{Dataset, Tokenizer, scan};
use serde_json::json;
use sha2::{Digest, Sha256};

const TOKENS: u64 = 1 << 25;
const TARGETS: u64 = 1 << 20;

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

/// Seconds of the processor that this thread had.
fn thread_s() -> Option<f64> {
    let text = fs::read_to_string("/proc/thread-self/schedstat").ok()?;
    Some(text.split_whitespace().next()?.parse::<f64>().ok()? / 1e9)
}

/// A size of this process, as `/proc/self/status` names it, in bytes.
fn size(name: &str) -> Option<u64> {
    let text = fs::read_to_string("/proc/self/status").ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix(name))?;
    Some(line.split_whitespace().nth(1)?.parse::<u64>().ok()? * 1024)
}

/// Wall and thread seconds of one scan.
fn round(dataset: &Dataset) -> Result<(f64, Option<f64>), blueberry_data::ScanError> {
    let (start, before) = (Instant::now(), thread_s());
    let found = scan(dataset, 10, &|_, _| ())?;
    let seconds = start.elapsed().as_secs_f64();
    assert!(found.is_clean() && found.validation_targets == TARGETS);
    Ok((seconds, thread_s().zip(before).map(|(now, before)| now - before)))
}

fn main() -> Result<(), Box<dyn Error>> {
    let rounds: usize = std::env::args().nth(1).map_or(Ok(5), |text| text.parse())?;
    let dir = tempfile::tempdir()?;
    let dataset = noise_dataset(dir.path(), TOKENS);
    // Forgets the peak of making the data.
    let peak_is_the_scans = fs::write("/proc/self/clear_refs", "5").is_ok();
    let pool = rayon::ThreadPoolBuilder::new().num_threads(1).build()?;
    let times = pool.install(|| {
        (0..rounds)
            .map(|_| round(&dataset))
            .collect::<Result<Vec<_>, _>>()
    })?;
    let rate = |seconds: f64| TOKENS as f64 / seconds / 1e6;
    let wall: Vec<f64> = times.iter().map(|&(wall, _)| rate(wall)).collect();
    let thread: Vec<f64> = times.iter().filter_map(|&(_, thread)| thread.map(rate)).collect();
    let report = json!({
        "command": "cargo run --release -p blueberry-data --example scan_speed",
        "training_tokens": TOKENS,
        "validation_targets": TARGETS,
        "million_tokens_per_s_by_the_wall": wall,
        "million_tokens_per_s_by_the_threads_time": thread,
        "peak_memory_bytes": peak_is_the_scans.then(|| size("VmHWM")).flatten(),
        "of_it_mapped_shards_bytes": 2 * (TOKENS + TARGETS),
    });
    println!("{report:#}");
    Ok(())
}
