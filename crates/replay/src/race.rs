//! A race: runs, and what of it does not depend on the playhead.

use blueberry_runlog::EndStatus;
use blueberry_runlog::import::{Axis, Metric, Position, RunData};

use crate::crossing::{crossings, row_at, value_at};
use crate::lead::{Lead, LeadChange};
use crate::settings::Settings;
use crate::splits::{Entry, SplitBook, Splits};

/// Runs that are replayed together. Everything is found anew when a run or a setting changes, and a frame only
/// asks for the [`State`] at its playhead.
#[derive(Debug, Clone)]
pub struct Race {
    runs: Vec<RunData>,
    settings: Settings,
    lead: Lead,
    splits: SplitBook,
}

/// How a race stands at a playhead.
#[derive(Debug, Clone, PartialEq)]
pub struct State {
    /// What the playhead counts.
    pub axis: Axis,
    /// The playhead.
    pub at: f64,
    /// One for each run.
    pub runs: Vec<Standing>,
    /// Who leads.
    pub leader: Option<usize>,
    /// How the lead changed up to here.
    pub lead_changes: Vec<LeadChange>,
    /// The splits up to here.
    pub splits: Splits,
}

/// How a run stands.
#[derive(Debug, Clone, PartialEq)]
pub struct Standing {
    /// Whether it goes on.
    pub phase: Phase,
    /// The last logged position at or before the playhead.
    pub position: Position,
    /// Its last validation loss.
    pub val_loss: Option<f64>,
    /// Its last training loss.
    pub train_loss: Option<f64>,
    /// The newest sample of text at or before the playhead, as a place in [`RunData::samples`].
    pub sample: Option<usize>,
}

/// Whether a run goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// Its log has not the playhead's axis.
    NoAxis,
    /// Before its first line.
    NotStarted,
    /// In its log.
    Running,
    /// Behind the last line of a log that does not say how it ended, or goes on.
    LogEnds,
    /// It completed.
    Finished,
    /// It was stopped from outside.
    Interrupted,
    /// It diverged.
    Diverged,
    /// Something broke.
    Failed,
}

impl Race {
    /// A race of these runs.
    #[must_use]
    pub fn new(runs: Vec<RunData>, settings: Settings) -> Self {
        let lead = Lead::new(&runs, &settings.lead_by, settings.axis);
        let book = runs.iter().map(|run| entry(run, &settings.bars)).collect();
        let splits = SplitBook::new(&settings.bars, settings.clock, settings.comparison, book);
        Self {
            runs,
            settings,
            lead,
            splits,
        }
    }

    /// The runs.
    #[must_use]
    pub fn runs(&self) -> &[RunData] {
        &self.runs
    }

    /// Gives the runs back.
    #[must_use]
    pub fn into_runs(self) -> Vec<RunData> {
        self.runs
    }

    /// The settings.
    #[must_use]
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// The lead over the whole race.
    #[must_use]
    pub fn lead(&self) -> &Lead {
        &self.lead
    }

    /// The splits over the whole race.
    #[must_use]
    pub fn splits(&self) -> &SplitBook {
        &self.splits
    }

    /// Where the last run ends, on the playhead's axis; 0 where no run has it.
    #[must_use]
    pub fn length(&self) -> f64 {
        let ends = self
            .runs
            .iter()
            .filter_map(|run| run.furthest(self.settings.axis));
        ends.fold(0.0, f64::max)
    }

    /// How it stands at a playhead.
    #[must_use]
    pub fn state(&self, at: f64) -> State {
        let axis = self.settings.axis;
        let runs = self.runs.iter().map(|run| standing(run, axis, at)).collect();
        State {
            axis,
            at,
            runs,
            leader: self.lead.at(at),
            lead_changes: self.lead.until(at).to_vec(),
            splits: self.splits.at(axis, at),
        }
    }
}

fn standing(run: &RunData, axis: Axis, at: f64) -> Standing {
    let value = |metric| value_at(run, &metric, axis, at).map(|(_, value)| value);
    Standing {
        phase: phase(run, axis, at),
        position: position(run, axis, at),
        val_loss: value(Metric::ValLoss),
        train_loss: value(Metric::TrainLoss),
        sample: run
            .samples
            .iter()
            .rposition(|sample| sample.at.on(axis).is_some_and(|there| there <= at)),
    }
}

/// The furthest position that any table has at or before the playhead.
pub(crate) fn position(run: &RunData, axis: Axis, at: f64) -> Position {
    let tables = run.tables.iter().filter_map(|table| {
        let row = row_at(table.axis(axis)?, at)?;
        Some(table.position(row))
    });
    tables
        .max_by(|a, b| {
            a.on(axis)
                .partial_cmp(&b.on(axis))
                .unwrap_or(std::cmp::Ordering::Equal)
        })
        .unwrap_or_default()
}

fn phase(run: &RunData, axis: Axis, at: f64) -> Phase {
    let Some(end) = run.furthest(axis) else {
        return Phase::NoAxis;
    };
    if at < end {
        let begun = run
            .tables
            .iter()
            .any(|table| table.axis(axis).is_some_and(|there| row_at(there, at).is_some()));
        return if begun { Phase::Running } else { Phase::NotStarted };
    }
    match run.end {
        None => Phase::LogEnds,
        Some(EndStatus::Completed) => Phase::Finished,
        Some(EndStatus::Interrupted) => Phase::Interrupted,
        Some(EndStatus::Diverged) => Phase::Diverged,
        Some(EndStatus::Failed) => Phase::Failed,
    }
}

fn entry(run: &RunData, bars: &[f64]) -> Entry {
    let mut end = Position::default();
    for axis in Axis::ALL {
        if let Some(furthest) = run.furthest(axis) {
            end.set(axis, furthest);
        }
    }
    Entry {
        user: run.run.as_ref().and_then(|run| run.user.clone()),
        crossings: crossings(run, bars),
        end,
        is_over: match run.end {
            // Logs of others are whole when they come; an own one may still be written.
            None => run.run.is_none(),
            // It may be resumed.
            Some(EndStatus::Interrupted) => false,
            Some(EndStatus::Completed | EndStatus::Diverged | EndStatus::Failed) => true,
        },
    }
}
