//! How far something is that takes more than a moment: a bar on a terminal; elsewhere, in a hosted workflow say, a line
//! now and then.

use std::io::IsTerminal;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};

/// What takes less than this needs no line.
const SOON: Duration = Duration::from_secs(2);

/// Between two lines of what takes minutes.
pub const EVERY: Duration = Duration::from_secs(5);

/// Its bar goes away when it is dropped.
pub struct Meter {
    bar: ProgressBar,
    /// Without a terminal.
    lines: Option<Lines>,
}

/// When there is a line.
struct Lines {
    every: Duration,
    next: Mutex<Instant>,
}

impl Lines {
    fn new(first: Instant, every: Duration) -> Self {
        Self {
            every,
            next: Mutex::new(first),
        }
    }

    /// Whether the time of a line has come; the next one is then later.
    fn is_due(&self, now: Instant) -> bool {
        // A poisoned lock means that printing panicked: then there are no more lines.
        let Ok(mut next) = self.next.lock() else {
            return false;
        };
        let due = now >= *next;
        if due {
            *next = now + self.every;
        }
        due
    }
}

impl Meter {
    /// A bar by a template of indicatif; without a terminal the message is a line, the first one after [`SOON`], then
    /// `every` so often.
    pub fn bar(template: &str, every: Duration) -> Self {
        let meter = Self::new(ProgressBar::new(0), every);
        // A template that does not parse would be ours to notice, and the default is fine to look at.
        if let Ok(style) = ProgressStyle::with_template(template) {
            meter.bar.set_style(style);
        }
        meter
    }

    /// As [`Self::bar`], where nobody knows how long it takes.
    pub fn spinner(every: Duration) -> Self {
        Self::new(ProgressBar::new_spinner(), every)
    }

    fn new(bar: ProgressBar, every: Duration) -> Self {
        let is_terminal = std::io::stderr().is_terminal();
        let lines = (!is_terminal).then(|| Lines::new(Instant::now() + SOON, every));
        Self { bar, lines }
    }

    /// Begins anew, with another stage: its speed is not that of the last one.
    pub fn restart(&self) {
        self.bar.reset();
    }

    /// The next message is a line.
    pub fn next_is_due(&self) {
        if let Some(lines) = &self.lines
            && let Ok(mut next) = lines.next.lock()
        {
            *next = Instant::now();
        }
    }

    /// How far it is.
    pub fn set(&self, done: u64, all: u64, message: String) {
        self.bar.set_length(all);
        self.bar.set_position(done);
        self.message(message);
    }

    /// What it does, where that is all that is known.
    pub fn message(&self, message: String) {
        match &self.lines {
            None => {
                self.bar.set_message(message);
                self.bar.tick();
            }
            Some(lines) if lines.is_due(Instant::now()) => errln!("{message}"),
            Some(_) => {}
        }
    }

    /// A line that stays.
    pub fn say(&self, text: &str) {
        match &self.lines {
            None => self.bar.suspend(|| errln!("{text}")),
            Some(_) => errln!("{text}"),
        }
    }

    /// Takes the bar away.
    pub fn clear(&self) {
        self.bar.finish_and_clear();
    }
}

impl Drop for Meter {
    fn drop(&mut self) {
        self.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_keep_their_distance() {
        let start = Instant::now();
        let at = |seconds| start + Duration::from_secs(seconds);
        let lines = Lines::new(at(2), Duration::from_secs(5));
        let due: Vec<u64> = (0..20).filter(|&second| lines.is_due(at(second))).collect();
        assert_eq!(due, [2, 7, 12, 17]);
    }
}
