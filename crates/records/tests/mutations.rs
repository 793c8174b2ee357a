//! A thousand changed submissions: none is eligible that should not be, and none is refused whose meaning is untouched.
//!
//! Two kinds of change are not among them, since no check of one record can find them: a log that was made up as a whole
//! and agrees with itself (only running it again tells), and another author in an unsigned record (the ledger and the
//! signature tell; `leaderboard.rs` and `submission.rs` test both).
#![allow(clippy::unwrap_used)] // helpers of tests

#[path = "common/claim.rs"]
mod claim;
mod common;
#[path = "common/forge.rs"]
mod forge;

use std::fs;
use std::path::{Path, PathBuf};

use blueberry_records::Limits;
use blueberry_records::folder::Folder;
use blueberry_records::judge::judge_record;
use blueberry_records::open::open_record;
use blueberry_records::readme::table_of;
use blueberry_records::record::Record;
use blueberry_rules::Status;
use claim::submitted;
use common::*;
use forge::*;
use serde_json::{Value, json};

const MUTANTS: usize = 1000;

/// What a change should come to.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Meaning {
    /// It must not be eligible.
    Changed,
    /// It must stay eligible.
    Untouched,
    /// Only the author's name changed: see the top of this file.
    AuthorsWord,
}

type Mutation = (&'static str, fn(&mut Files, &mut Dice) -> Meaning);

const MUTATIONS: &[Mutation] = &[
    ("a bit flipped", flip_bit),
    ("a file cut", cut_file),
    ("two files swapped", swap_files),
    ("two files swapped, digests made anew", swap_files_redigested),
    ("a file removed", remove_file),
    ("a file added", add_file),
    ("a line dropped", drop_line),
    ("a line doubled", double_line),
    ("two lines swapped", swap_lines),
    ("a line dropped, sealed anew", drop_line_resealed),
    ("a line doubled, sealed anew", double_line_resealed),
    ("two lines swapped, sealed anew", swap_lines_resealed),
    ("a field edited, sealed anew", edit_field_resealed),
    ("a head edited, sealed anew", edit_head_resealed),
    ("a seed twice", seed_twice),
    ("an attempt removed", attempt_removed),
    ("the attempts file removed", attempts_removed),
    ("the attempts file edited", attempts_edited),
    ("the config edited", config_edited),
    ("a figure in record.toml edited", figure_edited),
    ("a figure in the README edited", readme_figure_edited),
    ("prose of the README edited", prose_edited),
    ("logs packed otherwise", packed_otherwise),
    ("the config laid out otherwise", config_laid_out),
];

#[test]
fn a_thousand_changed_submissions() {
    let dir = Dir::new();
    let (_, record) = submitted(&dir);
    let original = read_files(&record);
    assert_eq!(
        verdict(&dir, &record),
        Some(Status::Eligible),
        "the unchanged one"
    );
    let mut dice = Dice(1);
    let (mut made, mut untouched) = (0, 0);
    let mut wrong = Vec::new();
    for (name, mutate) in MUTATIONS.iter().cycle() {
        if made == MUTANTS {
            break;
        }
        let mut files = original.clone();
        let meaning = mutate(&mut files, &mut dice);
        if files == original || meaning == Meaning::AuthorsWord {
            continue;
        }
        made += 1;
        untouched += usize::from(meaning == Meaning::Untouched);
        write_files(&record, &files);
        let eligible = verdict(&dir, &record) == Some(Status::Eligible);
        if eligible != (meaning == Meaning::Untouched) {
            wrong.push(format!("mutant {made}, {name}: {}", changes(&original, &files)));
        }
    }
    assert!(untouched > MUTANTS / 20, "{untouched} whose meaning is untouched");
    assert!(wrong.is_empty(), "{} wrong:\n{}", wrong.len(), wrong.join("\n"));
    write_files(&record, &original);
    assert_eq!(
        verdict(&dir, &record),
        Some(Status::Eligible),
        "the unchanged one again"
    );
}

#[test]
fn every_digit_of_record_toml_counts() {
    let dir = Dir::new();
    let (_, record) = submitted(&dir);
    let path = record.join("record.toml");
    let original = fs::read_to_string(&path).unwrap();
    let mut missed = Vec::new();
    for (line, changed) in changed_digits(&original) {
        fs::write(&path, changed).unwrap();
        if verdict(&dir, &record) == Some(Status::Eligible) {
            missed.push(line.to_owned());
        }
    }
    assert!(missed.is_empty(), "changed behind and not found: {missed:#?}");
    fs::write(&path, &original).unwrap();
    assert_eq!(verdict(&dir, &record), Some(Status::Eligible));
}

#[test]
fn a_record_builds_on_one_that_is_there() {
    let dir = Dir::new();
    let (_, record) = submitted(&dir);
    let path = record.join("record.toml");
    let text = fs::read_to_string(&path).unwrap();
    fs::write(&path, format!("parent = \"small/2026-01-01-nowhere\"\n{text}")).unwrap();
    assert_eq!(verdict(&dir, &record), Some(Status::Ineligible));
}

/// `None` for what cannot be read.
fn verdict(dir: &Dir, record: &Path) -> Option<Status> {
    let opened = open_record(record, &Limits::default()).ok()?;
    let categories = categories();
    let category = categories.get(&opened.record.category)?;
    let records = dir.path().join("records");
    Some(judge_record(&opened, category, &categories, Some(&records), None).status)
}

fn read_files(record: &Path) -> Files {
    let folder = Folder::open(record, &Limits::default()).unwrap();
    folder
        .names()
        .map(|name| (name.to_owned(), folder.read(name).unwrap()))
        .collect()
}

fn write_files(record: &PathBuf, files: &Files) {
    fs::remove_dir_all(record).unwrap();
    for (name, bytes) in files {
        let path = record.join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
    }
}

/// Which files differ, and the first line that does.
fn changes(before: &Files, after: &Files) -> String {
    let names: std::collections::BTreeSet<_> = before.keys().chain(after.keys()).collect();
    let differs = |name: &&&String| before.get(**name) != after.get(**name);
    names
        .iter()
        .filter(differs)
        .map(|name| format!("{name}: {}; ", first_difference(before, after, name)))
        .collect()
}

fn first_difference(before: &Files, after: &Files, name: &str) -> String {
    let (Some(old), Some(new)) = (before.get(name), after.get(name)) else {
        return "there or gone".into();
    };
    let text = |bytes: &Vec<u8>| {
        let bytes = zstd::decode_all(bytes.as_slice()).unwrap_or_else(|_| bytes.clone());
        String::from_utf8_lossy(&bytes).into_owned()
    };
    let (old, new) = (text(old), text(new));
    // A forger's seals stand elsewhere.
    let said = |text: &String| -> Vec<String> {
        text.lines()
            .filter(|line| !line.contains("\"event\":\"seal\""))
            .map(String::from)
            .collect()
    };
    let pair = said(&old)
        .into_iter()
        .zip(said(&new))
        .find(|(old, new)| old != new);
    pair.map_or_else(
        || "other length".into(),
        |(old, new)| format!("`{old}` -> `{new}`"),
    )
}

// Changes that leave seals and digests as they were.

fn flip_bit(files: &mut Files, dice: &mut Dice) -> Meaning {
    let names: Vec<String> = files.keys().cloned().collect();
    let name = dice.pick(&names).clone();
    let before = files.clone();
    let bytes = files.get_mut(&name).unwrap();
    let at = dice.below(bytes.len());
    bytes[at] ^= 1 << dice.below(8);
    meaning_of(&before, files, &name)
}

/// What a change of one file comes to.
fn meaning_of(before: &Files, after: &Files, name: &str) -> Meaning {
    let text = |files: &Files| {
        files
            .get(name)
            .and_then(|bytes| String::from_utf8(bytes.clone()).ok())
    };
    match (name, text(before), text(after)) {
        ("README.md", Some(old), Some(new)) if table_of(&old) == table_of(&new) => Meaning::Untouched,
        ("record.toml", Some(old), Some(new)) => match (Record::parse(&old), Record::parse(&new)) {
            (Ok(old), Ok(new)) if old == new => Meaning::Untouched,
            (Ok(old), Ok(new))
                if Record {
                    author: old.author.clone(),
                    ..new.clone()
                } == old =>
            {
                Meaning::AuthorsWord
            }
            _ => Meaning::Changed,
        },
        _ => Meaning::Changed,
    }
}

fn cut_file(files: &mut Files, dice: &mut Dice) -> Meaning {
    let names: Vec<String> = files.keys().cloned().collect();
    let name = dice.pick(&names).clone();
    let before = files.clone();
    let bytes = files.get_mut(&name).unwrap();
    bytes.truncate(dice.below(bytes.len()));
    meaning_of(&before, files, &name)
}

fn swap_files(files: &mut Files, dice: &mut Dice) -> Meaning {
    let names: Vec<String> = files.keys().cloned().collect();
    let (a, b) = (dice.pick(&names).clone(), dice.pick(&names).clone());
    let (bytes_a, bytes_b) = (files[&a].clone(), files[&b].clone());
    files.insert(a, bytes_b);
    files.insert(b, bytes_a);
    Meaning::Changed
}

fn swap_files_redigested(files: &mut Files, dice: &mut Dice) -> Meaning {
    let logs = log_names(files);
    let (a, b) = (dice.pick(&logs).clone(), dice.pick(&logs).clone());
    let (bytes_a, bytes_b) = (files[&a].clone(), files[&b].clone());
    files.insert(a, bytes_b);
    files.insert(b, bytes_a);
    redigested(files);
    Meaning::Changed
}

fn remove_file(files: &mut Files, dice: &mut Dice) -> Meaning {
    let names: Vec<String> = files.keys().cloned().collect();
    files.remove(dice.pick(&names));
    Meaning::Changed
}

fn add_file(files: &mut Files, dice: &mut Dice) -> Meaning {
    let name = *dice.pick(&[
        "notes.txt",
        "runs/seed-99.jsonl.zst",
        "source.patch",
        "record.toml.sig",
        "runs/a/b",
    ]);
    files.insert(name.into(), b"x".to_vec());
    Meaning::Changed
}

/// Changes the lines of a random log.
fn edit_log(files: &mut Files, dice: &mut Dice, edit: impl FnOnce(&mut Vec<String>, &mut Dice)) -> String {
    let name = dice.pick(&log_names(files)).clone();
    let mut lines = lines(files, &name);
    edit(&mut lines, dice);
    put_lines(files, &name, &lines);
    name
}

fn drop_line(files: &mut Files, dice: &mut Dice) -> Meaning {
    edit_log(files, dice, |lines, dice| {
        drop(lines.remove(dice.below(lines.len())))
    });
    Meaning::Changed
}

fn double_line(files: &mut Files, dice: &mut Dice) -> Meaning {
    edit_log(files, dice, |lines, dice| {
        let at = dice.below(lines.len());
        lines.insert(at, lines[at].clone());
    });
    Meaning::Changed
}

fn swap_lines(files: &mut Files, dice: &mut Dice) -> Meaning {
    edit_log(files, dice, |lines, dice| {
        let at = dice.below(lines.len() - 1);
        lines.swap(at, at + 1);
    });
    Meaning::Changed
}

// Changes by a forger who makes seals and digests anew.

/// Changes the unsealed lines of a random log, then seals and digests.
fn forge_log(files: &mut Files, dice: &mut Dice, edit: impl FnOnce(&mut Vec<String>, &mut Dice)) -> Meaning {
    let name = dice.pick(&log_names(files)).clone();
    let mut lines = lines(files, &name);
    lines.retain(|line| !line.contains("\"event\":\"seal\""));
    edit(&mut lines, dice);
    put_lines(files, &name, &resealed(&lines));
    redigested(files);
    Meaning::Changed
}

fn drop_line_resealed(files: &mut Files, dice: &mut Dice) -> Meaning {
    forge_log(files, dice, |lines, dice| {
        // An evaluation before the first step is nobody's duty.
        let optional = |line: &String| line.contains("\"event\":\"eval\"") && line.contains("\"tokens\":0,");
        let bound: Vec<usize> = (0..lines.len()).filter(|&at| !optional(&lines[at])).collect();
        drop(lines.remove(*dice.pick(&bound)));
    })
}

fn double_line_resealed(files: &mut Files, dice: &mut Dice) -> Meaning {
    forge_log(files, dice, |lines, dice| {
        let at = dice.below(lines.len());
        lines.insert(at, lines[at].clone());
    })
}

fn swap_lines_resealed(files: &mut Files, dice: &mut Dice) -> Meaning {
    forge_log(files, dice, |lines, dice| {
        let at = dice.below(lines.len() - 1);
        lines.swap(at, at + 1);
    })
}

/// Fields that must agree with others. The remaining ones, such as a step's loss, are the program's word.
const BOUND: [(&str, &str); 12] = [
    ("step", "/step"),
    ("step", "/tokens"),
    ("step", "/tokens_per_s"),
    ("eval", "/step"),
    ("eval", "/tokens"),
    ("eval", "/targets"),
    ("eval", "/ledger/tokens"),
    ("end", "/val_loss"),
    ("end", "/train_s"),
    ("end", "/tokens"),
    ("end", "/ledger/tokens"),
    ("end", "/status"),
];

fn edit_field_resealed(files: &mut Files, dice: &mut Dice) -> Meaning {
    let (event, pointer) = *dice.pick(&BOUND);
    let tag = format!("\"event\":\"{event}\"");
    forge_log(files, dice, |lines, dice| {
        let of_event: Vec<usize> = (0..lines.len()).filter(|&at| lines[at].contains(&tag)).collect();
        let at = *dice.pick(&of_event);
        let factor = *dice.pick(&[0.5, 0.9, 1.1, 2.0]);
        assert!(
            edit_field(&mut lines[at], pointer, |value| other(value, factor)),
            "{pointer}: {}",
            lines[at]
        );
    })
}

/// Another value of the same kind.
fn other(value: &Value, factor: f64) -> Value {
    match value {
        Value::Number(number) if number.is_u64() => {
            let whole = number.as_u64().unwrap();
            // There is nothing below 0.
            json!(if factor < 1.0 && whole > 0 {
                whole.saturating_sub(1 + whole / 7)
            } else {
                whole + 1
            })
        }
        Value::Number(number) => json!(number.as_f64().unwrap() * factor),
        Value::String(text) if text == "completed" => json!("interrupted"),
        Value::String(text) => json!(
            text.chars()
                .rev()
                .chain(['0'])
                .take(text.len())
                .collect::<String>()
                + "f"
        ),
        other => panic!("no other value of {other}"),
    }
}

/// Fields of the first line that rules or the other runs hold.
const HEAD: [&str; 12] = [
    "/seed",
    "/model/parameters",
    "/model/matmul_parameters",
    "/data/validation_sha256",
    "/data/tokenizer_sha256",
    "/data/manifest_sha256",
    "/target_tokens",
    "/source/commit",
    "/source/sha256",
    "/attempts_sha256",
    "/config/optim/muon/lr",
    "/config/train/micro_batch",
];

fn edit_head_resealed(files: &mut Files, dice: &mut Dice) -> Meaning {
    let pointer = *dice.pick(&HEAD);
    let factor = *dice.pick(&[0.5, 2.0]);
    forge_log(files, dice, |lines, _| {
        assert!(
            edit_field(&mut lines[0], pointer, |value| other(value, factor)),
            "{pointer}"
        );
    })
}

// Changes of what is declared and claimed.

fn seed_twice(files: &mut Files, dice: &mut Dice) -> Meaning {
    let logs = log_names(files);
    let (from, to) = (dice.pick(&logs).clone(), dice.pick(&logs).clone());
    let mut lines = lines(files, &from);
    // Not even the same bytes.
    edit_field(&mut lines[0], "/run_id", |_| {
        json!(format!("other-{}", dice.next()))
    });
    put_lines(files, &to, &resealed(&lines));
    let seed = lines[0].clone();
    let seed: Value = serde_json::from_str(&seed).unwrap();
    edit_record(files, |record| {
        for run in record.runs.iter_mut().filter(|run| run.file == to) {
            run.seed = seed["seed"].as_u64().unwrap();
        }
    });
    redigested(files);
    if from == to {
        Meaning::Untouched
    } else {
        Meaning::Changed
    }
}

fn attempt_removed(files: &mut Files, dice: &mut Dice) -> Meaning {
    let name = dice.pick(&log_names(files)).clone();
    files.remove(&name);
    edit_record(files, |record| record.runs.retain(|run| run.file != name));
    redigested(files);
    Meaning::Changed
}

fn attempts_removed(files: &mut Files, _: &mut Dice) -> Meaning {
    files.remove("attempts.toml");
    redigested(files);
    Meaning::Changed
}

fn attempts_edited(files: &mut Files, dice: &mut Dice) -> Meaning {
    let mut attempts = attempts();
    match dice.below(4) {
        0 => drop(attempts.seeds.pop()),
        1 => attempts.seeds.push(dice.next() >> 1),
        2 => attempts.config_sha256 = digest('0'),
        _ => attempts.note = "all of them, I swear".into(),
    }
    files.insert("attempts.toml".into(), attempts.to_text().unwrap().into_bytes());
    redigested(files);
    Meaning::Changed
}

fn config_edited(files: &mut Files, dice: &mut Dice) -> Meaning {
    let text = String::from_utf8(files["config.toml"].clone()).unwrap();
    let digits: Vec<usize> = text
        .char_indices()
        .filter(|(_, c)| c.is_ascii_digit())
        .map(|(at, _)| at)
        .collect();
    let at = *dice.pick(&digits);
    let mut bytes = text.into_bytes();
    bytes[at] = if bytes[at] == b'9' { b'8' } else { bytes[at] + 1 };
    files.insert("config.toml".into(), bytes);
    redigested(files);
    Meaning::Changed
}

fn figure_edited(files: &mut Files, dice: &mut Dice) -> Meaning {
    edit_record(files, |record| {
        let names: Vec<String> = record.figures.keys().cloned().collect();
        let figure = record.figures.get_mut(dice.pick(&names)).unwrap();
        *figure = format!("1{figure}");
    });
    Meaning::Changed
}

fn readme_figure_edited(files: &mut Files, dice: &mut Dice) -> Meaning {
    let text = String::from_utf8(files["README.md"].clone()).unwrap();
    let table = table_of(&text).unwrap();
    let digits: Vec<usize> = table
        .char_indices()
        .filter(|(_, c)| c.is_ascii_digit())
        .map(|(at, _)| at)
        .collect();
    let at = text.find(table).unwrap() + *dice.pick(&digits);
    let mut bytes = text.into_bytes();
    bytes[at] = if bytes[at] == b'0' { b'1' } else { bytes[at] - 1 };
    files.insert("README.md".into(), bytes);
    Meaning::Changed
}

// Changes that mean nothing.

fn prose_edited(files: &mut Files, dice: &mut Dice) -> Meaning {
    let text = String::from_utf8(files["README.md"].clone()).unwrap();
    let text = text.replace("Say here", &format!("Reason {}: say here", dice.below(1000)));
    files.insert("README.md".into(), text.into_bytes());
    Meaning::Untouched
}

fn packed_otherwise(files: &mut Files, dice: &mut Dice) -> Meaning {
    let name = dice.pick(&log_names(files)).clone();
    let log = zstd::decode_all(files[&name].as_slice()).unwrap();
    files.insert(
        name,
        zstd::encode_all(log.as_slice(), 1 + dice.below(9) as i32).unwrap(),
    );
    redigested(files);
    Meaning::Untouched
}

fn config_laid_out(files: &mut Files, dice: &mut Dice) -> Meaning {
    let text = String::from_utf8(files["config.toml"].clone()).unwrap();
    files.insert(
        "config.toml".into(),
        format!("# {}\n{text}", dice.next()).into_bytes(),
    );
    redigested(files);
    Meaning::Untouched
}
