//! The `blueberry` command: flags and glue. Everything it does is a library's.

#![deny(clippy::print_stdout, clippy::print_stderr)] // see `out`

#[macro_use]
mod out;

mod args;
mod commands;
mod exit;
mod format;
mod meter;
mod progress;

use std::process::ExitCode;

use clap::Parser;

use crate::args::{Args, Command, DataCommand};

/// What it keeps of freed memory, a run says: `train::native::memory`.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    quiet_graphics_drivers();
    let args = Args::parse();
    let result = match args.command {
        Command::Train(args) => commands::train::run(&args),
        Command::Devices(args) => commands::devices::run(&args),
        Command::Bench(args) => commands::bench::run(&args),
        Command::Info(args) => commands::info::run(&args),
        Command::View(args) => commands::view::run(&args),
        Command::Data(DataCommand::Prepare(args)) => commands::data::prepare(&args),
        Command::Data(DataCommand::Verify(args)) => commands::data::verify(&args),
        Command::Attempts(flags) => commands::attempts::run(flags),
        Command::Rules => commands::rules::run(),
        Command::Check(flags) => commands::check::run(flags),
        Command::Submit(flags) => commands::submit::run(flags),
        Command::Propose(flags) => commands::propose::run(flags),
        Command::Leaderboard(flags) => commands::leaderboard::run(flags),
        Command::Data(DataCommand::Scan(args)) => commands::scan::run(&args),
        Command::Verify(args) => commands::verify::run(&args),
        Command::Eval(args) => commands::eval::run(&args),
        Command::Logits(args) => commands::logits::run(&args),
        Command::Probe(args) => commands::probe::run(&args),
    };
    exit::code(result)
}

/// Mesa's drivers complain on standard error, once for each look at them, where a session has no folder for
/// sockets (as root, in a container). They need none of it to compute.
fn quiet_graphics_drivers() {
    if cfg!(target_os = "linux") && std::env::var_os("XDG_RUNTIME_DIR").is_none() {
        // SAFETY: the first thing that the program does, before there is another thread.
        unsafe { std::env::set_var("XDG_RUNTIME_DIR", std::env::temp_dir()) };
    }
}
