//! The few statistics that benchmarks are told in.

use serde::Serialize;

use super::Error;

/// One measurement a turn, with its median and range.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Series {
    pub median: f64,
    pub min: f64,
    pub max: f64,
    /// In the order in which they were taken.
    pub turns: Vec<f64>,
}

impl Series {
    /// # Errors
    /// [`Error::NoTurns`] for an empty list.
    pub fn of(turns: Vec<f64>) -> Result<Self, Error> {
        let mut sorted = turns.clone();
        sorted.sort_by(f64::total_cmp);
        let (Some(&min), Some(&max)) = (sorted.first(), sorted.last()) else {
            return Err(Error::NoTurns);
        };
        let (low, high) = (sorted[(sorted.len() - 1) / 2], sorted[sorted.len() / 2]);
        Ok(Self {
            median: f64::midpoint(low, high),
            min,
            max,
            turns,
        })
    }

    /// `ours / theirs` round by round: neighbours in time, so that a machine that slows down slows both.
    pub fn ratios(ours: &Self, theirs: &Self) -> Result<Self, Error> {
        let pairs = ours.turns.iter().zip(&theirs.turns);
        Self::of(pairs.map(|(ours, theirs)| ours / theirs).collect())
    }

    /// `min .. max` with so many digits after the point.
    pub fn range(&self, digits: usize) -> String {
        format!("{:.digits$} .. {:.digits$}", self.min, self.max)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_of_an_even_count_lies_between_the_middle_two() {
        let series = Series::of(vec![4.0, 1.0, 3.0, 2.0]).unwrap();
        assert_eq!((series.median, series.min, series.max), (2.5, 1.0, 4.0));
        assert_eq!(series.turns, [4.0, 1.0, 3.0, 2.0]);
    }

    #[test]
    fn the_median_of_an_odd_count_is_the_middle() {
        assert_eq!(Series::of(vec![9.0, 1.0, 2.0]).unwrap().median, 2.0);
    }

    #[test]
    fn no_turns_have_no_median() {
        assert!(matches!(Series::of(vec![]), Err(Error::NoTurns)));
    }

    #[test]
    fn ratios_are_taken_round_by_round() {
        // A machine that slows down by half in round 2: the ratio of every round is 2.
        let ours = Series::of(vec![8.0, 4.0, 4.0]).unwrap();
        let theirs = Series::of(vec![4.0, 2.0, 2.0]).unwrap();
        assert_eq!(Series::ratios(&ours, &theirs).unwrap().turns, [2.0, 2.0, 2.0]);
    }

    #[test]
    fn a_range_is_rounded() {
        assert_eq!(Series::of(vec![1.26, 0.0]).unwrap().range(1), "0.0 .. 1.3");
    }
}
