//! Exit codes: 0 done, 1 the thing asked failed, 2 bad usage or input.

use std::process::ExitCode;

use anyhow::Context as _;
use blueberry_data::{DataError, PrepareError, ScanError, TokenizerError};
use blueberry_records::CommandError;
use blueberry_records::sign::SignError;
use blueberry_records::verify::VerifyError;
use blueberry_rules::CategoryError;
use blueberry_train::native::{DeviceError, PresetError, RunDirError, RunError};

use crate::out;

/// The thing asked was done, or it failed and has said so itself.
pub enum Done {
    /// It worked.
    Yes,
    /// It did not.
    No,
    /// Nobody can tell yet.
    CannotTell,
}

/// A flag whose value makes no sense.
#[derive(Debug)]
pub struct Usage(pub &'static str);

impl std::fmt::Display for Usage {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.0)
    }
}

impl std::error::Error for Usage {}

/// A run that its attempts file does not declare, or a file that declares nothing.
#[derive(Debug)]
pub struct Undeclared(pub String);

impl std::fmt::Display for Undeclared {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "--attempts: {}", self.0)
    }
}

impl std::error::Error for Undeclared {}

/// Reports an error and gives the exit code.
pub fn code(result: anyhow::Result<Done>) -> ExitCode {
    let complete = out::complete().context("not all of standard output could be written");
    match result.and_then(|done| complete.map(|()| done)) {
        Ok(Done::Yes) => ExitCode::SUCCESS,
        Ok(Done::No) => ExitCode::from(1),
        Ok(Done::CannotTell) => ExitCode::from(3),
        Err(error) => {
            errln!("error: {error:#}");
            ExitCode::from(if is_bad_input(&error) { 2 } else { 1 })
        }
    }
}

fn is_bad_input(error: &anyhow::Error) -> bool {
    if let Some(run) = error.downcast_ref::<RunError>() {
        return run.is_bad_input();
    }
    if let Some(view) = error.downcast_ref::<blueberry_view::Error>() {
        return view.is_bad_input();
    }
    error.is::<Usage>()
        || error.is::<Undeclared>()
        || error.is::<CommandError>()
        || error.is::<PresetError>()
        || error.is::<DeviceError>()
        || error.is::<RunDirError>()
        || error.is::<DataError>()
        || error.is::<PrepareError>()
        || error.is::<TokenizerError>()
        || error.is::<ScanError>()
        || error.is::<CategoryError>()
        || error.is::<SignError>()
        || error.is::<VerifyError>()
}
