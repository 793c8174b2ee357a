//! Splits: when each run got under each bar, against a comparison, as a speedrun timer shows them.
//!
//! # Words
//! - A *split* is a bar's [`Crossing`]. Bars that one evaluation crosses together are one split, the lowest of
//!   them; the others are *skipped* and have no segment.
//! - A *segment* goes from one split to the next, the first from the start.
//! - The *best segment* (gold) is the shortest that any run has between the same two splits.
//! - The *sum of best* is the shortest way from the start to a bar along best segments.

use crate::crossing::Crossing;
use crate::segments::Segments;
use crate::settings::Comparison;
use blueberry_runlog::import::{Axis, Position};

/// Seconds within which two times are level: less than the page shows of them.
const LEVEL_S: f64 = 0.05;

/// The splits of all runs.
#[derive(Debug, Clone, PartialEq)]
pub struct Splits {
    /// One for each run of the race.
    pub runs: Vec<RunSplits>,
    /// Sum of best in seconds: the best possible time from the start to the last bar.
    pub sum_of_best_s: Option<f64>,
}

/// The splits of a run.
#[derive(Debug, Clone, PartialEq)]
pub struct RunSplits {
    /// One for each bar.
    pub rows: Vec<SplitRow>,
    /// The best time that it can still reach at the last bar, in seconds: its last split, then best segments, of which the
    /// next one ends no earlier than the playhead. `None` where it has ended short of the last bar.
    pub best_possible_s: Option<f64>,
    /// What it would gain in seconds if every segment of the comparison were a best one.
    pub possible_save_s: Option<f64>,
    /// While the next split is due or worse: how late it is already, in seconds. Grows with the playhead, as far as the
    /// run goes.
    pub live_delta_s: Option<f64>,
}

/// A bar of a run.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct SplitRow {
    /// The loss to get under.
    pub bar: f64,
    /// Seconds at its crossing.
    pub time_s: Option<f64>,
    /// Targets consumed at its crossing.
    pub tokens: Option<f64>,
    /// Seconds behind the comparison; negative is ahead.
    pub delta_s: Option<f64>,
    /// Targets behind the comparison; negative is ahead.
    pub delta_tokens: Option<f64>,
    /// Seconds of the segment that ends here.
    pub segment_s: Option<f64>,
    /// What the comparison takes for the segment that ends here, less the best segment, in seconds.
    pub possible_save_s: Option<f64>,
    /// How it compares; `None` where it is level.
    pub pace: Option<Pace>,
    /// Whether no run has a shorter segment here.
    pub is_gold: bool,
}

/// Ahead or behind, and which way it goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pace {
    /// Ahead, and the lead grew.
    AheadGaining,
    /// Ahead, and the lead shrank.
    AheadLosing,
    /// Behind, and the gap shrank.
    BehindGaining,
    /// Behind, and the gap grew.
    BehindLosing,
}

/// What a run brings to the splits.
#[derive(Debug, Clone)]
pub struct Entry {
    /// Who made it.
    pub user: Option<String>,
    /// Its crossing of each bar.
    pub crossings: Vec<Option<Crossing>>,
    /// How far its log goes on each axis.
    pub end: Position,
    /// Whether nothing can come behind that.
    pub is_over: bool,
}

/// What all splits of a race follow from; made once, asked for each frame.
#[derive(Debug, Clone)]
pub struct SplitBook {
    bars: Vec<f64>,
    clock: Axis,
    comparison: Comparison,
    runs: Vec<Entry>,
    /// The personal best that each run has to beat.
    rivals: Vec<Option<usize>>,
    seconds: Segments,
    tokens: Segments,
}

/// The comparison at each bar.
struct Against {
    /// Its times.
    seconds: Vec<Option<f64>>,
    /// Its targets.
    tokens: Vec<Option<f64>>,
    /// What its segment that ends there is longer than the best one, in seconds.
    saves: Vec<Option<f64>>,
}

/// What of a playhead a run has lived through.
struct Playhead {
    /// Seconds that have passed, where the playhead counts them; none where the run is over.
    now_s: Option<f64>,
    is_over: bool,
}

impl SplitBook {
    /// A book of runs.
    #[must_use]
    pub fn new(bars: &[f64], clock: Axis, comparison: Comparison, runs: Vec<Entry>) -> Self {
        let ways = || runs.iter().map(|run| &run.crossings[..]);
        let seconds = Segments::new(bars.len(), ways(), clock);
        let tokens = Segments::new(bars.len(), ways(), Axis::Tokens);
        let rivals = (0..runs.len())
            .map(|run| personal_best(&runs, clock, run))
            .collect();
        Self {
            bars: bars.to_vec(),
            clock,
            comparison,
            runs,
            rivals,
            seconds,
            tokens,
        }
    }

    /// The splits at a playhead: of each run what lies at or before `at` on `axis`. Golds and comparisons are those
    /// of the whole runs, since the race is a replay.
    #[must_use]
    pub fn at(&self, axis: Axis, at: f64) -> Splits {
        let runs = (0..self.runs.len())
            .map(|run| self.run_at(run, axis, at))
            .collect();
        let last = self.bars.len().checked_sub(1);
        let sum_of_best_s = last.and_then(|last| self.seconds.best_from_start(last));
        Splits { runs, sum_of_best_s }
    }

    fn run_at(&self, run: usize, axis: Axis, at: f64) -> RunSplits {
        let reached = |crossing: &&Crossing| crossing.at.on(axis).is_some_and(|position| position <= at);
        let seen: Vec<Option<&Crossing>> = self.runs[run]
            .crossings
            .iter()
            .map(|crossing| crossing.as_ref().filter(reached))
            .collect();
        let against = self.against(run);
        let playhead = self.playhead(run, axis, at);
        let mut rows: Vec<SplitRow> = Vec::with_capacity(seen.len());
        let mut last_delta = None;
        for bar in 0..seen.len() {
            let row = self.row(&seen, &against, bar, last_delta);
            last_delta = row.delta_s.or(last_delta);
            rows.push(row);
        }
        let saves = rows.iter().filter_map(|row| row.possible_save_s);
        RunSplits {
            best_possible_s: self.best_possible(&seen, &playhead),
            possible_save_s: saves.reduce(|sum, save| sum + save),
            live_delta_s: live_delta(&seen, &against, last_delta, &playhead),
            rows,
        }
    }

    fn row(
        &self,
        seen: &[Option<&Crossing>],
        against: &Against,
        bar: usize,
        last_delta: Option<f64>,
    ) -> SplitRow {
        let crossing = seen[bar];
        let time_s = crossing.and_then(|crossing| crossing.at.on(self.clock));
        let tokens = crossing.and_then(|crossing| crossing.at.tokens);
        let delta_s = difference(time_s, against.seconds[bar]);
        let segment = self.seconds.segment(seen, bar);
        SplitRow {
            bar: self.bars[bar],
            time_s,
            tokens,
            delta_s,
            delta_tokens: difference(tokens, against.tokens[bar]),
            segment_s: segment.map(|segment| segment.length),
            possible_save_s: against.saves[bar],
            pace: delta_s.and_then(|delta| pace(delta, last_delta)),
            is_gold: segment.is_some_and(|segment| self.seconds.is_best(segment)),
        }
    }

    fn against(&self, run: usize) -> Against {
        let bars = 0..self.bars.len();
        let other = match self.comparison {
            Comparison::Run(index) => Some(index),
            Comparison::PersonalBest => self.personal_best(run),
            Comparison::BestSegments => {
                let best =
                    |segments: &Segments| bars.clone().map(|bar| segments.best_from_start(bar)).collect();
                let (seconds, tokens): (Vec<_>, _) = (best(&self.seconds), best(&self.tokens));
                let saves = seconds.iter().map(|time| time.map(|_| 0.0)).collect();
                return Against {
                    seconds,
                    tokens,
                    saves,
                };
            }
        };
        let way: Vec<Option<&Crossing>> = match other.and_then(|other| self.runs.get(other)) {
            Some(other) => other.crossings.iter().map(Option::as_ref).collect(),
            None => vec![None; bars.len()],
        };
        let on = |axis| {
            way.iter()
                .map(|crossing| crossing.as_ref()?.at.on(axis))
                .collect()
        };
        Against {
            seconds: on(self.clock),
            tokens: on(Axis::Tokens),
            saves: bars.map(|bar| self.possible_save(&way, bar)).collect(),
        }
    }

    /// The other run of the same user that got furthest, and there first; none for a run that names nobody.
    #[must_use]
    pub fn personal_best(&self, run: usize) -> Option<usize> {
        *self.rivals.get(run)?
    }

    fn playhead(&self, run: usize, axis: Axis, at: f64) -> Playhead {
        let run = &self.runs[run];
        let is_over = run.is_over && run.end.on(axis).is_some_and(|end| at >= end);
        // Of what lies behind its log's end nothing is known.
        let now = run.end.on(axis).map(|end| at.min(end));
        let now_s = now.filter(|_| axis == self.clock && !is_over);
        Playhead { now_s, is_over }
    }

    fn best_possible(&self, seen: &[Option<&Crossing>], playhead: &Playhead) -> Option<f64> {
        let last = self.bars.len().checked_sub(1)?;
        let from = seen.iter().rposition(Option::is_some);
        let so_far = from.map_or(Some(0.0), |from| seen[from]?.at.on(self.clock))?;
        if from == Some(last) {
            return Some(so_far);
        }
        if playhead.is_over {
            return None;
        }
        let next = from.map_or(0, |from| from + 1);
        let through = (next..=last).filter_map(|bar| {
            let split = so_far + self.seconds.edge(from, bar)?;
            Some(split.max(playhead.now_s.unwrap_or(0.0)) + self.seconds.best_between(bar, last)?)
        });
        through.min_by(f64::total_cmp)
    }

    /// What a run's segment that ends at a bar is longer than the best one.
    fn possible_save(&self, way: &[Option<&Crossing>], bar: usize) -> Option<f64> {
        let segment = self.seconds.segment(way, bar)?;
        Some(segment.length - self.seconds.best(segment)?)
    }
}

/// Only a playhead that counts seconds can say how late a split is.
fn live_delta(
    seen: &[Option<&Crossing>],
    against: &Against,
    last_delta: Option<f64>,
    playhead: &Playhead,
) -> Option<f64> {
    let next = seen.iter().position(Option::is_none)?;
    let delta = playhead.now_s? - against.seconds[next]?;
    (delta > last_delta.unwrap_or(0.0)).then_some(delta)
}

fn personal_best(runs: &[Entry], clock: Axis, run: usize) -> Option<usize> {
    // Logs of others name no user, and two that name nobody are not of one person.
    let user = runs[run].user.as_ref()?;
    let rivals = (0..runs.len()).filter(|&other| other != run && runs[other].user.as_ref() == Some(user));
    let ranked = rivals.filter_map(|other| {
        let way = &runs[other].crossings;
        let furthest = way.iter().rposition(Option::is_some)?;
        Some((other, furthest, way[furthest]?.at.on(clock)?))
    });
    ranked
        .min_by(|a, b| b.1.cmp(&a.1).then(a.2.total_cmp(&b.2)))
        .map(|(other, ..)| other)
}

/// Ahead or behind at this split; gaining or losing since the last one.
fn pace(delta: f64, last: Option<f64>) -> Option<Pace> {
    if delta.abs() < LEVEL_S {
        return None;
    }
    Some(match (delta < 0.0, last) {
        (true, Some(last)) if delta > last => Pace::AheadLosing,
        (true, _) => Pace::AheadGaining,
        (false, Some(last)) if delta < last => Pace::BehindGaining,
        (false, _) => Pace::BehindLosing,
    })
}

fn difference(a: Option<f64>, b: Option<f64>) -> Option<f64> {
    Some(a? - b?)
}
