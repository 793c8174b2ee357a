//! Student's t-tests, one-sided: whether a mean is below another, at [`ALPHA`].

use serde::{Deserialize, Serialize};
use statrs::distribution::{ContinuousCDF, StudentsT};
use thiserror::Error;

/// A difference counts where its probability under no difference is below this.
pub const ALPHA: f64 = 0.01;

/// Mean and spread of a sample.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Sample {
    /// How many values.
    pub n: usize,
    /// Their mean.
    pub mean: f64,
    /// Their sample standard deviation (divided by `n - 1`); `None` for one value.
    pub sd: Option<f64>,
}

/// The outcome of a test.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct TTest {
    /// The statistic; below zero where the sample is below what it is held against, and zero where it is not and its values
    /// are all the same.
    pub t: f64,
    /// Degrees of freedom.
    pub df: f64,
    /// Probability of a `t` this low where there is no difference.
    pub p: f64,
}

impl TTest {
    /// Whether the sample is below at [`ALPHA`].
    #[must_use]
    pub fn is_below(&self) -> bool {
        self.p < ALPHA
    }
}

/// Why a sample tells nothing about its spread.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum StatsError {
    /// There are no values, or too few for a spread.
    #[error("{n} value(s): a t-test needs at least 2")]
    TooFew {
        /// How many.
        n: usize,
    },
    /// All values are the same, and below what they are held against.
    #[error("{n} identical values: their spread cannot be estimated, and runs that differ in seed do differ")]
    NoSpread {
        /// How many.
        n: usize,
    },
    /// A value is NaN or infinite.
    #[error("a value is not a finite number")]
    NotFinite,
}

impl Sample {
    /// Mean and spread.
    ///
    /// # Errors
    /// [`StatsError::TooFew`] for no values, [`StatsError::NotFinite`].
    pub fn of(values: &[f64]) -> Result<Self, StatsError> {
        let n = values.len();
        if n == 0 {
            return Err(StatsError::TooFew { n });
        }
        let mean = values.iter().sum::<f64>() / n as f64;
        let squares: f64 = values.iter().map(|value| (value - mean).powi(2)).sum();
        if !squares.is_finite() {
            return Err(StatsError::NotFinite);
        }
        let sd = (n > 1).then(|| (squares / (n as f64 - 1.0)).sqrt());
        Ok(Self { n, mean, sd })
    }

    /// The confidence interval of the mean at `level` (0 to 1); `None` for one value.
    #[must_use]
    pub fn interval(&self, level: f64) -> Option<(f64, f64)> {
        let student = student(self.n as f64 - 1.0)?;
        let half = student.inverse_cdf(0.5 + level / 2.0) * self.sd? / (self.n as f64).sqrt();
        half.is_finite().then_some((self.mean - half, self.mean + half))
    }

    /// The squared standard error of the mean.
    fn error2(&self) -> Result<f64, StatsError> {
        let n = self.n;
        let sd = self.sd.ok_or(StatsError::TooFew { n })?;
        Ok(sd * sd / n as f64)
    }
}

/// Whether the mean of `values` is below `bar`: Student's one-sample test.
///
/// # Errors
/// [`StatsError`]: the sample cannot tell.
pub fn below(values: &[f64], bar: f64) -> Result<TTest, StatsError> {
    let sample = Sample::of(values)?;
    test(
        sample.mean - bar,
        sample.error2()?,
        sample.n as f64 - 1.0,
        sample.n,
    )
}

/// Whether the mean of `values` is below the mean of `others`: Welch's test, which lets the spreads differ.
///
/// # Errors
/// [`StatsError`]: the samples cannot tell.
pub fn below_other(values: &[f64], others: &[f64]) -> Result<TTest, StatsError> {
    let (a, b) = (Sample::of(values)?, Sample::of(others)?);
    let (ea, eb) = (a.error2()?, b.error2()?);
    // Welch-Satterthwaite; where nothing differs, as for equal spreads.
    let df = (ea + eb).powi(2) / (ea * ea / (a.n as f64 - 1.0) + eb * eb / (b.n as f64 - 1.0));
    let df = if ea + eb > 0.0 {
        df
    } else {
        (a.n + b.n) as f64 - 2.0
    };
    test(a.mean - b.mean, ea + eb, df, a.n + b.n)
}

fn test(difference: f64, error2: f64, df: f64, n: usize) -> Result<TTest, StatsError> {
    if error2 == 0.0 {
        // Whatever their spread is, it is no reason to take values for lower that are not.
        return match difference >= 0.0 {
            true => Ok(TTest { t: 0.0, df, p: 1.0 }),
            false => Err(StatsError::NoSpread { n }),
        };
    }
    let t = difference / error2.sqrt();
    let student = student(df).ok_or(StatsError::NotFinite)?;
    Ok(TTest {
        t,
        df,
        p: student.cdf(t),
    })
}

fn student(df: f64) -> Option<StudentsT> {
    StudentsT::new(0.0, 1.0, df).ok()
}
