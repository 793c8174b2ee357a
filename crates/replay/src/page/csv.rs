//! What a chart shows, as a table.

use std::fmt::Write as _;
use std::ops::Range;

use serde::Serialize;

use super::chart::ChartRequest;
use super::library::Library;
use crate::{Axis, Metric, RunData};

/// Most rows of a table.
const MOST_ROWS: usize = 2_000_000;

const HEADER: &str = "run,metric,step,tokens,train_s,wall_s,value\n";

/// What a chart shows, as text.
#[derive(Debug, Serialize)]
pub struct Csv {
    /// The rows, the header first.
    pub table: String,
    /// Rows in view for which there was no room.
    pub left_out: usize,
}

/// Every value in view, one a row, unsmoothed; positions that a log lacks are empty.
#[must_use]
pub fn csv(library: &Library, request: &ChartRequest) -> Csv {
    up_to(MOST_ROWS, library, request)
}

fn up_to(mut room: usize, library: &Library, request: &ChartRequest) -> Csv {
    let axis = Axis::from_key(&request.axis).unwrap_or(Axis::Tokens);
    let (from, to) = request.zoom.unwrap_or((f64::NEG_INFINITY, f64::INFINITY));
    let (mut table, mut left_out) = (HEADER.to_owned(), 0);
    for run in request.runs.iter().filter_map(|&id| library.run(id)) {
        for key in &request.metrics {
            let metric = Metric::from_key(key);
            let rows = rows_in_view(run, &metric, axis, (from, to));
            let taken = rows.len().min(room);
            add(&mut table, run, &metric, rows.start..rows.start + taken);
            room -= taken;
            left_out += rows.len() - taken;
        }
    }
    Csv { table, left_out }
}

/// The rows of a metric between two positions; none where the run lacks it.
fn rows_in_view(run: &RunData, metric: &Metric, axis: Axis, (from, to): (f64, f64)) -> Range<usize> {
    let (positions, _) = run.series(metric, axis).unwrap_or_default();
    let first = positions.partition_point(|&at| at < from);
    first..positions.partition_point(|&at| at <= to).max(first)
}

fn add(table: &mut String, run: &RunData, metric: &Metric, rows: Range<usize>) {
    let Some(series) = run.table(metric) else { return };
    let Some(values) = series.column(metric) else {
        return;
    };
    let name = cell(&run.name);
    for row in rows {
        let at = series.position(row);
        let places = [at.step, at.tokens, at.train_s, at.wall_s]
            .map(|place| place.map_or(String::new(), |at| at.to_string()));
        // Writing to a string cannot fail.
        let _ = writeln!(
            table,
            "{name},{},{},{}",
            cell(metric.key()),
            places.join(","),
            values[row]
        );
    }
}

/// A name as a cell (RFC 4180), with a begin that no spreadsheet takes for a formula.
fn cell(name: &str) -> String {
    let guard = if name.starts_with(['=', '+', '-', '@', '\t', '\r']) {
        "'"
    } else {
        ""
    };
    format!("\"{guard}{}\"", name.replace('"', "\"\""))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_without_room_are_counted() {
        let mut library = Library::default();
        let log = &b"s:0 tel:11.0\ns:0 trl:9.0\ns:1 trl:8.0\ns:2 trl:7.0\ns:2 tel:6.0\n"[..];
        let id = library.open("llm.log", log).unwrap().runs[0].id;
        let request = serde_json::json!({
            "metrics": ["train_loss", "val_loss"], "runs": [id], "axis": "step", "width": 460, "height": 232,
            "margin": { "left": 50, "right": 10, "top": 10, "bottom": 22 },
        });
        let request = serde_json::from_value(request).unwrap();
        let rows = |most| {
            let Csv { table, left_out } = up_to(most, &library, &request);
            (table.lines().count() - 1, left_out)
        };
        assert_eq!(rows(MOST_ROWS), (5, 0));
        assert_eq!(rows(4), (4, 1));
        assert_eq!(rows(2), (2, 3));
    }

    #[test]
    fn names_are_cells_and_no_formulas() {
        assert_eq!(cell("a,\"b\"\n"), "\"a,\"\"b\"\"\n\"");
        assert_eq!(cell("=SUM(A1)"), "\"'=SUM(A1)\"");
    }
}
