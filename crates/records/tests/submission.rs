//! From runs to a record, and what a check says of it and of changed copies.
#![allow(clippy::unwrap_used)] // helpers of tests

#[path = "common/claim.rs"]
mod claim;
mod common;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use blueberry_records::Outcome;
use blueberry_records::sign::read_public_key;
use blueberry_records::verify::refuse_other_data;
use blueberry_rules::sha256;
use claim::*;
use common::*;
use ssh_key::private::Ed25519Keypair;
use ssh_key::{LineEnding, PrivateKey};

#[test]
fn a_whole_claim_is_submitted_and_the_record_is_eligible() {
    let dir = Dir::new();
    let (_, record) = submitted(&dir);
    let (outcome, said) = try_check(&dir, &[&record], None);
    assert_eq!(outcome.unwrap(), Outcome::Yes, "{said}");
    let files: Vec<String> = blueberry_records::folder::Folder::open(&record, &Default::default())
        .unwrap()
        .names()
        .map(String::from)
        .collect();
    assert_eq!(
        files,
        [
            "README.md",
            "attempts.toml",
            "config.toml",
            "curve.png",
            "curve.svg",
            "record.toml",
            "runs/seed-1.jsonl.zst",
            "runs/seed-2.jsonl.zst",
            "runs/seed-3.jsonl.zst"
        ]
    );
}

#[test]
fn runs_are_checked_before_they_are_submitted() {
    let dir = Dir::new();
    let args = submit_args(&dir);
    let runs: Vec<&Path> = args.runs.iter().map(AsRef::as_ref).collect();
    let (outcome, said) = try_check(&dir, &runs, args.attempts.as_deref());
    assert_eq!(outcome.unwrap(), Outcome::Yes, "{said}");
    let (outcome, said) = try_check(&dir, &runs[..2], args.attempts.as_deref());
    assert_eq!(outcome.unwrap(), Outcome::No);
    assert!(said.contains("declared, but not here: seed 3"), "{said}");
    assert!(
        try_check(&dir, &[&dir.path().join("none")], args.attempts.as_deref())
            .0
            .is_err()
    );
    assert!(
        try_check(&dir, &runs, None).0.is_err(),
        "nobody said which category"
    );
}

#[test]
fn the_same_inputs_give_the_same_bytes() {
    let (one, two) = (Dir::new(), Dir::new());
    let (_, first) = submitted(&one);
    let (_, second) = submitted(&two);
    let differs = Command::new("diff")
        .arg("-r")
        .args([&first, &second])
        .output()
        .unwrap();
    assert!(
        differs.status.success(),
        "{}",
        String::from_utf8_lossy(&differs.stdout)
    );
}

#[test]
fn a_record_is_never_overwritten() {
    let dir = Dir::new();
    let (mut args, record) = submitted(&dir);
    let before = fs::read(record.join("record.toml")).unwrap();
    // Other runs under the same title, so that nothing but the place is wrong.
    args.out = dir.path().join("elsewhere");
    fs::create_dir_all(record_dir(&args)).unwrap();
    let (outcome, _) = try_submit(&args);
    assert!(outcome.unwrap_err().to_string().contains("never overwritten"));
    assert_eq!(fs::read(record.join("record.toml")).unwrap(), before);
}

#[test]
fn runs_that_break_a_rule_are_refused_by_its_name() {
    let dir = Dir::new();
    let args = submit_args(&dir);
    let mut log = String::from_utf8(log_of(SEEDS[1])).unwrap();
    log = log.replacen("\"val_loss\":4.", "\"val_loss\":3.", 1);
    dir.write(&format!("runs/small-{}/run.jsonl", SEEDS[1]), log.as_bytes());
    let (outcome, said) = try_submit(&args);
    assert_eq!(outcome.unwrap(), Outcome::No);
    assert!(
        said.contains("FAIL  seals-whole") && said.contains("Not submitted"),
        "{said}"
    );
    assert!(!args.out.exists(), "nothing was written");
}

#[test]
fn a_record_twice_under_two_names_is_found() {
    let dir = Dir::new();
    let (mut args, record) = submitted(&dir);
    args.title = Some("Another name".into());
    args.author = "bob".into();
    let (outcome, said) = try_submit(&args);
    assert_eq!(outcome.unwrap(), Outcome::No);
    assert!(
        said.contains("distinct-logs") && said.contains("small/2026-09-21-muon-wide"),
        "{said}"
    );
    // Made elsewhere and put beside it.
    let records = args.out.clone();
    dir.write("records/ledger.jsonl", b"");
    args.out = dir.path().join("elsewhere");
    assert_eq!(try_submit(&args).0.unwrap(), Outcome::Yes);
    let copy = records.join("small/2026-09-21-another-name");
    fs::rename(args.out.join("small/2026-09-21-another-name"), &copy).unwrap();
    assert_eq!(broken_rules(&dir, &copy).unwrap(), ["distinct-logs"]);
    // The folder alone under another name.
    fs::rename(&record, records.join("small/2026-09-21-copy")).unwrap();
    let broken = broken_rules(&dir, &records.join("small/2026-09-21-copy")).unwrap();
    assert!(broken.contains(&"record-place".to_owned()), "{broken:?}");
}

#[test]
fn without_declared_seeds_nothing_is_submitted() {
    let dir = Dir::new();
    let mut args = submit_args(&dir);
    let attempts = args.attempts.take();
    let (outcome, said) = try_submit(&args);
    assert_eq!(outcome.unwrap(), Outcome::No);
    assert!(said.contains("without the attempts file"), "{said}");
    // Nor is a record made by hand.
    args.attempts = attempts;
    assert_eq!(try_submit(&args).0.unwrap(), Outcome::Yes);
    let record = record_dir(&args);
    fs::remove_file(record.join("attempts.toml")).unwrap();
    let broken = broken_rules(&dir, &record).unwrap();
    assert!(broken.contains(&"attempts".to_owned()), "{broken:?}");
}

/// A private key and its public half, as files.
fn key(dir: &Dir, seed: u8) -> (PathBuf, PathBuf) {
    let key = PrivateKey::from(Ed25519Keypair::from_seed(&[seed; 32]));
    let private = key.to_openssh(LineEnding::LF).unwrap();
    let public = format!("{} alice@example.org\n", key.public_key().to_openssh().unwrap());
    (
        dir.write(&format!("key-{seed}"), private.as_bytes()),
        dir.write(&format!("key-{seed}.pub"), public.as_bytes()),
    )
}

/// As somebody would who copies the logs out of a pull request that is still open.
#[test]
fn runs_that_were_declared_for_a_key_are_nobody_elses_claim() {
    let dir = Dir::new();
    let mut args = submit_args(&dir);
    let ((alice, public), (mallory, _)) = (key(&dir, 1), key(&dir, 2));
    // A private key by mistake is not printed.
    let private = read_public_key(&alice).unwrap_err().to_string();
    assert!(
        private.contains("name the `.pub` file") && !private.contains("BEGIN"),
        "{private}"
    );
    let mut declared = attempts();
    declared.public_key = Some(read_public_key(&public).unwrap());
    let text = declared.to_text().unwrap();
    assert!(!text.contains("example.org"), "{text}");
    dir.write("attempts.toml", text.as_bytes());
    for seed in SEEDS {
        let mut draft = Draft::valid(seed);
        draft.run.attempts_sha256 = Some(sha256(text.as_bytes()));
        dir.write(&format!("runs/small-{seed}/run.jsonl"), &draft.bytes());
    }
    for (sign, why) in [
        (None, "no signature shows that key"),
        (Some(mallory), "claim of another key"),
    ] {
        args.sign = sign;
        let refused = try_submit(&args).0.unwrap_err().to_string();
        assert!(refused.contains(why), "{refused}");
    }
    args.sign = Some(alice);
    assert_eq!(try_submit(&args).0.unwrap(), Outcome::Yes);
    let record = record_dir(&args);
    assert_eq!(broken_rules(&dir, &record).unwrap(), [""; 0]);
    // By hand, without the signature.
    let path = record.join("record.toml");
    let text = fs::read_to_string(&path).unwrap();
    let unsigned: Vec<&str> = text
        .lines()
        .filter(|line| !line.starts_with("public_key"))
        .collect();
    fs::write(&path, unsigned.join("\n")).unwrap();
    fs::remove_file(record.join("record.toml.sig")).unwrap();
    assert_eq!(broken_rules(&dir, &record).unwrap(), ["record-signature"]);
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap().flatten() {
        let (from, to) = (entry.path(), to.join(entry.file_name()));
        if from.is_dir() {
            copy(&from, &to);
        } else {
            fs::copy(&from, &to).unwrap();
        }
    }
}

/// As the verifier's workflow reads what waits on the main branch, or was appealed.
#[test]
fn a_copy_of_a_record_is_that_record_and_a_changed_one_is_another() {
    let dir = Dir::new();
    let (args, record) = submitted(&dir);
    let elsewhere = dir
        .path()
        .join("elsewhere/small")
        .join(record.file_name().unwrap());
    copy(&record, &elsewhere);
    let broken = || {
        let categories = categories();
        let found = blueberry_records::verify::broken_rules(
            &elsewhere,
            &categories.list[0],
            &categories,
            &args.out,
            None,
        );
        let found = found.unwrap().into_iter().map(|finding| finding.rule);
        found.collect::<Vec<_>>()
    };
    assert_eq!(broken(), [""; 0]);
    let path = elsewhere.join("record.toml");
    let text = fs::read_to_string(&path).unwrap();
    fs::write(&path, text.replace("author = \"alice\"", "author = \"mallory\"")).unwrap();
    assert_eq!(broken(), ["distinct-logs"]);
}

#[test]
fn a_record_is_not_run_on_other_data_than_it_ran_on() {
    let dir = Dir::new();
    let (_, record) = submitted(&dir);
    let mut data = Draft::valid(1).run.data;
    refuse_other_data(&record, &data).unwrap();
    data.train_tokens += 1;
    let refused = refuse_other_data(&record, &data).unwrap_err().to_string();
    assert!(refused.contains("number of training tokens"), "{refused}");
    data.manifest_sha256 = "0".repeat(64);
    let refused = refuse_other_data(&record, &data).unwrap_err().to_string();
    assert!(refused.contains("the data given has 0000"), "{refused}");
}

/// As `git archive` takes it out of a pull request.
#[test]
fn a_record_by_itself_is_checked_beside_the_records_that_are_given() {
    let dir = Dir::new();
    let (args, parent) = submitted(&dir);
    let taken_out = dir.path().join("submitted/records/small/2026-09-21-built-on");
    fs::create_dir_all(taken_out.parent().unwrap()).unwrap();
    let built_on = blueberry_records::submit::SubmitArgs {
        title: Some("Built on".into()),
        ..args
    };
    // Else the two would have the same logs.
    let aside = dir.path().join("aside");
    fs::rename(&parent, &aside).unwrap();
    assert_eq!(try_submit(&built_on).0.unwrap(), Outcome::Yes);
    fs::rename(parent.with_file_name("2026-09-21-built-on"), &taken_out).unwrap();
    fs::rename(&aside, &parent).unwrap();
    let text = fs::read_to_string(taken_out.join("record.toml")).unwrap();
    let text = format!("parent = \"small/2026-09-21-muon-wide\"\n{text}");
    fs::write(taken_out.join("record.toml"), text).unwrap();
    let says = |records: Option<&Path>| {
        let args = blueberry_records::check::CheckArgs {
            paths: vec![taken_out.clone()],
            categories: Some(dir.path().join("categories.toml")),
            records: records.map(Path::to_owned),
            ..Default::default()
        };
        let mut said = Vec::new();
        blueberry_records::check::check(&args, &mut said).unwrap();
        String::from_utf8(said).unwrap()
    };
    let found = |said: &str, mark: &str| {
        let mut rows = said.lines().filter(|row| row.contains("record-parent"));
        assert!(rows.next().is_some_and(|row| row.starts_with(mark)), "{said}");
    };
    found(&says(None), "- ");
    found(&says(Some(&dir.path().join("records"))), "ok ");
    // The folder around is that of all records where the ledger is.
    dir.write("submitted/records/ledger.jsonl", b"");
    found(&says(None), "FAIL ");
}

#[test]
fn a_readme_that_claims_another_figure_is_found_by_its_line() {
    let dir = Dir::new();
    let (_, record) = submitted(&dir);
    let path = record.join("README.md");
    let text = fs::read_to_string(&path).unwrap();
    let (line, row) = text
        .lines()
        .enumerate()
        .find(|(_, line)| line.starts_with("| mean |"))
        .unwrap();
    let edited = row.replacen("8.000", "7.000", 1);
    assert_ne!(row, edited);
    fs::write(&path, text.replace(row, &edited)).unwrap();
    let (outcome, said) = try_check(&dir, &[&record], None);
    assert_eq!(outcome.unwrap(), Outcome::No);
    assert!(
        said.contains("claims-agree") && said.contains(&format!("README.md:{}", line + 1)),
        "{said}"
    );
}

#[test]
fn a_signed_record_is_checked_with_its_key() {
    let dir = Dir::new();
    let key = dir.path().join("key");
    let made = Command::new("ssh-keygen")
        .args(["-q", "-t", "ed25519", "-N", "", "-f"])
        .arg(&key)
        .status();
    if made.is_err() {
        eprintln!("skipped: ssh-keygen is not installed");
        return;
    }
    let mut args = submit_args(&dir);
    args.sign = Some(key);
    let (outcome, said) = try_submit(&args);
    assert_eq!(outcome.unwrap(), Outcome::Yes, "{said}");
    let record = record_dir(&args);
    assert_eq!(broken_rules(&dir, &record).unwrap(), [""; 0]);
    // A title is the author's word, which no log knows: only the signature holds it.
    let path = record.join("record.toml");
    let text = fs::read_to_string(&path).unwrap();
    fs::write(&path, text.replace("author = \"alice\"", "author = \"mallory\"")).unwrap();
    assert_eq!(broken_rules(&dir, &record).unwrap(), ["record-signature"]);
    fs::write(&path, text).unwrap();
    fs::remove_file(record.join("record.toml.sig")).unwrap();
    assert_eq!(broken_rules(&dir, &record).unwrap(), ["record-signature"]);
}

/// A repository with one commit and a change since, and the log of a run of that.
fn dirty_claim(dir: &Dir) -> (blueberry_records::submit::SubmitArgs, String) {
    let git = |arguments: &[&str]| {
        let output = Command::new("git")
            .arg("-C")
            .arg(dir.path())
            .args(arguments)
            .output()
            .unwrap();
        assert!(
            output.status.success(),
            "{}",
            String::from_utf8_lossy(&output.stderr)
        );
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    };
    dir.write("code.rs", b"fn main() {}\n");
    git(&["init", "-q"]);
    git(&["add", "code.rs"]);
    git(&[
        "-c",
        "user.name=a",
        "-c",
        "user.email=a@b",
        "commit",
        "-q",
        "-m",
        "one",
    ]);
    let commit = git(&["rev-parse", "HEAD"]);
    dir.write("code.rs", b"fn main() { faster() }\n");
    let patch = blueberry_records::source::patch_since(dir.path(), &commit).unwrap();
    let args = submit_args(dir);
    for seed in SEEDS {
        let mut draft = Draft::valid(seed);
        draft.run.source.commit = Some(commit.clone());
        draft.run.source.dirty = true;
        draft.run.source.patch_sha256 = Some(blueberry_rules::sha256(&patch));
        dir.write(&format!("runs/small-{seed}/run.jsonl"), &draft.bytes());
    }
    (args, commit)
}

#[test]
fn the_patch_of_a_changed_tree_comes_along_and_leads_to_it() {
    let dir = Dir::new();
    let (args, commit) = dirty_claim(&dir);
    let (outcome, said) = try_submit(&args);
    assert_eq!(outcome.unwrap(), Outcome::Yes, "{said}");
    let record = record_dir(&args);
    assert_eq!(broken_rules(&dir, &record).unwrap(), [""; 0]);
    let clean = dir.path().join("clean");
    let worktree = Command::new("git")
        .arg("-C")
        .arg(dir.path())
        .args(["worktree", "add", "-q", "--detach"])
        .arg(&clean)
        .arg(&commit)
        .status()
        .unwrap();
    assert!(worktree.success());
    let patch = record.join("source.patch");
    assert!(
        Command::new("git")
            .arg("-C")
            .arg(&clean)
            .arg("apply")
            .arg(&patch)
            .status()
            .unwrap()
            .success()
    );
    assert_eq!(
        fs::read_to_string(clean.join("code.rs")).unwrap(),
        "fn main() { faster() }\n"
    );
}

#[test]
fn source_that_changed_since_the_run_is_not_submitted() {
    let dir = Dir::new();
    let (args, _) = dirty_claim(&dir);
    dir.write("code.rs", b"fn main() { something_else() }\n");
    let (outcome, _) = try_submit(&args);
    assert!(
        outcome
            .unwrap_err()
            .to_string()
            .contains("are not those that ran")
    );
    assert!(!record_dir(&args).exists());
}

#[test]
fn a_link_out_of_the_record_is_refused() {
    let dir = Dir::new();
    let (_, record) = submitted(&dir);
    let log = record.join("runs/seed-1.jsonl.zst");
    let outside = dir.path().join("outside.zst");
    fs::rename(&log, &outside).unwrap();
    #[cfg(unix)]
    std::os::unix::fs::symlink(&outside, &log).unwrap();
    assert!(broken_rules(&dir, &record).is_err());
}

/// What is said of a claim on a manifest that nobody pinned, with the report of a scan.
fn check_with_scan(
    dir: &Dir,
    runs: &[std::path::PathBuf],
    report: &str,
) -> (Result<Outcome, String>, String) {
    let scan = dir.write("scan.json", report.as_bytes());
    let args = blueberry_records::check::CheckArgs {
        paths: runs.to_vec(),
        categories: Some(dir.path().join("open.toml")),
        attempts: Some(dir.path().join("attempts.toml")),
        scan: Some(scan),
        ..Default::default()
    };
    let mut said = Vec::new();
    let outcome = blueberry_records::check::check(&args, &mut said).map_err(|error| error.to_string());
    (outcome, String::from_utf8(said).unwrap())
}

#[test]
fn a_scans_report_decides_whether_validation_documents_are_in_the_training_data() {
    let dir = Dir::new();
    let (runs, _) = write_claim(&dir);
    let pin = format!("manifest = \"{}\"", digest('a'));
    assert!(categories_text().contains(&pin));
    dir.write(
        "open.toml",
        categories_text().replace(&pin, "manifest = \"any\"").as_bytes(),
    );
    let report = |manifest, windows| {
        format!(
            r#"{{"manifest_sha256": "{}", "overlapping_windows": {windows}, "covered_targets": {}, "more": [],
            "places": [{{"file": "train_000000.bin", "offset": 7, "tokens": 70, "validation_offset": 3}}]}}"#,
            digest(manifest),
            10 * windows
        )
    };
    let (outcome, said) = check_with_scan(&dir, &runs, &report('a', 0));
    assert_eq!(outcome, Ok(Outcome::Yes), "{said}");
    let (outcome, said) = check_with_scan(&dir, &runs, &report('a', 7));
    assert_eq!(outcome, Ok(Outcome::No));
    assert!(
        said.contains("train_000000.bin from token 7: 70 tokens"),
        "{said}"
    );
    let (outcome, said) = check_with_scan(&dir, &runs, &report('e', 0));
    assert_eq!(outcome, Ok(Outcome::CannotTell));
    assert!(said.contains("the one here is of"), "{said}");
    let (outcome, _) = check_with_scan(&dir, &runs, "{}");
    assert!(outcome.is_err_and(|error| error.contains("scan.json") && error.contains("data scan --json")));
}
