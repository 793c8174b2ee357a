//! Developer commands, run as `cargo xtask <command>`.

mod bench;
mod ci;
mod nvrtc;
mod process;
mod setup;
mod suite;
mod wasm;
mod web;
mod workflows;
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
    /// Measure training, tokenising, loading, start-up and memory, beside PyTorch and Hugging Face tokenizers.
    Bench(bench::Flags),
    /// Build the web page: a static folder that any host serves.
    Web(web::Flags),
    /// Say what this machine lacks and how to get it; installs nothing.
    Doctor,
}

/// A command that failed.
#[derive(Debug, thiserror::Error)]
enum Error {
    #[error(transparent)]
    Workspace(#[from] workspace::Error),
    #[error(transparent)]
    Ci(#[from] ci::Error),
    #[error(transparent)]
    Bench(#[from] bench::Error),
    #[error(transparent)]
    Web(#[from] web::Error),
    #[error(transparent)]
    Setup(#[from] setup::Error),
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

fn run(task: Task) -> Result<(), Error> {
    match task {
        Task::Ci { list: true, .. } => ci::list(),
        Task::Ci { only, .. } => ci::run(&Workspace::find()?, &only)?,
        Task::Bench(flags) => bench::run(flags.workspace()?, &flags)?,
        Task::Web(flags) => web::run(&Workspace::find()?, &flags)?,
        Task::Doctor => setup::doctor()?,
    }
    Ok(())
}
