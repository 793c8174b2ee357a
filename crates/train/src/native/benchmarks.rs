//! Downstream benchmarks of a model, at the end of a run or of one that is saved.

use std::path::{Path, PathBuf};

use blueberry_data::{Dataset, Tokenizer};
use blueberry_eval::{Answer, Benchmark, Row, Score, rows, score};
use blueberry_runlog::{At, Benchmark as BenchmarkEvent, Extra};

use crate::native::saved::SavedModel;
use crate::native::{Observer, Phase, RunError};
use crate::{StepError, Trainer};

/// Where a data folder has its benchmarks.
const FOLDER: &str = "benchmarks";

/// The result of one benchmark.
#[derive(Clone, Debug, PartialEq)]
pub struct BenchmarkResult {
    /// Its name.
    pub name: String,
    /// What the model scored.
    pub score: Score,
    /// Number of questions.
    pub items: usize,
    /// SHA-256 of its file, in hex.
    pub sha256: String,
}

impl BenchmarkResult {
    /// What the log says of it.
    pub(crate) fn event(self, at: At) -> BenchmarkEvent {
        let Self {
            name,
            score,
            items,
            sha256,
        } = self;
        let mut extra = Extra::new();
        extra.insert("items".into(), items.into());
        extra.insert("chance".into(), score.chance.into());
        extra.insert("sha256".into(), sha256.into());
        if let Some(unnormalized) = score.unnormalized {
            extra.insert("accuracy".into(), unnormalized.into());
        }
        BenchmarkEvent {
            at,
            name,
            metric: score.metric.into(),
            value: score.value,
            extra,
        }
    }
}

/// Reads the benchmarks of these names from the data's folder.
///
/// # Errors
/// [`RunError::Benchmark`].
pub(crate) fn open_named(names: &[String], data: &Path) -> Result<Vec<Benchmark>, RunError> {
    let path = |name: &String| data.join(FOLDER).join(format!("{name}.jsonl"));
    names
        .iter()
        .map(|name| Ok(Benchmark::read(&path(name))?))
        .collect()
}

/// Asks the model every question of `benchmark`, in rows of at most `seq` inputs. Returns `None` where `go_on`, which is
/// told how many rows are done and of how many, says `false`.
///
/// # Errors
/// The tokenizer has no token for some text, [`StepError`] from the device.
pub(crate) fn measure(
    trainer: &mut Trainer,
    tokenizer: &Tokenizer,
    benchmark: &Benchmark,
    seq: usize,
    mut go_on: impl FnMut(usize, usize) -> bool,
) -> Result<Option<BenchmarkResult>, RunError> {
    let cannot_encode = |error| RunError::Mismatch(format!("benchmark `{}`: {error}", benchmark.name));
    let encoded: Vec<Vec<Row>> = (benchmark.items.iter())
        .map(|item| rows(item, tokenizer, seq + 1).map_err(cannot_encode))
        .collect::<Result<_, _>>()?;
    let asked: Vec<(&[u16], usize)> = (encoded.iter().flatten())
        .map(|row| (&row.tokens[..], row.from))
        .collect();
    let all = asked.len();
    let likelihoods = pollster::block_on(trainer.likelihoods(&asked, |done| go_on(done, all)));
    let Some(likelihoods) = likelihoods.map_err(|cause| RunError::Step { step: 0, cause })? else {
        return Ok(None);
    };
    let answers: Vec<Answer> = (likelihoods.iter())
        .map(|row| Answer {
            log_likelihood: row.log_likelihood,
            greedy: row.greedy,
        })
        .collect();
    Ok(Some(BenchmarkResult {
        name: benchmark.name.clone(),
        score: score(benchmark, &answers),
        items: benchmark.items.len(),
        sha256: benchmark.sha256.clone(),
    }))
}

/// Makes benchmarks of the last saved model of the run in `dir`, on `device` or the run's own: `files`, or those that
/// its preset names.
///
/// # Errors
/// [`RunError`]: there is no saved model, its data are not there any more, a file is no benchmark, or the device fails.
pub fn benchmark_run(
    dir: &Path,
    device: Option<&str>,
    files: &[PathBuf],
    observer: &mut dyn Observer,
) -> Result<Vec<BenchmarkResult>, RunError> {
    let SavedModel {
        log,
        settings,
        mut trainer,
        step,
    } = SavedModel::load(dir, device)?;
    let preset = &settings.resolved;
    // The built-in corpus is bytes, and has no benchmarks of its own.
    let tokenizer = match &preset.data.dir {
        None => Tokenizer::bytes(),
        Some(data) => {
            let dataset = Dataset::open(Path::new(data))?;
            if dataset.manifest_sha256() != log.run.data.manifest_sha256 {
                return Err(RunError::Mismatch(format!(
                    "the data in `{data}` is not what the run was trained on: put that back"
                )));
            }
            dataset.tokenizer()?
        }
    };
    let benchmarks = match (files, &preset.data.dir) {
        ([], Some(data)) if !preset.eval.benchmarks.is_empty() => {
            open_named(&preset.eval.benchmarks, Path::new(data))?
        }
        ([], _) => {
            let problem =
                "its preset names no benchmarks (eval.benchmarks): give their files by `--benchmark FILE`";
            return Err(RunError::Mismatch(format!("`{}`: {problem}", dir.display())));
        }
        (files, _) => files
            .iter()
            .map(|path| Benchmark::read(path))
            .collect::<Result<_, _>>()?,
    };
    let mut results = Vec::new();
    for benchmark in &benchmarks {
        let tell = |done, all| {
            observer.phase(Phase::Benchmarking(&benchmark.name, done, all));
            true
        };
        let result = measure(&mut trainer, &tokenizer, benchmark, preset.train.seq_len, tell);
        results.extend(result.map_err(|error| at_step(error, step))?);
    }
    Ok(results)
}

/// The same error, with the step at which the model stands.
pub(crate) fn at_step(error: RunError, step: u64) -> RunError {
    match error {
        RunError::Step {
            cause: cause @ (StepError::NotFinite { .. } | StepError::Device(_)),
            ..
        } => RunError::Step { step, cause },
        other => other,
    }
}
