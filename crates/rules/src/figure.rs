//! A figure over several runs, with its spread.

use serde::{Deserialize, Serialize};

use crate::stats;

/// A figure over several runs.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Figure {
    /// Mean over the runs.
    pub mean: f64,
    /// Sample standard deviation; `None` for one run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sd: Option<f64>,
    /// The 95 % confidence interval of the mean; `None` for one run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub interval: Option<(f64, f64)>,
    /// The figure of each run.
    pub values: Vec<f64>,
}

impl Figure {
    /// The figure over `values`; `None` where there are none, or one is not finite.
    #[must_use]
    pub fn of(values: &[f64]) -> Option<Self> {
        let sample = stats::Sample::of(values).ok()?;
        Some(Self {
            mean: sample.mean,
            sd: sample.sd,
            interval: sample.interval(0.95),
            values: values.to_vec(),
        })
    }

    /// The mean with the half-width of its interval, as `3.281 ± 0.004`.
    #[must_use]
    pub fn text(&self, decimals: usize) -> String {
        let mean = self.mean;
        match self.interval {
            Some((low, high)) => format!("{mean:.decimals$} ± {:.decimals$}", (high - low) / 2.0),
            None => format!("{mean:.decimals$}"),
        }
    }
}
