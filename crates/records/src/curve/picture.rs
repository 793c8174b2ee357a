//! What is drawn, in shares of the frame: all sense is here, none in the drawing.

/// A picture of lines over two axes. Places are shares of the frame, 0 to 1, from its lower left corner.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Picture {
    /// Above the frame.
    pub title: String,
    /// Below it.
    pub x_label: String,
    /// Beside it.
    pub y_label: String,
    /// Marks below it.
    pub x_ticks: Vec<Tick>,
    /// Marks beside it.
    pub y_ticks: Vec<Tick>,
    /// A level line across it, such as the loss to undercut.
    pub bar: Option<Tick>,
    /// The lines, the lowest first.
    pub lines: Vec<Line>,
}

/// A labelled place on an axis.
#[derive(Debug, Clone, PartialEq)]
pub struct Tick {
    /// Where.
    pub place: f64,
    /// Its label.
    pub label: String,
}

/// A line through points.
#[derive(Debug, Clone, PartialEq)]
pub struct Line {
    /// Its points, left to right.
    pub points: Vec<(f64, f64)>,
    /// Which colour of the palette.
    pub color: usize,
    /// Thin and pale, for raw values; otherwise strong with a dot at every point.
    pub raw: bool,
    /// Its name in the legend.
    pub name: Option<String>,
}

/// A range of values that a side of the frame shows.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Axis {
    low: f64,
    high: f64,
}

impl Axis {
    /// The axis that shows `values`, or 0 to 1 where none is finite. Equal values get room around them.
    pub fn around(values: impl Iterator<Item = f64>) -> Self {
        let finite = values.filter(|value| value.is_finite());
        let (low, high) = finite.fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), value| {
            (low.min(value), high.max(value))
        });
        if low > high {
            return Self { low: 0.0, high: 1.0 };
        }
        if high - low > low.abs() * 1e-9 {
            return Self { low, high };
        }
        let room = (low.abs() * 0.01).max(0.5);
        Self {
            low: low - room,
            high: high + room,
        }
    }

    /// The axis with a twentieth of its length more at both ends.
    pub fn with_margin(self) -> Self {
        let margin = (self.high - self.low) / 20.0;
        Self {
            low: self.low - margin,
            high: self.high + margin,
        }
    }

    /// Where a value stands; values outside stand at the ends.
    pub fn place(self, value: f64) -> f64 {
        ((value - self.low) / (self.high - self.low)).clamp(0.0, 1.0)
    }

    pub fn ticks(self, most: usize, label: impl Fn(f64) -> String) -> Vec<Tick> {
        let tick = |value| Tick {
            place: self.place(value),
            label: label(value),
        };
        super::ticks::ticks(self.low, self.high, most)
            .into_iter()
            .map(tick)
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_value_has_a_place_in_the_frame() {
        let axis = Axis::around([f64::NAN, 2.0, f64::INFINITY, 4.0].into_iter());
        assert_eq!(
            [1.0, 2.0, 3.0, 4.0, 1e300].map(|value| axis.place(value)),
            [0.0, 0.0, 0.5, 1.0, 1.0]
        );
        for values in [vec![], vec![f64::NAN], vec![0.0], vec![5.0, 5.0], vec![1e20]] {
            let axis = Axis::around(values.iter().copied()).with_margin();
            assert!((0.0..=1.0).contains(&axis.place(5.0)), "{values:?}");
        }
    }
}
