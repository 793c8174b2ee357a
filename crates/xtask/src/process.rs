//! Child processes: they share this process's output, and a failure names the command.

use std::io;
use std::process::{Command, ExitStatus, Stdio};

/// A child process that did not do its work.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("`{command}` could not be started ({source}); check that it is installed and on PATH")]
    Start { command: String, source: io::Error },
    #[error("`{command}` failed with {status}; its output is above")]
    Failed { command: String, status: ExitStatus },
}

/// Runs `command` to its end with this process's output; an exit status other than 0 is an error.
pub fn run(command: &mut Command) -> Result<(), Error> {
    match command.status() {
        Ok(status) if status.success() => Ok(()),
        Ok(status) => Err(Error::Failed {
            command: words(command),
            status,
        }),
        Err(source) => Err(Error::Start {
            command: words(command),
            source,
        }),
    }
}

/// What `command` prints on stdout, trimmed; `None` where it is not installed or fails.
pub fn output(command: &mut Command) -> Option<String> {
    let output = command.stderr(Stdio::null()).output().ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    output.status.success().then(|| text.trim().to_owned())
}

/// The command as one would type it.
fn words(command: &Command) -> String {
    let program = std::iter::once(command.get_program());
    let words: Vec<_> = program
        .chain(command.get_args())
        .map(|word| word.to_string_lossy())
        .collect();
    words.join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_names_the_command() {
        let error = run(Command::new("rustc")
            .args(["--print", "nonsense"])
            .stderr(Stdio::null()))
        .unwrap_err();
        assert!(
            error
                .to_string()
                .starts_with("`rustc --print nonsense` failed with "),
            "{error}"
        );
    }

    #[test]
    fn a_missing_program_is_named() {
        let error = run(&mut Command::new("no-such-program-here")).unwrap_err();
        assert!(
            error
                .to_string()
                .starts_with("`no-such-program-here` could not be started"),
            "{error}"
        );
    }

    #[test]
    fn output_is_none_unless_the_command_succeeds() {
        assert_eq!(output(Command::new("rustc").args(["--print", "nonsense"])), None);
        assert_eq!(output(&mut Command::new("no-such-program-here")), None);
        assert!(
            output(Command::new("rustc").arg("--version"))
                .unwrap()
                .starts_with("rustc ")
        );
    }
}
