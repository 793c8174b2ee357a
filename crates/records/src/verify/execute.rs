//! Carrying a plan out: sources, builds, runs.

use std::ffi::OsString;
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::Duration;

use blueberry_rules::sha256;

use super::error::{SourceError, Unbuildable, VerifyError, at};
use super::handover;
use super::plan::{Conditions, GivenProgram, Plan, Role, Turn};
use super::process::{self, Bounds, Ended};
use super::sandbox::{Ceilings, Job, Sandbox};
use super::source::{check_out, toolchain};
use super::state::{Done, State, Work};
use super::subject::Subject;
use crate::folder::read_at_most;
use crate::logs::LOG_FILE;

/// What a verification tells of its progress.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Progress {
    /// The folder of the verification has runs that are over; they are not made again.
    GoesOn {
        /// How many.
        done: usize,
        /// Of how many.
        of: usize,
    },
    /// The device is checked in the sandbox.
    Checking {
        /// Since when.
        seconds: f64,
    },
    /// A side's source is taken out, fetched or built.
    Preparing {
        /// Whose.
        role: Role,
        /// What is done: `check out`, `fetch`, `build`.
        step: &'static str,
        /// Since when.
        seconds: f64,
    },
    /// A run goes on.
    Running {
        /// Which.
        turn: Turn,
        /// Of how many.
        of: usize,
        /// Since when.
        seconds: f64,
    },
    /// The last model is probed.
    Probing {
        /// Since when.
        seconds: f64,
    },
    /// A run is over.
    Finished {
        /// Which.
        turn: Turn,
        /// Of how many.
        of: usize,
        /// How long it took.
        seconds: f64,
    },
}

/// Variables by which a fetch finds its way out, and a run its GPU. No other is passed on.
const NETWORK_VARIABLES: &[&str] = &[
    "http_proxy",
    "https_proxy",
    "no_proxy",
    "HTTP_PROXY",
    "HTTPS_PROXY",
    "NO_PROXY",
    "CARGO_HTTP_CAINFO",
    "SSL_CERT_FILE",
];
const DEVICE_VARIABLES: &[&str] = &[
    "CUDA_PATH",
    "CUDA_HOME",
    "CUDA_VISIBLE_DEVICES",
    "LD_LIBRARY_PATH",
    "VK_DRIVER_FILES",
];
/// Of these the ones that name folders, which a run reads where they lie in `/opt`.
const FOLDER_VARIABLES: &[&str] = &["CUDA_PATH", "CUDA_HOME", "LD_LIBRARY_PATH"];

/// Carries out a plan in its folder.
pub(super) struct Execution<'a> {
    pub(super) work: &'a Work,
    pub(super) plan: &'a Plan,
    pub(super) repository: &'a Path,
    pub(super) progress: &'a mut dyn FnMut(Progress),
}

impl Execution<'_> {
    /// Takes out, fetches and builds the source of each side, where a run needs it. The inner error is a source that
    /// cannot be run.
    pub(super) fn prepare(
        &mut self,
        subjects: &[(Role, &Subject)],
    ) -> Result<Result<(), Unbuildable>, VerifyError> {
        for &(role, subject) in subjects {
            match self.prepare_side(role, subject) {
                Ok(()) => {}
                Err(VerifyError::Source(cause)) => return Ok(Err(Unbuildable { role, cause })),
                Err(error) => return Err(error),
            }
        }
        Ok(Ok(()))
    }

    fn prepare_side(&mut self, role: Role, subject: &Subject) -> Result<(), VerifyError> {
        let place = self.place(role);
        let ready = place.dir.join("ready");
        if ready.exists() {
            return Ok(());
        }
        self.tell(role, "check out", Duration::ZERO);
        check_out(&subject.source, self.repository, &place.source)?;
        for folder in [&place.target, &place.cargo] {
            fs::create_dir_all(folder).map_err(|cause| at("create", folder, cause))?;
        }
        let recipe = place.dir.join("recipe.toml");
        fs::write(&recipe, &subject.side.recipe).map_err(|cause| at("write", &recipe, cause))?;
        match &self.plan.conditions.program {
            Some(given) => take(given, &place.program())?,
            None => {
                self.build(role)?;
                place.take_program()?;
            }
        }
        fs::write(&ready, "").map_err(|cause| at("write", &ready, cause))
    }

    fn build(&mut self, role: Role) -> Result<(), VerifyError> {
        self.cargo(role, "fetch", &["fetch", "--locked"], true)?;
        let words = ["build", "--release", "--locked", "--offline"];
        self.cargo(role, "build", &words, false)
    }

    /// Runs cargo for a side's source, from a folder above which there is none of its settings: they name programs that
    /// cargo starts. What a build runs of a stranger's has no network; also a fetch, which has, is kept in.
    fn cargo(
        &mut self,
        role: Role,
        step: &'static str,
        words: &[&str],
        network: bool,
    ) -> Result<(), VerifyError> {
        let (place, toolchain) = (self.place(role), toolchain()?);
        let output = place.dir.join(format!("{step}.txt"));
        let program = toolchain.join("bin/cargo").into_os_string();
        let manifest = ["--manifest-path".into(), place.source.join("Cargo.toml").into()];
        let env = place.cargo_variables(&toolchain, network);
        let (read_only, writable) = if network {
            // A fetch may rewrite nothing but the cargo home.
            (vec![toolchain, place.source], vec![place.cargo.clone()])
        } else {
            (
                vec![toolchain, place.source, place.cargo.clone()],
                vec![place.target],
            )
        };
        let limit_s = self.plan.conditions.build_limit_s;
        let job = Job {
            command: std::iter::once(program)
                .chain(words.iter().map(OsString::from))
                .chain(manifest)
                .collect(),
            dir: place.cargo,
            read_only,
            writable,
            env,
            devices: Vec::new(),
            network,
            ceilings: Ceilings::of_this_machine(limit_s),
        };
        let mut tick = |elapsed| {
            (self.progress)(Progress::Preparing {
                role,
                step,
                seconds: Duration::as_secs_f64(&elapsed),
            });
        };
        let mut command = self.plan.conditions.sandbox.command(&job);
        let (ended, _) = process::run(&mut command, &bounds(&job, limit_s), &output, &mut tick)?;
        if ended.is_success() {
            return Ok(());
        }
        Err(SourceError::Build {
            step,
            limit_s,
            output,
            code: ended.code(),
        }
        .into())
    }

    /// Runs what is left of the plan; the state is saved after each run.
    pub(super) fn run(&mut self, state: &mut State) -> Result<(), VerifyError> {
        let turns = self.plan.turns();
        for role in [Role::Challenger, Role::Record] {
            if self.plan.side(role).is_some() {
                let attempts = self.place(role).attempts();
                fs::write(&attempts, self.plan.attempts(role)?)
                    .map_err(|cause| at("write", &attempts, cause))?;
            }
        }
        for &turn in turns.iter().skip(state.runs.len()) {
            let dir = self.work.run(self.plan, turn);
            if dir.exists() {
                // Begun and not finished. What is left of it is no evidence of anything: it runs again from the start.
                state.interruptions += 1;
                self.work.save(state)?;
                fs::remove_dir_all(&dir).map_err(|cause| at("remove", &dir, cause))?;
            }
            fs::create_dir_all(&dir).map_err(|cause| at("create", &dir, cause))?;
            let done = self.run_once(turn, turns.len(), &dir)?;
            let seconds = done.seconds;
            state.runs.push(done);
            self.work.save(state)?;
            (self.progress)(Progress::Finished {
                turn,
                of: turns.len(),
                seconds,
            });
        }
        Ok(())
    }

    fn run_once(&mut self, turn: Turn, of: usize, dir: &Path) -> Result<Done, VerifyError> {
        let written = dir.join(WRITTEN);
        fs::create_dir(&written).map_err(|cause| at("create", &written, cause))?;
        let job = Job {
            writable: vec![written],
            ..self.job(turn, dir, &self.plan.conditions.arguments)
        };
        let mut tick = |elapsed| {
            (self.progress)(Progress::Running {
                turn,
                of,
                seconds: Duration::as_secs_f64(&elapsed),
            });
        };
        let mut command = self.plan.conditions.sandbox.command(&job);
        let bounds = bounds(&job, self.plan.conditions.run_limit_s);
        let (ended, took) = process::run(&mut command, &bounds, &dir.join("output.txt"), &mut tick)?;
        Ok(Done {
            ended: Ended::text(ended),
            succeeded: ended.is_success(),
            seconds: took.as_secs_f64(),
            log_sha256: take_log(dir)?,
        })
    }

    /// The program of a turn with these arguments; it writes nothing.
    pub(super) fn job(&self, turn: Turn, dir: &Path, arguments: &[String]) -> Job {
        let place = self.place(turn.role);
        let recipe = place.dir.join("recipe.toml");
        let attempts = place.attempts();
        let conditions = &self.plan.conditions;
        let values = [
            ("{recipe}", recipe.clone().into_os_string()),
            ("{seed}", turn.seed.to_string().into()),
            ("{out}", dir.join(WRITTEN).join(OUT).into_os_string()),
            ("{data}", conditions.data.clone().unwrap_or_default().into()),
            ("{device}", conditions.device.clone().into()),
            ("{attempts}", attempts.clone().into_os_string()),
        ];
        let program = place.program();
        let words = arguments.iter().map(|word| {
            let value = values.iter().find(|(name, _)| name == word);
            value.map_or_else(|| word.into(), |(_, value)| value.clone())
        });
        let inputs = [recipe, attempts].into_iter().chain(conditions.data.clone());
        on_device(conditions, program, words.collect(), inputs.collect())
    }

    fn tell(&mut self, role: Role, step: &'static str, elapsed: Duration) {
        (self.progress)(Progress::Preparing {
            role,
            step,
            seconds: elapsed.as_secs_f64(),
        });
    }

    fn place(&self, role: Role) -> Place {
        let dir = self.work.side(self.plan, role);
        Place {
            source: dir.join("source"),
            target: dir.join("target"),
            cargo: dir.join("cargo"),
            dir,
        }
    }
}

/// A program with these arguments on the device of a plan; it reads `inputs`, and writes nothing.
pub(super) fn on_device(
    conditions: &Conditions,
    program: PathBuf,
    arguments: Vec<OsString>,
    inputs: Vec<PathBuf>,
) -> Job {
    let mut env = vec![("PATH".to_owned(), "/usr/bin:/bin".into())];
    env.extend(variables(DEVICE_VARIABLES));
    Job {
        command: std::iter::once(program.clone().into_os_string())
            .chain(arguments)
            .collect(),
        dir: "/".into(),
        read_only: std::iter::once(program)
            .chain(inputs)
            .chain(driver_folders())
            .collect(),
        writable: Vec::new(),
        env,
        devices: conditions.devices.clone(),
        network: false,
        ceilings: Ceilings::of_this_machine(conditions.run_limit_s),
    }
}

/// The folder in a run's that its program may write. All else in the run's folder is the verifier's.
pub(super) const WRITTEN: &str = "written";
/// The run's own folder in it, as `blueberry train --out` is given it.
pub(super) const OUT: &str = "out";

pub(super) fn bounds(job: &Job, seconds: u64) -> Bounds<'_> {
    Bounds {
        time: Duration::from_secs(seconds),
        folders: &job.writable,
        disk_bytes: job.ceilings.disk_bytes,
    }
}

/// Where a side's files are. A build writes into `target`, a fetch into `cargo`.
struct Place {
    dir: PathBuf,
    source: PathBuf,
    target: PathBuf,
    cargo: PathBuf,
}

impl Place {
    /// The program that the runs start: the verifier's copy of what was built.
    fn program(&self) -> PathBuf {
        self.dir.join(PROGRAM)
    }

    /// What declares the seeds for this side's recipe.
    fn attempts(&self) -> PathBuf {
        self.dir.join("attempts.toml")
    }

    /// Takes the program out of the folder in which a stranger's build could have put a link in its place.
    fn take_program(&self) -> Result<(), VerifyError> {
        let built = ["release", PROGRAM];
        handover::copy(&self.target, &built, &self.program(), PROGRAM_BYTES)
            .map_err(|cause| SourceError::Program(cause.to_string()).into())
    }

    /// The environment of cargo. What it says of compilers goes before any settings.
    fn cargo_variables(&self, toolchain: &Path, network: bool) -> Vec<(String, OsString)> {
        let path = std::env::join_paths([&toolchain.join("bin"), Path::new("/usr/bin"), Path::new("/bin")]);
        let own = [
            ("PATH", path.unwrap_or_default()),
            ("CARGO_HOME", self.cargo.clone().into()),
            ("CARGO_TARGET_DIR", self.target.clone().into()),
            ("RUSTC", toolchain.join("bin/rustc").into()),
            ("RUSTC_WRAPPER", OsString::new()),
            ("RUSTC_WORKSPACE_WRAPPER", OsString::new()),
        ];
        let own = own.map(|(name, value)| (name.to_owned(), value));
        let network = variables(if network { NETWORK_VARIABLES } else { &[] });
        own.into_iter().chain(network).collect()
    }
}

const PROGRAM: &str = "blueberry";
/// The largest program that is taken.
const PROGRAM_BYTES: u64 = 4 << 30;

/// Copies a program that is not built here, if it is still the one that the plan names.
fn take(given: &GivenProgram, to: &Path) -> Result<(), VerifyError> {
    let bytes = fs::read(&given.path).map_err(|cause| at("read", &given.path, cause))?;
    if sha256(&bytes) != given.sha256 {
        return Err(VerifyError::Content {
            path: given.path.clone(),
            problem: "it is another program than when the verification began".to_owned(),
        });
    }
    if let Some(folder) = to.parent() {
        fs::create_dir_all(folder).map_err(|cause| at("create", folder, cause))?;
    }
    // With its permissions.
    fs::copy(&given.path, to).map_err(|cause| at("copy to", to, cause))?;
    Ok(())
}

/// The verifier's copy of a run's log.
pub(super) fn log(run: &Path) -> PathBuf {
    run.join(LOG_FILE)
}

/// The largest log that is read.
const LOG_BYTES: u64 = 256 << 20;

/// Copies the log that a stranger's program left out of its reach, and gives its digest; nothing where there is none, or
/// a link or pipe in its place.
fn take_log(run: &Path) -> Result<Option<String>, VerifyError> {
    let Ok(bytes) = handover::read(&run.join(WRITTEN), &[OUT, LOG_FILE], LOG_BYTES) else {
        return Ok(None);
    };
    let path = log(run);
    handover::create(&path)
        .and_then(|mut file| file.write_all(&bytes))
        .map_err(|cause| at("write", &path, cause))?;
    Ok(Some(sha256(&bytes)))
}

/// Digest of the copy of a run's log.
pub(super) fn log_sha256(run: &Path) -> Option<String> {
    let bytes = read_at_most(&log(run), LOG_BYTES).ok()?;
    Some(sha256(&bytes))
}

/// Folders in `/opt` that the driver's variables name.
fn driver_folders() -> impl Iterator<Item = PathBuf> {
    let values = variables(FOLDER_VARIABLES);
    let folders = values
        .iter()
        .flat_map(|(_, value)| std::env::split_paths(value).collect::<Vec<_>>());
    let folders: Vec<_> = folders
        .filter(|path| path.starts_with("/opt") && path.is_dir() && path != Path::new("/opt"))
        .collect();
    folders.into_iter()
}

fn variables(names: &[&str]) -> Vec<(String, OsString)> {
    let value = |name: &&str| Some(((*name).to_owned(), std::env::var_os(name)?));
    names.iter().filter_map(value).collect()
}

/// Whether the sandbox of the plan is one of this machine; a plan is resumed elsewhere, or after an update.
pub(super) fn check_sandbox(sandbox: &Sandbox) -> Result<(), VerifyError> {
    if *sandbox == Sandbox::None || Sandbox::find().is_some() {
        return Ok(());
    }
    Err(VerifyError::NoSandbox)
}
