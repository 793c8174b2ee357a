//! The checks of `cargo xtask ci`, cheapest first.

use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use crate::workspace::{self, Workspace};
use crate::{nvrtc, process, setup, wasm, web, workflows};

/// One check.
pub struct Step {
    /// What `--only` calls it.
    pub name: &'static str,
    about: &'static str,
    run: fn(&Workspace) -> Result<Outcome, Error>,
}

/// How a step ended that did not fail.
enum Outcome {
    Passed,
    /// Not run, with the reason.
    Skipped(String),
}

/// A command that failed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error(transparent)]
    Workspace(#[from] workspace::Error),
    #[error(transparent)]
    Process(#[from] process::Error),
    #[error(transparent)]
    Setup(#[from] setup::Error),
    #[error(transparent)]
    Wasm(#[from] wasm::Error),
    #[error(transparent)]
    Workflows(#[from] workflows::Error),
    #[error(transparent)]
    Web(#[from] web::Error),
    #[error("step `{step}` failed: {source}\nRun it alone with `cargo xtask ci --only {step}`.")]
    Step { step: &'static str, source: Box<Error> },
}

/// Every step, in the order in which they run.
pub const STEPS: &[Step] = &[
    Step {
        name: "setup",
        about: "what the other steps need from this machine",
        run: |_| passed(setup::ensure()),
    },
    Step {
        name: "fmt",
        about: "formatting",
        run: |workspace| cargo(workspace, &["fmt", "--all", "--check"]),
    },
    Step {
        name: "workflows",
        about: "the hosted workflows: rights, pins and scripts; with actionlint where it is installed",
        run: workflows,
    },
    Step {
        name: "papers",
        about: "ARCHITECTURE.md against the crates",
        run: |workspace| cargo(workspace, &["test", "--release", "--package", "blueberry-xtask"]),
    },
    Step {
        name: "clippy",
        about: "lints, as errors",
        run: |workspace| {
            cargo(
                workspace,
                &[
                    "clippy",
                    "--release",
                    "--workspace",
                    "--all-targets",
                    "--",
                    "-D",
                    "warnings",
                ],
            )
        },
    },
    Step {
        name: "test",
        about: "every test, doc tests included",
        run: test,
    },
    Step {
        name: "wasm",
        about: "the web page's crates compile for the browser",
        run: |workspace| passed(wasm::check(workspace)),
    },
    Step {
        name: "page",
        about: "the web page, built and driven in a real browser",
        run: page,
    },
    Step {
        name: "deny",
        about: "licences, advisories and sources of the dependencies",
        run: deny,
    },
    Step {
        name: "typos",
        about: "spelling",
        run: typos,
    },
];

/// Prints the name and purpose of every step.
pub fn list() {
    for step in STEPS {
        println!("{:<10}{}", step.name, step.about);
    }
}

/// Runs the steps named in `only`, or all where it is empty, then prints how long each took.
///
/// # Errors
/// [`Error::Step`] for the first step that fails; the steps after it do not run.
pub fn run(workspace: &Workspace, only: &[String]) -> Result<(), Error> {
    let chosen = STEPS
        .iter()
        .filter(|step| only.is_empty() || only.iter().any(|name| name == step.name));
    let mut summary = Summary::default();
    let result = chosen
        .into_iter()
        .try_for_each(|step| run_step(step, workspace, &mut summary));
    print!("\n{}", summary.table());
    result
}

fn run_step(step: &Step, workspace: &Workspace, summary: &mut Summary) -> Result<(), Error> {
    println!("\n== {}: {}", step.name, step.about);
    let start = Instant::now();
    let result = (step.run)(workspace);
    let took = start.elapsed();
    let words = match &result {
        Ok(Outcome::Passed) => "passed".to_owned(),
        Ok(Outcome::Skipped(reason)) => format!("skipped: {reason}"),
        Err(_) => "FAILED".to_owned(),
    };
    println!("== {}: {words} ({:.1} s)", step.name, took.as_secs_f64());
    summary.rows.push((step.name, took, words));
    match result {
        Ok(_) => Ok(()),
        Err(source) => Err(Error::Step {
            step: step.name,
            source: Box::new(source),
        }),
    }
}

/// The steps that ran: name, duration, result.
#[derive(Default)]
struct Summary {
    rows: Vec<(&'static str, Duration, String)>,
}

impl Summary {
    fn table(&self) -> String {
        let row = |name: &str, took: Duration, words: &str| {
            format!("{name:<10}{:>8.2}  {words}\n", took.as_secs_f64() / 60.0)
        };
        let rows: String = self
            .rows
            .iter()
            .map(|(name, took, words)| row(name, *took, words))
            .collect();
        let total = self.rows.iter().map(|(_, took, _)| *took).sum();
        format!("step       minutes  result\n{rows}{}", row("total", total, ""))
    }
}

fn passed<E: Into<Error>>(result: Result<(), E>) -> Result<Outcome, Error> {
    result.map(|()| Outcome::Passed).map_err(Into::into)
}

/// Builds the page, then runs its tests where there is a browser to run them in.
fn page(workspace: &Workspace) -> Result<Outcome, Error> {
    web::run(workspace, &web::Flags::default())?;
    if let Some(missing) = web::missing_for_tests() {
        return Ok(Outcome::Skipped(missing));
    }
    cargo(
        workspace,
        &[
            "build",
            "--release",
            "--package",
            "blueberry-view",
            "--example",
            "view",
        ],
    )?;
    passed(web::test(workspace))
}

fn cargo(workspace: &Workspace, args: &[&str]) -> Result<Outcome, Error> {
    passed(process::run(workspace.cargo().args(args)))
}

fn test(workspace: &Workspace) -> Result<Outcome, Error> {
    let mut cargo = workspace.cargo();
    cargo.args(["test", "--release", "--workspace"]);
    // The software Vulkan driver warns, and may fail, without a folder for its sockets.
    if !std::env::var_os("XDG_RUNTIME_DIR").is_some_and(|folder| Path::new(&folder).is_dir()) {
        cargo.env("XDG_RUNTIME_DIR", std::env::temp_dir());
    }
    let assets = workspace.root.join("../shared/assets");
    if std::env::var_os("BLUEBERRY_ASSETS").is_none() && assets.is_dir() {
        cargo.env("BLUEBERRY_ASSETS", assets);
    }
    // Not CUDA_PATH, for which a build script would run again.
    if std::env::var_os("BLUEBERRY_NVRTC").is_none()
        && let Some(folder) = nvrtc::ensure(workspace)
    {
        cargo.env("BLUEBERRY_NVRTC", folder);
    }
    passed(process::run(&mut cargo))
}

/// Our own check always runs; where actionlint is missing the step says so and passes.
fn workflows(workspace: &Workspace) -> Result<Outcome, Error> {
    workflows::check(&workspace.root)?;
    let mut lint = Command::new("actionlint");
    lint.current_dir(&workspace.root);
    if process::output(Command::new("actionlint").arg("-version")).is_none() {
        println!(
            "actionlint is not installed: `go install github.com/rhysd/actionlint/cmd/actionlint@v1.7.12`"
        );
        return Ok(Outcome::Passed);
    }
    passed(process::run(&mut lint))
}

fn deny(workspace: &Workspace) -> Result<Outcome, Error> {
    let mut check = workspace.cargo();
    check.args(["deny", "check"]);
    if_installed(
        workspace.cargo().args(["deny", "--version"]),
        "cargo-deny",
        &mut check,
    )
}

fn typos(workspace: &Workspace) -> Result<Outcome, Error> {
    let mut check = Command::new("typos");
    check.current_dir(&workspace.root);
    if_installed(Command::new("typos").arg("--version"), "typos-cli", &mut check)
}

/// Runs `check` where `probe` shows that its tool is there.
fn if_installed(probe: &mut Command, package: &str, check: &mut Command) -> Result<Outcome, Error> {
    if process::output(probe).is_none() {
        let reason = format!("not installed, `cargo install --locked {package}`");
        return Ok(Outcome::Skipped(reason));
    }
    passed(process::run(check))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn workspace() -> Workspace {
        Workspace {
            root: "/clone".into(),
            target: "/clone/target".into(),
        }
    }

    fn missing_program(_: &Workspace) -> Result<Outcome, Error> {
        passed(process::run(&mut Command::new("no-such-program-here")))
    }

    #[test]
    fn a_failed_step_is_named_with_its_cause() {
        let step = Step {
            name: "broken",
            about: "fails",
            run: missing_program,
        };
        let mut summary = Summary::default();
        let error = run_step(&step, &workspace(), &mut summary)
            .unwrap_err()
            .to_string();
        assert!(
            error.contains("step `broken` failed: `no-such-program-here` could not be started"),
            "{error}"
        );
        assert!(error.contains("cargo xtask ci --only broken"), "{error}");
        assert_eq!(summary.rows[0].2, "FAILED");
    }

    #[test]
    fn a_missing_tool_is_skipped_with_how_to_get_it() {
        let mut check = Command::new("rustc");
        let outcome = if_installed(&mut Command::new("no-such-program-here"), "some-tool", &mut check);
        let Ok(Outcome::Skipped(reason)) = outcome else {
            panic!("the tool is not installed")
        };
        assert_eq!(reason, "not installed, `cargo install --locked some-tool`");
    }

    #[test]
    fn a_tool_that_is_installed_and_fails_is_an_error() {
        let mut probe = Command::new("rustc");
        let mut check = Command::new("no-such-program-here");
        assert!(if_installed(probe.arg("--version"), "some-tool", &mut check).is_err());
    }

    #[test]
    fn the_summary_adds_up_in_minutes() {
        let row = |name, seconds, words: &str| (name, Duration::from_secs(seconds), words.to_owned());
        let summary = Summary {
            rows: vec![row("fmt", 3, "passed"), row("test", 90, "FAILED")],
        };
        let expected = "\
step       minutes  result
fmt           0.05  passed
test          1.50  FAILED
total         1.55  
";
        assert_eq!(summary.table(), expected);
    }
}
