//! Child processes whose output is read. None outlives the value that stands for it.

use std::io::{BufRead, BufReader, Read};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::Instant;

use serde::de::DeserializeOwned;

use super::Error;

/// Longer lines are none that our programs print.
const MAX_LINE_BYTES: u64 = 16 << 20;
/// What an error quotes of a line.
const MAX_QUOTED_CHARS: usize = 200;

/// A child that runs; dropping it ends it.
pub struct Running {
    name: String,
    child: Child,
    stdout: BufReader<ChildStdout>,
}

impl Running {
    /// Starts `command`. What it says on stderr is seen by the caller of this process.
    ///
    /// # Errors
    /// [`Error::Start`].
    pub fn start(name: &str, command: &mut Command) -> Result<Self, Error> {
        let mut child = command
            .stdout(Stdio::piped())
            .spawn()
            .map_err(|source| Error::Start {
                name: name.to_owned(),
                source,
            })?;
        let stdout = child.stdout.take().ok_or_else(|| missing(name, "stdout"))?;
        Ok(Self {
            name: name.to_owned(),
            child,
            stdout: BufReader::new(stdout),
        })
    }

    pub fn name(&self) -> &str {
        &self.name
    }

    /// The pipe to the child, where the command asked for one and it was not taken before.
    pub fn take_stdin(&mut self) -> Result<ChildStdin, Error> {
        self.child
            .stdin
            .take()
            .ok_or_else(|| missing(&self.name, "stdin"))
    }

    /// The next line; `None` where the child closed its output.
    pub fn line(&mut self) -> Result<Option<String>, Error> {
        let mut line = String::new();
        let mut limited = (&mut self.stdout).take(MAX_LINE_BYTES);
        match limited.read_line(&mut line) {
            Ok(0) => Ok(None),
            Ok(_) => Ok(Some(line)),
            Err(source) => Err(Error::Pipe {
                name: self.name.clone(),
                source,
            }),
        }
    }

    /// Waits for the end.
    ///
    /// # Errors
    /// [`Error::Ended`] where its exit status is not 0.
    pub fn finish(&mut self) -> Result<(), Error> {
        let name = self.name.clone();
        match self.child.wait() {
            Ok(status) if status.success() => Ok(()),
            Ok(status) => Err(Error::Ended { name, status }),
            Err(source) => Err(Error::Pipe { name, source }),
        }
    }

    /// The error of a child that stopped talking: how it ended.
    pub fn ended(&mut self) -> Error {
        match self.finish() {
            Err(error) => error,
            Ok(()) => missing(&self.name, "one more line"),
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // Both fail where it has ended already, which is what is wanted.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Runs `command` to its end: its seconds and what it printed.
///
/// # Errors
/// [`Error::Start`], [`Error::Pipe`], and [`Error::Ended`] where its exit status is not 0.
pub fn capture(name: &str, command: &mut Command) -> Result<(f64, String), Error> {
    let started = Instant::now();
    let mut running = Running::start(name, command)?;
    let mut text = String::new();
    while let Some(line) = running.line()? {
        text.push_str(&line);
    }
    running.finish()?;
    Ok((started.elapsed().as_secs_f64(), text))
}

/// Reads JSON that `name` printed.
pub fn json<T: DeserializeOwned>(name: &str, text: &str) -> Result<T, Error> {
    serde_json::from_str(text).map_err(|source| Error::Json {
        name: name.to_owned(),
        text: text.trim().chars().take(MAX_QUOTED_CHARS).collect(),
        source,
    })
}

/// The error of a program that left something out.
pub fn missing(name: &str, what: &str) -> Error {
    Error::Missing {
        name: name.to_owned(),
        what: what.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::Value;

    #[test]
    fn bad_json_is_quoted_with_its_source() {
        let error = json::<Value>("the program", "Traceback\n")
            .unwrap_err()
            .to_string();
        assert!(
            error.starts_with("the program printed `Traceback`, which is not"),
            "{error}"
        );
    }

    #[test]
    fn a_program_that_is_not_there_is_named() {
        let error = capture("the program", &mut Command::new("no-such-program-here")).unwrap_err();
        assert!(
            error.to_string().starts_with("the program could not be started"),
            "{error}"
        );
    }

    #[cfg(unix)]
    mod unix {
        use super::*;
        use crate::process;

        fn shell(script: &str) -> Command {
            let mut command = Command::new("sh");
            command.args(["-c", script]);
            command
        }

        #[test]
        fn output_is_whole() {
            let (seconds, text) = capture("sh", &mut shell("echo a; echo b")).unwrap();
            assert_eq!(text, "a\nb\n");
            assert!(seconds > 0.0);
        }

        #[test]
        fn a_failure_says_how_it_ended() {
            let error = capture("the program", &mut shell("exit 3"))
                .unwrap_err()
                .to_string();
            assert!(error.contains("the program ended with exit status: 3"), "{error}");
        }

        #[test]
        fn dropping_ends_the_child() {
            let mut running = Running::start("sh", &mut shell("echo $$; exec sleep 600")).unwrap();
            let pid = running.line().unwrap().unwrap().trim().to_owned();
            let alive = || process::output(Command::new("kill").args(["-0", &pid])).is_some();
            assert!(alive());
            drop(running);
            assert!(!alive());
        }
    }
}
