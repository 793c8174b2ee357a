//! The checks of `cargo xtask ci`, cheapest first.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus};
use std::time::{Duration, Instant, SystemTime};

use crate::workspace::{self, Workspace};
use crate::{process, setup, suite, wasm, web, workflows};

/// One check.
pub struct Step {
    /// What `--only` calls it.
    pub name: &'static str,
    about: &'static str,
    /// Whether it runs beside the step that follows and what that one runs beside: each leaves cores idle.
    beside_next: bool,
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
    #[error(transparent)]
    Suite(#[from] suite::Error),
    #[error("the output of a step beside another: {0}")]
    Output(#[source] std::io::Error),
    #[error(
        "step `{step}` failed with {status}; its output is above\nRun it alone with `cargo xtask ci --only {step}`."
    )]
    Beside { step: &'static str, status: ExitStatus },
    #[error("step `{step}` failed: {source}\nRun it alone with `cargo xtask ci --only {step}`.")]
    Step { step: &'static str, source: Box<Error> },
}

/// Every step, in the order in which they run. The tests of GPU kernels run one after the other, mostly on one core, so the
/// other tests and what compiles for the browser run beside them.
pub const STEPS: &[Step] = &[
    Step {
        name: "setup",
        about: "what the other steps need from this machine",
        beside_next: false,
        run: |_| passed(setup::ensure()),
    },
    Step {
        name: "fmt",
        about: "formatting",
        beside_next: false,
        run: |workspace| cargo(workspace, &["fmt", "--all", "--check"]),
    },
    Step {
        name: "workflows",
        about: "the hosted workflows: rights, pins and scripts; with actionlint where it is installed",
        beside_next: false,
        run: workflows,
    },
    Step {
        name: "papers",
        about: "ARCHITECTURE.md against the crates",
        beside_next: false,
        run: |workspace| cargo(workspace, &["test", "--release", "--package", "blueberry-xtask"]),
    },
    Step {
        name: "clippy",
        about: "lints, as errors",
        beside_next: false,
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
        name: "build",
        about: "every test, compiled",
        beside_next: false,
        run: |workspace| cargo(workspace, &["test", "--release", "--workspace", "--no-run"]),
    },
    Step {
        name: "wasm",
        about: "the web page's crates compile for the browser",
        beside_next: true,
        run: |workspace| passed(wasm::check(workspace)),
    },
    Step {
        name: "gpu",
        about: "the tests of GPU kernels",
        beside_next: true,
        run: |workspace| passed(suite::of_gpus(workspace)),
    },
    Step {
        name: "test",
        about: "every other test, doc tests included",
        beside_next: false,
        run: |workspace| passed(suite::all_others(workspace)),
    },
    Step {
        name: "page",
        about: "the web page, built and driven in a real browser",
        beside_next: false,
        run: page,
    },
    Step {
        name: "deny",
        about: "licences, advisories and sources of the dependencies",
        beside_next: false,
        run: deny,
    },
    Step {
        name: "typos",
        about: "spelling",
        beside_next: false,
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
    let chosen: Vec<&Step> = STEPS
        .iter()
        .filter(|step| only.is_empty() || only.iter().any(|name| name == step.name))
        .collect();
    let start = Instant::now();
    let mut summary = Summary::default();
    // Before the first step: those that build this program put another file in its place, and a path that is asked for
    // then is that of a deleted one.
    let program = std::env::current_exe().map_err(Error::Output)?;
    let result = run_steps(&chosen, workspace, &program, &mut summary);
    print!("\n{}", summary.table(start.elapsed()));
    result
}

/// `program` is this one, for a step in a process of its own.
fn run_steps(
    chosen: &[&Step],
    workspace: &Workspace,
    program: &Path,
    summary: &mut Summary,
) -> Result<(), Error> {
    let mut beside = Vec::new();
    let mut steps = chosen.iter().peekable();
    while let Some(step) = steps.next() {
        // Without a next step, where `only` names this one alone, nothing is there to run beside.
        if step.beside_next && steps.peek().is_some() {
            beside.push(Beside::start(step, workspace, program)?);
            continue;
        }
        run_step(step, workspace, summary)?;
        for other in beside.drain(..) {
            other.finish(summary)?;
        }
    }
    Ok(())
}

/// A step in a process of its own, whose output is kept until the step beside it is over. Dropping it ends it; a compiler
/// that it has started comes to its own end.
struct Beside {
    step: &'static str,
    start: SystemTime,
    child: Child,
    output: PathBuf,
}

impl Beside {
    fn start(step: &Step, workspace: &Workspace, program: &Path) -> Result<Self, Error> {
        println!("\n== {}: begins, beside the next step", step.name);
        let path = workspace.target.join(format!("ci-{}.txt", step.name));
        let output = File::create(&path).map_err(Error::Output)?;
        let mut command = Command::new(program);
        command.args(["ci", "--only", step.name]);
        command
            .stderr(output.try_clone().map_err(Error::Output)?)
            .stdout(output);
        Ok(Self {
            step: step.name,
            start: SystemTime::now(),
            child: command.spawn().map_err(Error::Output)?,
            output: path,
        })
    }

    fn finish(mut self, summary: &mut Summary) -> Result<(), Error> {
        let status = self.child.wait().map_err(Error::Output)?;
        let text = std::fs::read(&self.output).map_err(Error::Output)?;
        print!("{}", String::from_utf8_lossy(&text));
        let words = if status.success() {
            "passed, beside others"
        } else {
            "FAILED"
        };
        summary.rows.push((self.step, self.took(), words.to_owned()));
        if status.success() {
            return Ok(());
        }
        Err(Error::Beside {
            step: self.step,
            status,
        })
    }
}

impl Beside {
    /// Until its last words: it may have ended long before the step beside it.
    fn took(&self) -> Duration {
        let last = std::fs::metadata(&self.output).and_then(|file| file.modified());
        last.ok()
            .and_then(|last| last.duration_since(self.start).ok())
            .unwrap_or_default()
    }
}

impl Drop for Beside {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
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
    /// `total` is less than the sum where a step ran beside another.
    fn table(&self, total: Duration) -> String {
        let row = |name: &str, took: Duration, words: &str| {
            format!("{name:<10}{:>8.2}  {words}\n", took.as_secs_f64() / 60.0)
        };
        let rows: String = self
            .rows
            .iter()
            .map(|(name, took, words)| row(name, *took, words))
            .collect();
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
            beside_next: false,
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
    fn a_step_beside_another_counts_with_it() {
        let passes = |_: &Workspace| Ok(Outcome::Passed);
        let step = |name, beside_next, run| Step {
            name,
            about: "for tests",
            beside_next,
            run,
        };
        // The process of the first is this test's program, which knows no such arguments, so it fails.
        let program = std::env::current_exe().unwrap();
        let (first, second) = (step("first", true, passes), step("second", false, passes));
        let folder = tempfile::tempdir().unwrap();
        let workspace = Workspace {
            root: folder.path().to_owned(),
            target: folder.path().to_owned(),
        };
        let mut summary = Summary::default();
        let error = run_steps(&[&first, &second], &workspace, &program, &mut summary).unwrap_err();
        assert!(
            error.to_string().contains("step `first` failed with exit status"),
            "{error}"
        );
        let rows: Vec<_> = summary
            .rows
            .iter()
            .map(|(name, _, words)| (*name, &words[..]))
            .collect();
        assert_eq!(rows, [("second", "passed"), ("first", "FAILED")]);
        // Alone, it runs here.
        let mut summary = Summary::default();
        run_steps(&[&first], &workspace, &program, &mut summary).unwrap();
        assert_eq!(summary.rows.len(), 1);
        // Where the second fails, so does all, and nobody waits for the first.
        let broken = step("broken", false, missing_program);
        let error = run_steps(&[&first, &broken], &workspace, &program, &mut Summary::default()).unwrap_err();
        assert!(error.to_string().contains("step `broken` failed"), "{error}");
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
        assert_eq!(summary.table(Duration::from_secs(93)), expected);
    }
}
