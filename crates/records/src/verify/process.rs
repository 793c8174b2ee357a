//! Running a program within limits of time and disk, with what it prints in a file.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus};
use std::thread;
use std::time::Duration;

use blueberry_stopwatch::Stopwatch;

use super::error::{VerifyError, at};
use super::handover;

/// How often a program is looked at, and how often the folders that it writes are measured.
const INTERVAL: Duration = Duration::from_millis(50);
const MEASURING: Duration = Duration::from_secs(1);
/// What a file or folder counts at least: a million empty ones fill a disk's table, too.
const LEAST_BYTES: u64 = 4096;

/// What a program may use up.
#[derive(Debug, Clone, Copy)]
pub(super) struct Bounds<'a> {
    /// The longest that it may run.
    pub(super) time: Duration,
    /// The folders that it writes.
    pub(super) folders: &'a [PathBuf],
    /// The most that these may hold together, what it prints included.
    pub(super) disk_bytes: Option<u64>,
}

/// How a program ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ended {
    /// By itself.
    Exited(ExitStatus),
    /// It was stopped after this time.
    OutOfTime(Duration),
    /// It was stopped since it wrote more than so many bytes.
    OverDisk(u64),
}

impl Ended {
    pub(super) fn is_success(self) -> bool {
        matches!(self, Self::Exited(status) if status.success())
    }

    /// The exit code of a program that ended by itself.
    pub(super) fn code(self) -> Option<i32> {
        match self {
            Self::Exited(status) => status.code(),
            Self::OutOfTime(_) | Self::OverDisk(_) => None,
        }
    }

    /// For people.
    pub(super) fn text(self) -> String {
        match self {
            Self::Exited(status) => status.to_string(),
            Self::OutOfTime(limit) => format!("stopped after {} s", limit.as_secs()),
            Self::OverDisk(limit) => format!("stopped since it wrote more than {limit} bytes"),
        }
    }
}

/// Runs `command` within `bounds`, what it prints goes to the new file `output`; `tick` is told the time since the
/// start, several times a second. Gives how it ended and how long that took. Nothing of it goes on afterwards.
pub(super) fn run(
    command: &mut Command,
    bounds: &Bounds,
    output: &Path,
    tick: &mut dyn FnMut(Duration),
) -> Result<(Ended, Duration), VerifyError> {
    let program = Path::new(command.get_program()).to_owned();
    let file = handover::create(output).map_err(|cause| at("create", output, cause))?;
    let other = file.try_clone().map_err(|cause| at("create", output, cause))?;
    group(command);
    let start = Stopwatch::start();
    let child = command.stdout(other).stderr(file).spawn();
    let mut child = child.map_err(|cause| at("start", &program, cause))?;
    let written = || bytes_of(bounds.folders.iter().map(PathBuf::as_path).chain([output]));
    let ended = wait(&mut child, start, bounds, &written, tick);
    let took = start.elapsed();
    end_group(&child);
    let ended = ended.map_err(|cause| at("run", &program, cause))?;
    Ok((ended, took))
}

fn wait(
    child: &mut Child,
    start: Stopwatch,
    bounds: &Bounds,
    written: &dyn Fn() -> u64,
    tick: &mut dyn FnMut(Duration),
) -> io::Result<Ended> {
    let mut measured = start;
    loop {
        if let Some(status) = child.try_wait()? {
            return Ok(Ended::Exited(status));
        }
        let elapsed = start.elapsed();
        let mut stopped = (elapsed >= bounds.time).then_some(Ended::OutOfTime(bounds.time));
        if let Some(most) = bounds.disk_bytes.filter(|_| measured.elapsed() >= MEASURING) {
            if written() > most {
                stopped = Some(Ended::OverDisk(most));
            }
            measured = Stopwatch::start();
        }
        if let Some(ended) = stopped {
            // In a sandbox this ends everything in it: its first process is the parent of all.
            end_group(child);
            child.kill()?;
            child.wait()?;
            return Ok(ended);
        }
        tick(elapsed);
        thread::sleep(INTERVAL.min(bounds.time.saturating_sub(elapsed)));
    }
}

/// What files and folders take on the disk. Follows no link; what goes while it is looked at counts nothing.
fn bytes_of<'a>(paths: impl Iterator<Item = &'a Path>) -> u64 {
    let mut left: Vec<PathBuf> = paths.map(Path::to_owned).collect();
    let mut sum = 0_u64;
    while let Some(path) = left.pop() {
        let Ok(meta) = fs::symlink_metadata(&path) else {
            continue;
        };
        sum = sum.saturating_add(on_disk(&meta).max(LEAST_BYTES));
        if meta.is_dir() {
            let entries = fs::read_dir(&path).into_iter().flatten().flatten();
            left.extend(entries.map(|entry| entry.path()));
        }
    }
    sum
}

#[cfg(unix)]
fn on_disk(meta: &fs::Metadata) -> u64 {
    use std::os::unix::fs::MetadataExt;
    meta.blocks().saturating_mul(512)
}

#[cfg(not(unix))]
fn on_disk(meta: &fs::Metadata) -> u64 {
    meta.len()
}

/// A process group of its own, so that [`end_group`] ends what it started, too. It gets no Ctrl-C then, and ends with
/// the verifier instead.
#[cfg(unix)]
fn group(command: &mut Command) {
    use std::os::unix::process::CommandExt;
    command.process_group(0);
    #[cfg(target_os = "linux")]
    // SAFETY: between fork and exec it makes one system call, which only sets a number of the process.
    unsafe {
        command.pre_exec(|| {
            libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL);
            Ok(())
        });
    }
}

#[cfg(unix)]
fn end_group(child: &Child) {
    if let Ok(id) = i32::try_from(child.id()) {
        // SAFETY: sends a signal. The group is the child's own; where nothing of it is left, nothing is done.
        unsafe { libc::kill(-id, libc::SIGKILL) };
    }
}

#[cfg(not(unix))]
fn group(_: &mut Command) {}

#[cfg(not(unix))]
fn end_group(_: &Child) {}

#[cfg(all(test, unix))]
#[allow(clippy::unwrap_used)] // helpers of tests, where a panic is the answer
mod tests {
    use super::*;

    fn within(time: Duration) -> Bounds<'static> {
        Bounds {
            time,
            folders: &[],
            disk_bytes: None,
        }
    }

    fn shell(script: &str, limit: Duration) -> (Ended, String) {
        let dir = tempfile::tempdir().unwrap();
        let output = dir.path().join("output.txt");
        let mut command = Command::new("sh");
        let (ended, _) = run(command.args(["-c", script]), &within(limit), &output, &mut |_| ()).unwrap();
        (ended, fs::read_to_string(output).unwrap())
    }

    const LONG: Duration = Duration::from_secs(600);

    #[test]
    fn both_outputs_are_kept_in_their_order() {
        let (ended, text) = shell("echo a; echo b >&2; echo c", LONG);
        assert!(ended.is_success());
        assert_eq!(text, "a\nb\nc\n");
    }

    #[test]
    fn a_failure_says_how() {
        let (ended, _) = shell("exit 3", LONG);
        assert!(!ended.is_success());
        assert_eq!(ended.text(), "exit status: 3");
    }

    #[test]
    fn a_program_is_stopped_when_its_time_is_over() {
        let (ended, _) = shell("exec sleep 600", Duration::from_millis(100));
        assert_eq!(ended, Ended::OutOfTime(Duration::from_millis(100)));
    }

    /// Whether a process is there and runs; one that ended may wait for its parent.
    fn runs(id: &str) -> bool {
        let state = fs::read_to_string(format!("/proc/{id}/stat")).unwrap_or_default();
        state
            .rsplit(") ")
            .next()
            .is_some_and(|rest| !rest.is_empty() && !rest.starts_with(['Z', 'X']))
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn what_a_program_started_ends_with_it() {
        for (script, limit) in [
            ("sleep 600 & echo $!; wait", Duration::from_millis(300)),
            ("sleep 600 & echo $!", LONG),
        ] {
            let (_, text) = shell(script, limit);
            let id = text.trim();
            assert!(!id.is_empty());
            // A killed process is gone when the kernel comes round to it.
            let gone = (0..200).any(|_| {
                thread::sleep(Duration::from_millis(10));
                !runs(id)
            });
            assert!(gone, "{script}: {id} goes on");
        }
    }

    #[test]
    fn a_program_that_fills_the_disk_is_stopped() {
        let dir = tempfile::tempdir().unwrap();
        let folders = [dir.path().join("written")];
        fs::create_dir(&folders[0]).unwrap();
        for script in [
            "cd $0 && dd if=/dev/zero of=a bs=64k count=64 2>/dev/null; exec sleep 600",
            "cd $0 && mkdir -p b/c && i=0; while test $i -lt 400; do : >b/c/$i; i=$((i+1)); done; exec sleep 600",
        ] {
            let bounds = Bounds {
                time: LONG,
                folders: &folders,
                disk_bytes: Some(1 << 20),
            };
            let mut command = Command::new("sh");
            command.args(["-c", script]).arg(&folders[0]);
            let output = dir.path().join("output.txt");
            let (ended, _) = run(&mut command, &bounds, &output, &mut |_| ()).unwrap();
            assert_eq!(ended, Ended::OverDisk(1 << 20), "{script}");
            fs::remove_dir_all(&folders[0]).unwrap();
            fs::create_dir(&folders[0]).unwrap();
        }
    }

    #[test]
    fn a_missing_program_is_named() {
        let dir = tempfile::tempdir().unwrap();
        let mut command = Command::new("no-such-program-here");
        let error = run(&mut command, &within(LONG), &dir.path().join("o"), &mut |_| ()).unwrap_err();
        assert!(
            error.to_string().contains("cannot start `no-such-program-here`"),
            "{error}"
        );
    }
}
