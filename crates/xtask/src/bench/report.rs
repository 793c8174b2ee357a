//! What a benchmark leaves: tables for people, one JSON file for everything else.

use std::collections::BTreeMap;
use std::path::Path;

use serde::Serialize;
use serde_json::Value;

use super::Error;
use super::machine::{Machine, Source};
use super::python::Versions;

/// Everything about one benchmark.
#[derive(Serialize)]
pub struct Report {
    pub date: String,
    /// As it was typed.
    pub command: String,
    pub rounds: u32,
    pub source: Source,
    pub machine: Machine,
    pub python: Versions,
    pub parts: BTreeMap<&'static str, Entry>,
}

/// A part, and what else went on.
#[derive(Serialize)]
pub struct Entry {
    /// Processors that other programs kept busy in the second before; near 0 on a machine left alone.
    pub busy_cpus_before: Option<f64>,
    #[serde(flatten)]
    pub part: PartReport,
}

/// How a part ended.
#[derive(Debug, Serialize)]
#[serde(tag = "status", rename_all = "lowercase")]
pub enum PartReport {
    Measured {
        #[serde(flatten)]
        part: Measured,
    },
    /// Not taken, with the reason.
    Skipped {
        reason: String,
    },
    Failed {
        error: String,
    },
}

/// What a part measured.
#[derive(Debug, Serialize)]
pub struct Measured {
    pub result: Value,
    /// What was left out of it, with the reason.
    pub skipped: Vec<String>,
    #[serde(skip)]
    pub tables: Vec<Table>,
}

impl Measured {
    /// # Errors
    /// [`Error::Serialize`].
    pub fn new(result: &impl Serialize, skipped: Vec<String>, tables: Vec<Table>) -> Result<Self, Error> {
        let result = serde_json::to_value(result).map_err(Error::Serialize)?;
        Ok(Self {
            result,
            skipped,
            tables,
        })
    }
}

impl Report {
    /// Writes the JSON file.
    ///
    /// # Errors
    /// [`Error::File`].
    pub fn write(&self, path: &Path) -> Result<(), Error> {
        let text = serde_json::to_string_pretty(self).map_err(Error::Serialize)?;
        std::fs::write(path, text + "\n").map_err(Error::file(path))
    }

    /// Parts that failed.
    pub fn failures(&self) -> usize {
        let failed = |entry: &&Entry| matches!(entry.part, PartReport::Failed { .. });
        self.parts.values().filter(failed).count()
    }
}

impl PartReport {
    /// For a terminal.
    pub fn text(&self) -> String {
        match self {
            Self::Measured { part } => {
                let tables: Vec<_> = part.tables.iter().map(Table::text).collect();
                let skipped = part.skipped.iter().map(|reason| format!("skipped: {reason}\n"));
                tables.join("\n") + &skipped.collect::<String>()
            }
            Self::Skipped { reason } => format!("skipped: {reason}\n"),
            Self::Failed { error } => format!("FAILED: {error}\n"),
        }
    }
}

/// A table whose first row is its head.
#[derive(Debug)]
pub struct Table(Vec<Vec<String>>);

impl Table {
    pub fn new(head: &[&str]) -> Self {
        Self(vec![head.iter().map(|&cell| cell.to_owned()).collect()])
    }

    pub fn row(&mut self, cells: impl Into<Vec<String>>) {
        self.0.push(cells.into());
    }

    /// The first column to the left, numbers to the right.
    fn text(&self) -> String {
        let columns = self.0.iter().map(Vec::len).max().unwrap_or(0);
        let width = |column: usize| {
            let cells = self.0.iter().filter_map(|row| row.get(column));
            cells.map(|cell| cell.chars().count()).max().unwrap_or(0)
        };
        let widths: Vec<usize> = (0..columns).map(width).collect();
        self.0.iter().map(|row| line(row, &widths)).collect()
    }
}

fn line(row: &[String], widths: &[usize]) -> String {
    let cells = row.iter().zip(widths).enumerate();
    let cells = cells.map(|(column, (cell, &width))| match column {
        0 => format!("{cell:<width$}"),
        _ => format!("{cell:>width$}"),
    });
    let text = cells.collect::<Vec<_>>().join("  ");
    format!("{}\n", text.trim_end())
}

/// Bytes in units of 10^6.
pub fn megabytes(bytes: Option<u64>) -> String {
    bytes.map_or("-".to_owned(), |bytes| format!("{:.0} MB", bytes as f64 / 1e6))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn measured() -> PartReport {
        let mut table = Table::new(&["tiny", "tokens/s"]);
        table.row(["blueberry".to_owned(), "12345".to_owned()]);
        table.row(["pytorch".to_owned(), "9".to_owned()]);
        let part = Measured::new(
            &json!({"x": 1}),
            vec!["compiled: no compiler".into()],
            vec![table],
        );
        PartReport::Measured { part: part.unwrap() }
    }

    #[test]
    fn a_table_is_aligned() {
        let expected = "\
tiny       tokens/s
blueberry     12345
pytorch           9
skipped: compiled: no compiler
";
        assert_eq!(measured().text(), expected);
    }

    #[test]
    fn parts_say_how_they_ended() {
        let json = |part: &PartReport| serde_json::to_value(part).unwrap();
        assert_eq!(
            json(&measured()),
            json!({"status": "measured", "result": {"x": 1}, "skipped": ["compiled: no compiler"]})
        );
        let skipped = PartReport::Skipped { reason: "why".into() };
        assert_eq!(json(&skipped), json!({"status": "skipped", "reason": "why"}));
        let failed = PartReport::Failed { error: "how".into() };
        assert_eq!(json(&failed), json!({"status": "failed", "error": "how"}));
        assert_eq!(failed.text(), "FAILED: how\n");
    }

    #[test]
    fn memory_is_told_in_millions_of_bytes() {
        assert_eq!(megabytes(Some(123_456_789)), "123 MB");
        assert_eq!(megabytes(None), "-");
    }
}
