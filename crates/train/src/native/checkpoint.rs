//! Saved states: weights, optimiser, data position and clock, each checkpoint a folder that appears whole.
//!
//! `checkpoints/step-00000100/` holds `model.safetensors`, `optimizer.safetensors` and `state.json`, which
//! names the digests of the other two. The digest of `state.json` stands in the run log.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use blueberry_data::LoaderState;
use burn::tensor::{DType, Device, Tensor, TensorData};
use safetensors::{Dtype, SafeTensors, View};
use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::Trainer;
use crate::native::files::{self, FileError, fail};

const MODEL: &str = "model.safetensors";
const OPTIMIZER: &str = "optimizer.safetensors";
const STATE: &str = "state.json";
const VERSION: u32 = 1;
/// Begins the name of a checkpoint that is being written.
const SAVING: &str = ".saving-";
/// Begins the name of a checkpoint that is being removed.
const REMOVING: &str = ".removing-";
/// Begins the name of a checkpoint that is not what was written.
const REJECTED: &str = "rejected-";
/// `state.json` is a few hundred bytes.
const MAX_STATE_BYTES: u64 = 1 << 20;

/// A saved state on disk, its files not yet read.
#[derive(Clone, Debug)]
pub struct Checkpoint {
    /// Its folder.
    pub path: PathBuf,
    /// SHA-256 of its `state.json`.
    pub sha256: String,
    /// Optimiser steps done.
    pub step: u64,
    /// Targets consumed.
    pub tokens: u64,
    /// Where the data stands.
    pub loader: LoaderState,
    /// Training clock, seconds.
    pub train_s: f64,
    files: BTreeMap<String, String>,
}

/// The state of a run beside its tensors. Random numbers need none: the order of the data follows from seed and position,
/// text that is drawn from seed and step.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct State {
    version: u32,
    step: u64,
    tokens: u64,
    train_s: f64,
    loader: LoaderState,
    /// SHA-256 by file name.
    files: BTreeMap<String, String>,
}

/// A checkpoint that cannot be written or used.
#[derive(Debug, Error)]
pub enum CheckpointError {
    /// A file.
    #[error(transparent)]
    File(#[from] FileError),
    /// Not what was written.
    #[error("checkpoint `{}` is damaged: {why}", path.display())]
    Damaged {
        /// The folder.
        path: PathBuf,
        /// What is wrong.
        why: String,
    },
    /// Made by a later version.
    #[error("checkpoint `{}` has version {found}, this build reads up to {VERSION}", path.display())]
    Version {
        /// The folder.
        path: PathBuf,
        /// Its version.
        found: u32,
    },
}

impl CheckpointError {
    /// Whether the checkpoint itself is at fault, so that an older one may serve: a file that is missing is, a disk that does
    /// not answer is not.
    fn is_damage(&self) -> bool {
        match self {
            Self::Damaged { .. } => true,
            Self::File(error) => error.kind() == ErrorKind::NotFound,
            Self::Version { .. } => false,
        }
    }
}

/// Where a checkpoint stands in the run.
#[derive(Clone, Debug)]
pub(crate) struct Position {
    pub step: u64,
    pub tokens: u64,
    pub train_s: f64,
    pub loader: LoaderState,
}

/// Saves `trainer` under `folder`: a folder of its own there, which appears by one rename, after everything in it is on the
/// disk. It counts once the log names it.
pub(crate) fn save(
    folder: &Path,
    position: &Position,
    trainer: &Trainer,
) -> Result<Checkpoint, CheckpointError> {
    fs::create_dir_all(folder).map_err(fail("create", folder))?;
    let beside = tempfile::Builder::new()
        .prefix(SAVING)
        .tempdir_in(folder)
        .map_err(fail("create a folder in", folder))?;
    let model = trainer
        .parameters()
        .map(|(spec, tensor)| (spec.name.clone(), tensor.clone()))
        .collect();
    let mut digests = BTreeMap::new();
    for (name, tensors) in [(MODEL, model), (OPTIMIZER, trainer.optimizer().state())] {
        let file = beside.path().join(name);
        write_tensors(&file, tensors)?;
        digests.insert(name.to_owned(), files::sha256_file(&file)?);
    }
    let state = State {
        version: VERSION,
        step: position.step,
        tokens: position.tokens,
        train_s: position.train_s,
        loader: position.loader.clone(),
        files: digests,
    };
    // A state of numbers, strings and a map of strings always has a JSON form.
    #[allow(clippy::expect_used)]
    let json = serde_json::to_vec_pretty(&state).expect("serialises");
    files::write_durably(&beside.path().join(STATE), &json)?;
    files::sync(beside.path())?;
    let path = publish(folder, &beside.keep(), position.step)?;
    Checkpoint::open(&path)
}

fn publish(folder: &Path, beside: &Path, step: u64) -> Result<PathBuf, FileError> {
    let path = folder.join(format!("step-{step:08}"));
    // One that was rejected and could not be set aside: a run saves each of its steps once.
    if path.exists() {
        put_away(&path).map_err(fail("replace", &path))?;
    }
    let renamed = fs::rename(beside, &path).map_err(fail("rename to", &path));
    if renamed.is_err() {
        // The error that matters is the rename's.
        let _ = fs::remove_dir_all(beside);
    }
    renamed?;
    files::sync(folder)?;
    Ok(path)
}

/// Removes all but the newest `keep`, which the log must name before: a kill in between would leave none that counts. What
/// cannot be listed or removed costs space, nothing else.
pub(crate) fn prune(folder: &Path, keep: usize) {
    for old in list(folder).unwrap_or_default().iter().rev().skip(keep) {
        let _ = put_away(old);
    }
}

/// Removes a checkpoint so that a kill in the middle leaves no half of it under its name.
fn put_away(path: &Path) -> std::io::Result<()> {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let away = path.with_file_name(format!("{REMOVING}{name}"));
    fs::rename(path, &away)?;
    fs::remove_dir_all(&away)
}

/// Folders of whole checkpoints, oldest first; none where `folder` does not exist.
fn list(folder: &Path) -> Result<Vec<PathBuf>, FileError> {
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(fail("list", folder)(error)),
    };
    let is_checkpoint = |path: &PathBuf| {
        path.file_name()
            .and_then(|name| name.to_str())
            .is_some_and(|name| name.starts_with("step-"))
    };
    let paths = entries.map(|entry| entry.map(|entry| entry.path()));
    let mut found: Vec<PathBuf> = paths.collect::<Result<_, _>>().map_err(fail("list", folder))?;
    found.retain(is_checkpoint);
    found.sort();
    Ok(found)
}

/// Removes what a killed process left of a checkpoint that it was saving or removing.
pub(crate) fn remove_unfinished(folder: &Path) {
    let Ok(entries) = fs::read_dir(folder) else { return };
    for entry in entries.flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        if name.starts_with(SAVING) || name.starts_with(REMOVING) {
            let _ = fs::remove_dir_all(entry.path());
        }
    }
}

/// The newest checkpoint that is what was written: its files have the digests in its state, and its state has a
/// digest that the log names (`logged`). Newer ones that are damaged are set aside under another name, and what is wrong with
/// each is returned.
///
/// # Errors
/// [`CheckpointError`] of what cannot be judged: a disk that does not answer, a later version. That one stays as it is.
pub(crate) fn newest(
    folder: &Path,
    logged: &BTreeSet<&str>,
) -> Result<(Option<Checkpoint>, Vec<CheckpointError>), CheckpointError> {
    let mut problems = Vec::new();
    for path in list(folder)?.iter().rev() {
        let checked = Checkpoint::open(path).and_then(|checkpoint| {
            checkpoint.verify()?;
            if logged.contains(checkpoint.sha256.as_str()) {
                Ok(checkpoint)
            } else {
                Err(checkpoint.damaged(
                    "the log does not name it (the run was stopped before it did, or it was changed)".into(),
                ))
            }
        });
        match checked {
            Ok(checkpoint) => return Ok((Some(checkpoint), problems)),
            Err(problem) if problem.is_damage() => {
                set_aside(path);
                problems.push(problem);
            }
            Err(problem) => return Err(problem),
        }
    }
    Ok((None, problems))
}

/// Whether some were set aside, now or by an earlier resume that came no further.
pub(crate) fn has_rejected(folder: &Path) -> bool {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    entries
        .map(|entry| entry.file_name())
        .any(|name| name.to_string_lossy().starts_with(REJECTED))
}

/// Keeps a rejected checkpoint for whoever wants to look at it, where it neither counts nor is in the way.
fn set_aside(path: &Path) {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let aside = path.with_file_name(format!("{REJECTED}{name}"));
    let _ = fs::remove_dir_all(&aside);
    // If it cannot be renamed, the next save of this step replaces it.
    let _ = fs::rename(path, &aside);
}

impl Checkpoint {
    /// Reads the state of a checkpoint's folder.
    ///
    /// # Errors
    /// [`CheckpointError`].
    pub fn open(path: &Path) -> Result<Self, CheckpointError> {
        let file = path.join(STATE);
        let length = fs::metadata(&file).map_err(fail("read", &file))?.len();
        let damaged = |why: String| CheckpointError::Damaged {
            path: path.to_owned(),
            why,
        };
        if length > MAX_STATE_BYTES {
            return Err(damaged(format!("{STATE} has {length} bytes")));
        }
        let bytes = files::read(&file)?;
        let state: State =
            serde_json::from_slice(&bytes).map_err(|error| damaged(format!("{STATE}: {error}")))?;
        if state.version > VERSION {
            return Err(CheckpointError::Version {
                path: path.to_owned(),
                found: state.version,
            });
        }
        Ok(Self {
            path: path.to_owned(),
            sha256: files::sha256(&bytes),
            step: state.step,
            tokens: state.tokens,
            loader: state.loader,
            train_s: state.train_s,
            files: state.files,
        })
    }

    /// Compares the files with their digests.
    ///
    /// # Errors
    /// [`CheckpointError`].
    pub fn verify(&self) -> Result<(), CheckpointError> {
        for name in [MODEL, OPTIMIZER] {
            let found = files::sha256_file(&self.path.join(name))?;
            if self.files.get(name) != Some(&found) {
                return Err(self.damaged(format!("{name} is not what was written")));
            }
        }
        Ok(())
    }

    /// Puts weights and optimiser into `trainer`.
    ///
    /// # Errors
    /// [`CheckpointError`]: another model's, or damaged.
    pub fn restore(&self, trainer: &mut Trainer) -> Result<(), CheckpointError> {
        let device = trainer.device().clone();
        let bytes = files::read(&self.path.join(MODEL))?;
        let model = self.parse(MODEL, &bytes)?;
        let parameters = trainer
            .parameters()
            .map(|(spec, _)| {
                self.tensor(&model, &spec.name, &device)
                    .filter(|tensor| tensor.dims() == spec.shape)
                    .ok_or_else(|| {
                        self.damaged(format!(
                            "`{}` is missing or has another shape than {:?}",
                            spec.name, spec.shape
                        ))
                    })
            })
            .collect::<Result<Vec<_>, _>>()?;
        trainer.set_parameters(parameters);
        let bytes = files::read(&self.path.join(OPTIMIZER))?;
        let states = self.parse(OPTIMIZER, &bytes)?;
        trainer
            .optimizer_mut()
            .restore(self.step, |name| self.tensor(&states, name, &device))
            .map_err(|error| self.damaged(error.to_string()))
    }

    fn parse<'a>(&self, name: &str, bytes: &'a [u8]) -> Result<SafeTensors<'a>, CheckpointError> {
        SafeTensors::deserialize(bytes).map_err(|error| self.damaged(format!("{name}: {error}")))
    }

    fn tensor(&self, tensors: &SafeTensors<'_>, name: &str, device: &Device) -> Option<Tensor<2>> {
        let view = tensors.tensor(name).ok()?;
        let shape: [usize; 2] = view.shape().try_into().ok()?;
        (view.dtype() == Dtype::F32).then_some(())?;
        let values: Vec<f32> = view
            .data()
            .chunks_exact(4)
            .map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]]))
            .collect();
        Some(Tensor::from_data(TensorData::new(values, shape), device))
    }

    fn damaged(&self, why: String) -> CheckpointError {
        CheckpointError::Damaged {
            path: self.path.clone(),
            why,
        }
    }
}

/// A tensor that is read back from the device when it is written, so that one is in memory at a time.
struct OnDevice {
    tensor: Tensor<2>,
    shape: [usize; 2],
}

impl View for OnDevice {
    fn dtype(&self) -> Dtype {
        Dtype::F32
    }

    fn shape(&self) -> &[usize] {
        &self.shape
    }

    fn data(&self) -> Cow<'_, [u8]> {
        let data = self.tensor.to_data().convert_dtype(DType::F32);
        let bytes: Vec<u8> = data.iter::<f32>().flat_map(f32::to_le_bytes).collect();
        Cow::Owned(bytes)
    }

    fn data_len(&self) -> usize {
        self.shape[0] * self.shape[1] * size_of::<f32>()
    }
}

fn write_tensors(file: &Path, tensors: Vec<(String, Tensor<2>)>) -> Result<(), CheckpointError> {
    let views = tensors.into_iter().map(|(name, tensor)| {
        let shape = tensor.dims();
        (name, OnDevice { tensor, shape })
    });
    safetensors::serialize_to_file(views, None, file).map_err(|error| {
        let cause = match error {
            safetensors::SafeTensorError::IoError(cause) => cause,
            other => std::io::Error::other(other.to_string()),
        };
        fail("write", file)(cause)
    })?;
    Ok(files::sync(file)?)
}
