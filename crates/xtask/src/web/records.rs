//! The records' logs, which the page replays from its leaderboard.

use std::collections::BTreeMap;
use std::path::Path;

use super::Error;
use super::assemble::{Files, read_folder};

/// The logs of all records, as they lie in the checkout.
pub fn logs(root: &Path) -> Result<Files, Error> {
    let folder = root.join("records");
    if !folder.is_dir() {
        return Ok(Files::new());
    }
    let files = read_folder(&folder)?.into_iter();
    let logs = files.filter(|(name, _)| record(name).is_some());
    Ok(logs
        .map(|(name, bytes)| (format!("records/{name}"), bytes))
        .collect())
}

/// The logs of each record by its id, as JSON.
pub fn index<'a>(logs: impl Iterator<Item = &'a String>) -> Vec<u8> {
    let mut index: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for log in logs {
        if let Some(id) = log.strip_prefix("records/").and_then(record) {
            index.entry(id).or_default().push(log);
        }
    }
    serde_json::to_vec(&index).unwrap_or_default()
}

/// The record that a file below `records/` is a log of.
fn record(name: &str) -> Option<&str> {
    let (id, log) = name.split_once("/runs/")?;
    (log.contains(".jsonl") && !log.contains('/')).then_some(id)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn logs_are_listed_by_record() {
        let logs = [
            "records/dash/a/runs/1.jsonl.zst",
            "records/dash/a/runs/2.jsonl.zst",
            "records/full/b/runs/1.jsonl",
        ];
        let logs: Vec<String> = logs.iter().map(|&log| log.to_owned()).collect();
        let index: serde_json::Value = serde_json::from_slice(&index(logs.iter())).unwrap();
        assert_eq!(index["dash/a"].as_array().map(Vec::len), Some(2));
        assert_eq!(index["full/b"][0], "records/full/b/runs/1.jsonl");
    }

    #[test]
    fn only_logs_count() {
        assert_eq!(record("dash/a/README.md"), None);
        assert_eq!(record("dash/a/runs/deep/1.jsonl"), None);
        assert_eq!(record("dash/a/runs/1.jsonl.zst"), Some("dash/a"));
    }
}
