//! Text and datasets that cannot be trained on: exit code 2, a message that names the file and the place.

mod common;

use std::fs;
use std::path::{Path, PathBuf};

use common::checks::{end, names_in};
use common::text::{prepare, prepared, write_documents};
use common::{Finished, blueberry, finish, place, read_log, train};
use serde_json::Value;

/// Prepares a file of `bytes` called `name`, which is refused.
fn assert_no_text(name: &str, bytes: &[u8], words: &[&str]) {
    let place = place();
    let input = place.path().join(name);
    fs::write(&input, bytes).expect("is written");
    let out = place.path().join("data");
    finish(prepare(&input, &out))
        .expect_code(2)
        .expect_error(&[name])
        .expect_error(words);
    assert_only_inputs(place.path(), &[name]);
}

/// Only the lock file of the folder that was to be made may stay beside it.
fn assert_only_inputs(dir: &Path, inputs: &[&str]) {
    let left: Vec<String> = names_in(dir)
        .into_iter()
        .filter(|name| name != ".data.lock")
        .collect();
    assert_eq!(left, inputs);
}

#[test]
fn text_that_is_none() {
    assert_no_text("empty.txt", b"", &["the file is empty"]);
    assert_no_text("latin1.txt", b"caf\xe9 au lait", &["at byte 3", "not UTF-8"]);
    assert_no_text(
        "lines.jsonl",
        b"{\"text\": \"a\"}\n{\"text\": \"b\n",
        &["line 2", "not a JSON object"],
    );
    assert_no_text(
        "fields.jsonl",
        b"{\"story\": \"a\"}\n",
        &["line 1", "the field `text` is missing"],
    );
    assert_no_text("table.parquet", b"PAR1 or not", &["as parquet"]);
}

#[test]
fn inputs_and_tokenizers_that_are_not_there() {
    let place = place();
    let (input, out) = (place.path().join("a.jsonl"), place.path().join("data"));
    let missing = finish(prepare(&place.path().join("gone.txt"), &out));
    missing
        .expect_code(2)
        .expect_error(&["could not find", "gone.txt"]);
    write_documents(&input, 3);
    fs::write(place.path().join("tokenizer.json"), "{\"model\": 3}").expect("is written");
    // One more than a token of 16 bits can name.
    let words: Vec<String> = (0..65_537).map(|id| format!("\"w{id}\":{id}")).collect();
    let many = format!(
        r#"{{"version":"1.0","added_tokens":[],"pre_tokenizer":{{"type":"WhitespaceSplit"}},
        "model":{{"type":"WordLevel","vocab":{{{}}},"unk_token":"w0"}}}}"#,
        words.join(",")
    );
    fs::write(place.path().join("many.json"), many).expect("is written");
    for (tokenizer, words) in [
        ("tokenizer.json", "is not a Hugging Face tokenizer.json"),
        ("a.jsonl", "is not a Hugging Face tokenizer.json"),
        ("gone.json", "could not read"),
        ("many.json", "65537"),
    ] {
        let mut command = prepare(&input, &out);
        command.arg("--tokenizer").arg(place.path().join(tokenizer));
        finish(command).expect_code(2).expect_error(&[tokenizer, words]);
    }
    assert_only_inputs(place.path(), &["a.jsonl", "many.json", "tokenizer.json"]);
}

#[test]
fn an_output_that_holds_something_else() {
    let place = place();
    let (input, out) = (place.path().join("a.jsonl"), place.path().join("data"));
    write_documents(&input, 20);
    fs::create_dir(&out).expect("is made");
    fs::write(out.join("diary.txt"), "mine").expect("is written");
    finish(prepare(&input, &out))
        .expect_code(2)
        .expect_error(&["is not empty and is not a prepared dataset"]);
    assert_eq!(names_in(&out), ["diary.txt"]);
    fs::remove_file(out.join("diary.txt")).expect("is removed");
    finish(prepare(&input, &out)).expect_code(0);
    let again = finish(prepare(&input, &out)).expect_code(0);
    assert!(again.stdout.contains("nothing was changed"), "{again:#?}");
    write_documents(&input, 21);
    finish(prepare(&input, &out))
        .expect_code(2)
        .expect_error(&["already holds a dataset of other inputs"]);
}

/// A dataset of some 13,000 training tokens, `change`d, and the attempt to train on it.
struct Attempt {
    place: tempfile::TempDir,
    data: PathBuf,
    out: PathBuf,
}

impl Attempt {
    fn new() -> Self {
        let place = place();
        let (data, out) = (place.path().join("data"), place.path().join("run"));
        prepared(&data, 100);
        Self { place, data, out }
    }

    fn train(&self, settings: &[&str], flags: &[&str]) -> Finished {
        let mut command = train(&self.out, settings);
        command.arg("--data").arg(&self.data).args(flags);
        finish(command)
    }

    fn assert_refused(&self, settings: &[&str], words: &[&str]) {
        self.train(settings, &[]).expect_code(2).expect_error(words);
        assert!(!self.out.exists());
    }

    fn edit(&self, file: &str, change: impl FnOnce(&mut Vec<u8>)) {
        let path = self.data.join(file);
        let mut bytes = fs::read(&path).expect("is read");
        change(&mut bytes);
        fs::write(&path, bytes).expect("is written");
    }

    fn edit_manifest(&self, change: impl FnOnce(&mut Value)) {
        self.edit("manifest.json", |bytes| {
            let mut manifest = serde_json::from_slice(bytes).expect("JSON");
            change(&mut manifest);
            *bytes = manifest.to_string().into_bytes();
        });
    }

    fn verify(&self) -> Finished {
        let mut command = blueberry(["data", "verify"]);
        command.arg(&self.data);
        finish(command)
    }
}

/// Small enough for any of these datasets.
const FEW: &str = "train.tokens=640";

#[test]
fn a_good_dataset_is_trained_on() {
    let attempt = Attempt::new();
    let said = attempt.verify().expect_code(0).stdout;
    attempt.train(&[FEW], &[]).expect_code(0);
    let log = read_log(&attempt.out);
    assert!(log.run.data.train_tokens > 10_000);
    // What the judge's pins are copied from.
    let data = &log.run.data;
    for digest in [
        &data.manifest_sha256,
        &data.validation_sha256,
        &data.tokenizer_sha256,
    ] {
        assert!(said.contains(digest.as_str()), "{said}");
    }
    assert_eq!(end(&log).ledger.as_ref().map(|ledger| ledger.tokens), Some(640));
}

#[test]
fn a_vocabulary_that_the_model_lacks() {
    let attempt = Attempt::new();
    let words = [
        "the data's tokenizer has 257 tokens",
        "model.vocab_size = 200",
        "model.vocab_size=257",
    ];
    attempt.assert_refused(&[FEW, "model.vocab_size=200"], &words);
}

#[test]
fn shards_that_are_damaged() {
    let attempt = Attempt::new();
    let shard = "train_000000.bin";
    attempt.edit(shard, |bytes| bytes.truncate(bytes.len() - 3));
    attempt.assert_refused(&[FEW], &[shard, "truncated", "prepare"]);
    let attempt = Attempt::new();
    attempt.edit(shard, |bytes| bytes[0] ^= 0xff);
    attempt.assert_refused(&[FEW], &[shard, "is not a token shard of this format"]);
    let attempt = Attempt::new();
    attempt.edit(shard, |bytes| bytes[1024] ^= 1);
    attempt.verify().expect_code(2).expect_error(&[shard, "SHA-256"]);
    attempt.assert_refused(&[FEW], &[shard, "SHA-256"]);
    let attempt = Attempt::new();
    attempt.edit("validation.bin", |bytes| bytes[1024] ^= 1);
    attempt.assert_refused(&[FEW], &["validation.bin", "SHA-256"]);
}

#[test]
fn a_manifest_that_disagrees_with_its_shards() {
    let attempt = Attempt::new();
    attempt.edit_manifest(|manifest| {
        manifest["train_tokens"] = 7.into();
        manifest["train"][0]["tokens"] = 7.into();
    });
    attempt.assert_refused(&[FEW], &["train_000000.bin", "the manifest says 7"]);
    let attempt = Attempt::new();
    attempt.edit_manifest(|manifest| manifest["train_tokens"] = 7.into());
    attempt.assert_refused(&[FEW], &["manifest.json", "`train_tokens` is 7"]);
    let attempt = Attempt::new();
    attempt.edit_manifest(|manifest| manifest["version"] = 9.into());
    attempt.assert_refused(
        &[FEW],
        &["manifest.json", "version 9, this build reads version 1"],
    );
    let attempt = Attempt::new();
    attempt.edit("manifest.json", |bytes| bytes.truncate(100));
    attempt.assert_refused(&[FEW], &["manifest.json", "is damaged or foreign"]);
}

#[test]
fn a_manifest_that_is_wrong_about_its_tokenizer() {
    let attempt = Attempt::new();
    attempt.edit_manifest(|manifest| manifest["tokenizer"]["vocab_size"] = 256.into());
    attempt.assert_refused(&[FEW], &["manifest.json", "tokenizer.vocab_size", "256", "257"]);
}

#[test]
fn damaged_data_is_not_taken_for_prepared() {
    let attempt = Attempt::new();
    attempt.edit("train_000000.bin", |bytes| {
        *bytes.last_mut().expect("a token") ^= 1
    });
    attempt.assert_refused(&[FEW], &["train_000000.bin", "prepare"]);
    let again = finish(prepare(&attempt.data.with_extension("jsonl"), &attempt.data));
    again
        .expect_code(2)
        .expect_error(&["train_000000.bin", "remove it and prepare again"]);
}

#[test]
fn the_built_in_corpus_is_mended() {
    let place = place();
    let run = |name: &str| {
        let mut command = train(&place.path().join(name), &["train.tokens=64"]);
        command.env("XDG_CACHE_HOME", place.path().join("cache"));
        finish(command).expect_code(0)
    };
    run("first");
    let data = place.path().join("cache/blueberry/data");
    let corpora = fs::read_dir(&data)
        .expect("is listed")
        .map(|entry| entry.expect("an entry").path());
    let corpus = corpora
        .filter(|path| path.join("manifest.json").exists())
        .last()
        .expect("a corpus");
    let shard = corpus.join("train_000000.bin");
    let good = fs::read(&shard).expect("a shard");
    let mut bad = good.clone();
    *bad.last_mut().expect("a token") ^= 1;
    fs::write(&shard, bad).expect("is written");
    run("second").expect_error(&["the built-in corpus is made again"]);
    assert!(fs::read(&shard).expect("a shard") == good);
    // And one that is cut short.
    fs::write(&shard, &good[..100]).expect("is written");
    run("third");
    assert!(fs::read(&shard).expect("a shard") == good);
}

#[test]
fn a_run_knows_its_data_from_everywhere() {
    let attempt = Attempt::new();
    let mut command = train(&attempt.out, &[FEW, "data.dir=data"]);
    command.current_dir(attempt.data.parent().expect("a folder"));
    finish(command).expect_code(0);
    let log = read_log(&attempt.out);
    let dir = log.run.config["data"]["dir"].as_str().map(Path::new);
    assert!(dir.is_some_and(Path::is_absolute), "{dir:?}");
}

#[test]
fn a_folder_that_is_no_dataset() {
    let mut attempt = Attempt::new();
    attempt.data = attempt.place.path().join("gone");
    attempt.assert_refused(&[FEW], &["gone", "is not a prepared dataset"]);
}

#[test]
fn more_tokens_than_there_are() {
    let attempt = Attempt::new();
    let settings = ["train.tokens=30_000"];
    attempt.assert_refused(&settings, &["the run asks for 30016 tokens", "--epochs 3"]);
    attempt.train(&settings, &["--epochs", "50"]).expect_code(0);
    let log = read_log(&attempt.out);
    assert_eq!(log.run.config["train"]["epochs"], 50);
    // 100 documents of 140 bytes make some 14,000 tokens.
    assert_eq!(end(&log).summary["epochs"], 3.0);
    assert_eq!(end(&log).at.tokens, 30_016);
}

#[test]
fn a_whole_pass_is_one_epoch() {
    let attempt = Attempt::new();
    let manifest = fs::read(attempt.data.join("manifest.json")).expect("is read");
    let manifest: Value = serde_json::from_slice(&manifest).expect("JSON");
    let tokens = manifest["train_tokens"].as_u64().expect("a number");
    // Every block of 32, one a step.
    let all = (tokens - 1) / 32 * 32;
    attempt
        .train(&[&format!("train.tokens={all}"), "train.micro_batch=1"], &[])
        .expect_code(0);
    let log = read_log(&attempt.out);
    assert_eq!((end(&log).at.tokens, end(&log).summary["epochs"]), (all, 1.0));
}

#[test]
fn too_little_text() {
    let attempt = Attempt::new();
    attempt.assert_refused(
        &[FEW, "eval.seq_len=8192", "eval.tokens=8192"],
        &["eval.seq_len = 8192"],
    );
    attempt.assert_refused(&[FEW, "train.seq_len=65536"], &["65537 training tokens"]);
    let (input, out) = (
        attempt.place.path().join("short.txt"),
        attempt.place.path().join("short"),
    );
    fs::write(&input, "a").expect("is written");
    finish(prepare(&input, &out))
        .expect_code(2)
        .expect_error(&["add more text"]);
    assert!(!out.exists());
}
