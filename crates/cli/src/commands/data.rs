//! `blueberry data`.

use std::num::NonZeroUsize;
use std::sync::Mutex;

use anyhow::Result;
use blueberry_data::prepare::{PrepareOptions, Progress, Stage, Status, prepare as prepare_data};
use blueberry_data::{Dataset, Manifest, Tokenizer};
use blueberry_train::native::return_freed_memory;

use crate::args::{PrepareArgs, VerifyArgs};
use crate::exit::{Done, Usage};
use crate::format::{bytes, grouped};
use crate::meter::{EVERY, Meter};

/// A bar over bytes.
const OF_BYTES: &str = "{msg} {bar:24} {percent:>3}%  {binary_bytes_per_sec}  ETA {eta}";

/// Makes token shards.
pub fn prepare(args: &PrepareArgs) -> Result<Done> {
    // Under 500 MB whatever the corpus.
    return_freed_memory();
    let tokenizer = match args.tokenizer.as_str() {
        "bytes" => Tokenizer::bytes(),
        path => Tokenizer::from_file(path.as_ref())?,
    };
    let mut options = PrepareOptions::new(args.inputs.clone(), args.out.clone(), tokenizer);
    options.field.clone_from(&args.field);
    options.threads = args
        .threads
        .map(|n| NonZeroUsize::new(n).ok_or(Usage("--threads 0: must be at least 1")))
        .transpose()?;
    let prepared = prepare_data(&options, &Bar::new())?;
    if prepared.changed {
        outln!("{} is ready:", args.out.display());
    } else {
        outln!(
            "{} holds these inputs already, nothing was changed:",
            args.out.display()
        );
    }
    print(&prepared.manifest);
    outln!(
        "next: blueberry train --data {} --set model.vocab_size={}",
        args.out.display(),
        prepared.manifest.tokenizer.vocab_size
    );
    Ok(Done::Yes)
}

/// Compares shards with their digests.
pub fn verify(args: &VerifyArgs) -> Result<Done> {
    let dataset = Dataset::open(&args.dir)?;
    hold_against_digests(&dataset)?;
    outln!("{}: every shard is what its manifest says", args.dir.display());
    print(dataset.manifest());
    outln!("  manifest           {}", dataset.manifest_sha256());
    outln!("  validation set     {}", dataset.manifest().validation.sha256);
    outln!("  tokenizer          {}", dataset.manifest().tokenizer.sha256);
    Ok(Done::Yes)
}

/// [`Dataset::verify`], with its progress.
pub fn hold_against_digests(dataset: &Dataset) -> Result<()> {
    let meter = Meter::bar(OF_BYTES, EVERY);
    dataset.verify(&mut |done, all| {
        let text = format!(
            "reading the data, to hold it against its digests: {} of {}",
            bytes(done),
            bytes(all)
        );
        meter.set(done, all, text);
    })?;
    Ok(())
}

fn print(manifest: &Manifest) {
    outln!("  documents          {}", grouped(manifest.documents));
    outln!("  training tokens    {}", grouped(manifest.train_tokens));
    outln!("  validation targets {}", grouped(manifest.validation.targets));
    outln!(
        "  unigram entropy    {:.4} nats a token",
        manifest.unigram_entropy_nats
    );
    outln!("  split              {}", manifest.split);
}

/// A meter of the input's bytes, begun anew by each stage.
struct Bar {
    meter: Meter,
    stage: Mutex<Option<Stage>>,
}

impl Bar {
    fn new() -> Self {
        Self {
            meter: Meter::bar(OF_BYTES, EVERY),
            stage: Mutex::new(None),
        }
    }
}

impl Progress for Bar {
    fn update(&self, status: &Status) {
        // A poisoned lock means that drawing panicked: then there is no bar.
        let Ok(mut stage) = self.stage.lock() else { return };
        if stage.replace(status.stage) != Some(status.stage) {
            self.meter.restart();
        }
        let text = format!(
            "{:?}: {} of {}, {} tokens",
            status.stage,
            bytes(status.bytes_done),
            bytes(status.bytes_total),
            grouped(status.tokens)
        );
        self.meter.set(status.bytes_done, status.bytes_total, text);
    }
}
