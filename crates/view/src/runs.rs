//! The runs that are shown.

use std::path::{Path, PathBuf};

use crate::Error;

/// What a run's folder holds, the first that is there.
const LOG_NAMES: [&str; 3] = ["run.jsonl", "run.jsonl.zst", "run.jsonl.gz"];

/// As many are shown at once: what a link of the page may name.
pub const MOST_RUNS: usize = 100;

/// A log and the path under which the page asks for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Run {
    /// Relative to the page: `runs/<number>/<name>`, of letters that need no escaping.
    pub url: String,
    /// Where the log lies.
    pub log: PathBuf,
}

/// Finds the log of each run: a run's folder, a folder of such folders, whose runs come in the order of their names, or a
/// log of any format that the page reads.
///
/// # Errors
/// [`Error::NoLog`] for a folder without one, [`Error::TooMany`] for more than [`MOST_RUNS`], [`Error::File`] for a
/// path that cannot be read.
pub fn find(paths: &[PathBuf]) -> Result<Vec<Run>, Error> {
    let mut found = Vec::new();
    for path in paths {
        found.extend(inside(path)?);
    }
    if found.len() > MOST_RUNS {
        return Err(Error::TooMany(found.len()));
    }
    let numbered = found.iter().enumerate();
    numbered.map(|(number, path)| find_one(number, path)).collect()
}

/// The runs of a folder of runs, and the path itself where it is anything else.
fn inside(path: &Path) -> Result<Vec<PathBuf>, Error> {
    if !path.is_dir() || log(path).is_ok() {
        return Ok(vec![path.to_owned()]);
    }
    let entries = path.read_dir().map_err(Error::file(path))?;
    let folders = entries.filter_map(|entry| Some(entry.ok()?.path()));
    let mut runs: Vec<PathBuf> = folders.filter(|run| run.is_dir() && log(run).is_ok()).collect();
    runs.sort();
    if runs.is_empty() {
        return Err(Error::NoLog(path.to_owned()));
    }
    Ok(runs)
}

fn find_one(number: usize, path: &Path) -> Result<Run, Error> {
    let log = log(path)?;
    let is_folder = log != path;
    // A run's folder is what its author called it; its log is always called the same.
    let named = if is_folder {
        path.canonicalize().map_err(Error::file(path))?
    } else {
        log.clone()
    };
    let name = plain(&named.file_name().unwrap_or_default().to_string_lossy());
    let suffix = if is_folder { ".jsonl" } else { "" };
    Ok(Run {
        url: format!("runs/{number}/{name}{suffix}"),
        log,
    })
}

fn log(path: &Path) -> Result<PathBuf, Error> {
    let about = path.metadata().map_err(Error::file(path))?;
    if !about.is_dir() {
        return Ok(path.to_owned());
    }
    let mut logs = LOG_NAMES.iter().map(|name| path.join(name));
    logs.find(|log| log.is_file())
        .ok_or_else(|| Error::NoLog(path.to_owned()))
}

/// The name with everything else than letters, digits, `-`, `_` and `.` replaced.
fn plain(name: &str) -> String {
    let keep = |letter: char| {
        if letter.is_ascii_alphanumeric() || "-_.".contains(letter) {
            letter
        } else {
            '-'
        }
    };
    name.chars().map(keep).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    #[test]
    fn a_folder_is_called_by_its_name_and_a_log_by_its_own() {
        let place = tempfile::tempdir().unwrap();
        let folder = place.path().join("tiny 42");
        fs::create_dir(&folder).unwrap();
        fs::write(folder.join("run.jsonl"), "").unwrap();
        let log = place.path().join("main.log");
        fs::write(&log, "").unwrap();
        let runs = find(&[folder.clone(), log.clone()]).unwrap();
        assert_eq!(
            runs[0],
            Run {
                url: "runs/0/tiny-42.jsonl".into(),
                log: folder.join("run.jsonl")
            }
        );
        assert_eq!(
            runs[1],
            Run {
                url: "runs/1/main.log".into(),
                log
            }
        );
    }

    #[test]
    fn a_folder_of_runs_gives_each_of_them_in_the_order_of_names() {
        let place = tempfile::tempdir().unwrap();
        let run = |name: &str| {
            let folder = place.path().join(name);
            fs::create_dir(&folder).unwrap();
            fs::write(folder.join("run.jsonl"), "").unwrap();
        };
        run("b");
        run("a");
        fs::create_dir(place.path().join("no run")).unwrap();
        fs::write(place.path().join("notes.txt"), "").unwrap();
        let urls = |runs: Vec<Run>| runs.into_iter().map(|run| run.url).collect::<Vec<_>>();
        let found = find(&[place.path().to_owned(), place.path().join("b")]).unwrap();
        assert_eq!(
            urls(found),
            ["runs/0/a.jsonl", "runs/1/b.jsonl", "runs/2/b.jsonl"]
        );
        (0..MOST_RUNS).for_each(|number| run(&number.to_string()));
        let refused = find(&[place.path().to_owned()]).unwrap_err().to_string();
        assert!(
            refused.contains("102 runs, and 100 are shown at once"),
            "{refused}"
        );
    }

    #[test]
    fn what_is_not_there_is_named() {
        let place = tempfile::tempdir().unwrap();
        let empty = find(&[place.path().to_owned()]).unwrap_err().to_string();
        assert!(empty.contains("no run.jsonl in this folder"), "{empty}");
        let missing = find(&[place.path().join("none")]).unwrap_err().to_string();
        assert!(missing.contains("none cannot be read"), "{missing}");
    }
}
