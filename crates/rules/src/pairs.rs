//! Interleaved runs of challenger and record: on one machine, by turns (A B B A ...), so that its drift cannot
//! pick the winner.

use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::stats::{self, StatsError, TTest};

/// One run of the challenger and one of the record, next to each other in time.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Pair {
    /// The challenger's figure.
    pub challenger: f64,
    /// The record's figure.
    pub record: f64,
    /// Whether the challenger ran first.
    pub challenger_first: bool,
}

/// Why pairs do not decide.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum PairsError {
    /// One side ran first more often, so a drift of the machine would count for one of them.
    #[error(
        "{challenger} pair(s) began with the challenger and {record} with the record; run as many of each"
    )]
    Unbalanced {
        /// Pairs that the challenger began.
        challenger: usize,
        /// Pairs that the record began.
        record: usize,
    },
    /// The differences tell nothing.
    #[error("differences of pairs: {0}")]
    Stats(#[from] StatsError),
}

/// Whether the challenger's figure is below the record's: Student's test on the difference of each pair.
///
/// A steady drift adds as much to the pairs of one order as it takes from those of the other: the mean is free of
/// it, and the spread grows, so that drift makes the test miss winners rather than invent them.
///
/// # Errors
/// [`PairsError`]: the pairs cannot tell.
pub fn challenger_is_below(pairs: &[Pair]) -> Result<TTest, PairsError> {
    let challenger = pairs.iter().filter(|pair| pair.challenger_first).count();
    let record = pairs.len() - challenger;
    if challenger != record {
        return Err(PairsError::Unbalanced { challenger, record });
    }
    let differences: Vec<_> = pairs.iter().map(|pair| pair.challenger - pair.record).collect();
    Ok(stats::below(&differences, 0.0)?)
}
