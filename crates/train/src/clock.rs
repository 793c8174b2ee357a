//! The two clocks of a run. They are told the time, so that the rules can be tested without waiting.

use serde::{Deserialize, Serialize};

/// `train_s` runs only inside training segments; `wall_s` runs from the start without a pause, between
/// two processes of one run too.
///
/// Times are seconds on any steady scale of the caller's.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Clock {
    trained_s: f64,
    running_since_s: Option<f64>,
    started_s: f64,
}

impl Clock {
    /// Both clocks at zero, paused.
    pub fn new(now_s: f64) -> Self {
        Self::restored(0.0, 0.0, now_s)
    }

    /// Continues a run that had reached these times, paused.
    pub fn restored(train_s: f64, wall_s: f64, now_s: f64) -> Self {
        Self {
            trained_s: train_s,
            running_since_s: None,
            started_s: now_s - wall_s,
        }
    }

    /// A training segment begins. The device must be idle.
    pub fn resume(&mut self, now_s: f64) {
        self.running_since_s.get_or_insert(now_s);
    }

    /// A training segment ends. The device must be idle.
    pub fn pause(&mut self, now_s: f64) {
        self.trained_s = self.train_s(now_s);
        self.running_since_s = None;
    }

    /// Seconds spent training.
    pub fn train_s(&self, now_s: f64) -> f64 {
        self.trained_s + self.running_since_s.map_or(0.0, |since| now_s - since)
    }

    /// Seconds since the start.
    pub fn wall_s(&self, now_s: f64) -> f64 {
        now_s - self.started_s
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn training_time_stands_still_while_paused_and_wall_time_does_not() {
        let mut clock = Clock::new(100.0);
        clock.resume(101.0);
        clock.pause(104.0);
        assert_eq!((clock.train_s(110.0), clock.wall_s(110.0)), (3.0, 10.0));
        clock.resume(110.0);
        assert_eq!((clock.train_s(112.0), clock.wall_s(112.0)), (5.0, 12.0));
    }

    #[test]
    fn resuming_or_pausing_twice_changes_nothing() {
        let mut clock = Clock::new(0.0);
        clock.resume(0.0);
        clock.resume(5.0);
        clock.pause(7.0);
        clock.pause(9.0);
        assert_eq!(clock.train_s(20.0), 7.0);
    }

    #[test]
    fn a_restored_clock_goes_on_where_it_was() {
        let mut clock = Clock::restored(30.0, 50.0, 1000.0);
        clock.resume(1001.0);
        assert_eq!((clock.train_s(1003.0), clock.wall_s(1003.0)), (32.0, 53.0));
    }
}
