//! Learning-rate schedules: pure functions of how much of the run is done.

use serde::{Deserialize, Serialize};

/// A factor on every learning rate, from the share of the run's tokens that is consumed once the step
/// is done. Shares, not steps, so that a schedule means the same under any batch size.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "lowercase", deny_unknown_fields)]
pub enum Schedule {
    /// Always 1. With braces: serde lets any field pass beside a variant without them.
    Constant {},
    /// Linear from 0 over `warmup`, then half a cosine down to `end`.
    Cosine {
        /// Share of the run that warms up.
        warmup: f64,
        /// Factor at the end.
        end: f64,
    },
    /// Linear from 0 over `warmup`, 1, then linear over the last `cooldown` down to `end`.
    Trapezoid {
        /// Share of the run that warms up.
        warmup: f64,
        /// Share of the run that cools down.
        cooldown: f64,
        /// Factor at the end.
        end: f64,
    },
}

impl Schedule {
    /// The factor once `progress` (0 to 1) of the run is done.
    pub fn factor(&self, progress: f64) -> f64 {
        let progress = progress.clamp(0.0, 1.0);
        match *self {
            Self::Constant {} => 1.0,
            Self::Cosine { warmup, end } => {
                if progress < warmup {
                    return progress / warmup;
                }
                let share = (progress - warmup) / (1.0 - warmup).max(f64::MIN_POSITIVE);
                end + (1.0 - end) * 0.5 * (1.0 + (std::f64::consts::PI * share).cos())
            }
            Self::Trapezoid {
                warmup,
                cooldown,
                end,
            } => {
                if progress < warmup {
                    return progress / warmup;
                }
                let left = 1.0 - progress;
                if left >= cooldown {
                    1.0
                } else {
                    end + (1.0 - end) * left / cooldown
                }
            }
        }
    }

    /// What is wrong with the numbers, if anything.
    pub fn problem(&self) -> Option<&'static str> {
        let share = |x: f64| (0.0..=1.0).contains(&x);
        match *self {
            Self::Constant {} => None,
            Self::Cosine { warmup, end } => {
                (!(share(warmup) && share(end))).then_some("`warmup` and `end` are shares from 0 to 1")
            }
            Self::Trapezoid {
                warmup,
                cooldown,
                end,
            } => {
                if !(share(warmup) && share(cooldown) && share(end)) {
                    return Some("`warmup`, `cooldown` and `end` are shares from 0 to 1");
                }
                (warmup + cooldown > 1.0).then_some("`warmup` and `cooldown` together exceed the run")
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn constant_is_one_throughout() {
        for progress in [0.0, 0.3, 1.0] {
            assert_eq!(Schedule::Constant {}.factor(progress), 1.0);
        }
    }

    #[test]
    fn cosine_warms_up_then_halves_in_the_middle_and_ends_at_its_end() {
        let schedule = Schedule::Cosine {
            warmup: 0.2,
            end: 0.1,
        };
        assert_eq!(schedule.factor(0.1), 0.5);
        assert_eq!(schedule.factor(0.2), 1.0);
        // Half-way between warm-up and end the cosine is 0: end + (1 - end) / 2.
        assert!((schedule.factor(0.6) - 0.55).abs() < 1e-12);
        assert!((schedule.factor(1.0) - 0.1).abs() < 1e-12);
    }

    #[test]
    fn trapezoid_is_flat_between_its_slopes() {
        let schedule = Schedule::Trapezoid {
            warmup: 0.1,
            cooldown: 0.4,
            end: 0.0,
        };
        assert_eq!(schedule.factor(0.05), 0.5);
        assert_eq!(schedule.factor(0.3), 1.0);
        assert!((schedule.factor(0.8) - 0.5).abs() < 1e-12);
        assert_eq!(schedule.factor(1.0), 0.0);
    }

    #[test]
    fn no_schedule_leaves_its_range_even_with_empty_slopes() {
        let schedules = [
            Schedule::Cosine {
                warmup: 0.0,
                end: 0.0,
            },
            Schedule::Cosine {
                warmup: 1.0,
                end: 0.5,
            },
            Schedule::Trapezoid {
                warmup: 0.0,
                cooldown: 0.0,
                end: 0.0,
            },
            Schedule::Trapezoid {
                warmup: 0.0,
                cooldown: 1.0,
                end: 0.2,
            },
        ];
        for schedule in schedules {
            assert_eq!(schedule.problem(), None);
            for i in 0..=100 {
                let factor = schedule.factor(f64::from(i) / 100.0);
                assert!((0.0..=1.0).contains(&factor), "{schedule:?} at {i} %: {factor}");
            }
        }
    }

    #[test]
    fn impossible_numbers_are_named() {
        assert!(
            Schedule::Trapezoid {
                warmup: 0.6,
                cooldown: 0.6,
                end: 0.0
            }
            .problem()
            .is_some()
        );
        assert!(
            Schedule::Cosine {
                warmup: 2.0,
                end: 0.0
            }
            .problem()
            .is_some()
        );
        assert!(
            Schedule::Cosine {
                warmup: f64::NAN,
                end: 0.0
            }
            .problem()
            .is_some()
        );
    }
}
