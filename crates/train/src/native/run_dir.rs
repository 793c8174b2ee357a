//! A run's folder: its log and its checkpoints.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{BufReader, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use blueberry_runlog::{Limits, ReadError, Run, RunLog, WriteError, Writer, read};
use thiserror::Error;

use crate::native::files::{FileError, fail, sync};

/// Name of the log in a run's folder.
pub const LOG_FILE: &str = "run.jsonl";

/// A run's folder, held by this process alone.
#[derive(Debug)]
pub struct RunDir {
    path: PathBuf,
    /// Whether this process made it.
    made: bool,
    /// Keeps the lock.
    _lock: File,
}

/// A folder that cannot hold or give a run.
#[derive(Debug, Error)]
pub enum RunDirError {
    /// A file.
    #[error(transparent)]
    File(#[from] FileError),
    /// Something is there already.
    #[error("`{}` already holds a run: go on with it by `--resume {}`, or choose another `--out`", .0.display(), .0.display())]
    Occupied(PathBuf),
    /// Something else is there already.
    #[error("`{}` is not empty and holds no run: choose another `--out`", .0.display())]
    Foreign(PathBuf),
    /// Nothing is there.
    #[error("`{}` holds no run: there is no `{LOG_FILE}` with a first line in it; start it anew", .0.display())]
    NoRun(PathBuf),
    /// Another process is at it.
    #[error("another process is running `{}`", .0.display())]
    Busy(PathBuf),
    /// The log cannot be read.
    #[error("`{}`: {cause}", path.display())]
    Log {
        /// The log.
        path: PathBuf,
        /// Why not.
        cause: ReadError,
    },
    /// The log is not what was written.
    #[error("`{}`: the seal in line {line} does not fit the lines before it, so the log was changed after it was written; a changed run cannot go on", path.display())]
    Changed {
        /// The log.
        path: PathBuf,
        /// The seal's line.
        line: u64,
    },
    /// The log cannot be written.
    #[error("`{}`: {cause}", path.display())]
    Write {
        /// The log.
        path: PathBuf,
        /// Why not.
        cause: WriteError,
    },
}

impl RunDir {
    /// Makes the folder of a new run.
    ///
    /// # Errors
    /// [`RunDirError`]: it holds something, or cannot be made.
    pub fn create(path: &Path) -> Result<Self, RunDirError> {
        Self::check_free(path)?;
        let made = !path.exists();
        fs::create_dir_all(path).map_err(fail("create", path))?;
        Ok(Self {
            made,
            ..Self::lock(path)?
        })
    }

    /// Whether [`RunDir::create`] would find the place free.
    ///
    /// # Errors
    /// [`RunDirError`]: it holds something.
    pub fn check_free(path: &Path) -> Result<(), RunDirError> {
        if path.join(LOG_FILE).exists() {
            return Err(RunDirError::Occupied(path.to_owned()));
        }
        let occupied = match fs::read_dir(path) {
            // What a process leaves that is killed before its first line.
            Ok(mut entries) => entries.any(|entry| {
                !entry.is_ok_and(|entry| entry.file_name() == LOCK_FILE || entry.file_name() == NEW_LOG_FILE)
            }),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => false,
            Err(error) => return Err(fail("read", path)(error).into()),
        };
        if occupied {
            Err(RunDirError::Foreign(path.to_owned()))
        } else {
            Ok(())
        }
    }

    /// Opens the folder of a run that there is.
    ///
    /// # Errors
    /// [`RunDirError`]: it holds none, or another process is at it.
    pub fn open(path: &Path) -> Result<Self, RunDirError> {
        if !path.join(LOG_FILE).exists() {
            return Err(RunDirError::NoRun(path.to_owned()));
        }
        Self::lock(path)
    }

    fn lock(path: &Path) -> Result<Self, RunDirError> {
        let file = path.join(LOCK_FILE);
        let lock = File::create(&file).map_err(fail("create", &file))?;
        lock.try_lock().map_err(|error| match error {
            TryLockError::WouldBlock => RunDirError::Busy(path.to_owned()),
            // Some network file systems have no locks.
            TryLockError::Error(error) => RunDirError::from(fail("lock", &file)(error)),
        })?;
        Ok(Self {
            path: path.to_owned(),
            made: false,
            _lock: lock,
        })
    }

    /// The folder.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Where its checkpoints stand.
    pub fn checkpoints(&self) -> PathBuf {
        self.path.join("checkpoints")
    }

    fn log(&self) -> PathBuf {
        self.path.join(LOG_FILE)
    }

    /// Begins the log.
    ///
    /// # Errors
    /// [`RunDirError`].
    pub fn start_log(&self, run: &Run) -> Result<Log, RunDirError> {
        let path = self.log();
        // Beside and renamed: a log that is there has its first line.
        let beside = self.path.join(NEW_LOG_FILE);
        let file = File::create(&beside).map_err(fail("create", &beside))?;
        let writer = Writer::new(file, run).map_err(|cause| match cause {
            // There is no run yet that could be resumed.
            WriteError::Io { cause } => fail("write", &beside)(cause).into(),
            cause => self.write_error(cause),
        })?;
        sync(&beside)?;
        fs::rename(&beside, &path).map_err(fail("rename to", &path))?;
        sync(&self.path)?;
        Ok(Log { path, writer })
    }

    /// Removes what [`RunDir::create`] made, where the log could not begin: a folder that only looks like a run is in the way
    /// of the next.
    pub(crate) fn discard(self) {
        // Whatever cannot be removed, the error that matters is the log's.
        for name in [NEW_LOG_FILE, LOG_FILE, LOCK_FILE] {
            let _ = fs::remove_file(self.path.join(name));
        }
        if self.made {
            let _ = fs::remove_dir(&self.path);
        }
    }

    /// Reads the log and opens it to go on behind its last whole line.
    ///
    /// # Errors
    /// [`RunDirError`]: unreadable, or changed since it was written.
    pub fn continue_log(&self) -> Result<(RunLog, Log), RunDirError> {
        let path = self.log();
        let log = read_log(&path)?;
        if let Some(broken) = &log.seals.broken {
            return Err(RunDirError::Changed {
                path,
                line: broken.line,
            });
        }
        let mut file = OpenOptions::new()
            .write(true)
            .open(&path)
            .map_err(fail("open", &path))?;
        file.set_len(log.intact_bytes)
            .map_err(fail("cut the torn end of", &path))?;
        file.seek(SeekFrom::End(0)).map_err(fail("read", &path))?;
        let writer = Writer::resume(file, log.chain.clone());
        Ok((log, Log { path, writer }))
    }

    fn write_error(&self, cause: WriteError) -> RunDirError {
        RunDirError::Write {
            path: self.log(),
            cause,
        }
    }
}

const LOCK_FILE: &str = ".lock";
/// The log until its first line is on the disk.
const NEW_LOG_FILE: &str = ".run.jsonl.new";

/// Reads the log of a run's folder, or a log by itself.
///
/// # Errors
/// [`RunDirError`].
pub fn read_log(path: &Path) -> Result<RunLog, RunDirError> {
    let path = if path.is_dir() {
        path.join(LOG_FILE)
    } else {
        path.to_owned()
    };
    let file = File::open(&path).map_err(fail("open", &path))?;
    read(BufReader::new(file), &Limits::default()).map_err(|cause| RunDirError::Log { path, cause })
}

/// A log on disk, open for writing. Every event is one write to the file, so a killed process leaves whole
/// lines.
#[derive(Debug)]
pub struct Log {
    path: PathBuf,
    writer: Writer<File>,
}

impl Log {
    /// Appends an event.
    ///
    /// # Errors
    /// [`RunDirError::Write`].
    pub fn write(&mut self, event: &blueberry_runlog::Event) -> Result<(), RunDirError> {
        self.writer.write(event).map_err(|cause| RunDirError::Write {
            path: self.path.clone(),
            cause,
        })
    }

    /// Seals what was written so far and makes it durable.
    ///
    /// # Errors
    /// [`RunDirError`].
    pub fn seal(&mut self) -> Result<(), RunDirError> {
        self.writer.seal().map_err(|cause| RunDirError::Write {
            path: self.path.clone(),
            cause,
        })?;
        self.writer
            .output()
            .sync_data()
            .map_err(fail("sync", &self.path))?;
        Ok(())
    }
}
