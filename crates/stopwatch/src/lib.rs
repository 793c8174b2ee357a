//! Time that goes on while the machine sleeps, which that of [`std::time::Instant`] does not on Linux and macOS: a run's wall
//! time is also that of a lid that was closed. A run and who verifies it measure by the same clock, or an honest log would be
//! longer than its program ran.

use std::time::Duration;

/// Measures from when it was made.
#[derive(Clone, Copy, Debug)]
pub struct Stopwatch(Duration);

impl Stopwatch {
    /// Begins now.
    #[must_use]
    pub fn start() -> Self {
        Self(now())
    }

    /// Since the beginning.
    #[must_use]
    pub fn elapsed(self) -> Duration {
        now().saturating_sub(self.0)
    }

    /// The same in seconds.
    #[must_use]
    pub fn seconds(self) -> f64 {
        self.elapsed().as_secs_f64()
    }
}

/// Since some moment, never backwards.
#[cfg(unix)]
fn now() -> Duration {
    /// On macOS, this one goes on.
    #[cfg(not(any(target_os = "linux", target_os = "android")))]
    const CLOCK: libc::clockid_t = libc::CLOCK_MONOTONIC;
    #[cfg(any(target_os = "linux", target_os = "android"))]
    const CLOCK: libc::clockid_t = libc::CLOCK_BOOTTIME;
    let mut now = libc::timespec {
        tv_sec: 0,
        tv_nsec: 0,
    };
    // SAFETY: `clock_gettime` fills the struct that it is given. Every kernel of the last ten years has the clock.
    unsafe { libc::clock_gettime(CLOCK, &raw mut now) };
    let (seconds, nanos) = (u64::try_from(now.tv_sec), u32::try_from(now.tv_nsec));
    Duration::new(seconds.unwrap_or(0), nanos.unwrap_or(0))
}

/// Since the first call, never backwards.
#[cfg(not(unix))]
fn now() -> Duration {
    static FIRST: std::sync::OnceLock<std::time::Instant> = std::sync::OnceLock::new();
    FIRST.get_or_init(std::time::Instant::now).elapsed()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_counts_what_passes() {
        let (watch, instant) = (Stopwatch::start(), std::time::Instant::now());
        std::thread::sleep(Duration::from_millis(20));
        let found = watch.elapsed();
        assert!(found >= Duration::from_millis(20), "{found:?}");
        assert!(found <= instant.elapsed() + Duration::from_secs(1), "{found:?}");
        assert!(watch.seconds() >= found.as_secs_f64());
    }
}
