//! The judge's verdict on an open log.

use std::io::{BufRead, Read};

use blueberry_rules::{Case, Categories, Facts, LoggedRun, judge, sha256};
use blueberry_runlog::{Limits, ReadError, decompress, read};
use serde_json::{Value, json};
use thiserror::Error;

/// Most bytes of a log that is judged in the page, unpacked: the judge keeps every line.
const MOST_BYTES: u64 = 256 << 20;

/// Why there is no verdict.
#[derive(Debug, Error)]
pub enum VerdictError {
    /// There is no such category.
    #[error("there is no category `{0}`")]
    NoCategory(String),
    /// The log cannot be unpacked.
    #[error("the log cannot be read: {0}")]
    Unreadable(std::io::Error),
    /// The log is no own one, or broken.
    #[error("the judge reads run.jsonl only: {0}")]
    NoLog(#[from] ReadError),
}

/// The official categories, by id and name.
#[must_use]
pub fn categories() -> Value {
    let rows = Categories::official().list.into_iter();
    rows.map(|category| json!({ "id": category.id, "name": category.name }))
        .collect()
}

/// The verdict on one run alone. What only a whole submission has (attempts, further seeds, figures) is missing, and
/// the rules about that cannot tell.
///
/// # Errors
/// [`VerdictError`].
pub fn verdict(name: &str, input: impl BufRead, category: &str) -> Result<Value, VerdictError> {
    let official = Categories::official();
    let category = official
        .get(category)
        .ok_or_else(|| VerdictError::NoCategory(category.to_owned()))?;
    let mut bytes = Vec::new();
    let mut input = decompress(input, MOST_BYTES).map_err(VerdictError::Unreadable)?;
    input.read_to_end(&mut bytes).map_err(VerdictError::Unreadable)?;
    let run = LoggedRun {
        name: name.to_owned(),
        sha256: sha256(&bytes),
        log: read(bytes.as_slice(), &Limits::default())?,
    };
    let verdict = judge(&Case {
        category,
        plausibility: official.plausibility.as_ref(),
        runs: &[run],
        facts: &Facts::default(),
    });
    Ok(json!(verdict))
}

#[cfg(test)]
mod tests {
    use super::*;

    const SMALL: &[u8] = include_bytes!("../../runlog/tests/small.jsonl");

    #[test]
    fn every_category_judges_a_log() {
        let categories = categories();
        assert_eq!(categories.as_array().map(Vec::len), Some(4));
        for category in categories.as_array().unwrap() {
            let verdict = verdict("small", SMALL, category["id"].as_str().unwrap()).unwrap();
            assert_eq!(verdict["status"], "ineligible", "3 steps are no record");
            assert!(
                verdict["findings"]
                    .as_array()
                    .unwrap()
                    .iter()
                    .all(|finding| finding["answer"].is_string())
            );
        }
    }

    #[test]
    fn what_is_no_log_or_no_category_is_said() {
        let error = verdict("x", &b"s:0 tel:11.0\n"[..], "fastest")
            .unwrap_err()
            .to_string();
        assert!(
            error.contains("no category") || error.contains("run.jsonl only"),
            "{error}"
        );
        let known = categories()[0]["id"].as_str().unwrap().to_owned();
        let error = verdict("x", &b"s:0 tel:11.0\n"[..], &known)
            .unwrap_err()
            .to_string();
        assert!(
            error.starts_with("the judge reads run.jsonl only: line 1"),
            "{error}"
        );
    }
}
