//! `data prepare` holds little of its input, however much there is of it and however long its documents are. A file of its
//! own, since the system counts the memory of all processes of a test together.
#![cfg(target_os = "linux")]

mod common;

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::Path;

use common::{blueberry, finish, place};

/// Of resident memory, at most.
const MOST_BYTES: u64 = 500_000_000;
const MEGABYTE: usize = 1 << 20;

/// A sentence at a time until there are so many bytes.
fn prose(bytes: usize) -> String {
    let sentence = "The fox went to the mill by the river, and the miller gave him bread for the winter. ";
    sentence.repeat(bytes / sentence.len())
}

/// Short documents, and some that are near the limit of 64 MiB.
fn write_documents(path: &Path, shorts: usize, longs: usize) {
    let mut file = BufWriter::new(File::create(path).expect("a file"));
    let mut document = |text: &str| {
        let line = serde_json::json!({ "text": text });
        writeln!(file, "{line}").expect("is written");
    };
    let short = prose(2_000);
    (0..shorts).for_each(|_| document(&short));
    let long = prose(60 * MEGABYTE);
    (0..longs).for_each(|_| document(&long));
}

/// The largest resident memory that any child of this process had, in bytes.
fn peak_of_children() -> u64 {
    // SAFETY: a struct of integers, for which zeros are values.
    let mut usage: libc::rusage = unsafe { std::mem::zeroed() };
    // SAFETY: writes the struct that it is given.
    let failed = unsafe { libc::getrusage(libc::RUSAGE_CHILDREN, &raw mut usage) };
    assert_eq!(failed, 0);
    u64::try_from(usage.ru_maxrss).expect("kilobytes") * 1024
}

#[test]
fn preparing_long_documents_takes_less_than_half_a_gigabyte() {
    let place = place();
    let mut cases = vec![("bytes".to_owned(), 50_000, 2)];
    // A real tokenizer takes more for each document, and longer; it is no part of this repository.
    match std::env::var_os("BLUEBERRY_ASSETS") {
        Some(assets) => {
            let path = Path::new(&assets).join("tokenizer/tokenizer.json");
            cases.push((path.to_string_lossy().into_owned(), 5_000, 1));
        }
        None => eprintln!("BLUEBERRY_ASSETS is not set: only the byte tokenizer is measured"),
    }
    for (case, (tokenizer, shorts, longs)) in cases.iter().enumerate() {
        let input = place.path().join(format!("{case}.jsonl"));
        write_documents(&input, *shorts, *longs);
        let bytes = std::fs::metadata(&input).expect("is there").len();
        let mut command = blueberry(["data", "prepare", "--tokenizer", tokenizer, "--out"]);
        command.arg(place.path().join(case.to_string())).arg(&input);
        finish(command).expect_code(0);
        let peak = peak_of_children();
        println!(
            "{tokenizer}: {} MB of {} MB of input",
            peak / 1_000_000,
            bytes / 1_000_000
        );
        assert!(peak < MOST_BYTES, "{tokenizer}: {peak} bytes");
    }
}
