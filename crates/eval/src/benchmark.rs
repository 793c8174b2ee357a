//! A benchmark's file: JSON lines, each a question.
//!
//! | a line has | kind | a model is asked |
//! |---|---|---|
//! | `query` (or `ctx`, `context`), `choices` (or `endings`), `gold` (or `label`) | choice | which of the choices follows |
//! | `context_options`, `continuation`, `gold` | choice | after which of the contexts the continuation is most likely |
//! | `context`, `continuation` | cloze | whether it would itself say the continuation |
//!
//! A query that begins with "Question:" is followed by a line "Answer:", as the answer alone would follow no text.
//!
//! These are the fields of HellaSwag, LAMBADA, and of the files of ARC, PIQA and Winogrande in common collections. Other
//! fields are skipped.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use serde::Deserialize;
use sha2::{Digest, Sha256};
use thiserror::Error;

/// The largest of the usual benchmarks has 48 MB.
const MAX_BYTES: u64 = 256 << 20;
const MAX_ITEMS: usize = 200_000;
const MAX_LINE_BYTES: usize = 1 << 20;
const MAX_OPTIONS: usize = 32;

/// The questions of a benchmark.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Benchmark {
    /// Name, as a category and the log have it: the file's, without its ending.
    pub name: String,
    /// SHA-256 of the file, in hex.
    pub sha256: String,
    /// How all its questions are answered.
    pub kind: Kind,
    /// The questions, at least one.
    pub items: Vec<Item>,
}

/// How a question is answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// The most likely of several.
    Choice,
    /// By the model itself, token by token.
    Cloze,
}

/// A question.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Item {
    /// What is compared; one in a cloze.
    pub options: Vec<Pair>,
    /// Index of the right option.
    pub gold: usize,
}

/// A text, and what may follow it. The space between them is part of the continuation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pair {
    /// What the model is shown.
    pub context: String,
    /// What it is asked for.
    pub continuation: String,
}

/// A file that is no benchmark.
#[derive(Debug, Error)]
pub enum BenchmarkError {
    /// The file cannot be read.
    #[error("benchmark {}: {cause}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// The system's answer.
        cause: io::Error,
    },
    /// The file is too large, holds too many questions, or none.
    #[error("benchmark {}: {problem}", path.display())]
    Size {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        problem: String,
    },
    /// A line is no question.
    #[error("benchmark {}, line {line}: {problem}", path.display())]
    Line {
        /// The file.
        path: PathBuf,
        /// Counted from 1.
        line: usize,
        /// What is wrong.
        problem: String,
    },
}

impl Benchmark {
    /// Reads a file of questions, all of one kind.
    ///
    /// # Errors
    /// [`BenchmarkError`].
    pub fn read(path: &Path) -> Result<Self, BenchmarkError> {
        let unreadable = |cause| BenchmarkError::Unreadable {
            path: path.to_owned(),
            cause,
        };
        let mut bytes = Vec::new();
        let file = File::open(path).map_err(unreadable)?;
        file.take(MAX_BYTES + 1)
            .read_to_end(&mut bytes)
            .map_err(unreadable)?;
        let size = |problem: String| BenchmarkError::Size {
            path: path.to_owned(),
            problem,
        };
        if bytes.len() as u64 > MAX_BYTES {
            return Err(size(format!("more than {} MiB are not read", MAX_BYTES >> 20)));
        }
        let name = path
            .file_stem()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned();
        Self::parse(name, &bytes).map_err(|(line, problem)| match line {
            0 => size(problem),
            line => BenchmarkError::Line {
                path: path.to_owned(),
                line,
                problem,
            },
        })
    }

    /// An error is a line, or 0 for the whole, and what is wrong with it.
    fn parse(name: String, bytes: &[u8]) -> Result<Self, (usize, String)> {
        let mut items = Vec::new();
        let mut kind = None;
        for (index, line) in bytes.split(|&byte| byte == b'\n').enumerate() {
            if line.trim_ascii().is_empty() {
                continue;
            }
            let at = |problem| (index + 1, problem);
            if items.len() == MAX_ITEMS {
                return Err(at(format!("more than {MAX_ITEMS} questions are not read")));
            }
            let (found, item) = question(line).map_err(at)?;
            if *kind.get_or_insert(found) != found {
                return Err(at(
                    "questions of two kinds in one file: one score cannot cover both".into(),
                ));
            }
            items.push(item);
        }
        let kind = kind.ok_or((0, "it has no question".to_owned()))?;
        let sha256 = Sha256::digest(bytes)
            .into_iter()
            .map(|byte| format!("{byte:02x}"));
        Ok(Self {
            name,
            sha256: sha256.collect(),
            kind,
            items,
        })
    }
}

#[derive(Deserialize)]
struct Line {
    #[serde(alias = "query", alias = "ctx")]
    context: Option<String>,
    context_options: Option<Vec<String>>,
    #[serde(alias = "endings")]
    choices: Option<Vec<String>>,
    continuation: Option<String>,
    #[serde(alias = "label")]
    gold: Option<usize>,
}

fn question(line: &[u8]) -> Result<(Kind, Item), String> {
    if line.len() > MAX_LINE_BYTES {
        return Err(format!("longer than {} MiB", MAX_LINE_BYTES >> 20));
    }
    let line: Line = serde_json::from_slice(line).map_err(|error| error.to_string())?;
    let after = |context: &str, text: &str| Pair {
        context: context.trim_end().to_owned(),
        continuation: format!(" {}", text.trim_start()),
    };
    match line {
        Line {
            context: Some(context),
            choices: Some(choices),
            gold,
            ..
        } => {
            // The words before the answer are shown, not asked for.
            let shown = match context.trim_end() {
                question if question.starts_with("Question:") => format!("{question}\nAnswer:"),
                text => text.to_owned(),
            };
            let options = choices.iter().map(|choice| after(&shown, choice));
            choice(options.collect(), gold)
        }
        Line {
            context_options: Some(contexts),
            continuation: Some(continuation),
            gold,
            ..
        } => {
            let options = contexts
                .iter()
                .map(|context| after(context, &continuation));
            choice(options.collect(), gold)
        }
        Line {
            context: Some(context),
            continuation: Some(continuation),
            ..
        } => {
            let options = vec![after(&context, &continuation)];
            checked(Kind::Cloze, Item { options, gold: 0 })
        }
        _ => Err(
            "no question: it needs `query`, `choices`, `gold`; or `context_options`, `continuation`, `gold`; or \
             `context`, `continuation`"
                .into(),
        ),
    }
}

fn choice(options: Vec<Pair>, gold: Option<usize>) -> Result<(Kind, Item), String> {
    let gold = gold.ok_or("`gold`, the index of the right option, is missing")?;
    if !(2..=MAX_OPTIONS).contains(&options.len()) {
        return Err(format!("{} options, not 2 to {MAX_OPTIONS}", options.len()));
    }
    if gold >= options.len() {
        return Err(format!(
            "gold = {gold} of {} options, counted from 0",
            options.len()
        ));
    }
    checked(Kind::Choice, Item { options, gold })
}

fn checked(kind: Kind, item: Item) -> Result<(Kind, Item), String> {
    let empty = |pair: &Pair| pair.context.trim().is_empty() || pair.continuation.trim().is_empty();
    if item.options.iter().any(empty) {
        return Err("an empty context or continuation".into());
    }
    Ok((kind, item))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Benchmark, (usize, String)> {
        Benchmark::parse("x".into(), text.as_bytes())
    }

    fn pair(context: &str, continuation: &str) -> Pair {
        Pair {
            context: context.into(),
            continuation: continuation.into(),
        }
    }

    #[test]
    fn every_form_of_a_question() {
        let benchmark = parse(
            "{\"query\": \"Question: which?\\n\", \"choices\": [\"this\", \" that\"], \"gold\": 1, \"id\": 7}\n\n\
             {\"ctx\": \"A man\", \"endings\": [\"runs.\", \"sits.\", \"flies.\"], \"label\": 0}\n\
             {\"context_options\": [\"It was the cup\", \"It was the hand\"], \"continuation\": \"that broke\", \"gold\": 1}\n",
        );
        let Benchmark { kind, items, .. } = benchmark.unwrap();
        assert_eq!(kind, Kind::Choice);
        assert_eq!(
            items[0],
            Item {
                options: vec![
                    pair("Question: which?\nAnswer:", " this"),
                    pair("Question: which?\nAnswer:", " that")
                ],
                gold: 1
            }
        );
        assert_eq!(items[1].options[2], pair("A man", " flies."));
        assert_eq!(items[2].options[0], pair("It was the cup", " that broke"));
        let cloze = parse("{\"context\": \"To be or not to \", \"continuation\": \"be\"}").unwrap();
        assert_eq!(
            (cloze.kind, &cloze.items[0].options[..]),
            (Kind::Cloze, &[pair("To be or not to", " be")][..])
        );
    }

    #[test]
    fn the_digest_is_the_file_s() {
        let line = "{\"context\": \"a\", \"continuation\": \"b\"}";
        let expected: String = Sha256::digest(line)
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect();
        assert_eq!(parse(line).unwrap().sha256, expected);
    }

    #[test]
    fn what_is_no_question_is_named_with_its_line() {
        let good = "{\"context\": \"a\", \"continuation\": \"b\"}\n";
        for (bad, words) in [
            ("{\"context\": \"a\"", "EOF"),
            ("[1, 2]", "expected"),
            ("{\"context\": \"a\"}", "no question"),
            ("{\"query\": \"a\", \"choices\": [\"b\", \"c\"]}", "`gold`"),
            (
                "{\"query\": \"a\", \"choices\": [\"b\", \"c\"], \"gold\": 2}",
                "gold = 2",
            ),
            (
                "{\"query\": \"a\", \"choices\": [\"b\"], \"gold\": 0}",
                "1 options",
            ),
            (
                "{\"query\": \"a\", \"choices\": [\"b\", \"c\"], \"gold\": -1}",
                "expected usize",
            ),
            ("{\"context\": \"a\", \"continuation\": \" \"}", "empty"),
            (
                "{\"query\": \"a\", \"choices\": [\"b\", \"c\"], \"gold\": 1}",
                "two kinds",
            ),
            ("\u{0}\u{1}", "expected value"),
        ] {
            let (line, problem) = parse(&format!("{good}{bad}\n")).unwrap_err();
            assert!(
                line == 2 && problem.contains(words),
                "{bad}: line {line}: {problem}"
            );
        }
        assert_eq!(parse("\n \n").unwrap_err(), (0, "it has no question".into()));
    }

    #[test]
    fn a_file_without_end_is_not_read_to_its_end() {
        let place = tempfile::tempdir().unwrap();
        let path = place.path().join("large.jsonl");
        let file = File::create(&path).unwrap();
        file.set_len(MAX_BYTES + 1).unwrap();
        let error = Benchmark::read(&path).unwrap_err().to_string();
        assert!(error.contains("large.jsonl: more than 256 MiB"), "{error}");
        let missing = Benchmark::read(&place.path().join("none.jsonl"))
            .unwrap_err()
            .to_string();
        assert!(missing.contains("none.jsonl: No such file"), "{missing}");
    }
}
