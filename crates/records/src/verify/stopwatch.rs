//! Time that goes on while the machine sleeps, as that of a run's log does: by another clock a laptop whose lid was closed
//! would make an honest log longer than its program ran.

use std::time::Duration;

/// Measures from when it was made.
#[derive(Clone, Copy, Debug)]
pub(super) struct Stopwatch(Duration);

impl Stopwatch {
    pub(super) fn start() -> Self {
        Self(now())
    }

    pub(super) fn elapsed(self) -> Duration {
        now().saturating_sub(self.0)
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
#[allow(clippy::unwrap_used)] // helpers of tests, where a panic is the answer
mod tests {
    use super::*;

    #[test]
    fn it_counts_what_passes() {
        let watch = Stopwatch::start();
        std::thread::sleep(Duration::from_millis(20));
        assert!(watch.elapsed() >= Duration::from_millis(20));
    }
}
