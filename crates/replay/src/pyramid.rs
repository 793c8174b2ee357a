//! Extremes of any range of a series in few steps.

/// Entries of one level that one entry of the next sums up.
const FAN: usize = 4;

/// What a range of a series holds.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Extremes {
    /// The lowest finite value; infinite where there is none.
    pub min: f64,
    /// The highest finite value; infinite where there is none.
    pub max: f64,
    /// Whether some value is NaN or infinite.
    pub has_gap: bool,
}

impl Extremes {
    /// Of nothing.
    pub const NONE: Self = Self {
        min: f64::INFINITY,
        max: f64::NEG_INFINITY,
        has_gap: false,
    };

    /// Of one value.
    #[must_use]
    pub fn of(value: f64) -> Self {
        if value.is_finite() {
            Self {
                min: value,
                max: value,
                has_gap: false,
            }
        } else {
            Self {
                has_gap: true,
                ..Self::NONE
            }
        }
    }

    /// Of both together.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        Self {
            min: self.min.min(other.min),
            max: self.max.max(other.max),
            has_gap: self.has_gap || other.has_gap,
        }
    }

    /// Whether there is a finite value.
    #[must_use]
    pub fn has_number(&self) -> bool {
        self.min <= self.max
    }
}

/// Extremes of blocks of 4, 16, 64, ... values.
#[derive(Debug, Clone, Default)]
pub struct Pyramid {
    levels: Vec<Vec<Extremes>>,
    rows: usize,
}

impl Pyramid {
    /// The pyramid of a series.
    #[must_use]
    pub fn new(values: &[f64]) -> Self {
        let mut pyramid = Self::default();
        pyramid.update(values, 0);
        pyramid
    }

    /// Brings it up to date with a series whose first `unchanged` values are as before.
    pub fn update(&mut self, values: &[f64], unchanged: usize) {
        let mut from = unchanged.min(self.rows).min(values.len()) / FAN;
        let mut size = values.len().div_ceil(FAN);
        let mut level = 0;
        while size > 0 && (level == 0 || size < self.levels[level - 1].len()) {
            if self.levels.len() == level {
                self.levels.push(Vec::new());
            }
            let (below, here) = self.levels.split_at_mut(level);
            here[0].truncate(from);
            let begin = here[0].len();
            here[0].extend((begin..size).map(|block| match below.last() {
                None => of(values, block * FAN, Extremes::of),
                Some(below) => of(below, block * FAN, |extremes: Extremes| extremes),
            }));
            from = begin / FAN;
            size = size.div_ceil(FAN);
            level += 1;
        }
        self.levels.truncate(level);
        self.rows = values.len();
    }

    /// The extremes of rows `from..to` of the series that it was made of.
    #[must_use]
    pub fn extremes(&self, values: &[f64], from: usize, to: usize) -> Extremes {
        let (mut from, mut to) = (from.min(values.len()), to.min(values.len()));
        let mut found = Extremes::NONE;
        let mut level = 0;
        // Takes the ragged ends of each level, and goes on with the whole blocks between them one level up.
        while from < to {
            let take = |range: std::ops::Range<usize>| match level {
                0 => values[range]
                    .iter()
                    .copied()
                    .map(Extremes::of)
                    .fold(Extremes::NONE, Extremes::and),
                level => self.levels[level - 1][range]
                    .iter()
                    .copied()
                    .fold(Extremes::NONE, Extremes::and),
            };
            let (inner_from, inner_to) = (from.div_ceil(FAN), to / FAN);
            if inner_from >= inner_to || level == self.levels.len() {
                return found.and(take(from..to));
            }
            found = found
                .and(take(from..inner_from * FAN))
                .and(take(inner_to * FAN..to));
            (from, to) = (inner_from, inner_to);
            level += 1;
        }
        found
    }
}

/// The extremes of up to [`FAN`] entries from `begin`.
fn of<T: Copy>(entries: &[T], begin: usize, extremes: impl Fn(T) -> Extremes) -> Extremes {
    let end = (begin + FAN).min(entries.len());
    entries[begin..end]
        .iter()
        .map(|&entry| extremes(entry))
        .fold(Extremes::NONE, Extremes::and)
}
