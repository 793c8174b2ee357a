//! Seconds that go on while the machine sleeps, which those of [`std::time::Instant`] do not on Linux and macOS: a run's wall
//! time is also that of a lid that was closed.

/// Measures from when it was made.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Stopwatch(f64);

impl Stopwatch {
    pub fn start() -> Self {
        Self(seconds())
    }

    pub fn seconds(&self) -> f64 {
        seconds() - self.0
    }
}

/// Since some moment, never backwards.
#[cfg(unix)]
fn seconds() -> f64 {
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
    now.tv_sec as f64 + now.tv_nsec as f64 * 1e-9
}

/// Since the first call, never backwards.
#[cfg(not(unix))]
fn seconds() -> f64 {
    static FIRST: std::sync::OnceLock<std::time::Instant> = std::sync::OnceLock::new();
    FIRST.get_or_init(std::time::Instant::now).elapsed().as_secs_f64()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_counts_what_passes() {
        let (watch, instant) = (Stopwatch::start(), std::time::Instant::now());
        std::thread::sleep(std::time::Duration::from_millis(20));
        let (found, at_least) = (watch.seconds(), 0.02);
        assert!(
            found >= at_least && found <= instant.elapsed().as_secs_f64() + 1.0,
            "{found}"
        );
    }
}
