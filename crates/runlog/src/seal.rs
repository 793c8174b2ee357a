//! The chain of seals: what makes an edit of a log visible.

use std::fmt;

use sha2::{Digest, Sha256};

use crate::{At, Event, Extra, Seal};

/// The chain's state behind the last line: enough to write or to check the next seal.
///
/// A seal's digest is the SHA-256 over the 32 raw bytes of the previous seal's digest (32 zero bytes for the
/// first) and then the exact bytes of every line since, newlines included; the seal's own line is left out.
/// All else in a seal follows from the lines before it, so that nothing in a log is outside the chain.
#[derive(Debug, Clone)]
pub struct Chain {
    hasher: Sha256,
    lines: u64,
    at: At,
}

impl Chain {
    /// The chain before the first line.
    #[must_use]
    pub fn new() -> Self {
        Self::after([0; 32], At::default())
    }

    /// Adds a line that is no seal, its newline included. `at` is its header, where it has one.
    pub fn push(&mut self, line: &[u8], at: Option<At>) {
        self.hasher.update(line);
        self.lines += 1;
        self.at = at.unwrap_or(self.at);
    }

    /// Lines since the last seal.
    #[must_use]
    pub fn unsealed_lines(&self) -> u64 {
        self.lines
    }

    /// The seal that is due now.
    #[must_use]
    pub fn seal(&self) -> Seal {
        Seal {
            at: self.at,
            lines: self.lines,
            sha256: hex(&self.digest()),
            extra: Extra::new(),
        }
    }

    /// Goes on behind the seal that was due.
    pub fn close(&mut self) {
        *self = Self::after(self.digest(), self.at);
    }

    fn after(digest: [u8; 32], at: At) -> Self {
        Self {
            hasher: Sha256::new_with_prefix(digest),
            lines: 0,
            at,
        }
    }

    fn digest(&self) -> [u8; 32] {
        self.hasher.clone().finalize().into()
    }
}

impl Default for Chain {
    fn default() -> Self {
        Self::new()
    }
}

/// How far the seals of a log hold. Sealed and unsealed lines together are all whole lines, seals included.
#[derive(Debug, Clone, PartialEq)]
pub struct SealReport {
    /// Lines up to the last good seal, that seal included.
    pub sealed_lines: u64,
    /// Lines behind it.
    pub unsealed_lines: u64,
    /// The first seal that does not match, where there is one.
    pub broken: Option<Broken>,
}

/// A seal that does not match the lines before it.
#[derive(Debug, Clone, PartialEq)]
pub struct Broken {
    /// Line number of the seal, from 1.
    pub line: u64,
    /// The seal that the lines ask for.
    pub expected: Seal,
    /// The seal that is there.
    pub found: Seal,
}

impl fmt::Display for Broken {
    fn fmt(&self, text: &mut fmt::Formatter) -> fmt::Result {
        write!(
            text,
            "line {}: the seal does not match the lines before it (expected {}, found {}); they were changed after they were written",
            self.line,
            json(&self.expected),
            json(&self.found)
        )
    }
}

/// Checks the seals of a log, line by line.
#[derive(Default)]
pub(crate) struct Checker {
    chain: Chain,
    sealed_lines: u64,
    broken: Option<Broken>,
}

impl Checker {
    /// Takes line `number`; `bytes` has its newline. `event` is `None` for the first line.
    pub(crate) fn push(&mut self, number: u64, bytes: &[u8], event: Option<&Event>) {
        match event {
            Some(Event::Seal(found)) => self.check(number, found),
            other => self.chain.push(bytes, other.and_then(Event::at)),
        }
    }

    fn check(&mut self, line: u64, found: &Seal) {
        let expected = self.chain.seal();
        self.chain.close();
        if self.broken.is_some() {
            return; // behind a broken seal nothing is proven
        }
        if same(&expected, found) {
            self.sealed_lines = line;
        } else {
            let found = found.clone();
            self.broken = Some(Broken {
                line,
                expected,
                found,
            });
        }
    }

    /// The report over `lines` whole lines, and the chain behind them.
    pub(crate) fn finish(self, lines: u64) -> (SealReport, Chain) {
        let report = SealReport {
            sealed_lines: self.sealed_lines,
            unsealed_lines: lines - self.sealed_lines,
            broken: self.broken,
        };
        (report, self.chain)
    }
}

/// Compares as text: a header may hold NaN, which is not equal to itself.
fn same(a: &Seal, b: &Seal) -> bool {
    json(a) == json(b)
}

fn json(seal: &Seal) -> String {
    // Text keys and helper-written floats always serialise; an empty text would only make a seal look broken.
    serde_json::to_string(seal).unwrap_or_default()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
