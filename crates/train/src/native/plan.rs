//! A run as it will be: settings, device and data that go together.

use std::path::PathBuf;
use std::sync::Arc;

use blueberry_data::{Dataset, Loader, LoaderState, Prefetch, Tokenizer, stories};
use blueberry_eval::Benchmark;
use blueberry_kernels::may_round_products;

use crate::native::benchmarks::open_named;
use crate::native::devices::precision_name;
use crate::native::hardware::{Factors, keep_freed_memory};
use crate::native::{MemoryPlan, Observer, OpenDevice, Phase, RunError, user_cache_dir};
use crate::{Batch, Curriculum, Halves, Preset, Settings, StepShape, Trainer};

/// Bytes of the built-in corpus at least.
const CORPUS_BYTES: u64 = 20_000_000;
/// Bytes of the built-in corpus at most; its tokens take twice as many.
const MAX_CORPUS_BYTES: u64 = 4_000_000_000;
/// How many times as many tokens a model may know as its data has before that is told.
const USED_SHARE: usize = 8;
/// Answers that the loader keeps ready.
const READ_AHEAD: usize = 4;

/// Where a run's data stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DataPlace {
    /// The built-in corpus, made on first use in the user's cache.
    BuiltIn,
    /// A folder made by `blueberry data prepare`.
    Folder(PathBuf),
}

/// Settings with everything that they name opened and checked against one another.
pub struct Plan {
    /// What the run was told.
    pub settings: Settings,
    /// The device.
    pub device: OpenDevice,
    /// What each step looks like.
    pub curriculum: Curriculum,
    /// The data.
    pub dataset: Arc<Dataset>,
    /// The 16-bit floats that are used.
    pub halves: Halves,
    /// Text to tokens and back.
    pub tokenizer: Tokenizer,
    /// What it will hold.
    pub memory: MemoryPlan,
    /// Validation sequences.
    pub validation: Vec<Batch>,
    /// Downstream benchmarks that are made at the end.
    pub benchmarks: Vec<Benchmark>,
}

impl Plan {
    /// Opens device and data of `settings`; with `ignore_memory`, also where the host has too little of it.
    ///
    /// # Errors
    /// [`RunError`]: something is missing or does not fit.
    pub fn open(
        settings: Settings,
        device: OpenDevice,
        ignore_memory: bool,
        observer: &mut dyn Observer,
    ) -> Result<Self, RunError> {
        let preset = &settings.resolved;
        let curriculum = Curriculum::new(preset)?;
        keep_freed_memory(preset.train.activations);
        let memory = MemoryPlan::new(preset, &device)?;
        if !ignore_memory {
            memory.check(preset, &device)?;
        }
        let total = curriculum.total_tokens();
        let place = match &preset.data.dir {
            Some(dir) => DataPlace::Folder(dir.into()),
            None => DataPlace::BuiltIn,
        };
        for passed_over in &device.passed_over {
            observer.warning(passed_over);
        }
        observer.phase(Phase::PreparingData {
            built_in: place == DataPlace::BuiltIn,
        });
        let mut dataset = Dataset::open(&data_dir(&place, total)?)?;
        if let Some(doubt) = hold_against(&dataset, preset, &curriculum)? {
            observer.warning(&doubt);
        }
        if let Err(damage) = check_data(&dataset, observer) {
            if place != DataPlace::BuiltIn {
                return Err(damage);
            }
            observer.warning(&format!("the built-in corpus is made again: {damage}"));
            drop(dataset);
            stories::forget(&corpus_dir(), corpus_bytes(total), &Tokenizer::bytes())?;
            dataset = Dataset::open(&data_dir(&place, total)?)?;
            check_data(&dataset, observer)?;
        }
        let halves = device.halves(&settings.resolved)?;
        let tokenizer = dataset.tokenizer()?;
        let validation = validation_batches(&settings, &dataset)?;
        let benchmarks = open_named(&settings.resolved.eval.benchmarks, dataset.dir())?;
        Ok(Self {
            settings,
            device,
            curriculum,
            halves,
            dataset: Arc::new(dataset),
            tokenizer,
            memory,
            validation,
            benchmarks,
        })
    }

    /// Whether the folder of data that `settings` name, if any, would do, and what is doubtful about it. Its shards are not
    /// read through, as a run does before it starts.
    ///
    /// # Errors
    /// [`RunError`]: it cannot be read, or vocabulary, tokens or validation set do not fit.
    pub fn check_named_data(settings: &Settings) -> Result<Option<String>, RunError> {
        let preset = &settings.resolved;
        let Some(dir) = &preset.data.dir else {
            return Ok(None);
        };
        let dataset = Dataset::open(dir.as_ref())?;
        let doubt = hold_against(&dataset, preset, &Curriculum::new(preset)?)?;
        validation_batches(settings, &dataset)?;
        open_named(&preset.eval.benchmarks, dataset.dir())?;
        Ok(doubt)
    }

    /// Name of the float of the large products.
    pub fn precision(&self) -> &'static str {
        precision_name(self.halves.products)
    }

    /// What the large products multiply: f32 is TF32 where the device's products round it.
    pub(crate) fn factors(&self) -> Factors {
        match self.halves.products {
            Some(_) => Factors::Half,
            None if may_round_products(&self.device.device) => Factors::Tf32,
            None => Factors::F32,
        }
    }

    /// Validation targets that an evaluation covers.
    pub fn validation_targets(&self) -> u64 {
        self.validation.iter().map(|batch| batch.targets() as u64).sum()
    }

    /// Fresh weights and optimiser.
    pub(crate) fn trainer(&self, seed: u64) -> Trainer {
        let preset = &self.settings.resolved;
        Trainer::for_preset(preset, seed, &self.device.device, self.halves)
    }

    /// The data from `state`, or from the start, cut as the curriculum says from `tokens` on.
    pub(crate) fn prefetch(&self, state: Option<&LoaderState>, tokens: u64) -> Result<Prefetch, RunError> {
        let block_len = self.curriculum.block_len();
        let epochs = self.settings.resolved.train.epochs;
        let mut loader = Loader::new(self.dataset.clone(), self.settings.seed, block_len, epochs)?;
        if let Some(state) = state {
            loader = loader.resume(state)?;
        }
        let curriculum = self.curriculum.clone();
        let steps = std::iter::successors(Some(tokens), move |&tokens| {
            let next = tokens + curriculum.shape(tokens).tokens();
            (next < curriculum.target_tokens()).then_some(next)
        });
        let curriculum = self.curriculum.clone();
        let requests = steps.map(move |tokens| blocks_of(curriculum.shape(tokens), block_len));
        Ok(Prefetch::new(loader, requests, READ_AHEAD)?)
    }
}

/// Refuses data that `preset` cannot be trained on; says what is doubtful about it.
fn hold_against(
    dataset: &Dataset,
    preset: &Preset,
    curriculum: &Curriculum,
) -> Result<Option<String>, RunError> {
    let (vocab, rows) = (dataset.vocab_size() as usize, preset.model.vocab_size);
    if vocab > rows {
        return Err(RunError::Mismatch(format!(
            "the data's tokenizer has {vocab} tokens, but model.vocab_size = {rows}: use `--set model.vocab_size={vocab}` or data prepared with a smaller tokenizer"
        )));
    }
    dataset.check_budget(
        curriculum.total_tokens(),
        curriculum.block_len(),
        preset.train.epochs,
    )?;
    Ok((rows > USED_SHARE * vocab).then(|| {
        format!(
            "the data has {vocab} different tokens, the model {rows}: its losses say little of those on text of that vocabulary; \
             `--data` names other data, `--set model.vocab_size={vocab}` makes the model smaller"
        )
    }))
}

/// The log names the data by its manifest alone, so the tokens must be those of the manifest.
fn check_data(dataset: &Dataset, observer: &mut dyn Observer) -> Result<(), RunError> {
    let (mut read, all) = (0, dataset.train_bytes());
    dataset.check_train(&mut |bytes| {
        read += bytes;
        observer.phase(Phase::CheckingData(read, all));
    })?;
    Ok(())
}

/// Blocks that a step takes.
fn blocks_of(shape: StepShape, block_len: usize) -> usize {
    shape.seq_len * shape.micro_batch * shape.accumulation / block_len
}

fn data_dir(place: &DataPlace, tokens: u64) -> Result<PathBuf, RunError> {
    match place {
        DataPlace::Folder(dir) => Ok(dir.clone()),
        DataPlace::BuiltIn => {
            let bytes = corpus_bytes(tokens);
            if bytes > MAX_CORPUS_BYTES {
                return Err(RunError::Mismatch(format!(
                    "the built-in corpus is for trying out, and {tokens} tokens of it would take {} GB: make data of real text with `blueberry data prepare`, and name it with `--data`",
                    3 * bytes / 1_000_000_000
                )));
            }
            Ok(stories::prepare(&corpus_dir(), bytes, Tokenizer::bytes(), &())?)
        }
    }
}

/// Bytes of text for a run of `tokens`: some of it is validation, and a token is a byte.
fn corpus_bytes(tokens: u64) -> u64 {
    CORPUS_BYTES.max(tokens.saturating_add(tokens / 20))
}

/// Where built-in corpora lie.
fn corpus_dir() -> PathBuf {
    user_cache_dir().join("data")
}

fn validation_batches(settings: &Settings, dataset: &Dataset) -> Result<Vec<Batch>, RunError> {
    let eval = &settings.resolved.eval;
    let tokens = dataset.validation_tokens()?;
    let targets = (tokens.len() as u64).saturating_sub(1).min(eval.tokens) as usize;
    let sequences = targets / eval.seq_len;
    if sequences == 0 {
        return Err(RunError::Mismatch(format!(
            "the validation set has {targets} targets, fewer than one sequence of eval.seq_len = {}: prepare more text or set a shorter eval.seq_len",
            eval.seq_len
        )));
    }
    let rows: Vec<&[u16]> = (0..sequences)
        .map(|i| &tokens[i * eval.seq_len..=(i + 1) * eval.seq_len])
        .collect();
    Ok(rows
        .chunks(eval.batch)
        .filter_map(|rows| Batch::new(rows.concat(), eval.seq_len))
        .collect())
}
