//! Running a program for a limited time, with what it prints in a file.

use std::fs::File;
use std::io;
use std::path::Path;
use std::process::{Child, Command, ExitStatus};
use std::thread;
use std::time::{Duration, Instant};

use super::error::{VerifyError, at};

/// How often a program is looked at.
const INTERVAL: Duration = Duration::from_millis(50);

/// How a program ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ended {
    /// By itself.
    Exited(ExitStatus),
    /// It was stopped after this time.
    OutOfTime(Duration),
}

impl Ended {
    pub(super) fn is_success(self) -> bool {
        matches!(self, Self::Exited(status) if status.success())
    }

    /// For people.
    pub(super) fn text(self) -> String {
        match self {
            Self::Exited(status) => status.to_string(),
            Self::OutOfTime(limit) => format!("stopped after {} s", limit.as_secs()),
        }
    }
}

/// Runs `command` for at most `limit`, what it prints goes to the file `output`; `tick` is told the time since the
/// start, several times a second. Gives how it ended and how long that took.
pub(super) fn run(
    command: &mut Command,
    limit: Duration,
    output: &Path,
    tick: &mut dyn FnMut(Duration),
) -> Result<(Ended, Duration), VerifyError> {
    let program = Path::new(command.get_program()).to_owned();
    let file = File::create(output).map_err(|cause| at("create", output, cause))?;
    let other = file.try_clone().map_err(|cause| at("create", output, cause))?;
    let start = Instant::now();
    let child = command.stdout(other).stderr(file).spawn();
    let mut child = child.map_err(|cause| at("start", &program, cause))?;
    let ended = wait(&mut child, start, limit, tick).map_err(|cause| at("run", &program, cause))?;
    Ok((ended, start.elapsed()))
}

fn wait(
    child: &mut Child,
    start: Instant,
    limit: Duration,
    tick: &mut dyn FnMut(Duration),
) -> io::Result<Ended> {
    loop {
        if let Some(status) = child.try_wait()? {
            return Ok(Ended::Exited(status));
        }
        let elapsed = start.elapsed();
        if elapsed >= limit {
            // In a sandbox this ends everything in it: its first process is the parent of all.
            child.kill()?;
            child.wait()?;
            return Ok(Ended::OutOfTime(limit));
        }
        tick(elapsed);
        thread::sleep(INTERVAL.min(limit - elapsed));
    }
}

#[cfg(all(test, unix))]
#[allow(clippy::unwrap_used)] // helpers of tests, where a panic is the answer
mod tests {
    use super::*;

    fn shell(script: &str, limit: Duration) -> (Ended, String) {
        let dir = tempfile::tempdir().unwrap();
        let output = dir.path().join("output.txt");
        let mut command = Command::new("sh");
        let (ended, _) = run(command.args(["-c", script]), limit, &output, &mut |_| ()).unwrap();
        (ended, std::fs::read_to_string(output).unwrap())
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

    #[test]
    fn a_missing_program_is_named() {
        let dir = tempfile::tempdir().unwrap();
        let mut command = Command::new("no-such-program-here");
        let error = run(&mut command, LONG, &dir.path().join("o"), &mut |_| ()).unwrap_err();
        assert!(
            error.to_string().contains("cannot start `no-such-program-here`"),
            "{error}"
        );
    }
}
