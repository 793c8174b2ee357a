//! `leaderboard.json`.

use serde::{Deserialize, Serialize};

use super::reference::Reference;
use super::{Leaderboard, Part};
use crate::ranking::{Flag, Ranked};
use crate::{Entry, Metric};

/// Version of the format.
const VERSION: u64 = 1;

#[derive(Serialize)]
struct File<'a> {
    version: u64,
    ledger_entries: usize,
    ledger_sha256: &'a str,
    categories: Vec<CategoryPart<'a>>,
}

#[derive(Serialize)]
struct CategoryPart<'a> {
    id: &'a str,
    name: &'a str,
    metric: Metric,
    record: Option<&'a str>,
    ranked: Vec<Row<'a>>,
    pending: Vec<Row<'a>>,
    history: Vec<Row<'a>>,
    progression: Vec<Milestone<'a>>,
    reference: Option<&'a Reference>,
}

#[derive(Serialize)]
struct Row<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    rank: Option<usize>,
    #[serde(flatten)]
    entry: &'a Entry,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    flags: Vec<Flag>,
}

/// A point of the record's progression.
#[derive(Serialize)]
struct Milestone<'a> {
    date: &'a str,
    record: &'a str,
    figure: Option<f64>,
}

/// Where the ledger was when a `leaderboard.json` was made.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct PublishedHead {
    /// How many entries it had.
    pub ledger_entries: usize,
    /// Digest of the last one.
    pub ledger_sha256: String,
}

/// What a `leaderboard.json` says of the ledger.
///
/// # Errors
/// It is not one.
pub fn published_head(json: &str) -> Result<PublishedHead, serde_json::Error> {
    serde_json::from_str(json)
}

/// The leaderboard for programs.
///
/// # Errors
/// None that are known: every value has a JSON form.
pub fn leaderboard_json(board: &Leaderboard) -> Result<String, serde_json::Error> {
    let file = File {
        version: VERSION,
        ledger_entries: board.ledger.entries().len(),
        ledger_sha256: board.ledger.head(),
        categories: board.parts().iter().map(|part| category(board, part)).collect(),
    };
    Ok(serde_json::to_string_pretty(&file)? + "\n")
}

fn category<'a>(board: &Leaderboard<'a>, part: &Part<'a>) -> CategoryPart<'a> {
    let flags = board.flags();
    let row = |rank, entry: &'a Entry| Row {
        rank,
        entry,
        flags: flags.get(entry.id.as_str()).cloned().unwrap_or_default(),
    };
    let rows = |entries: &[&'a Entry]| entries.iter().map(|entry| row(None, entry)).collect();
    CategoryPart {
        id: &part.category.id,
        name: &part.category.name,
        metric: part.category.metric,
        record: part.progression.last().map(|entry| entry.id.as_str()),
        ranked: part
            .ranked
            .iter()
            .map(|Ranked { rank, entry }| row(Some(*rank), entry))
            .collect(),
        pending: rows(&part.pending),
        history: rows(&part.history),
        progression: part.progression.iter().map(|entry| milestone(entry)).collect(),
        reference: part.reference,
    }
}

fn milestone(entry: &Entry) -> Milestone<'_> {
    Milestone {
        date: entry.since(),
        record: &entry.id,
        figure: entry.mean(),
    }
}
