//! Starting the browser.

use std::process::{Command, Stdio};

use crate::Error;

#[cfg(target_os = "macos")]
const OPENER: (&str, &[&str]) = ("open", &[]);
#[cfg(windows)]
const OPENER: (&str, &[&str]) = ("rundll32", &["url.dll,FileProtocolHandler"]);
#[cfg(not(any(target_os = "macos", windows)))]
const OPENER: (&str, &[&str]) = ("xdg-open", &[]);

/// Opens `url` in the person's browser and does not wait for it.
///
/// # Errors
/// [`Error::Browser`] where the system's opener cannot be started.
pub fn open(url: &str) -> Result<(), Error> {
    let (program, arguments) = OPENER;
    let mut command = Command::new(program);
    command
        .args(arguments)
        .arg(url)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    match command.spawn() {
        Ok(_) => Ok(()),
        Err(source) => Err(Error::Browser { program, source }),
    }
}
