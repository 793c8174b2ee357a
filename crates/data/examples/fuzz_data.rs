//! Feeds damaged and hostile bytes to every parser of strangers' data, and counts memory.
//!
//! ```sh
//! cargo run --release -p blueberry-data --example fuzz_data -- 600             # ten minutes for each parser
//! cargo run --release -p blueberry-data --example fuzz_data -- 60 parquet 7    # one minute, one parser, another seed
//! ```
//!
//! A tokenizer that is taken encodes and decodes a text. A Parquet file and JSON lines are prepared into a dataset, which
//! is opened and read. Of a dataset, the manifest and a shard are damaged.

#![allow(clippy::unwrap_used)] // of files of its own

#[path = "../../runlog/examples/fuzzing/mod.rs"]
mod fuzzing;
#[path = "../src/prepare/parquet_files.rs"]
mod parquet_files;

use std::fs;

use blueberry_data::{Dataset, PrepareOptions, Tokenizer, manifest, prepare};
use fuzzing::{Target, folder};
use parquet_files::Column;

const TARGETS: [Target; 5] = [
    Target::new("tokenizer", tokenizer, tokenizers),
    Target::new("parquet", parquet, parquets),
    Target::new("jsonl", jsonl, || {
        let line = |text: &str| {
            format!("{{\"text\": \"{text} and so on, \\u00e4 and \\ud83d\\ude00\", \"id\": 7}}\n")
        };
        vec![["one", "two", "three"].map(line).concat().into_bytes()]
    }),
    Target::new("manifest", damaged_manifest, || vec![file(manifest::FILE_NAME)]),
    Target::new("shard", damaged_shard, || vec![file(SHARD)]),
];

const SHARD: &str = "train_000000.bin";
const TEXT: &str = "The cat, 123 \u{e4}\u{1f600} <|endoftext|> w1 w2\n\n  don't";

fn main() -> std::process::ExitCode {
    fuzzing::run_with_folder(&TARGETS)
}

fn tokenizer(bytes: &[u8]) {
    let path = folder().join("tokenizer.json");
    fs::write(&path, bytes).unwrap();
    if let Ok(tokenizer) = Tokenizer::from_file(&path) {
        let mut tokens = Vec::new();
        let _ = tokenizer.encode(TEXT, &mut tokens);
        drop(tokenizer.decode(&tokens));
        drop(tokenizer.decode(&[0, 1, u16::MAX]));
    }
}

/// One of each kind of model, small.
fn tokenizers() -> Vec<Vec<u8>> {
    let file = |model: &str, pre: &str, added: &str| {
        format!(
            r#"{{"version":"1.0","truncation":null,"padding":null,"added_tokens":[{added}],"normalizer":{{"type":"NFC"}},
            "pre_tokenizer":{pre},"post_processor":null,"decoder":{{"type":"ByteLevel"}},"model":{model}}}"#
        )
        .into_bytes()
    };
    let levels = r#"{"type":"ByteLevel","add_prefix_space":false,"trim_offsets":true,"use_regex":true}"#;
    let split = r#"{"type":"Sequence","pretokenizers":[{"type":"Digits","individual_digits":true},
        {"type":"Split","pattern":{"Regex":"\\p{L}+|\\s+(?!\\S)"},"behavior":"Isolated","invert":false}]}"#;
    let end = r#"{"id":7,"content":"<|endoftext|>","single_word":false,"lstrip":false,"rstrip":false,"normalized":false,"special":true}"#;
    vec![
        file(
            r#"{"type":"BPE","dropout":null,"unk_token":"T","continuing_subword_prefix":null,"end_of_word_suffix":null,
            "fuse_unk":false,"byte_fallback":false,"vocab":{"T":0,"h":1,"e":2,"Th":3,"The":4,"c":5,"a":6},"merges":["T h","Th e"]}"#,
            levels,
            end,
        ),
        file(
            r#"{"type":"WordLevel","vocab":{"w0":0,"w1":1,"w2":2},"unk_token":"w0"}"#,
            r#"{"type":"WhitespaceSplit"}"#,
            "",
        ),
        file(
            r#"{"type":"Unigram","unk_id":0,"vocab":[["<unk>",0.0],["The",-1.5],["cat",-2.0],["c",-3.0]],"byte_fallback":false}"#,
            split,
            "",
        ),
        file(
            r###"{"type":"WordPiece","unk_token":"[UNK]","continuing_subword_prefix":"##","max_input_chars_per_word":100,
            "vocab":{"[UNK]":0,"The":1,"##cat":2}}"###,
            r#"{"type":"BertPreTokenizer"}"#,
            "",
        ),
    ]
}

/// Prepares a file of this name with these bytes, and reads what came of it.
fn prepared(name: &str, bytes: &[u8]) {
    let (input, out) = (folder().join(name), folder().join("out"));
    fs::write(&input, bytes).unwrap();
    let _ = fs::remove_dir_all(&out);
    let options = PrepareOptions::new(vec![input], out.clone(), Tokenizer::bytes());
    if prepare(&options, &()).is_ok() {
        let dataset = Dataset::open(&out).unwrap();
        dataset.verify(&mut |_, _| ()).unwrap();
        dataset.validation_tokens().unwrap();
    }
}

fn parquet(bytes: &[u8]) {
    prepared("a.parquet", bytes);
}

fn jsonl(bytes: &[u8]) {
    prepared("a.jsonl", bytes);
}

fn parquets() -> Vec<Vec<u8>> {
    let texts = |count: usize| (0..count).map(|at| Some(format!("text {at} of some"))).collect();
    let ids = |count: usize| {
        (0..count)
            .map(|at| Some(vec![Some(at as i64 % 256); 2048]))
            .collect()
    };
    let columns = [
        ("text", Column::Texts(texts(90))),
        ("text", Column::Bytes(vec![b"bytes".to_vec(); 9])),
        ("text", Column::RequiredTexts(vec!["text".to_owned(); 9])),
        ("input_ids", Column::Ints(ids(9))),
        ("input_ids", Column::Longs(ids(9))),
    ];
    let path = folder().join("seed.parquet");
    columns
        .into_iter()
        .map(|column| {
            parquet_files::write(&path, &[column]);
            fs::read(&path).unwrap()
        })
        .collect()
}

/// A file of a small dataset, which is made where there is none.
fn file(name: &str) -> Vec<u8> {
    let dir = folder().join("dataset");
    if !dir.exists() {
        let texts = folder().join("texts.jsonl");
        let lines: String = (0..300)
            .map(|at| format!("{{\"text\": \"text {at} of some\"}}\n"))
            .collect();
        fs::write(&texts, lines).unwrap();
        prepare(
            &PrepareOptions::new(vec![texts], dir.clone(), Tokenizer::bytes()),
            &(),
        )
        .unwrap();
    }
    fs::read(dir.join(name)).unwrap()
}

fn damaged_manifest(bytes: &[u8]) {
    damaged(manifest::FILE_NAME, bytes);
}

fn damaged_shard(bytes: &[u8]) {
    damaged(SHARD, bytes);
}

/// Opens and reads the dataset with these bytes in place of a file's, which is there again behind it.
fn damaged(name: &str, bytes: &[u8]) {
    let good = file(name);
    let dir = folder().join("dataset");
    fs::write(dir.join(name), bytes).unwrap();
    if let Ok(dataset) = Dataset::open(&dir) {
        let _ = dataset.verify(&mut |_, _| ());
        let _ = dataset.validation_tokens();
        let _ = dataset.tokenizer();
        let mut tokens = Vec::new();
        for (start, end) in [
            (0, 1),
            (0, dataset.train_tokens()),
            (5, 70),
            (u64::MAX - 1, u64::MAX),
        ] {
            if end.saturating_sub(start) < 1 << 20 {
                let _ = dataset.read(start, end, &mut tokens);
            }
        }
    }
    fs::write(dir.join(name), good).unwrap();
}
