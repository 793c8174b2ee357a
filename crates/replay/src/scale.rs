//! Values to places on a chart and back.

/// How values are spread over an axis.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Scale {
    /// Evenly.
    #[default]
    Linear,
    /// By their logarithm; only positive values have a place.
    Log,
}

/// The part of an axis that is shown. `from` is below `to`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Span {
    /// The value at fraction 0.
    pub from: f64,
    /// The value at fraction 1.
    pub to: f64,
    /// How values are spread between.
    pub scale: Scale,
}

impl Span {
    /// A span that can be drawn: ends that are equal, swapped or not finite are moved apart.
    #[must_use]
    pub fn new(from: f64, to: f64, scale: Scale) -> Self {
        let lowest = if scale == Scale::Log {
            f64::MIN_POSITIVE
        } else {
            f64::MIN / 4.0
        };
        let sound = |value: f64, other: f64| if value.is_finite() { value } else { other };
        let (from, to) = (
            sound(from, 0.0).max(lowest),
            sound(to, 1.0).min(f64::MAX / 4.0).max(lowest),
        );
        let (from, to) = if from <= to { (from, to) } else { (to, from) };
        if to - from > from.abs().max(to.abs()) * 1e-12 {
            return Self { from, to, scale };
        }
        let apart = if from == 0.0 { 0.5 } else { from.abs() * 0.01 };
        Self {
            from: (from - apart).max(lowest),
            to: to + apart,
            scale,
        }
    }

    /// Where a value stands: 0 at `from`, 1 at `to`. Below everything where a logarithm has no place for it.
    #[must_use]
    pub fn fraction(&self, value: f64) -> f64 {
        let (from, to) = (self.spread(self.from), self.spread(self.to));
        (self.spread(value) - from) / (to - from)
    }

    /// The value at a fraction.
    #[must_use]
    pub fn value(&self, fraction: f64) -> f64 {
        match self.scale {
            Scale::Linear => self.from + (self.to - self.from) * fraction,
            Scale::Log => {
                let (from, to) = (self.from.ln(), self.to.ln());
                (from + (to - from) * fraction).exp()
            }
        }
    }

    /// The edges of `pixels` columns: one more than columns, ascending.
    #[must_use]
    pub fn edges(&self, pixels: usize) -> Vec<f64> {
        let pixels = pixels.max(1);
        let mut edges: Vec<f64> = (0..=pixels)
            .map(|pixel| self.value(pixel as f64 / pixels as f64))
            .collect();
        // Exact at the ends, where a logarithm's way there and back is not.
        (edges[0], edges[pixels]) = (self.from, self.to);
        edges
    }

    fn spread(&self, value: f64) -> f64 {
        match self.scale {
            Scale::Linear => value,
            Scale::Log if value > 0.0 => value.ln(),
            Scale::Log => f64::NEG_INFINITY,
        }
    }
}
