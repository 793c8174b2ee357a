//! The `blueberry` command: flags and glue. Everything it does is a library's.

mod args;
mod commands;
mod exit;
mod format;
mod progress;

use std::process::ExitCode;

use clap::Parser;

use crate::args::{Args, Command, DataCommand};

fn main() -> ExitCode {
    let args = Args::parse();
    let result = match args.command {
        Command::Train(args) => commands::train::run(&args),
        Command::Devices(args) => commands::devices::run(&args),
        Command::Bench(args) => commands::bench::run(&args),
        Command::Info(args) => commands::info::run(&args),
        Command::Data(DataCommand::Prepare(args)) => commands::data::prepare(&args),
        Command::Data(DataCommand::Verify(args)) => commands::data::verify(&args),
    };
    exit::code(result)
}
