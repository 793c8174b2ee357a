//! The runs that are open in the page.

use std::collections::{BTreeMap, HashMap};
use std::io::BufRead;

use blueberry_runlog::import::{Follow, ImportError, Imported, MarkKind, import_plain};
use blueberry_runlog::{EndStatus, Limits};
use blueberry_steps::Part;
use serde::Serialize;
use thiserror::Error;

use crate::{Axis, Curve, Metric, Race, RunData, Settings};

/// What a page reads of one file. Less than a command line does: a browser gives a page 4 GiB at most.
pub const LIMITS: Limits = Limits {
    line_bytes: 4 << 20,
    lines: 6_000_000,
    bytes: 2 << 30,
};

/// Most letters of a run's name, and of each word on it: a log may say what it likes.
const NAME: usize = 120;

/// The runs that are open in the page, by number. Numbers are never used again.
#[derive(Debug)]
pub struct Library {
    /// The runs that are shown, in their order.
    race: Race,
    /// Their numbers.
    racing: Vec<u32>,
    /// The runs that are not.
    parked: BTreeMap<u32, RunData>,
    /// The logs that are read on while they are written.
    follows: BTreeMap<u32, Follow>,
    /// Own logs of which only a part has come; no runs yet.
    arriving: BTreeMap<u32, Follow>,
    curves: HashMap<(u32, Metric), Prepared>,
    next: u32,
}

/// A curve with what it was made for.
#[derive(Debug)]
struct Prepared {
    curve: Curve,
    span: f64,
    /// How often the run had been resumed: rows may have been replaced since.
    resumes: usize,
}

/// A run as the page lists it.
#[derive(Debug, Clone, Serialize)]
pub struct Facts {
    /// Its number.
    pub id: u32,
    /// Its name.
    pub name: String,
    /// What is known of it in a few words.
    pub about: String,
    /// How it stopped, for people; empty where the log does not say.
    pub status: &'static str,
    /// What kind of log it came from.
    pub format: String,
    /// The axes that some series has.
    pub axes: Vec<&'static str>,
    /// The furthest position on each.
    pub ends: BTreeMap<&'static str, f64>,
    /// Rows of its longest series.
    pub rows: usize,
    /// Whether it is an own log, which the judge can read.
    pub judged: bool,
}

/// What became of a file.
#[derive(Debug, Serialize)]
pub struct Opened {
    /// The runs that were in it.
    pub runs: Vec<Facts>,
    /// What could not be read: line and reason.
    pub problems: Vec<Trouble>,
}

/// What could not be read.
#[derive(Debug, Serialize)]
pub struct Trouble {
    /// Line, record or row, from 1.
    pub line: Option<u64>,
    /// The reason.
    pub text: String,
}

/// A run could not be opened or read on.
#[derive(Debug, Error)]
pub enum OpenError {
    /// The log is none, or beyond a limit.
    #[error(transparent)]
    Import(#[from] ImportError),
    /// No run of this number is followed.
    #[error("run {0} is not followed")]
    NotFollowed(u32),
}

impl Default for Library {
    fn default() -> Self {
        Self {
            race: Race::new(Vec::new(), Settings::default()),
            racing: Vec::new(),
            parked: BTreeMap::new(),
            follows: BTreeMap::new(),
            arriving: BTreeMap::new(),
            curves: HashMap::new(),
            next: 0,
        }
    }
}

impl Library {
    /// Reads a log of any known kind. Packed ones are unpacked before, by `blueberry-unpack`.
    ///
    /// # Errors
    /// [`OpenError::Import`] where nothing of it can be used.
    pub fn open(&mut self, name: &str, input: impl BufRead) -> Result<Opened, OpenError> {
        Ok(self.opened(import_plain(name, input, &LIMITS)?))
    }

    /// Begins an own log that comes in parts, so that whoever reads the file may read on meanwhile; gives its number.
    pub fn begin(&mut self, name: &str) -> u32 {
        let id = self.next;
        self.next += 1;
        self.arriving.insert(id, Follow::new(name, &LIMITS));
        id
    }

    /// Takes the next part of a log that [`begin`](Self::begin) began.
    ///
    /// # Errors
    /// [`OpenError::NotFollowed`]; [`OpenError::Import`] where it is no own log or goes beyond a limit.
    pub fn feed(&mut self, id: u32, bytes: &[u8]) -> Result<(), OpenError> {
        let arriving = self.arriving.get_mut(&id).ok_or(OpenError::NotFollowed(id))?;
        Ok(arriving.push(bytes)?)
    }

    /// Says how many bytes it will be in all, once its begin has come; see [`Follow::expect`].
    ///
    /// # Errors
    /// [`OpenError::NotFollowed`].
    pub fn expect(&mut self, id: u32, bytes: u64) -> Result<(), OpenError> {
        let arriving = self.arriving.get_mut(&id).ok_or(OpenError::NotFollowed(id))?;
        arriving.expect(bytes);
        Ok(())
    }

    /// As [`feed`](Self::feed), of a part that another worker has read.
    ///
    /// # Errors
    /// As [`feed`](Self::feed).
    pub fn feed_part(&mut self, id: u32, part: &Part) -> Result<(), OpenError> {
        let arriving = self.arriving.get_mut(&id).ok_or(OpenError::NotFollowed(id))?;
        Ok(arriving.push_part(part)?)
    }

    /// Ends a log that came in parts: as [`open`](Self::open) of the whole.
    ///
    /// # Errors
    /// As [`open`](Self::open).
    pub fn finish(&mut self, id: u32) -> Result<Opened, OpenError> {
        let arrived = self.arriving.remove(&id).ok_or(OpenError::NotFollowed(id))?;
        Ok(self.opened(arrived.finish()?))
    }

    /// Begins a log that is read on while it is written; gives its number.
    pub fn follow(&mut self, name: &str) -> u32 {
        let follow = Follow::new(name, &LIMITS);
        let id = self.add(follow.run().clone()).id;
        self.follows.insert(id, follow);
        id
    }

    /// Takes the next bytes of a followed log.
    ///
    /// # Errors
    /// [`OpenError::NotFollowed`]; [`OpenError::Import`] where its first line is none.
    pub fn push(&mut self, id: u32, bytes: &[u8]) -> Result<Opened, OpenError> {
        let follow = self.follows.get_mut(&id).ok_or(OpenError::NotFollowed(id))?;
        follow.push(bytes)?;
        let (run, problems) = (named(follow.run().clone()), follow.problems());
        self.take(id);
        let facts = facts(id, &run);
        self.parked.insert(id, run);
        let problems = problems.iter().map(trouble).collect();
        Ok(Opened {
            runs: vec![facts],
            problems,
        })
    }

    /// Closes a run, or gives up on a log of which only a part has come.
    pub fn close(&mut self, id: u32) {
        self.take(id);
        self.parked.remove(&id);
        self.follows.remove(&id);
        self.arriving.remove(&id);
        self.curves.retain(|(run, _), _| *run != id);
    }

    /// A run by its number.
    #[must_use]
    pub fn run(&self, id: u32) -> Option<&RunData> {
        let place = self.racing.iter().position(|&racing| racing == id);
        place
            .map(|place| &self.race.runs()[place])
            .or_else(|| self.parked.get(&id))
    }

    /// The race of these runs with these settings; what is no run is left out.
    pub fn race(&mut self, ids: &[u32], settings: Settings) -> (&Race, &[u32]) {
        let known: Vec<u32> = ids.iter().copied().filter(|&id| self.run(id).is_some()).collect();
        if known != self.racing || settings != *self.race.settings() {
            self.park_all();
            self.racing = known;
            let runs = self
                .racing
                .iter()
                .filter_map(|id| self.parked.remove(id))
                .collect();
            self.race = Race::new(runs, settings);
        }
        (&self.race, &self.racing)
    }

    /// A metric of a run, smoothed over `span` targets; `None` where the run lacks it.
    pub fn curve(&mut self, id: u32, metric: &Metric, span: f64) -> Option<(&RunData, &Curve)> {
        let place = self.racing.iter().position(|&racing| racing == id);
        let run = place
            .map(|place| &self.race.runs()[place])
            .or_else(|| self.parked.get(&id))?;
        let resumes = resumes(run);
        let key = (id, metric.clone());
        let rows = run.table(metric)?.rows();
        let fits = self.curves.get_mut(&key).is_some_and(|prepared| {
            let same = prepared.span == span && prepared.resumes == resumes;
            same && (prepared.curve.smoothed().len() == rows || prepared.curve.append(run, metric))
        });
        if !fits {
            let curve = Curve::new(run, metric, span)?;
            self.curves.insert(key.clone(), Prepared { curve, span, resumes });
        }
        Some((run, &self.curves.get(&key)?.curve))
    }

    fn opened(&mut self, imported: Imported) -> Opened {
        let problems = imported.problems.iter().map(trouble).collect();
        let runs = imported.runs.into_iter().map(|run| self.add(run)).collect();
        Opened { runs, problems }
    }

    fn add(&mut self, run: RunData) -> Facts {
        let run = named(run);
        let id = self.next;
        self.next += 1;
        let facts = facts(id, &run);
        self.parked.insert(id, run);
        facts
    }

    /// Takes a run out of the race.
    fn take(&mut self, id: u32) {
        if self.racing.contains(&id) {
            self.park_all();
        }
    }

    fn park_all(&mut self) {
        let settings = self.race.settings().clone();
        let race = std::mem::replace(&mut self.race, Race::new(Vec::new(), settings));
        self.parked.extend(self.racing.drain(..).zip(race.into_runs()));
    }
}

/// A run with a name that can be shown.
fn named(mut run: RunData) -> RunData {
    run.name = short(&run.name, NAME);
    run
}

/// A text of at most so many letters.
pub(super) fn short(text: &str, most: usize) -> String {
    match text.char_indices().nth(most) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

fn resumes(run: &RunData) -> usize {
    run.marks
        .iter()
        .filter(|mark| mark.kind == MarkKind::Resume)
        .count()
}

fn trouble(problem: &blueberry_runlog::import::Problem) -> Trouble {
    Trouble {
        line: problem.line,
        text: problem.reason.to_string(),
    }
}

/// A run as the page lists it.
#[must_use]
pub fn facts(id: u32, run: &RunData) -> Facts {
    let axes: Vec<Axis> = Axis::ALL.into_iter().filter(|&axis| run.has_axis(axis)).collect();
    let ends = axes
        .iter()
        .filter_map(|&axis| Some((axis.key(), run.furthest(axis)?)));
    Facts {
        id,
        name: run.name.clone(),
        about: about(run),
        status: status(run),
        format: run.format.to_string(),
        ends: ends.collect(),
        axes: axes.into_iter().map(Axis::key).collect(),
        rows: run
            .tables
            .iter()
            .map(blueberry_runlog::import::Table::rows)
            .max()
            .unwrap_or(0),
        judged: run.run.is_some(),
    }
}

fn about(run: &RunData) -> String {
    match &run.run {
        None => run.format.to_string(),
        Some(first) => {
            let user = first
                .user
                .as_deref()
                .map(|user| format!("{} · ", short(user, NAME)))
                .unwrap_or_default();
            let parameters = crate::format::count(first.model.parameters as f64);
            format!(
                "{user}{}, seed {}, {parameters} parameters, {}",
                short(&first.preset, NAME),
                first.seed,
                short(&first.hardware.device, NAME)
            )
        }
    }
}

fn status(run: &RunData) -> &'static str {
    match run.end {
        Some(EndStatus::Completed) => "completed",
        Some(EndStatus::Interrupted) => "interrupted",
        Some(EndStatus::Diverged) => "diverged",
        Some(EndStatus::Failed) => "failed",
        None if run.run.is_some() => "unfinished",
        None => "",
    }
}
