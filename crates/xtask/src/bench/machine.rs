//! What a result was measured on: machine, toolchain, source and time. Without these a number says nothing.

use std::path::Path;
use std::process::Command;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde::Serialize;

use crate::process;

/// The machine; `None` for what the system does not say.
#[derive(Debug, Serialize)]
pub struct Machine {
    pub cpu: Option<String>,
    /// Logical processors that this process may use.
    pub cpus: usize,
    pub memory_bytes: Option<u64>,
    pub os: Option<String>,
}

impl Machine {
    /// This machine.
    pub fn this() -> Self {
        Self {
            cpu: from_file("/proc/cpuinfo", |text| field(text, "model name", ':'))
                .or_else(|| sysctl("machdep.cpu.brand_string")),
            cpus: std::thread::available_parallelism().map_or(1, usize::from),
            memory_bytes: from_file("/proc/meminfo", memory_bytes)
                .or_else(|| sysctl("hw.memsize")?.parse().ok()),
            os: os(),
        }
    }
}

/// Processors that are busy now, watched for a second; `None` where the system does not say.
pub fn busy_cpus(cpus: usize) -> Option<f64> {
    let ticks = || from_file("/proc/stat", Ticks::parse);
    let before = ticks()?;
    std::thread::sleep(Duration::from_secs(1));
    Some(ticks()?.busy_since(before)? * cpus as f64)
}

/// Clock ticks of all processors since the system was started.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Ticks {
    busy: u64,
    total: u64,
}

/// What was built, and with what.
#[derive(Debug, Serialize)]
pub struct Source {
    pub commit: Option<String>,
    /// Whether files differ from the commit; `None` without git.
    pub dirty: Option<bool>,
    pub rustc: Option<String>,
}

impl Source {
    /// The checkout in `root`.
    pub fn of(root: &Path) -> Self {
        let git = |args: &[&str]| process::output(Command::new("git").current_dir(root).args(args));
        Self {
            commit: git(&["rev-parse", "HEAD"]),
            dirty: git(&["status", "--porcelain"]).map(|changes| !changes.is_empty()),
            rustc: process::output(Command::new("rustc").arg("--version")),
        }
    }
}

/// Now, as `2026-08-31T12:00:00Z`.
pub fn now() -> String {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    utc(since.map_or(0, |since| since.as_secs()))
}

/// Seconds since 1970 as a date and time, by the civil calendar of Howard Hinnant's `chrono-compatible
/// low-level date algorithms`: years begin in March, so that the leap day is the last.
fn utc(unix_s: u64) -> String {
    let (days, second) = (unix_s / 86_400, unix_s % 86_400);
    let shifted = days + 719_468;
    let (era, day_of_era) = (shifted / 146_097, shifted % 146_097);
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let march_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * march_month + 2) / 5 + 1;
    let month = if march_month < 10 {
        march_month + 3
    } else {
        march_month - 9
    };
    let year = era * 400 + year_of_era + u64::from(month <= 2);
    let (hour, minute) = (second / 3_600, second / 60 % 60);
    format!(
        "{year}-{month:02}-{day:02}T{hour:02}:{minute:02}:{:02}Z",
        second % 60
    )
}

fn from_file<T>(path: &str, parse: impl FnOnce(&str) -> Option<T>) -> Option<T> {
    parse(&std::fs::read_to_string(path).ok()?)
}

fn sysctl(name: &str) -> Option<String> {
    process::output(Command::new("sysctl").args(["-n", name]))
}

/// The system's name and the kernel's.
fn os() -> Option<String> {
    let kernel = process::output(Command::new("uname").args(["-s", "-r", "-m"]))?;
    match from_file("/etc/os-release", |text| field(text, "PRETTY_NAME", '=')) {
        Some(name) => Some(format!("{name}, {kernel}")),
        None => Some(kernel),
    }
}

/// The value of `key` in lines of `key <separator> value`.
fn field(text: &str, key: &str, separator: char) -> Option<String> {
    let mut pairs = text.lines().filter_map(|line| line.split_once(separator));
    let (_, value) = pairs.find(|(name, _)| name.trim() == key)?;
    Some(value.trim().trim_matches('"').to_owned())
}

fn memory_bytes(meminfo: &str) -> Option<u64> {
    let total = field(meminfo, "MemTotal", ':')?;
    let kib: u64 = total.strip_suffix("kB")?.trim().parse().ok()?;
    Some(kib * 1024)
}

impl Ticks {
    /// The line over all processors of Linux' /proc/stat: user, nice, system, idle, iowait, irq, softirq,
    /// steal. What follows is counted in the first two already.
    fn parse(stat: &str) -> Option<Self> {
        let line = stat.lines().find_map(|line| line.strip_prefix("cpu "))?;
        let counts = line.split_whitespace().take(8).map(|word| word.parse().ok());
        let counts: Vec<u64> = counts.collect::<Option<_>>()?;
        let total = counts.iter().sum();
        let idle = counts.get(3)? + counts.get(4)?;
        Some(Self {
            busy: total - idle,
            total,
        })
    }

    /// The share of the time since `before` that was worked, 0 to 1.
    fn busy_since(self, before: Self) -> Option<f64> {
        let total = self.total.checked_sub(before.total).filter(|&total| total > 0)?;
        Some(self.busy.saturating_sub(before.busy) as f64 / total as f64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_those_of_the_calendar() {
        assert_eq!(utc(0), "1970-01-01T00:00:00Z");
        assert_eq!(utc(951_782_399), "2000-02-28T23:59:59Z");
        assert_eq!(utc(951_782_400), "2000-02-29T00:00:00Z");
        assert_eq!(utc(1_735_689_599), "2024-12-31T23:59:59Z");
        assert_eq!(utc(4_107_542_400), "2100-03-01T00:00:00Z");
    }

    #[test]
    fn the_processor_and_the_system_are_named() {
        let cpuinfo = "processor\t: 0\nmodel\t\t: 143\nmodel name\t: A Processor @ 2.0 GHz\n";
        assert_eq!(
            field(cpuinfo, "model name", ':').as_deref(),
            Some("A Processor @ 2.0 GHz")
        );
        let os = "NAME=\"Some Linux\"\nPRETTY_NAME=\"Some Linux 12 (name)\"\n";
        assert_eq!(
            field(os, "PRETTY_NAME", '=').as_deref(),
            Some("Some Linux 12 (name)")
        );
        assert_eq!(field(os, "VERSION", '='), None);
    }

    #[test]
    fn memory_is_in_bytes() {
        assert_eq!(
            memory_bytes("MemTotal:       24689764 kB\nMemFree: 1 kB\n"),
            Some(25_282_318_336)
        );
        assert_eq!(memory_bytes("MemTotal: many\n"), None);
    }

    #[test]
    fn waiting_is_not_working() {
        let before = Ticks::parse("cpu  10 0 10 70 10 0 0 0 5 0\ncpu0 1 1 1 1 1 1 1 1 1 1\n").unwrap();
        assert_eq!(before, Ticks { busy: 20, total: 100 });
        let after = Ticks::parse("cpu  30 5 20 95 30 0 10 10 9 0\n").unwrap();
        assert_eq!(after, Ticks { busy: 75, total: 200 });
        assert_eq!(after.busy_since(before), Some(0.55));
        assert_eq!(before.busy_since(before), None);
        assert_eq!(Ticks::parse("cpu0 1 2 3 4 5\n"), None);
    }
}
