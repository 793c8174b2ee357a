//! `cargo xtask bench`: what the program costs, beside the baselines that it is held against. bench/README.md
//! says what each number means.

mod child;
mod error;
mod loader;
mod machine;
mod memory;
mod python;
mod report;
mod scratch;
mod startup;
mod stats;
mod tokenize;
mod train;
mod training;
mod turns;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

use clap::builder::PossibleValuesParser;

use crate::process;
use crate::workspace::{self, Workspace};

pub use error::Error;
use machine::{Machine, Source};
use python::Python;
use report::{Entry, PartReport, Report};
use scratch::Scratch;

/// What `cargo xtask bench` can be told.
#[derive(clap::Args)]
pub struct Flags {
    /// Measure this part only; may be given several times.
    #[arg(long, value_name = "PART", value_parser = PossibleValuesParser::new(PARTS.iter().map(|part| part.name)))]
    only: Vec<String>,
    /// Write the results here, as JSON; without it they are only printed.
    #[arg(long, value_name = "FILE.json")]
    out: Option<PathBuf>,
    /// The interpreter that has PyTorch and tokenizers.
    #[arg(long, value_name = "PROGRAM", default_value = "python3")]
    python: PathBuf,
    /// Turns of each program.
    #[arg(long, value_name = "N", default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..))]
    rounds: u32,
    /// A folder with corpus/novels and tokenizer/tokenizer.json [default: BLUEBERRY_ASSETS].
    #[arg(long, value_name = "DIR")]
    assets: Option<PathBuf>,
    /// Leave compiled PyTorch out; it needs a C++ compiler.
    #[arg(long)]
    no_compile: bool,
    /// Where `train` trains; on cuda in bf16. The other parts are about the CPU.
    #[arg(long, value_name = "DEVICE", default_value = "cpu", value_parser = PossibleValuesParser::new(["cpu", "cuda"]))]
    device: String,
    /// Measure this program, built elsewhere, and build none: a machine without cargo will do. The current folder is the
    /// checkout.
    #[arg(long, value_name = "PROGRAM")]
    program: Option<PathBuf>,
}

impl Flags {
    /// The checkout that is measured.
    ///
    /// # Errors
    /// As [`Workspace::find`], which is not asked where nothing is built.
    pub fn workspace(&self) -> Result<Workspace, workspace::Error> {
        match &self.program {
            None => Workspace::find(),
            Some(_) => {
                let root = std::env::current_dir().map_err(|_| workspace::Error::NotFound)?;
                let target = root.join("target");
                Ok(Workspace { root, target })
            }
        }
    }
}

/// One thing that is measured.
struct Part {
    name: &'static str,
    about: &'static str,
    run: fn(&Context) -> Result<PartReport, Error>,
}

/// Every part, in the order in which they run.
const PARTS: &[Part] = &[
    Part {
        name: "train",
        about: "optimiser steps against PyTorch",
        run: train::run,
    },
    Part {
        name: "tokenize",
        about: "text to tokens against Hugging Face tokenizers",
        run: tokenize::run,
    },
    Part {
        name: "loader",
        about: "waiting for data",
        run: loader::run,
    },
    Part {
        name: "startup",
        about: "time to the first step",
        run: startup::run,
    },
    Part {
        name: "memory",
        about: "peak memory of a run",
        run: memory::run,
    },
];

/// Processors that may be busy with other things on a machine that counts as left alone.
const QUIET_CPUS: f64 = 0.1;

/// What every part is given.
pub struct Context {
    workspace: Workspace,
    /// The program under test.
    blueberry: PathBuf,
    machine: Machine,
    python: Python,
    rounds: u32,
    assets: Option<PathBuf>,
    /// Whether PyTorch runs compiled too.
    compile: bool,
    /// What is trained on: `cpu` or `cuda`.
    device: String,
}

impl Context {
    fn new(workspace: Workspace, blueberry: PathBuf, flags: &Flags) -> Self {
        Self {
            blueberry,
            machine: Machine::this(),
            python: Python::probe(&flags.python),
            rounds: flags.rounds,
            assets: find_assets(&workspace, flags),
            compile: !flags.no_compile,
            device: flags.device.clone(),
            workspace,
        }
    }

    /// The program under test. It runs in no checkout's folder, whose settings it could pick up.
    fn blueberry(&self) -> Command {
        let mut command = Command::new(&self.blueberry);
        command.current_dir(std::env::temp_dir());
        // The software Vulkan driver warns, and may fail, without a folder for its sockets.
        if std::env::var_os("XDG_RUNTIME_DIR").is_none_or(|folder| !PathBuf::from(folder).is_dir()) {
            command.env("XDG_RUNTIME_DIR", std::env::temp_dir());
        }
        command
    }
}

/// A copy of the program that was built: a build meanwhile must not change what is measured.
fn copy_program(built: &Path, to: &Scratch) -> Result<PathBuf, Error> {
    let name = format!("blueberry{}", std::env::consts::EXE_SUFFIX);
    let copy = to.path().join(name);
    std::fs::copy(built, &copy).map_err(Error::file(built))?;
    Ok(copy)
}

/// As the flag says, else the environment, else where the tests look.
fn find_assets(workspace: &Workspace, flags: &Flags) -> Option<PathBuf> {
    let beside = || Some(workspace.root.join("../shared/assets")).filter(|folder| folder.is_dir());
    let named = flags.assets.clone();
    let found = named
        .or_else(|| std::env::var_os("BLUEBERRY_ASSETS").map(PathBuf::from))
        .or_else(beside)?;
    // The program runs in another folder, from which a relative path would point elsewhere.
    Some(std::path::absolute(&found).unwrap_or(found))
}

/// Builds the program, measures every part or those named, prints and writes the results.
///
/// # Errors
/// [`Error::Parts`] where a part failed: the others are measured and written all the same.
pub fn run(workspace: Workspace, flags: &Flags) -> Result<(), Error> {
    make_room(flags)?;
    let built = match &flags.program {
        Some(program) => program.clone(),
        None => build(&workspace)?,
    };
    let source = Source::of(&workspace.root);
    let scratch = Scratch::new()?;
    let program = copy_program(&built, &scratch)?;
    let context = Context::new(workspace, program, flags);
    let report = Report {
        date: machine::now(),
        command: command_line(std::env::args().skip(1)),
        rounds: flags.rounds,
        source,
        parts: measure(&context, &flags.only),
        python: context.python.versions,
        machine: context.machine,
    };
    if let Some(path) = &flags.out {
        report.write(path)?;
        println!("\nwritten to {}", path.display());
    }
    match report.failures() {
        0 => Ok(()),
        count => Err(Error::Parts { count }),
    }
}

/// The program, built as the tests build it, so that nothing is built twice.
fn build(workspace: &Workspace) -> Result<PathBuf, Error> {
    process::run(workspace.cargo().args(["build", "--release", "--workspace"]))?;
    let name = format!("blueberry{}", std::env::consts::EXE_SUFFIX);
    Ok(workspace.target.join("release").join(name))
}

/// Minutes of measuring must not end at a folder that is not there.
fn make_room(flags: &Flags) -> Result<(), Error> {
    match flags.out.as_deref().and_then(|path| path.parent()) {
        Some(folder) => std::fs::create_dir_all(folder).map_err(Error::file(folder)),
        None => Ok(()),
    }
}

fn measure(context: &Context, only: &[String]) -> BTreeMap<&'static str, Entry> {
    let wanted = |part: &&Part| only.is_empty() || only.iter().any(|name| name == part.name);
    let chosen = PARTS.iter().filter(wanted);
    chosen
        .map(|part| (part.name, measure_part(context, part)))
        .collect()
}

fn measure_part(context: &Context, part: &Part) -> Entry {
    println!("\n== {}: {}", part.name, part.about);
    let busy_cpus_before = machine::busy_cpus(context.machine.cpus);
    if let Some(busy) = busy_cpus_before.filter(|&busy| busy > QUIET_CPUS) {
        println!(
            "warning: other programs keep {busy:.1} processors busy: end them, or the numbers say little"
        );
    }
    let report = (part.run)(context).unwrap_or_else(|error| PartReport::Failed {
        error: error.to_string(),
    });
    print!("{}", report.text());
    Entry {
        busy_cpus_before,
        part: report,
    }
}

/// As one would type it.
fn command_line(args: impl Iterator<Item = String>) -> String {
    let words: Vec<_> = ["cargo".to_owned(), "xtask".to_owned()]
        .into_iter()
        .chain(args)
        .collect();
    words.join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn context() -> Context {
        Context {
            workspace: Workspace {
                root: "/clone".into(),
                target: "/builds".into(),
            },
            blueberry: "/copy/blueberry".into(),
            machine: Machine::this(),
            python: Python::probe("no-such-program-here".as_ref()),
            rounds: 1,
            assets: None,
            compile: false,
            device: "cpu".into(),
        }
    }

    #[test]
    fn a_part_that_fails_is_reported_and_counted() {
        let part = Part {
            name: "broken",
            about: "fails",
            run: |_| Err(Error::NoTurns),
        };
        let entry = measure_part(&context(), &part);
        assert!(entry.part.text().starts_with("FAILED: no turn was taken"));
    }

    #[test]
    fn without_texts_the_tokenisers_are_skipped() {
        let report = measure(&context(), &["tokenize".to_owned()]);
        assert_eq!(report.keys().collect::<Vec<_>>(), [&"tokenize"]);
        assert!(report["tokenize"].part.text().contains("BLUEBERRY_ASSETS"));
    }

    #[test]
    fn the_program_is_copied_from_where_it_was_built() {
        let (from, to) = (Scratch::new().unwrap(), Scratch::new().unwrap());
        let built = from.path().join("elsewhere");
        let error = copy_program(&built, &to).unwrap_err().to_string();
        assert!(error.contains("elsewhere"), "{error}");
        std::fs::write(&built, "program").unwrap();
        let copy = copy_program(&built, &to).unwrap();
        assert_eq!(std::fs::read(copy).unwrap(), b"program");
    }

    #[test]
    fn the_command_is_as_it_was_typed() {
        let args = ["bench", "--rounds", "3"].map(str::to_owned).into_iter();
        assert_eq!(command_line(args), "cargo xtask bench --rounds 3");
    }
}
