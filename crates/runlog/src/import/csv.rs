//! Tables of metrics, as W&B, Trackio and `TensorBoard` export them.
//!
//! A *wide* table has a column for each series, called `METRIC` or `RUN - METRIC`, and may name the run of each row
//! in a column. A *long* one has a row for each value, with columns for the metric's name and the value. Axes are
//! found by the columns' names. Rows may be in any order.

use std::collections::BTreeMap;
use std::io::BufRead;

use super::csv_record::{Records, header};
use super::problem::{Problems, shorten};
use super::text::number;
use super::{Axis, Format, ImportError, Imported, Position, Reason, RunData, Table};
use crate::Limits;

const FORMAT: Format = Format::Csv;
const MAX_COLUMNS: usize = 10_000;
/// Most series of a file, over all runs.
const MAX_SERIES: usize = 10_000;
/// Most values of a file.
const MAX_CELLS: u64 = 20_000_000;

/// What a column holds.
#[derive(Debug, Clone, PartialEq)]
enum Role {
    /// Positions.
    Axis(Axis),
    /// Seconds since the Unix epoch; counted from each run's first.
    Clock,
    /// The run's name.
    Run,
    /// The metric's name of a long table.
    Key,
    /// The value of a long table.
    Value,
    /// A series of a wide table.
    Series(Option<String>, String),
    /// Nothing to plot.
    Ignored(&'static str),
}

/// The delimiter of a header line, where it is a header of this format.
pub(super) fn delimiter(line: &[u8]) -> Option<u8> {
    [b',', b'\t', b';'].into_iter().find(|&delimiter| {
        let names = header(line, delimiter);
        let has = |wanted: fn(&Role) -> bool| names.iter().any(|name| wanted(&role(name)));
        let is_placed = has(|role| matches!(role, Role::Axis(_) | Role::Clock));
        names.len() > 1 && names.len() <= MAX_COLUMNS && is_placed
    })
}

fn role(name: &str) -> Role {
    let name = name.trim().trim_start_matches('\u{feff}');
    match name.to_ascii_lowercase().as_str() {
        "step" | "_step" | "global_step" | "trainer/global_step" | "iteration" | "iter" => {
            Role::Axis(Axis::Step)
        }
        "tokens" | "num_tokens" | "tokens_seen" | "train/tokens" | "consumed_tokens" => {
            Role::Axis(Axis::Tokens)
        }
        "train_s" => Role::Axis(Axis::TrainS),
        "wall_s" | "_runtime" | "relative time (process)" | "relative time (wall)" => Role::Axis(Axis::WallS),
        "_timestamp" | "wall time" | "wall_time" => Role::Clock,
        "timestamp" | "time" | "date" => Role::Ignored("times of day are not read"),
        "run" | "run_name" | "run name" | "_run" => Role::Run,
        "metric" | "key" | "tag" => Role::Key,
        "value" => Role::Value,
        lower if lower.ends_with("__min") || lower.ends_with("__max") => {
            Role::Ignored("it bounds the samples that the series is a mean of")
        }
        _ => match name.rsplit_once(" - ") {
            Some((run, metric)) => Role::Series(Some(run.to_owned()), metric.to_owned()),
            None => Role::Series(None, name.to_owned()),
        },
    }
}

pub(super) fn import(
    name: &str,
    delimiter: u8,
    input: impl BufRead,
    limits: &Limits,
) -> Result<Imported, ImportError> {
    let mut records = Records::new(input, delimiter, limits);
    let mut log = match records.next()? {
        Some((_, names)) => Log::new(name, names)?,
        None => return Err(empty("it has no header")),
    };
    while let Some((line, cells)) = records.next()? {
        log.record(line, cells)?;
    }
    log.finish()
}

fn empty(why: &str) -> ImportError {
    ImportError::Empty {
        format: FORMAT,
        why: why.to_owned(),
    }
}

/// A value and the row that says where it stands.
struct Cell {
    row: u32,
    value: f64,
}

struct Log {
    name: String,
    roles: Vec<Role>,
    rows: Vec<Position>,
    /// Whether the row's `wall_s` is a time of day.
    is_clocked: Vec<bool>,
    lines: Vec<u64>,
    /// By run and metric.
    series: BTreeMap<(String, String), Vec<Cell>>,
    cells: u64,
    problems: Problems,
}

impl Log {
    fn new(name: &str, names: &[String]) -> Result<Self, ImportError> {
        if names.len() > MAX_COLUMNS {
            return Err(ImportError::Limit {
                line: 1,
                limit: MAX_COLUMNS as u64,
                what: "columns",
            });
        }
        let mut roles: Vec<Role> = names.iter().map(|name| role(name)).collect();
        let mut problems = Problems::default();
        // Without a column of names, one called `value` is a series like any other.
        let is_long = roles.contains(&Role::Key) && roles.contains(&Role::Value);
        for (role, name) in roles.iter_mut().zip(names) {
            match role {
                Role::Key | Role::Value if !is_long => *role = Role::Series(None, name.clone()),
                Role::Series(..) if is_long => {
                    *role = Role::Ignored("the table has its values in one column")
                }
                _ => {}
            }
            if let Role::Ignored(why) = role {
                problems.add(
                    1,
                    Reason::Column {
                        column: shorten(name),
                        why,
                    },
                );
            }
        }
        Ok(Self {
            name: name.to_owned(),
            roles,
            rows: Vec::new(),
            is_clocked: Vec::new(),
            lines: Vec::new(),
            series: BTreeMap::new(),
            cells: 0,
            problems,
        })
    }

    fn record(&mut self, line: u64, cells: &[String]) -> Result<(), ImportError> {
        if cells.len() != self.roles.len() {
            let (found, expected) = (cells.len(), self.roles.len());
            self.problems.add(line, Reason::Cells { found, expected });
            return Ok(());
        }
        let (position, is_clocked) = match self.position(cells) {
            Ok(placed) => placed,
            Err(reason) => {
                self.problems.add(line, reason);
                return Ok(());
            }
        };
        let row = u32::try_from(self.rows.len()).map_err(|_| ImportError::Limit {
            line,
            limit: u32::MAX.into(),
            what: "rows",
        })?;
        self.rows.push(position);
        self.is_clocked.push(is_clocked);
        self.lines.push(line);
        self.values(line, row, cells)
    }

    /// Where a row stands, and whether its `wall_s` is a time of day: one that the log counts itself goes before.
    fn position(&self, cells: &[String]) -> Result<(Position, bool), Reason> {
        let (mut position, mut clock) = (Position::default(), None);
        for (role, cell) in self.roles.iter().zip(cells) {
            match role {
                Role::Axis(axis) if !cell.is_empty() => position.set(*axis, number(axis.key(), cell)?),
                Role::Clock if !cell.is_empty() && clock.is_none() => clock = Some(number("time", cell)?),
                _ => {}
            }
        }
        let is_clocked = position.wall_s.is_none() && clock.is_some();
        position.wall_s = position.wall_s.or(clock);
        Ok((position, is_clocked))
    }

    fn values(&mut self, line: u64, row: u32, cells: &[String]) -> Result<(), ImportError> {
        let find = |wanted: &Role| {
            let index = self.roles.iter().position(|role| role == wanted)?;
            Some(&cells[index]).filter(|cell| !cell.is_empty())
        };
        let run = find(&Role::Run).unwrap_or(&self.name).clone();
        let key = find(&Role::Key).cloned();
        // Lent out, so that the series can grow meanwhile.
        let roles = std::mem::take(&mut self.roles);
        let mut filled = roles.iter().zip(cells).filter(|(_, cell)| !cell.is_empty());
        let done = filled.try_for_each(|(role, cell)| match (role, &key) {
            (Role::Series(of, metric), _) => self.cell(line, of.as_ref().unwrap_or(&run), metric, row, cell),
            (Role::Value, Some(key)) => self.cell(line, &run, key, row, cell),
            _ => Ok(()),
        });
        self.roles = roles;
        done
    }

    fn cell(&mut self, line: u64, run: &str, metric: &str, row: u32, cell: &str) -> Result<(), ImportError> {
        match number(metric, cell) {
            Ok(value) => self.keep(line, (run.to_owned(), metric.to_owned()), Cell { row, value }),
            Err(reason) => {
                self.problems.add(line, reason);
                Ok(())
            }
        }
    }

    fn keep(&mut self, line: u64, name: (String, String), cell: Cell) -> Result<(), ImportError> {
        let over = |limit, what| Err(ImportError::Limit { line, limit, what });
        self.cells += 1;
        if self.cells > MAX_CELLS {
            return over(MAX_CELLS, "values");
        }
        self.series.entry(name).or_default().push(cell);
        if self.series.len() > MAX_SERIES {
            return over(MAX_SERIES as u64, "series");
        }
        Ok(())
    }

    fn finish(mut self) -> Result<Imported, ImportError> {
        let (order, starts) = (self.order(), self.starts());
        let mut runs: Vec<RunData> = Vec::new();
        for ((name, metric), mut cells) in std::mem::take(&mut self.series) {
            cells.sort_by_key(|cell| order[cell.row as usize]);
            let table = self.table(&cells, starts.get(&name).copied().unwrap_or(0.0));
            // Names come sorted, so a run's series are neighbours.
            if runs.last().is_none_or(|run| run.name != name) {
                runs.push(RunData::new(&name, FORMAT));
            }
            if let Some(run) = runs.last_mut().filter(|_| table.rows() > 0) {
                let mut table = table;
                table.rename(run.metric_for(&metric));
                run.tables.push(table);
            }
        }
        runs.retain(|run| !run.tables.is_empty());
        if runs.is_empty() {
            return Err(empty(
                "no column holds numbers at a step, a count of tokens or a time",
            ));
        }
        Ok(Imported {
            format: FORMAT,
            runs,
            problems: self.problems.list(),
        })
    }

    /// The place of each row when they are sorted by position.
    fn order(&self) -> Vec<u32> {
        let mut rows: Vec<u32> = (0..self.rows.len() as u32).collect();
        rows.sort_by(|&a, &b| compare(&self.rows[a as usize], &self.rows[b as usize]));
        let mut order = vec![0; rows.len()];
        for (place, row) in (0..).zip(rows) {
            order[row as usize] = place;
        }
        order
    }

    /// The earliest time of day of each run: its times are counted from there.
    fn starts(&self) -> BTreeMap<String, f64> {
        let mut starts = BTreeMap::new();
        for ((name, _), cells) in &self.series {
            let rows = cells.iter().map(|cell| cell.row as usize);
            let times = rows
                .filter(|&row| self.is_clocked[row])
                .filter_map(|row| self.rows[row].wall_s);
            if let Some(first) = times.min_by(f64::total_cmp) {
                let start = starts.entry(name.clone()).or_insert(first);
                *start = first.min(*start);
            }
        }
        starts
    }

    /// The series of sorted cells. Its axes are those of its first row.
    fn table(&mut self, cells: &[Cell], start: f64) -> Table {
        let axes: Vec<Axis> = cells.first().map_or_else(Vec::new, |cell| {
            let at = &self.rows[cell.row as usize];
            Axis::ALL
                .into_iter()
                .filter(|&axis| at.on(axis).is_some())
                .collect()
        });
        let mut table = Table::new(&axes, &[]);
        if axes.is_empty() {
            return table;
        }
        // The real name is given when it is known which are taken.
        let metric = super::Metric::Other("".into());
        for cell in cells {
            let row = cell.row as usize;
            let mut at = self.rows[row];
            at.wall_s = at
                .wall_s
                .map(|time| if self.is_clocked[row] { time - start } else { time });
            let done = table.replace(&at, [(&metric, cell.value)]);
            if let Err(reason) = done.and_then(|again| Reason::again(&at, again, 0)) {
                self.problems.add(self.lines[row], reason);
            }
        }
        table.shrink();
        table
    }
}

/// By the first axis that a row has, rows without an earlier one behind: with rows of several kinds, the first axis that
/// two of them share would be no order.
fn compare(a: &Position, b: &Position) -> std::cmp::Ordering {
    let place = |at: &Position| {
        let axis = Axis::ALL.into_iter().find(|&axis| at.on(axis).is_some());
        (axis, axis.and_then(|axis| at.on(axis)).unwrap_or(0.0))
    };
    let ((axis, value), (other_axis, other)) = (place(a), place(b));
    let (rank, other_rank) = (axis.is_none(), other_axis.is_none());
    rank.cmp(&other_rank)
        .then(axis.cmp(&other_axis))
        .then(value.total_cmp(&other))
}
