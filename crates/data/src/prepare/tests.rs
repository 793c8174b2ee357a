use std::collections::{HashMap, HashSet};
use std::sync::Mutex;
use std::time::SystemTime;

use tempfile::TempDir;

use super::parquet_files::{self, Column};
use super::*;
use crate::Dataset;
use crate::testing::word_level;

/// A folder with an input `in` and room for an output `out`.
struct Place {
    dir: TempDir,
}

impl Place {
    fn new() -> Self {
        let place = Self {
            dir: tempfile::tempdir().unwrap(),
        };
        fs::create_dir(place.path("in")).unwrap();
        place
    }

    /// With `count` text files of a few words.
    fn with_texts(count: usize) -> Self {
        let place = Self::new();
        for index in 0..count {
            place.put(
                &format!("{index:04}.txt"),
                format!("Document {index} speaks of {}.", index * index),
            );
        }
        place
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    fn put(&self, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
        let path = self.path("in").join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, content).unwrap();
        path
    }

    fn options(&self) -> PrepareOptions {
        PrepareOptions::new(vec![self.path("in")], self.path("out"), Tokenizer::bytes())
    }

    fn prepare(&self) -> Result<Prepared, String> {
        run(&self.options())
    }

    /// Every file of a folder, hidden ones as well.
    fn files(&self, name: &str) -> HashMap<String, (Vec<u8>, SystemTime)> {
        let entries = fs::read_dir(self.path(name)).unwrap().map(Result::unwrap);
        let file = |entry: fs::DirEntry| {
            let modified = entry.metadata().unwrap().modified().unwrap();
            (
                entry.file_name().into_string().unwrap(),
                (fs::read(entry.path()).unwrap(), modified),
            )
        };
        entries.map(file).collect()
    }

    fn contents(&self, name: &str) -> HashMap<String, Vec<u8>> {
        self.files(name)
            .into_iter()
            .map(|(name, (bytes, _))| (name, bytes))
            .collect()
    }

    fn entries(&self) -> Vec<String> {
        let entries = fs::read_dir(self.dir.path()).unwrap();
        let mut names: Vec<String> = entries
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }
}

fn run(options: &PrepareOptions) -> Result<Prepared, String> {
    prepare(options, &()).map_err(|error| error.to_string())
}

fn train(dataset: &Dataset) -> Vec<u16> {
    let mut tokens = Vec::new();
    dataset.read(0, dataset.train_tokens(), &mut tokens).unwrap();
    tokens
}

fn documents(tokens: &[u16]) -> Vec<String> {
    let parts = tokens
        .split(|&token| token == 256)
        .map(|document| Tokenizer::bytes().decode(document));
    parts.filter(|document| !document.is_empty()).collect()
}

#[test]
fn a_dataset_holds_every_document_once() {
    let place = Place::with_texts(500);
    place.put(".hidden", [0xff]);
    let prepared = place.prepare().unwrap();
    assert!(prepared.changed);
    let dataset = Dataset::open(&place.path("out")).unwrap();
    dataset.verify(&mut |_, _| ()).unwrap();
    assert_eq!(dataset.manifest(), &prepared.manifest);
    let (train, validation) = (train(&dataset), dataset.validation_tokens().unwrap());
    let (train, validation) = (documents(&train), documents(&validation));
    let all: HashSet<&String> = train.iter().chain(&validation).collect();
    assert_eq!((all.len(), train.len() + validation.len()), (500, 500));
    assert!(validation.len() > 1, "{}", validation.len());
    let manifest = prepared.manifest;
    assert_eq!(
        (manifest.documents, manifest.validation.documents),
        (500, validation.len() as u64)
    );
    assert_eq!(
        (manifest.sources.len(), manifest.sources[3].name.as_str()),
        (500, "0003.txt")
    );
    // Guessing evenly among the 257 costs ln 257 = 5.55 nats; English text has less than that by its letters.
    assert!(
        (1.0..5.0).contains(&manifest.unigram_entropy_nats),
        "{}",
        manifest.unigram_entropy_nats
    );
    let mut files: Vec<String> = place.contents("out").into_keys().collect();
    files.sort();
    assert_eq!(files, ["manifest.json", "train_000000.bin", "validation.bin"]);
}

#[test]
fn order_threads_and_place_do_not_matter() {
    let (one, two) = (Place::with_texts(300), Place::with_texts(300));
    run(&PrepareOptions {
        threads: NonZeroUsize::new(1),
        ..one.options()
    })
    .unwrap();
    let mut inputs: Vec<PathBuf> = (0..300)
        .map(|index| two.path("in").join(format!("{index:04}.txt")))
        .collect();
    inputs.reverse();
    inputs.push(inputs[7].clone());
    run(&PrepareOptions {
        inputs,
        threads: NonZeroUsize::new(3),
        ..two.options()
    })
    .unwrap();
    assert_eq!(one.contents("out"), two.contents("out"));
}

/// Documents as parquet in two folders below `in/data`.
fn with_parquet() -> (Place, Vec<PathBuf>) {
    let place = Place::new();
    let files = ["data/one/0.parquet", "data/two/0.parquet", "data/two/1.parquet"];
    let paths = files.map(|name| {
        let texts = (0..100)
            .map(|index| Some(format!("{name} says {index}.")))
            .collect();
        let path = place.put(name, "");
        parquet_files::write(&path, &[("text", Column::Texts(texts))]);
        path
    });
    (place, paths.to_vec())
}

fn manifest_of(place: &Place, inputs: Vec<PathBuf>) -> Manifest {
    let _ = fs::remove_dir_all(place.path("out"));
    let options = PrepareOptions {
        inputs,
        ..place.options()
    };
    run(&options).unwrap().manifest
}

#[test]
fn a_folder_and_its_files_are_the_same_sources() {
    let (place, mut files) = with_parquet();
    let manifest = manifest_of(&place, vec![place.path("in")]);
    assert_eq!(manifest.documents, 300);
    let names: Vec<&str> = manifest.sources.iter().map(|source| &*source.name).collect();
    assert_eq!(names, ["one/0.parquet", "two/0.parquet", "two/1.parquet"]);
    assert_eq!(manifest_of(&place, vec![place.path("in/data")]), manifest);
    assert_eq!(manifest_of(&place, files.clone()), manifest);
    // Otherwise named, in another order, and some twice.
    files.reverse();
    files.extend([place.path("in/data/two/../one"), files[0].clone()]);
    assert_eq!(manifest_of(&place, files), manifest);
}

#[test]
fn a_single_file_has_its_own_name_alone() {
    let (place, files) = with_parquet();
    let manifest = manifest_of(&place, files[..1].to_vec());
    assert_eq!(manifest.sources[0].name, "0.parquet");
    assert_eq!(manifest_of(&place, vec![place.path("in/data/one")]), manifest);
}

/// As a cache of downloads holds them: by digest, under their names as links.
#[cfg(unix)]
#[test]
fn a_link_counts_under_its_own_name() {
    use std::os::unix::fs::symlink;
    let (place, files) = with_parquet();
    let manifest = manifest_of(&place, files.clone());
    let mut links = Vec::new();
    for (number, file) in files.iter().enumerate() {
        let below = file.strip_prefix(place.path("in/data")).unwrap();
        let (blob, link) = (
            place.path("in").join(number.to_string()),
            place.path("links").join(below),
        );
        fs::create_dir_all(link.parent().unwrap()).unwrap();
        fs::rename(file, &blob).unwrap();
        symlink(&blob, &link).unwrap();
        links.push(link);
    }
    assert_eq!(manifest_of(&place, links), manifest);
    assert_eq!(manifest_of(&place, vec![place.path("links")]), manifest);
    symlink(place.path("links"), place.path("linked")).unwrap();
    assert_eq!(manifest_of(&place, vec![place.path("linked")]), manifest);
}

#[test]
fn a_copy_of_a_validation_document_is_not_trained_on() {
    let place = Place::with_texts(300);
    let before = place.prepare().unwrap().manifest;
    let validation = Dataset::open(&place.path("out"))
        .unwrap()
        .validation_tokens()
        .unwrap();
    for (index, document) in documents(&validation).iter().enumerate() {
        place.put(&format!("copies/{index}.md"), document);
    }
    let after = run(&PrepareOptions {
        out: place.path("again"),
        ..place.options()
    })
    .unwrap()
    .manifest;
    assert_eq!(after.validation, before.validation);
    assert_eq!(after.train, before.train);
    assert!(after.documents > before.documents);
}

#[test]
fn the_second_run_changes_nothing() {
    let place = Place::with_texts(20);
    let first = place.prepare().unwrap();
    let files = place.files("out");
    let second = place.prepare().unwrap();
    assert_eq!(
        second,
        Prepared {
            changed: false,
            ..first
        }
    );
    assert_eq!(place.files("out"), files);
}

#[test]
fn an_output_with_something_else_is_left_alone() {
    let place = Place::with_texts(20);
    fs::create_dir(place.path("out")).unwrap();
    place.prepare().unwrap();
    let files = place.files("out");
    place.put("new.txt", "another");
    assert!(place.prepare().unwrap_err().contains("a dataset of other inputs"));
    let other_shards = PrepareOptions {
        shard_tokens: 7,
        ..place.options()
    };
    assert!(run(&other_shards).unwrap_err().contains("shard size"));
    assert_eq!(place.files("out"), files);
    fs::create_dir(place.path("mine")).unwrap();
    fs::write(place.path("mine/thesis.txt"), "x").unwrap();
    let occupied = PrepareOptions {
        out: place.path("mine"),
        ..place.options()
    };
    assert!(
        run(&occupied)
            .unwrap_err()
            .contains("is not empty and is not a prepared dataset")
    );
    assert_eq!(fs::read_dir(place.path("mine")).unwrap().count(), 1);
    let file = PrepareOptions {
        out: place.path("mine/thesis.txt"),
        ..place.options()
    };
    assert!(run(&file).unwrap_err().contains("cannot be the output"));
    let inside = PrepareOptions {
        out: place.path("in/out"),
        ..place.options()
    };
    assert!(run(&inside).unwrap_err().contains("lies inside the input"));
}

#[test]
fn a_damaged_output_is_found_by_the_second_run() {
    let place = Place::with_texts(20);
    place.prepare().unwrap();
    let shard = place.path("out/train_000000.bin");
    fs::File::options()
        .write(true)
        .open(&shard)
        .unwrap()
        .set_len(1100)
        .unwrap();
    let message = place.prepare().unwrap_err();
    assert!(
        message.contains("truncated") && message.contains("remove it and prepare again"),
        "{message}"
    );
}

#[test]
fn an_error_leaves_nothing_behind() {
    let place = Place::with_texts(20);
    let bad = place.put("zz.txt", b"fine until\xff");
    // What a killed run may have left.
    fs::create_dir(place.path(".out.preparing")).unwrap();
    fs::write(place.path(".out.preparing/train_000000.bin"), "half").unwrap();
    let message = place.prepare().unwrap_err();
    assert!(message.contains("zz.txt at byte 10"), "{message}");
    assert_eq!(place.entries(), [".out.lock", "in"]);
    fs::remove_file(bad).unwrap();
    assert!(place.prepare().unwrap().changed);
    assert_eq!(place.entries(), [".out.lock", "in", "out"]);
}

#[test]
fn two_runs_at_once_make_one_dataset() {
    let place = Place::with_texts(50);
    let runs = std::thread::scope(|scope| {
        let runs: Vec<_> = (0..4).map(|_| scope.spawn(|| place.prepare().unwrap())).collect();
        runs.into_iter()
            .map(|run| run.join().unwrap())
            .collect::<Vec<_>>()
    });
    assert_eq!(runs.iter().filter(|run| run.changed).count(), 1);
    assert!(runs.iter().all(|run| run.manifest == runs[0].manifest));
}

#[test]
fn the_only_document_is_divided() {
    let place = Place::new();
    place.put("novel.txt", format!("\u{feff}{}", "Once. ".repeat(20)));
    let manifest = place.prepare().unwrap().manifest;
    assert!(manifest.split.contains("within a document"));
    // The mark is no text; there are 120 letters and the end.
    assert_eq!((manifest.train_tokens, manifest.validation.tokens), (109, 12));
    assert_eq!(manifest.documents, 1);
}

#[test]
fn nothing_to_train_on_is_an_error() {
    let place = Place::new();
    assert!(place.prepare().unwrap_err().contains("hold no document"));
    place.put("a.jsonl", "{\"text\":\"\"}\n{\"text\":null}\n");
    assert!(place.prepare().unwrap_err().contains("hold no document"));
    place.put("a.jsonl", "{\"text\":\"ab\"}\n");
    assert!(place.prepare().unwrap_err().contains("each needs 2"));
    place.put("b.txt", "");
    assert!(
        place
            .prepare()
            .unwrap_err()
            .contains("b.txt at byte 0: the file is empty")
    );
    let missing = PrepareOptions {
        inputs: vec![place.path("nowhere")],
        ..place.options()
    };
    assert!(run(&missing).unwrap_err().contains("nowhere"));
    let sizes = [0, MAX_TOKENS + 1].map(|shard_tokens| {
        run(&PrepareOptions {
            shard_tokens,
            ..place.options()
        })
    });
    assert!(
        sizes
            .iter()
            .all(|result| result.as_ref().unwrap_err().contains("choose 1 to 2147483647"))
    );
}

#[test]
fn json_lines_and_parquet_are_documents_too() {
    let place = Place::new();
    let texts = |range: std::ops::Range<usize>| range.map(|index| format!("text {index}"));
    let lines: Vec<String> = texts(0..150)
        .map(|text| format!("{{\"body\":\"{text}\"}}"))
        .collect();
    place.put("a.jsonl", lines.join("\n"));
    let column = Column::Texts(
        texts(150..300)
            .map(Some)
            .chain([None, Some(String::new())])
            .collect(),
    );
    parquet_files::write(&place.path("in/b.parquet"), &[("body", column)]);
    place.put("c.txt", "text 300");
    let field = Some("body".to_owned());
    let manifest = run(&PrepareOptions {
        field,
        ..place.options()
    })
    .unwrap()
    .manifest;
    assert_eq!(
        (manifest.documents, manifest.empty_documents, manifest.unit),
        (303, 2, Unit::Document)
    );
    let dataset = Dataset::open(&place.path("out")).unwrap();
    let mut found = documents(&train(&dataset));
    found.extend(documents(&dataset.validation_tokens().unwrap()));
    let expected: HashSet<String> = texts(0..301).collect();
    assert_eq!(found.len(), 301);
    assert_eq!(found.into_iter().collect::<HashSet<_>>(), expected);
    place.put("bad.jsonl", "{\"body\":\"a\"}\n{\"body\":");
    let field = Some("body".to_owned());
    let bad = PrepareOptions {
        field,
        out: place.path("bad"),
        ..place.options()
    };
    assert!(run(&bad).unwrap_err().contains("bad.jsonl line 2"));
}

#[test]
fn ready_rows_are_used_as_they_are() {
    let place = Place::new();
    let row = |index: i64| Some((0..2048).map(|at| Some((index * 31 + at) % 251)).collect());
    let rows = Column::Longs((0..251).map(row).collect());
    parquet_files::write(
        &place.path("in/a.parquet"),
        &[
            ("labels", Column::RequiredTexts(vec![String::new(); 251])),
            ("input_ids", rows),
        ],
    );
    let manifest = place.prepare().unwrap().manifest;
    assert_eq!((manifest.unit, manifest.documents), (Unit::Row, 251));
    assert_eq!(manifest.train_tokens + manifest.validation.tokens, 251 * 2048);
    assert_eq!(manifest.validation.tokens, 2048 * manifest.validation.documents);
    let dataset = Dataset::open(&place.path("out")).unwrap();
    let rows: Vec<Vec<u16>> = [train(&dataset), dataset.validation_tokens().unwrap()]
        .concat()
        .chunks(2048)
        .map(<[u16]>::to_vec)
        .collect();
    assert!(
        rows.iter()
            .all(|row| row.windows(2).all(|pair| (pair[0] + 1) % 251 == pair[1]))
    );
    assert_eq!(rows.iter().collect::<HashSet<_>>().len(), 251);
    place.put("b.txt", "text");
    let mixed = PrepareOptions {
        out: place.path("mixed"),
        ..place.options()
    };
    assert!(run(&mixed).unwrap_err().contains("two folders"));
}

#[test]
fn a_vocabulary_travels_with_the_dataset() {
    let place = Place::new();
    let path = place.dir.path().join("words.json");
    fs::write(&path, word_level(40)).unwrap();
    for index in 0..10 {
        place.put(&format!("{index}.txt"), format!("w{index} w{} w39", index + 10));
    }
    let options = PrepareOptions {
        tokenizer: Tokenizer::from_file(&path).unwrap(),
        shard_tokens: 4,
        ..place.options()
    };
    let manifest = run(&options).unwrap().manifest;
    // There is no token for the end of a document in this vocabulary.
    assert_eq!(
        (manifest.tokenizer.end_of_document, manifest.validation.tokens),
        (None, 3)
    );
    assert_eq!(
        manifest
            .train
            .iter()
            .map(|shard| shard.tokens)
            .collect::<Vec<_>>(),
        [4, 4, 4, 4, 4, 4, 3]
    );
    let dataset = Dataset::open(&place.path("out")).unwrap();
    dataset.verify(&mut |_, _| ()).unwrap();
    assert_eq!(dataset.tokenizer().unwrap().sha256(), options.tokenizer.sha256());
    fs::write(place.path("out/tokenizer.json"), word_level(41)).unwrap();
    assert!(
        dataset
            .verify(&mut |_, _| ())
            .unwrap_err()
            .to_string()
            .contains("tokenizer.json has SHA-256")
    );
    assert!(run(&options).unwrap_err().contains("remove it and prepare again"));
}

#[test]
fn progress_reaches_the_end_of_both_readings() {
    struct Kept(Mutex<Vec<Status>>);
    impl Progress for Kept {
        fn update(&self, status: &Status) {
            self.0.lock().unwrap().push(*status);
        }
    }
    let place = Place::with_texts(30);
    let kept = Kept(Mutex::default());
    let manifest = prepare(&place.options(), &kept).unwrap().manifest;
    let bytes: u64 = manifest.sources.iter().map(|source| source.bytes).sum();
    let all = std::mem::take(&mut *kept.0.lock().unwrap());
    let hashed = all
        .iter()
        .filter(|status| status.stage == Stage::Hashing)
        .map(|status| status.bytes_done);
    assert_eq!(hashed.max(), Some(bytes));
    let last = all.last().unwrap();
    assert_eq!(
        (last.stage, last.bytes_done, last.bytes_total),
        (Stage::Tokenising, bytes, bytes)
    );
    assert_eq!((last.documents, last.tokens), (30, bytes));

    // A second preparation reads what is there, which takes a while too.
    assert!(!prepare(&place.options(), &kept).unwrap().changed);
    let last = *kept.0.lock().unwrap().last().unwrap();
    let train = 2 * manifest.train_tokens;
    assert_eq!(
        (last.stage, last.bytes_done, last.bytes_total),
        (Stage::Checking, train, train)
    );
}
