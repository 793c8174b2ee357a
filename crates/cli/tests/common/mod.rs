//! Runs the `blueberry` binary as a process, on a model so small that a run takes a second.
#![allow(dead_code)] // each test file uses a part

pub mod checks;
pub mod text;

use std::ffi::OsStr;
use std::fs;
use std::io::BufReader;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread::sleep;
use std::time::Duration;

use blueberry_runlog::{Event, Limits, RunLog, read};
use tempfile::{NamedTempFile, TempDir};

/// 20,000 parameters; 64 targets a step.
pub const SMALL: [&str; 14] = [
    "model.d_model=32",
    "model.n_layers=1",
    "model.n_heads=2",
    "model.n_kv_heads=1",
    "model.head_dim=16",
    "model.d_ff=64",
    "train.seq_len=32",
    "train.micro_batch=2",
    "eval.seq_len=32",
    "eval.batch=8",
    "eval.tokens=512",
    "eval.every_tokens=1_000_000",
    "sample.every_tokens=0",
    "checkpoint.every_tokens=0",
];

/// Targets of a step under [`train`]'s settings.
pub const STEP_TOKENS: u64 = 64;

/// A folder of the test's own.
pub fn place() -> TempDir {
    tempfile::tempdir().expect("a folder")
}

/// The binary. The tests share a cache, so that the built-in corpus and the device's check are made once.
pub fn blueberry<A: AsRef<OsStr>>(args: impl IntoIterator<Item = A>) -> Command {
    let shared = Path::new(env!("CARGO_TARGET_TMPDIR"));
    let mut command = Command::new(env!("CARGO_BIN_EXE_blueberry"));
    command
        .env("HOME", shared.join("home"))
        .env("XDG_CACHE_HOME", shared.join("cache"))
        .args(args);
    command
}

/// A small run on the CPU into `out`, with `settings` on top.
pub fn train(out: &Path, settings: &[&str]) -> Command {
    let mut command = blueberry(["train", "--device", "cpu", "--out"]);
    command.arg(out);
    set(&mut command, &SMALL);
    set(&mut command, settings);
    command
}

/// Adds `--set` for each of `settings`.
pub fn set(command: &mut Command, settings: &[&str]) {
    for setting in settings {
        command.args(["--set", setting]);
    }
}

pub fn resume(dir: &Path) -> Command {
    let mut command = blueberry(["train", "--resume"]);
    command.arg(dir);
    command
}

/// Runs to the end.
pub fn finish(command: Command) -> Finished {
    Running::start(command).finish()
}

/// A process that has ended.
#[derive(Debug)]
pub struct Finished {
    pub status: ExitStatus,
    pub stdout: String,
    pub stderr: String,
}

impl Finished {
    /// Panics with everything that the process said where it exited otherwise.
    pub fn expect_code(self, code: i32) -> Self {
        assert_eq!(self.status.code(), Some(code), "{self:#?}");
        self
    }

    /// Panics where standard error lacks one of `words`.
    pub fn expect_error(self, words: &[&str]) -> Self {
        for word in words {
            assert!(self.stderr.contains(word), "nothing about {word:?} in {self:#?}");
        }
        self
    }
}

/// A process under way. It writes to files, so that it never waits for this one to read; dropping it kills it.
pub struct Running {
    child: Child,
    stdout: NamedTempFile,
    stderr: NamedTempFile,
}

impl Running {
    pub fn start(mut command: Command) -> Self {
        let (stdout, stderr) = (NamedTempFile::new(), NamedTempFile::new());
        let (stdout, stderr) = (stdout.expect("a file"), stderr.expect("a file"));
        let to = |file: &NamedTempFile| Stdio::from(file.reopen().expect("a handle"));
        let child = command
            .stdin(Stdio::null())
            .stdout(to(&stdout))
            .stderr(to(&stderr))
            .spawn();
        Self {
            child: child.expect("the binary starts"),
            stdout,
            stderr,
        }
    }

    /// Waits until the log in `dir` is as `wanted`; panics where the process ends before.
    pub fn wait_for_log(&mut self, dir: &Path, wanted: impl Fn(&RunLog) -> bool) {
        self.wait_until(|_| dir.join("run.jsonl").exists() && wanted(&read_log(dir)));
    }

    /// Waits until standard error holds `words`; panics where the process ends before.
    pub fn wait_for_error(&mut self, words: &str) {
        self.wait_until(|running| text_of(&running.stderr).contains(words));
    }

    fn wait_until(&mut self, wanted: impl Fn(&Self) -> bool) {
        loop {
            // Looked at first: what was there when the process ended stays there.
            let ended = self.child.try_wait().expect("a status");
            if wanted(self) {
                return;
            }
            assert!(
                ended.is_none(),
                "ended with {ended:?} too early: {}",
                text_of(&self.stderr)
            );
            sleep(Duration::from_millis(2));
        }
    }

    #[cfg(unix)]
    pub fn signal(&self, signal: libc::c_int) {
        let id = libc::pid_t::try_from(self.child.id()).expect("an id");
        // SAFETY: only sends a signal, to a child that has not been waited for, so that the id is still its own.
        assert_eq!(unsafe { libc::kill(id, signal) }, 0);
    }

    /// Kills the process, as `kill -9` does. It may have ended by itself before: the result says so.
    pub fn kill(mut self) -> Finished {
        self.child.kill().expect("is killed or has ended");
        self.finish()
    }

    pub fn finish(mut self) -> Finished {
        let status = self.child.wait().expect("a status");
        Finished {
            status,
            stdout: text_of(&self.stdout),
            stderr: text_of(&self.stderr),
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // Where a test failed; a process that has ended needs nothing.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn text_of(file: &NamedTempFile) -> String {
    String::from_utf8(fs::read(file.path()).expect("is read")).expect("UTF-8")
}

/// The log in `dir`, whose seals hold. Its last line may be torn.
pub fn read_log(dir: &Path) -> RunLog {
    let path = dir.join("run.jsonl");
    let file = fs::File::open(&path).expect("a log");
    let log = read(BufReader::new(file), &Limits::default());
    let log = log.unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    assert!(
        log.seals.broken.is_none(),
        "{}: {:?}",
        path.display(),
        log.seals.broken
    );
    log
}

/// How many checkpoints the log tells of.
pub fn saved(log: &RunLog) -> usize {
    log.lines
        .iter()
        .filter(|line| matches!(line.event, Event::Checkpoint(_)))
        .count()
}

/// A run in `dir` that was killed when it had saved `checkpoints` times, and that of the same `settings` which
/// nothing disturbed.
pub fn killed_and_calm(place: &Path, settings: &[&str], checkpoints: usize) -> (PathBuf, RunLog) {
    let (calm, dir) = (place.join("calm"), place.join("killed"));
    finish(train(&calm, settings)).expect_code(0);
    let mut running = Running::start(train(&dir, settings));
    running.wait_for_log(&dir, |log| saved(log) >= checkpoints);
    let killed = running.kill();
    assert!(
        !killed.status.success(),
        "the run was over before it was killed: {killed:#?}"
    );
    (dir, read_log(&calm))
}
