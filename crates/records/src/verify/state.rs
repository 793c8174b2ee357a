//! How far a verification is, on the disk, so that it goes on after an interruption.

use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};

use blueberry_rules::Probe;
use serde::{Deserialize, Serialize};

use super::error::{VerifyError, at};
use super::plan::{Plan, Role, Turn};

/// Name of the file.
const STATE_FILE: &str = "state.json";
/// Of the file while it is written.
const NEW_STATE_FILE: &str = "state.json.new";

/// How far a verification is.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct State {
    /// What is done.
    pub plan: Plan,
    /// Runs that are over, the first ones of the plan.
    pub runs: Vec<Done>,
    /// How often a run was begun again because the verification was interrupted in it.
    pub interruptions: u64,
    /// The side whose source could not be run, and why, where that lies in the source. Kept for who signs, beside whose key
    /// nothing of a stranger's is built again; without a key it is tried anew.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unbuilt: Option<Unbuilt>,
    /// What the probe of the model found, once it is over: who goes on, as to sign, runs nothing of a stranger's again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub probed: Option<Probed>,
}

/// A source that could not be run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Unbuilt {
    /// Whose.
    pub role: Role,
    /// Why not.
    pub why: String,
    /// Whether that lies in the source, rather than with the verifier's machine.
    #[serde(default)]
    pub in_source: bool,
}

/// What a probe found, and what it lacks where the program did not answer.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Probed {
    /// The findings.
    pub probe: Option<Probe>,
    /// What is missing.
    pub missing: Option<String>,
}

/// A run that is over.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Done {
    /// How the program ended: `exit status: 0`, a signal, or that its time was over.
    pub ended: String,
    /// Whether it ended by itself, with exit code 0.
    pub succeeded: bool,
    /// How long it took, from the start of the program to its end, in seconds.
    pub seconds: f64,
    /// SHA-256 of its log, where it left one.
    pub log_sha256: Option<String>,
}

/// A verification's folder, held by this process alone.
#[derive(Debug)]
pub struct Work {
    dir: PathBuf,
    lock: File,
}

impl Drop for Work {
    /// By itself the lock would last as long as a copy of the file in a child that was forked and not yet begun.
    fn drop(&mut self) {
        let _ = self.lock.unlock();
    }
}

impl Work {
    /// Opens the folder, or makes it.
    ///
    /// # Errors
    /// It cannot be made, or another process is at it.
    pub fn open(dir: &Path) -> Result<Self, VerifyError> {
        fs::create_dir_all(dir).map_err(|cause| at("create", dir, cause))?;
        // Absolute, since the programs run elsewhere.
        let dir = fs::canonicalize(dir).map_err(|cause| at("open", dir, cause))?;
        let path = dir.join(".lock");
        let lock = File::create(&path).map_err(|cause| at("create", &path, cause))?;
        lock.try_lock().map_err(|_| VerifyError::Busy(dir.clone()))?;
        Ok(Self { dir, lock })
    }

    /// The folder.
    #[must_use]
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// The folder of a side: of its source, its build and its program.
    #[must_use]
    pub fn side(&self, plan: &Plan, role: Role) -> PathBuf {
        self.dir.join("sides").join(plan.place(role))
    }

    /// The folder of a run, which its program can read the name of.
    #[must_use]
    pub fn run(&self, plan: &Plan, turn: Turn) -> PathBuf {
        let name = format!("{}-{}", plan.place(turn.role), turn.seed);
        self.dir.join("runs").join(name)
    }

    /// The name of a run for people, by which its order shows.
    #[must_use]
    pub fn run_name(turn: Turn) -> String {
        format!("{:02}-{}-{}", turn.number, turn.role.name(), turn.seed)
    }

    /// The state in the folder, where there is one.
    ///
    /// # Errors
    /// It is damaged or cannot be read.
    pub fn state(&self) -> Result<Option<State>, VerifyError> {
        let path = self.dir.join(STATE_FILE);
        match fs::read(&path) {
            Ok(text) => serde_json::from_slice(&text)
                .map(Some)
                .map_err(|cause| VerifyError::State { path, cause }),
            Err(cause) if cause.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(cause) => Err(at("read", &path, cause)),
        }
    }

    /// The state that `plan` goes on from: the one in the folder, if it is of the same plan. Seeds that were drawn
    /// stay those that were drawn first; given ones must be the same (`seeds_count`).
    ///
    /// # Errors
    /// The folder holds another verification, or a damaged state.
    pub fn resume(&self, plan: Plan, seeds_count: bool) -> Result<State, VerifyError> {
        let Some(mut state) = self.state()? else {
            let state = State {
                plan,
                runs: Vec::new(),
                interruptions: 0,
                unbuilt: None,
                probed: None,
            };
            self.save(&state)?;
            return Ok(state);
        };
        match state.plan.difference(&plan, seeds_count) {
            Some(difference) => {
                let path = self.dir.join(STATE_FILE);
                Err(VerifyError::AnotherPlan { path, difference })
            }
            None => {
                // What is left to run gets the device files that there are now.
                state.plan.conditions.devices = plan.conditions.devices;
                Ok(state)
            }
        }
    }

    /// Writes the state beside and renames it: whenever the power goes, there is a whole one.
    ///
    /// # Errors
    /// The disk.
    pub fn save(&self, state: &State) -> Result<(), VerifyError> {
        let (beside, path) = (self.dir.join(NEW_STATE_FILE), self.dir.join(STATE_FILE));
        let text = serde_json::to_vec_pretty(state).map_err(|cause| VerifyError::State {
            path: path.clone(),
            cause,
        })?;
        let mut file = File::create(&beside).map_err(|cause| at("create", &beside, cause))?;
        file.write_all(&text)
            .and_then(|()| file.sync_all())
            .map_err(|cause| at("write", &beside, cause))?;
        fs::rename(&beside, &path).map_err(|cause| at("rename to", &path, cause))
    }
}
