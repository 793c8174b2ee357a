//! A corpus that needs no download: short stories from a grammar, in plain English.
//!
//! The stories have people with names, genders and pronouns that agree, things that are lost and found again, causes
//! and consequences, and a moral that follows from the plot, so that a model has something to learn at every range. A
//! seed gives the same stories on every machine.

use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use crate::dataset::Dataset;
use crate::error::{AtPath, FileError};
use crate::manifest::TokenizerKind;
use crate::prepare::{PrepareError, PrepareOptions, Progress, prepare as prepare_corpus};
use crate::tokenizer::Tokenizer;

use cast::Cast;
use grammar::Teller;
use random::Random;

mod cast;
mod grammar;
mod random;
mod rules;
mod words;

/// The seed of the corpus that [`prepare`] makes.
const SEED: u64 = 1;

/// The story at `index` of `seed`.
#[must_use]
pub fn story(seed: u64, index: u64) -> String {
    let mut random = Random::new(seed, index);
    let cast = Cast::draw(&mut random);
    Teller::tell(&cast, &mut random)
}

/// The stories of `seed`, without end.
pub fn stories(seed: u64) -> impl Iterator<Item = String> {
    (0..).map(move |index| story(seed, index))
}

/// Writes the stories of `seed` as JSON lines, `{"text": ...}`, until their texts have at least `bytes` bytes.
///
/// # Errors
/// The writer's.
pub fn write(seed: u64, bytes: u64, mut out: impl Write) -> io::Result<()> {
    let mut written = 0;
    for text in stories(seed) {
        if written >= bytes {
            break;
        }
        serde_json::to_writer(&mut out, &serde_json::json!({ "text": text }))?;
        out.write_all(b"\n")?;
        written += text.len() as u64;
    }
    out.flush()
}

/// The folder below `cache_dir` with a dataset of `bytes` bytes of stories; it is made on the first call. Where several
/// processes call this at once, one makes it and the others wait.
///
/// # Errors
/// The folder cannot be written, or the dataset is too small to be split.
pub fn prepare(
    cache_dir: &Path,
    bytes: u64,
    tokenizer: Tokenizer,
    progress: &dyn Progress,
) -> Result<PathBuf, PrepareError> {
    let out = folder(cache_dir, bytes, &tokenizer);
    if Dataset::open(&out).is_ok() {
        return Ok(out);
    }
    fs::create_dir_all(cache_dir).at("create", cache_dir)?;
    let lock_path = cache_dir.join(".stories.lock");
    let lock = File::create(&lock_path).at("create", &lock_path)?;
    lock.lock().at("lock", &lock_path)?;
    if Dataset::open(&out).is_ok() {
        return Ok(out);
    }
    // What a killed process or a full disk left is ours, and made again.
    remove(&out)?;
    let sources = cache_dir.join(".stories");
    let made = write_sources(&sources, bytes)
        .map_err(PrepareError::from)
        .and_then(|text| prepare_corpus(&PrepareOptions::new(vec![text], out.clone(), tokenizer), progress));
    // After an error, that one is the one to report.
    let _ = fs::remove_dir_all(&sources);
    made.map(|_| out)
}

/// Has [`prepare`] make a dataset again whose files are not what it wrote.
///
/// # Errors
/// It cannot be removed.
pub fn forget(cache_dir: &Path, bytes: u64, tokenizer: &Tokenizer) -> Result<(), PrepareError> {
    Ok(remove(&folder(cache_dir, bytes, tokenizer))?)
}

fn remove(folder: &Path) -> Result<(), FileError> {
    match fs::remove_dir_all(folder) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error).at("remove", folder),
        _ => Ok(()),
    }
}

fn folder(cache_dir: &Path, bytes: u64, tokenizer: &Tokenizer) -> PathBuf {
    cache_dir.join(format!("stories-v1-{bytes}-{}", short_name(tokenizer)))
}

/// The stories as a file in a new folder.
fn write_sources(folder: &Path, bytes: u64) -> Result<PathBuf, FileError> {
    remove(folder)?;
    fs::create_dir(folder).at("create", folder)?;
    let text = folder.join("stories.jsonl");
    write_file(&text, bytes)?;
    Ok(text)
}

fn write_file(path: &Path, bytes: u64) -> Result<(), FileError> {
    let file = BufWriter::new(File::create_new(path).at("create", path)?);
    write(SEED, bytes, file).at("write", path)
}

fn short_name(tokenizer: &Tokenizer) -> String {
    match tokenizer.info().kind {
        TokenizerKind::Bytes => "bytes".to_owned(),
        TokenizerKind::HuggingFace => tokenizer.sha256()[..12].to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::digest::hex;
    use sha2::{Digest, Sha256};
    use std::collections::HashSet;

    #[test]
    fn the_first_bytes_are_pinned() {
        let mut text = Vec::new();
        write(SEED, 5000, &mut text).unwrap();
        // A change here changes the corpus: give the folder in `prepare` another version.
        assert_eq!(
            hex(&Sha256::digest(&text[..1000])),
            "6e35befe487c342cad0e344436989abdfd4d40282eec90a31f8644e0aa1f5cb5"
        );
    }

    #[test]
    fn stories_are_distinct_and_well_formed() {
        let all: Vec<String> = stories(7).take(5000).collect();
        assert_eq!(all.iter().collect::<HashSet<_>>().len(), all.len());
        for story in &all {
            assert!(
                (300..4000).contains(&story.len()),
                "{} bytes: {story}",
                story.len()
            );
            assert!(story.ends_with(['.', '!', '?', '"']), "{story}");
            for wrong in [
                "  ", " \n", "{", "[", " .", " ,", "..", ". .", " a a", " a e", " a i", " an r", " an t",
                "\n\n\n", "the the",
            ] {
                assert!(!story.contains(wrong), "{wrong:?} in {story}");
            }
            let quotes = story.matches('"').count();
            assert!(quotes.is_multiple_of(2), "{story}");
        }
        let words: HashSet<&str> = all
            .iter()
            .flat_map(|story| story.split(|c: char| !c.is_alphabetic()))
            .collect();
        assert!(words.len() > 1000, "{}", words.len());
    }

    #[test]
    fn a_seed_gives_its_stories() {
        assert_eq!(story(1, 5), stories(1).nth(5).unwrap());
        assert_ne!(story(1, 5), story(2, 5));
    }

    #[test]
    fn the_corpus_is_prepared_once() {
        let dir = tempfile::tempdir().unwrap();
        let make = || prepare(dir.path(), 200_000, Tokenizer::bytes(), &()).unwrap();
        let folders = std::thread::scope(|scope| {
            let threads: Vec<_> = (0..3).map(|_| scope.spawn(make)).collect();
            threads
                .into_iter()
                .map(|thread| thread.join().unwrap())
                .collect::<Vec<_>>()
        });
        assert!(
            folders
                .iter()
                .all(|folder| *folder == dir.path().join("stories-v1-200000-bytes"))
        );
        let manifest = || {
            fs::metadata(folders[0].join("manifest.json"))
                .unwrap()
                .modified()
                .unwrap()
        };
        let before = manifest();
        make();
        assert_eq!(manifest(), before);
        let dataset = Dataset::open(&folders[0]).unwrap();
        dataset.verify(&mut |_, _| ()).unwrap();
        assert!(dataset.train_tokens() > 190_000);
        let left = fs::read_dir(dir.path())
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect::<HashSet<_>>();
        let expected = [
            ".stories-v1-200000-bytes.lock",
            ".stories.lock",
            "stories-v1-200000-bytes",
        ];
        assert_eq!(left, expected.map(str::to_owned).into());
    }
}
