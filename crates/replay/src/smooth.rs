//! Smoothing that never looks ahead.

/// What one step of a log without tokens counts as, in targets: the reference's update.
pub const STEP_TOKENS: f64 = 16_384.0;

/// An exponential moving average over what lies before, with its start corrected for bias.
///
/// A value `d` targets back weighs `exp(-d / span)`; the average is the weighted sum over the sum of weights, so
/// it begins at the first value and depends on distance, not on how often the log was written. What is not finite
/// takes no part, and the average there is NaN. Cutting off the end of a log changes no value before.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Smoother {
    span: f64,
    weighted: f64,
    weight: f64,
    last: f64,
    /// The last distance and its weight: steps are mostly of one length, and an exponential costs more than the rest.
    distance: f64,
    decay: f64,
}

impl Smoother {
    /// Smooths over about `span`, in the unit of the positions. A span of 0 (or less) changes nothing.
    #[must_use]
    pub fn new(span: f64) -> Self {
        Self {
            span,
            weighted: 0.0,
            weight: 0.0,
            last: f64::NEG_INFINITY,
            distance: f64::INFINITY,
            decay: 0.0,
        }
    }

    /// Takes the next value and gives the average there. Positions never fall.
    pub fn next(&mut self, position: f64, value: f64) -> f64 {
        if !value.is_finite() {
            return f64::NAN;
        }
        let distance = position - self.last;
        // A span that is not a number does not smooth either.
        if distance != self.distance && self.span > 0.0 {
            self.decay = (-distance / self.span).exp();
            self.distance = distance;
        }
        self.last = position;
        self.weighted = self.weighted * self.decay + value;
        self.weight = self.weight * self.decay + 1.0;
        self.weighted / self.weight
    }

    /// Smooths a whole series.
    #[must_use]
    pub fn all(span: f64, positions: &[f64], values: &[f64]) -> Vec<f64> {
        let mut smoother = Self::new(span);
        positions
            .iter()
            .zip(values)
            .map(|(&at, &value)| smoother.next(at, value))
            .collect()
    }
}
