//! Text to tokens: `blueberry data prepare` against Hugging Face `tokenizers` on the same files.

use std::path::{Path, PathBuf};
use std::process::Command;

use serde::{Deserialize, Serialize};

use super::child::{self, capture};
use super::report::{Measured, PartReport, Table};
use super::scratch::Scratch;
use super::stats::Series;
use super::turns::{Turn, interleave};
use super::{Context, Error};

const TEXTS: &str = "corpus/novels";
const TOKENIZER: &str = "tokenizer/tokenizer.json";

#[derive(Serialize)]
struct Tokenized {
    files: usize,
    bytes: u64,
    threads: usize,
    contenders: Vec<Contender>,
}

#[derive(Serialize)]
struct Contender {
    name: String,
    tokens: u64,
    /// 10^6 bytes of text per second.
    mb_per_s: Series,
    /// Our rate over this program's, round by round; our own entry has none.
    blueberry_ratio: Option<Series>,
}

/// One turn of one program.
#[derive(Clone, Copy)]
struct Taken {
    seconds: f64,
    tokens: u64,
}

/// What is tokenised.
struct Input {
    tokenizer: PathBuf,
    folder: PathBuf,
    files: Vec<PathBuf>,
    bytes: u64,
}

/// Measures, where the texts are there.
pub fn run(context: &Context) -> Result<PartReport, Error> {
    let assets = context.assets.as_deref();
    let Some(assets) = assets.filter(|assets| assets.join(TOKENIZER).is_file()) else {
        let reason = format!(
            "no {TOKENIZER} and {TEXTS}/*.txt; name a folder with both by --assets or BLUEBERRY_ASSETS"
        );
        return Ok(PartReport::Skipped { reason });
    };
    let input = Input::read(assets)?;
    let tokenized = measure(context, &input)?;
    let skipped = match &context.python.versions.tokenizers {
        None => vec![context.python.advice("tokenizers")],
        Some(_) => vec![],
    };
    let part = Measured::new(&tokenized, skipped, vec![table(&tokenized)])?;
    Ok(PartReport::Measured { part })
}

impl Input {
    /// Reads every file once, so that no program pays for a cold disk.
    fn read(assets: &Path) -> Result<Self, Error> {
        let folder = assets.join(TEXTS);
        let mut files = Vec::new();
        for entry in folder.read_dir().map_err(Error::file(&folder))? {
            files.push(entry.map_err(Error::file(&folder))?.path());
        }
        files.sort();
        let mut bytes = 0;
        for file in &files {
            bytes += std::fs::read(file).map_err(Error::file(file))?.len() as u64;
        }
        let tokenizer = assets.join(TOKENIZER);
        Ok(Self {
            tokenizer,
            folder,
            files,
            bytes,
        })
    }
}

fn measure(context: &Context, input: &Input) -> Result<Tokenized, Error> {
    let mut names = vec!["blueberry"];
    let mut turns: Vec<Turn<'_, Taken>> = vec![Box::new(|| prepare(context, input))];
    if context.python.versions.tokenizers.is_some() {
        names.extend(["encode_batch", "encode_batch_fast"]);
        turns.push(Box::new(|| hugging_face(context, input, &[])));
        turns.push(Box::new(|| hugging_face(context, input, &["--fast"])));
    }
    println!(
        "   {} files, {:.1} MB, {} rounds",
        input.files.len(),
        input.bytes as f64 / 1e6,
        context.rounds
    );
    let taken = interleave(context.rounds, &mut turns)?;
    Ok(Tokenized {
        files: input.files.len(),
        bytes: input.bytes,
        threads: context.machine.cpus,
        contenders: compare(&names, &taken, input.bytes)?,
    })
}

/// The whole command, from its start to its end.
fn prepare(context: &Context, input: &Input) -> Result<Taken, Error> {
    // A folder that holds the same inputs already would be left as it is.
    let scratch = Scratch::new()?;
    let out = scratch.path().join("data");
    let mut command = context.blueberry();
    command.args(["data", "prepare"]).arg(&input.folder);
    command
        .arg("--out")
        .arg(&out)
        .arg("--tokenizer")
        .arg(&input.tokenizer);
    threads(context, &mut command);
    let (seconds, _) = capture("blueberry data prepare", &mut command)?;
    let tokens = prepared_tokens(&out.join("manifest.json"))?;
    Ok(Taken { seconds, tokens })
}

fn prepared_tokens(manifest: &Path) -> Result<u64, Error> {
    #[derive(Deserialize)]
    struct Manifest {
        train_tokens: u64,
        validation: Validation,
    }
    #[derive(Deserialize)]
    struct Validation {
        tokens: u64,
    }
    let text = std::fs::read_to_string(manifest).map_err(Error::file(manifest))?;
    let manifest: Manifest = child::json("blueberry data prepare", &text)?;
    Ok(manifest.train_tokens + manifest.validation.tokens)
}

/// The encoding alone, as the script times it.
fn hugging_face(context: &Context, input: &Input, flags: &[&str]) -> Result<Taken, Error> {
    #[derive(Deserialize)]
    struct Answer {
        seconds: Vec<f64>,
        tokens: u64,
    }
    let name = "tokenize_hf.py";
    let script = context.workspace.root.join("bench/pytorch").join(name);
    let mut command = context.python.command(&script);
    command
        .arg("--tokenizer")
        .arg(&input.tokenizer)
        .args(["--repeats", "1"]);
    threads(context, &mut command);
    let (_, text) = capture(name, command.args(flags).args(&input.files))?;
    let answer: Answer = child::json(name, &text)?;
    let seconds = Series::of(answer.seconds)?.median;
    Ok(Taken {
        seconds,
        tokens: answer.tokens,
    })
}

fn threads(context: &Context, command: &mut Command) {
    command.args(["--threads", &context.machine.cpus.to_string()]);
}

fn compare(names: &[&str], taken: &[Vec<Taken>], bytes: u64) -> Result<Vec<Contender>, Error> {
    let rates = |turns: &[Taken]| {
        let megabytes = bytes as f64 / 1e6;
        Series::of(turns.iter().map(|turn| megabytes / turn.seconds).collect())
    };
    let ours = rates(taken.first().ok_or(Error::NoTurns)?)?;
    let mut contenders = Vec::new();
    for (index, (name, turns)) in names.iter().zip(taken).enumerate() {
        let mb_per_s = rates(turns)?;
        contenders.push(Contender {
            name: (*name).to_owned(),
            tokens: turns.last().ok_or(Error::NoTurns)?.tokens,
            blueberry_ratio: (index > 0)
                .then(|| Series::ratios(&ours, &mb_per_s))
                .transpose()?,
            mb_per_s,
        });
    }
    Ok(contenders)
}

fn table(tokenized: &Tokenized) -> Table {
    let head = [
        "tokenize",
        "MB/s",
        "min .. max",
        "tokens",
        "blueberry is",
        "min .. max",
    ];
    let mut table = Table::new(&head);
    for one in &tokenized.contenders {
        let ratio = one.blueberry_ratio.as_ref();
        table.row([
            one.name.clone(),
            format!("{:.2}", one.mb_per_s.median),
            one.mb_per_s.range(2),
            one.tokens.to_string(),
            ratio.map_or(String::new(), |ratio| format!("{:.2} x", ratio.median)),
            ratio.map_or(String::new(), |ratio| ratio.range(2)),
        ]);
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_are_in_millions_of_bytes() {
        let turn = |seconds| Taken { seconds, tokens: 9 };
        let taken = [vec![turn(1.0), turn(2.0)], vec![turn(4.0), turn(4.0)]];
        let contenders = compare(&["blueberry", "encode_batch"], &taken, 8_000_000).unwrap();
        assert_eq!(contenders[0].mb_per_s.turns, [8.0, 4.0]);
        assert_eq!(contenders[0].blueberry_ratio, None);
        let ratio = contenders[1].blueberry_ratio.as_ref().unwrap();
        assert_eq!(ratio.turns, [4.0, 2.0]);
    }

    #[test]
    fn a_manifest_gives_all_of_its_tokens() {
        let scratch = Scratch::new().unwrap();
        let path = scratch.path().join("manifest.json");
        std::fs::write(
            &path,
            r#"{"version": 1, "train_tokens": 90, "validation": {"tokens": 11, "targets": 10}}"#,
        )
        .unwrap();
        assert_eq!(prepared_tokens(&path).unwrap(), 101);
    }

    #[test]
    fn a_folder_of_texts_is_counted() {
        let scratch = Scratch::new().unwrap();
        let texts = scratch.path().join(TEXTS);
        std::fs::create_dir_all(&texts).unwrap();
        std::fs::write(texts.join("b.txt"), "four").unwrap();
        std::fs::write(texts.join("a.txt"), "five.").unwrap();
        let input = Input::read(scratch.path()).unwrap();
        assert_eq!((input.files.len(), input.bytes), (2, 9));
        assert!(input.files[0].ends_with("a.txt"));
    }
}
