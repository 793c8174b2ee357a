//! Steps as columns, as a part of a log brings them.

use blueberry_steps::{COLUMNS, StepLine};

use super::Metric;

/// Steps column by column, in the order of [`Part`](blueberry_steps::Part).
pub(super) struct StepColumns<'a> {
    columns: Vec<&'a [f64]>,
    /// Whether the first column behind the usual ones is the MFU, and not the memory.
    has_mfu: bool,
}

impl<'a> StepColumns<'a> {
    /// Steps of a part: `rows` numbers a column, at least [`COLUMNS`] of them.
    pub(super) fn new(numbers: &'a [f64], rows: usize, has_mfu: bool) -> Self {
        Self {
            columns: numbers.chunks_exact(rows).collect(),
            has_mfu,
        }
    }

    pub(super) fn rows(&self) -> usize {
        self.columns[0].len()
    }

    pub(super) fn axes(&self) -> [&'a [f64]; 4] {
        [self.columns[0], self.columns[1], self.columns[2], self.columns[3]]
    }

    fn mfu(&self) -> Option<&'a [f64]> {
        self.has_mfu.then(|| self.columns[COLUMNS])
    }

    fn memory_bytes(&self) -> Option<&'a [f64]> {
        self.columns.get(COLUMNS + usize::from(self.has_mfu)).copied()
    }

    pub(super) fn metrics(&self) -> Vec<(Metric, &'a [f64])> {
        let usual = [
            Metric::TrainLoss,
            Metric::Lr,
            Metric::GradNorm,
            Metric::TokensPerS,
        ];
        let usual = usual.into_iter().zip(self.columns[4..COLUMNS].iter().copied());
        let mfu = self.mfu().map(|values| (Metric::Mfu, values));
        let memory = self.memory_bytes().map(|values| (Metric::MemoryBytes, values));
        usual.chain(mfu).chain(memory).collect()
    }

    pub(super) fn line(&self, row: usize) -> StepLine {
        StepLine {
            step: self.columns[0][row],
            tokens: self.columns[1][row],
            train_s: self.columns[2][row],
            wall_s: self.columns[3][row],
            loss: self.columns[4][row],
            lr: self.columns[5][row],
            grad_norm: self.columns[6][row],
            tokens_per_s: self.columns[7][row],
            mfu: self.mfu().map(|values| values[row]),
            memory_bytes: self.memory_bytes().map(|values| values[row]),
        }
    }
}
