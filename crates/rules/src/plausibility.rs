//! The loss below which a run is not believed before it was run again.

use serde::{Deserialize, Serialize};

/// A known curve of loss over tokens, and how much better than it a run may be.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Plausibility {
    /// How many times fewer tokens than the reference a run may need for the same loss.
    pub efficiency: f64,
    /// Consumed targets and validation loss of the reference, in order of tokens.
    pub reference: Vec<(u64, f64)>,
}

impl Plausibility {
    /// The least loss that is believed after `tokens` targets: the reference's at `efficiency` times as many,
    /// linear in the logarithm of the tokens. Beyond the last known point the line of the last two goes on, which
    /// is low, since real curves flatten; before the first it is the first point's loss.
    ///
    /// `None` where fewer than two points are known.
    #[must_use]
    pub fn floor(&self, tokens: u64) -> Option<f64> {
        let at = self.efficiency * tokens as f64;
        let &(_, first) = self.reference.first()?;
        let after = self.reference.iter().position(|&(known, _)| at < known as f64);
        if after == Some(0) {
            return Some(first);
        }
        let high = after.unwrap_or(self.reference.len().saturating_sub(1));
        let &(x0, y0) = self.reference.get(high.checked_sub(1)?)?;
        let &(x1, y1) = self.reference.get(high)?;
        let slope = (y1 - y0) / (x1 as f64 / x0 as f64).ln();
        Some(y0 + slope * (at / x0 as f64).ln())
    }
}
