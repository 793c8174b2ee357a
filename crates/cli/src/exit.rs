//! Exit codes: 0 done, 1 the thing asked failed, 2 bad usage or input.

use std::process::ExitCode;

use blueberry_data::{DataError, PrepareError, ScanError, TokenizerError};
use blueberry_records::CommandError;
use blueberry_records::sign::SignError;
use blueberry_records::verify::VerifyError;
use blueberry_rules::CategoryError;
use blueberry_train::native::{DeviceError, PresetError, RunDirError, RunError};

/// The thing asked was done, or it failed and has said so itself.
pub enum Done {
    /// It worked.
    Yes,
    /// It did not.
    No,
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

/// Reports an error and gives the exit code.
pub fn code(result: anyhow::Result<Done>) -> ExitCode {
    match result {
        Ok(Done::Yes) => ExitCode::SUCCESS,
        Ok(Done::No) => ExitCode::from(1),
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::from(if is_bad_input(&error) { 2 } else { 1 })
        }
    }
}

fn is_bad_input(error: &anyhow::Error) -> bool {
    if let Some(run) = error.downcast_ref::<RunError>() {
        return run.is_bad_input();
    }
    error.is::<Usage>()
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
