//! Changing a record as a forger would: some only change a file, some make seals and digests anew.
#![allow(dead_code)] // each test file uses a part

use std::collections::BTreeMap;

use blueberry_records::record::Record;
use blueberry_rules::sha256;
use blueberry_runlog::{Chain, Event};
use serde_json::Value;

/// A record's files by name.
pub type Files = BTreeMap<String, Vec<u8>>;

/// The same numbers on every machine: Steele, Lea and Flood, "Fast splittable pseudorandom number generators".
pub struct Dice(pub u64);

impl Dice {
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    pub fn below(&mut self, count: usize) -> usize {
        (self.next() % count.max(1) as u64) as usize
    }

    pub fn pick<'a, T>(&mut self, list: &'a [T]) -> &'a T {
        &list[self.below(list.len())]
    }
}

pub fn log_names(files: &Files) -> Vec<String> {
    files
        .keys()
        .filter(|name| name.starts_with("runs/"))
        .cloned()
        .collect()
}

/// The lines of a log.
pub fn lines(files: &Files, name: &str) -> Vec<String> {
    let text = String::from_utf8(zstd::decode_all(files[name].as_slice()).expect("zstd")).expect("text");
    text.lines().map(String::from).collect()
}

/// Puts a log of these lines in place, with its seals as they stand in them.
pub fn put_lines(files: &mut Files, name: &str, lines: &[String]) {
    let text: String = lines.iter().map(|line| format!("{line}\n")).collect();
    files.insert(name.into(), zstd::encode_all(text.as_bytes(), 3).expect("zstd"));
}

/// The lines with the seals made anew, after every evaluation and at the end.
pub fn resealed(lines: &[String]) -> Vec<String> {
    let mut chain = Chain::new();
    let mut sealed = Vec::new();
    let kept: Vec<_> = lines
        .iter()
        .filter(|line| !line.contains("\"event\":\"seal\""))
        .collect();
    for (index, line) in kept.iter().enumerate() {
        let event = Event::parse(line.as_bytes()).ok();
        chain.push(format!("{line}\n").as_bytes(), event.as_ref().and_then(Event::at));
        sealed.push((*line).clone());
        if matches!(event, Some(Event::Eval(_))) || index + 1 == kept.len() {
            sealed.push(serde_json::to_string(&Event::Seal(chain.seal())).expect("a seal"));
            chain.close();
        }
    }
    sealed
}

/// Changes `record.toml`.
pub fn edit_record(files: &mut Files, edit: impl FnOnce(&mut Record)) {
    let text = String::from_utf8(files["record.toml"].clone()).expect("text");
    let mut record = Record::parse(&text).expect("a record");
    edit(&mut record);
    // As a forger's program writes it, without the checks of ours.
    files.insert(
        "record.toml".into(),
        toml::to_string(&record).expect("TOML").into_bytes(),
    );
}

/// Makes every digest in `record.toml` anew.
pub fn redigested(files: &mut Files) {
    let digests: BTreeMap<String, String> = files
        .iter()
        .filter(|(name, _)| !matches!(name.as_str(), "record.toml" | "README.md"))
        .map(|(name, bytes)| (name.clone(), sha256(bytes)))
        .collect();
    let logs: BTreeMap<String, String> = log_names(files)
        .into_iter()
        .filter_map(|name| {
            let log = zstd::decode_all(files[&name].as_slice()).ok()?;
            Some((name, sha256(&log)))
        })
        .collect();
    edit_record(files, |record| {
        record.files = digests;
        for run in &mut record.runs {
            if let Some(digest) = logs.get(&run.file) {
                run.sha256.clone_from(digest);
            }
        }
    });
}

/// Changes a field of a line; says whether the line has it.
pub fn edit_field(line: &mut String, pointer: &str, edit: impl FnOnce(&Value) -> Value) -> bool {
    let mut value: Value = serde_json::from_str(line).expect("JSON");
    let Some(field) = value.pointer_mut(pointer) else {
        return false;
    };
    *field = edit(field);
    *line = value.to_string();
    true
}
