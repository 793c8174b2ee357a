//! What a race is held over and against.

use blueberry_runlog::import::{Axis, Metric};

/// What a race is held over and against.
#[derive(Debug, Clone, PartialEq)]
pub struct Settings {
    /// What the playhead counts.
    pub axis: Axis,
    /// The clock of the splits: [`Axis::TrainS`] or [`Axis::WallS`].
    pub clock: Axis,
    /// Validation losses of the splits in nats per token, falling.
    pub bars: Vec<f64>,
    /// What the splits are compared with.
    pub comparison: Comparison,
    /// The metric whose lowest value leads.
    pub lead_by: Metric,
}

/// What the splits of a run are compared with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Comparison {
    /// A run, by its place in the race.
    Run(usize),
    /// The best other run of the same user: it got furthest, and there first. None where the log names no user.
    PersonalBest,
    /// The best segments of all runs, one after another.
    #[default]
    BestSegments,
}

/// The splits that are asked for unless the user edits them.
pub const DEFAULT_BARS: [f64; 6] = [6.0, 5.0, 4.5, 4.0, 3.5, 3.0];

/// Most splits of a race.
pub const MAX_BARS: usize = 32;

impl Default for Settings {
    fn default() -> Self {
        Self {
            axis: Axis::Tokens,
            clock: Axis::TrainS,
            bars: DEFAULT_BARS.to_vec(),
            comparison: Comparison::default(),
            lead_by: Metric::ValLoss,
        }
    }
}

impl Settings {
    /// Takes the splits that a user typed: positive numbers, sorted from high to low, each once, at most
    /// [`MAX_BARS`]. Says `false` and changes nothing where they are not that.
    pub fn set_bars(&mut self, bars: &[f64]) -> bool {
        let sound = bars.iter().all(|bar| bar.is_finite() && *bar > 0.0);
        if !sound || bars.is_empty() || bars.len() > MAX_BARS {
            return false;
        }
        self.bars = bars.to_vec();
        self.bars.sort_by(|a, b| b.total_cmp(a));
        self.bars.dedup();
        true
    }
}
