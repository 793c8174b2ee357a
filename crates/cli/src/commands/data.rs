//! `blueberry data`.

use std::num::NonZeroUsize;
use std::sync::Mutex;

use anyhow::Result;
use blueberry_data::prepare::{PrepareOptions, Progress, Stage, Status, prepare as prepare_data};
use blueberry_data::{Dataset, Manifest, Tokenizer};
use indicatif::{ProgressBar, ProgressStyle};

use crate::args::{PrepareArgs, VerifyArgs};
use crate::exit::{Done, Usage};
use crate::format::{bytes, grouped};

/// Makes token shards.
pub fn prepare(args: &PrepareArgs) -> Result<Done> {
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
    let progress = Bar::new();
    let prepared = prepare_data(&options, &progress)?;
    progress.finish();
    if prepared.changed {
        println!("{} is ready:", args.out.display());
    } else {
        println!(
            "{} holds these inputs already, nothing was changed:",
            args.out.display()
        );
    }
    print(&prepared.manifest);
    println!(
        "next: blueberry train --data {} --set model.vocab_size={}",
        args.out.display(),
        prepared.manifest.tokenizer.vocab_size
    );
    Ok(Done::Yes)
}

/// Compares shards with their digests.
pub fn verify(args: &VerifyArgs) -> Result<Done> {
    let dataset = Dataset::open(&args.dir)?;
    dataset.verify()?;
    println!("{}: every shard is what its manifest says", args.dir.display());
    print(dataset.manifest());
    Ok(Done::Yes)
}

fn print(manifest: &Manifest) {
    println!("  documents          {}", grouped(manifest.documents));
    println!("  training tokens    {}", grouped(manifest.train_tokens));
    println!("  validation targets {}", grouped(manifest.validation.targets));
    println!(
        "  unigram entropy    {:.4} nats a token",
        manifest.unigram_entropy_nats
    );
    println!("  split              {}", manifest.split);
}

/// A bar over the input's bytes, one for each stage.
struct Bar(Mutex<Option<(Stage, ProgressBar)>>);

impl Bar {
    fn new() -> Self {
        Self(Mutex::new(None))
    }

    fn finish(&self) {
        if let Ok(mut current) = self.0.lock()
            && let Some((_, bar)) = current.take()
        {
            bar.finish_and_clear();
        }
    }
}

impl Progress for Bar {
    fn update(&self, status: &Status) {
        // A poisoned lock means that drawing panicked: then there is no bar.
        let Ok(mut current) = self.0.lock() else { return };
        if current.as_ref().is_none_or(|(stage, _)| *stage != status.stage) {
            *current = Some((status.stage, ProgressBar::new(status.bytes_total)));
        }
        if let Some((stage, bar)) = current.as_ref() {
            if let Ok(style) = ProgressStyle::with_template(
                "{msg} {bar:24} {percent:>3}%  {binary_bytes_per_sec}  ETA {eta}",
            ) {
                bar.set_style(style);
            }
            bar.set_message(format!(
                "{stage:?}: {} of {}, {} tokens",
                bytes(status.bytes_done),
                bytes(status.bytes_total),
                grouped(status.tokens)
            ));
            bar.set_position(status.bytes_done);
        }
    }
}
