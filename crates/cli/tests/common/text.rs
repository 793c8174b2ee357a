//! Small corpora on the disk.

use std::fs;
use std::path::Path;
use std::process::Command;

use super::{blueberry, finish};

/// `documents` documents of some 140 bytes as JSON lines.
pub fn write_documents(path: &Path, documents: u64) {
    let lines = (0..documents).map(|index| {
        let text = (1..=20).map(|power| format!("{:06}", (index + 1) * power * 7919 % 1_000_000));
        serde_json::json!({ "text": text.collect::<Vec<_>>().join(" ") }).to_string() + "\n"
    });
    fs::write(path, lines.collect::<String>()).expect("is written");
}

/// `data prepare` of `input` into `out`.
pub fn prepare(input: &Path, out: &Path) -> Command {
    let mut command = blueberry(["data", "prepare"]);
    command.arg(input).arg("--out").arg(out);
    command
}

/// A dataset of bytes in `dir`; about 140 training tokens a document.
pub fn prepared(dir: &Path, documents: u64) {
    let input = dir.with_extension("jsonl");
    write_documents(&input, documents);
    finish(prepare(&input, dir)).expect_code(0);
}
