//! Developer commands, run as `cargo xtask <command>`.

mod ci;
mod process;
mod setup;
mod wasm;
mod workspace;

use std::process::ExitCode;

use clap::builder::PossibleValuesParser;
use clap::{Parser, Subcommand};

use workspace::Workspace;

/// Developer commands of the workspace.
#[derive(Parser)]
#[command(name = "cargo xtask")]
struct Args {
    #[command(subcommand)]
    command: Task,
}

#[derive(Subcommand)]
enum Task {
    /// Run every check, cheapest first; stops at the first that fails.
    Ci {
        /// Run this step only; may be given several times.
        #[arg(long, value_name = "STEP", value_parser = PossibleValuesParser::new(ci::STEPS.iter().map(|step| step.name)))]
        only: Vec<String>,
        /// Name the steps and run none.
        #[arg(long)]
        list: bool,
    },
    /// Say what this machine lacks and how to get it; installs nothing.
    Doctor,
}

fn main() -> ExitCode {
    match run(Args::parse().command) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(task: Task) -> Result<(), ci::Error> {
    match task {
        Task::Ci { list: true, .. } => ci::list(),
        Task::Ci { only, .. } => ci::run(&Workspace::find()?, &only)?,
        Task::Doctor => setup::doctor()?,
    }
    Ok(())
}
