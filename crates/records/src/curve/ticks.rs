//! Where an axis is labelled.

/// Round numbers (1, 2 or 5 times a power of ten) within `low..=high`, at most `most` and one of them. None
/// where the range is empty or not finite.
#[must_use]
pub fn ticks(low: f64, high: f64, most: usize) -> Vec<f64> {
    let span = high - low;
    if !(span.is_finite() && span > 0.0) || most == 0 {
        return Vec::new();
    }
    let step = round_up(span / most as f64);
    let first = (low / step).ceil();
    // Counted, not added up: where the range is a few rounding errors wide, a sum would stand still.
    (0..=most)
        .map(|i| (first + i as f64) * step)
        .filter(|tick| (low..=high).contains(tick))
        .collect()
}

/// The next of 1, 2, 5 times a power of ten.
fn round_up(step: f64) -> f64 {
    let unit = 10_f64.powf(step.log10().floor());
    let factor = [1.0, 2.0, 5.0].into_iter().find(|factor| factor * unit >= step);
    factor.unwrap_or(10.0) * unit
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn round_numbers() {
        assert_eq!(ticks(0.0, 100e6, 5), [0.0, 20e6, 40e6, 60e6, 80e6, 100e6]);
        assert_eq!(ticks(2.9, 4.6, 4), [3.0, 3.5, 4.0, 4.5]);
        assert_eq!(ticks(-1.0, 1.0, 2), [-1.0, 0.0, 1.0]);
    }

    #[test]
    fn odd_ranges_end() {
        for (low, high) in [
            (1.0, 1.0),
            (2.0, 1.0),
            (f64::NAN, 1.0),
            (0.0, f64::INFINITY),
            (-f64::MAX, f64::MAX),
        ] {
            assert_eq!(ticks(low, high, 5), [0.0; 0]);
        }
        for (low, high) in [(1e16, 1e16 + 4.0), (0.0, f64::MIN_POSITIVE), (0.0, f64::MAX)] {
            assert!(ticks(low, high, 5).len() <= 6);
        }
    }
}
