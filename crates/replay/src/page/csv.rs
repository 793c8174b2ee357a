//! What a chart shows, as a table.

use std::fmt::Write as _;

use super::chart::ChartRequest;
use super::library::Library;
use crate::{Axis, Metric, RunData};

/// Most rows of a table.
const MOST_ROWS: usize = 2_000_000;

const HEADER: &str = "run,metric,step,tokens,train_s,wall_s,value\n";

/// Every value in view, one a row, unsmoothed; positions that a log lacks are empty.
#[must_use]
pub fn csv(library: &Library, request: &ChartRequest) -> String {
    let axis = Axis::from_key(&request.axis).unwrap_or(Axis::Tokens);
    let (from, to) = request.zoom.unwrap_or((f64::NEG_INFINITY, f64::INFINITY));
    let mut table = HEADER.to_owned();
    let mut room = MOST_ROWS;
    for run in request.runs.iter().filter_map(|&id| library.run(id)) {
        for key in &request.metrics {
            add(
                &mut table,
                run,
                &Metric::from_key(key),
                axis,
                (from, to),
                &mut room,
            );
        }
    }
    table
}

fn add(table: &mut String, run: &RunData, metric: &Metric, axis: Axis, view: (f64, f64), room: &mut usize) {
    let Some((positions, values)) = run.series(metric, axis) else {
        return;
    };
    let Some(rows) = run.table(metric) else { return };
    let first = positions.partition_point(|&at| at < view.0);
    let behind = positions.partition_point(|&at| at <= view.1).min(first + *room);
    let name = cell(&run.name);
    for (row, value) in values.iter().enumerate().take(behind).skip(first) {
        let at = rows.position(row);
        let places = [at.step, at.tokens, at.train_s, at.wall_s]
            .map(|place| place.map_or(String::new(), |at| at.to_string()));
        // Writing to a string cannot fail.
        let _ = writeln!(
            table,
            "{name},{},{},{}",
            cell(metric.key()),
            places.join(","),
            value
        );
    }
    *room -= behind.saturating_sub(first);
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
    fn names_are_cells_and_no_formulas() {
        assert_eq!(cell("a,\"b\"\n"), "\"a,\"\"b\"\"\n\"");
        assert_eq!(cell("=SUM(A1)"), "\"'=SUM(A1)\"");
    }
}
