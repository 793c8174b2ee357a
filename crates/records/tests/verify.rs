//! Verification from source to `verification.toml`, with a trainer that copies logs.
#![allow(clippy::unwrap_used)] // helpers of tests

#[path = "common/claim.rs"]
mod claim;
mod common;
mod verifying;

use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::process::Command;

use blueberry_records::folder::Folder;
use blueberry_records::sign::{self, Signer};
use blueberry_records::verify::*;
use blueberry_rules::{LeakScan, Pin};

use common::{Dir, write_claim};
use ssh_key::private::Ed25519Keypair;
use ssh_key::{LineEnding, PrivateKey};
use verifying::{Place, QUICK, SEEDS, a_fifth_faster, assert_fails, sandbox, says, silent};

#[test]
fn the_whole_way_in_a_sandbox() {
    let Some(sandbox) = sandbox() else { return };
    let place = Place::new();
    let mut request = place.request(true, sandbox.clone());
    request.options.conditions = request.options.conditions.with_probe();
    request.judge.standing = Some(&place.record.side.id);
    place.provide(&place.plan(&request), a_fifth_faster);
    let mut finished = Vec::new();
    let verification = verify(&request, &mut |progress| {
        if let Progress::Finished { turn, of, .. } = progress {
            finished.push((turn.role, turn.seed, of));
        }
    })
    .unwrap();

    assert_eq!(verification.outcome, Outcome::Verified, "{verification:#?}");
    assert_eq!(verification.sandbox, sandbox.name());
    let (a, b) = (Role::Challenger, Role::Record);
    let order: Vec<Role> = finished.iter().map(|&(role, ..)| role).collect();
    assert_eq!(order, [a, b, b, a, a, b, b, a]);
    assert!(
        finished
            .iter()
            .all(|&(_, seed, of)| SEEDS.contains(&seed) && of == 8)
    );
    let comparison = verification.comparison.as_ref().unwrap();
    assert!(
        comparison.difference < 0.0 && comparison.test.unwrap().is_below(),
        "{comparison:?}"
    );
    assert!(comparison.interval.is_some_and(|(_, high)| high < 0.0));
    assert_eq!(verification.machine.as_ref().unwrap().device, "Example GPU");
    for rule in [
        "verify-builds",
        "verify-leaves-a-log",
        "verify-ends-well",
        "verify-same-source",
        "verify-clock",
        "verify-warm-up",
        "verify-machine",
        "verify-standing-record",
        "seals-whole",
    ] {
        assert!(verification.holds.iter().any(|held| held == rule), "{rule}");
    }
    let figure = verification.challenger.as_ref().unwrap().figure.as_ref().unwrap();
    assert_eq!(figure.values.len(), SEEDS.len());

    let folder = &place.challenger.folder;
    write(&verification, &request.work, folder, None).unwrap();
    let text = fs::read_to_string(folder.join(VERIFICATION_FILE)).unwrap();
    assert_eq!(Verification::parse(&text).unwrap(), verification);
    let listed = Folder::open(folder, &blueberry_records::Limits::default()).unwrap();
    assert_eq!(
        listed
            .names()
            .filter(|name| name.starts_with("verification/"))
            .count(),
        8
    );
}

#[test]
fn alone_every_run_is_the_challengers() {
    let place = Place::new();
    let request = place.request(false, Sandbox::None);
    place.provide(&place.plan(&request), |_, _| QUICK);
    let verification = silent(&request).unwrap();
    assert_eq!(verification.outcome, Outcome::Verified, "{verification:#?}");
    assert_eq!(
        (verification.sandbox.as_str(), verification.comparison.is_none()),
        ("none", true)
    );
    assert!(
        verification
            .runs
            .iter()
            .all(|run| run.role == Role::Challenger && run.unclocked_s > Some(0.0))
    );
}

#[test]
fn the_verifiers_figure_stands() {
    let mut place = Place::new();
    for (name, text) in &mut place.challenger.claims {
        assert_eq!(name, "train_s");
        *text = "0.750".to_owned();
    }
    let request = place.request(false, Sandbox::None);
    // 164 ms: a made-up log takes 8 s.
    place.act(Role::Challenger, "sleep_ms 300");
    place.provide(&place.plan(&request), |_, _| 0.164 / 8.0);
    let verification = silent(&request).unwrap();
    assert_eq!(verification.claimed, Some(0.75));
    let figure = verification.challenger.as_ref().unwrap().figure.as_ref().unwrap();
    assert!((figure.mean - 0.164).abs() < 1e-9, "{figure:?}");
}

/// The folder of a run of a verification that was begun.
fn run_folder(request: &Request, turn: Turn) -> PathBuf {
    let work = Work::open(&request.work).unwrap();
    work.run(&work.state().unwrap().unwrap().plan, turn)
}

/// Else the record of an accomplice could lose where it is only there to be beaten.
#[test]
fn a_program_is_not_told_whose_run_it_is() {
    let place = Place::new();
    let request = place.request(true, Sandbox::None);
    let plan = place.plan(&request);
    place.provide(&plan, a_fifth_faster);
    for role in [Role::Challenger, Role::Record] {
        place.act(role, "tells 1");
    }
    silent(&request).unwrap();
    for turn in plan.turns() {
        let told = fs::read_to_string(run_folder(&request, turn).join("written/out/told")).unwrap();
        assert!(told.contains("--attempts") && told.contains("seeds ="), "{told}");
        let mut names = [Role::Challenger, Role::Record].map(Role::name).to_vec();
        names.extend([place.challenger.side.id.as_str(), place.record.side.id.as_str()]);
        for name in names {
            assert!(!told.contains(name), "{name} in {told}");
        }
    }
}

#[test]
fn it_goes_on_after_an_interruption_and_repeats_no_finished_run() {
    let place = Place::new();
    let request = place.request(true, Sandbox::None);
    let plan = place.plan(&request);
    place.provide(&plan, a_fifth_faster);
    let interrupted = catch_unwind(AssertUnwindSafe(|| {
        verify(&request, &mut |progress| {
            if matches!(progress, Progress::Finished { turn, .. } if turn.number == 2) {
                panic!("the power goes");
            }
        })
    }));
    assert!(interrupted.is_err());
    // A run that was begun leaves its folder; those that are over must not need their data again.
    let turns = plan.turns();
    let begun = run_folder(&request, turns[3]);
    fs::create_dir_all(begun.join("written/out")).unwrap();
    fs::write(begun.join("written/out/run.jsonl"), "half a line").unwrap();
    for turn in &turns[..3] {
        let name = format!("data/{}-{}.jsonl", turn.role.name(), turn.seed);
        fs::remove_file(place.dir.path().join(name)).unwrap();
    }
    let mut ran = Vec::new();
    let verification = verify(&request, &mut |progress| match progress {
        Progress::Finished { turn, .. } => ran.push(turn.number),
        Progress::Preparing { .. } => panic!("built again"),
        _ => {}
    })
    .unwrap();
    assert_eq!(ran, [3, 4, 5, 6, 7]);
    assert_eq!((verification.interruptions, verification.runs.len()), (1, 8));
    assert_eq!(verification.outcome, Outcome::Verified, "{verification:#?}");

    let mut other = place.request(true, Sandbox::None);
    other.options.conditions.device = "cpu".to_owned();
    let error = silent(&other).unwrap_err().to_string();
    assert!(error.contains("another verification (device differs)"), "{error}");

    let log = run_folder(&request, turns[0]).join("run.jsonl");
    fs::write(&log, "forged").unwrap();
    let error = silent(&request).unwrap_err().to_string();
    assert!(error.contains("changed since its run finished"), "{error}");
}

/// The trainer as a script.
const SCRIPT: &str = r#"#!/bin/sh
while [ $# -gt 0 ]; do
  case $1 in --data) data=$2 ;; --seed) seed=$2 ;; --out) out=$2 ;; esac
  shift
done
mkdir -p "$out" && cp "$data/challenger-$seed.jsonl" "$out/run.jsonl"
"#;

#[test]
fn a_program_that_is_given_is_at_best_undecided() {
    let place = Place::new();
    let program = place.dir.write("given.sh", SCRIPT.as_bytes());
    let made = Command::new("chmod").arg("755").arg(&program).status();
    assert!(made.unwrap().success());
    let mut request = place.request(false, Sandbox::None);
    request.options.conditions = request.options.conditions.with_program(program.clone()).unwrap();
    place.provide(&place.plan(&request), |_, _| QUICK);
    fs::write(&program, "another").unwrap();
    let error = silent(&request).unwrap_err().to_string();
    assert!(
        error.contains("given.sh") && error.contains("another program"),
        "{error}"
    );

    fs::write(&program, SCRIPT).unwrap();
    let verification = silent(&request).unwrap();
    assert_eq!(verification.outcome, Outcome::Undecided, "{verification:#?}");
    let digest = blueberry_rules::sha256(SCRIPT.as_bytes());
    match verification.findings.as_slice() {
        [finding] => assert!(finding.rule == "verify-builds" && finding.answer.words().contains(&digest)),
        others => panic!("{others:#?}"),
    }
    assert!(verification.holds.iter().any(|rule| rule == "verify-same-source"));
}

#[test]
fn a_run_that_leaves_no_log_counts() {
    let place = Place::new();
    let request = place.request(false, Sandbox::None);
    place.provide(&place.plan(&request), |_, _| QUICK);
    fs::remove_file(
        place
            .dir
            .path()
            .join(format!("data/challenger-{}.jsonl", SEEDS[1])),
    )
    .unwrap();
    let verification = silent(&request).unwrap();
    assert_fails(&verification, "verify-leaves-a-log", "exit status: 3");
    assert_eq!(verification.runs[1].log_sha256, None);
}

#[test]
fn a_signed_verification_shows_a_changed_digit() {
    let place = Place::new();
    let key = place.dir.path().join("key");
    let made = Command::new("ssh-keygen")
        .args(["-q", "-t", "ed25519", "-N", "", "-f"])
        .arg(&key)
        .status();
    if !made.is_ok_and(|status| status.success()) {
        eprintln!("skipped: ssh-keygen is not installed");
        return;
    }
    let signer = Signer::open(&key, None).unwrap();
    let mut request = place.request(false, Sandbox::None);
    request.signer = Some(&signer);
    place.provide(&place.plan(&request), |_, _| QUICK);
    let verification = silent(&request).unwrap();
    let folder = &place.challenger.folder;
    write(&verification, &request.work, folder, Some(&signer)).unwrap();
    let text = fs::read_to_string(folder.join(VERIFICATION_FILE)).unwrap();
    let signature = fs::read_to_string(folder.join(VERIFICATION_SIGNATURE_FILE)).unwrap();
    let public_key = Verification::parse(&text).unwrap().public_key.unwrap();
    sign::verify(&public_key, text.as_bytes(), &signature).unwrap();
    let changed = text.replacen("seed = 101", "seed = 107", 1);
    assert_ne!(changed, text);
    assert!(sign::verify(&public_key, changed.as_bytes(), &signature).is_err());
}

#[test]
fn a_signed_verification_is_not_overwritten_by_the_way() {
    let place = Place::new();
    let key = PrivateKey::from(Ed25519Keypair::from_seed(&[7; 32]));
    let key = key.to_openssh(LineEnding::LF).unwrap();
    let signer = Signer::open(&place.dir.write("key", key.as_bytes()), None).unwrap();
    let mut request = place.request(false, Sandbox::None);
    place.provide(&place.plan(&request), |_, _| QUICK);
    let folder = &place.challenger.folder;
    refuse_signed(folder).unwrap();
    request.signer = Some(&signer);
    let verification = silent(&request).unwrap();
    write(&verification, &request.work, folder, Some(&signer)).unwrap();
    let error = refuse_signed(folder).unwrap_err().to_string();
    assert!(error.contains("--replace"), "{error}");
    // One that is put in its place leaves nothing of it.
    request.signer = None;
    request.work = place.dir.path().join("another");
    request.options.seeds = SEEDS[..3].to_vec();
    let another = silent(&request).unwrap();
    write(&another, &request.work, folder, None).unwrap();
    refuse_signed(folder).unwrap();
    let logs: Vec<_> = fs::read_dir(folder.join(LOGS_FOLDER))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    assert_eq!(logs.len(), 3, "{logs:?}");
}

#[test]
fn a_finished_verification_says_that_it_is() {
    let place = Place::new();
    let request = place.request(false, Sandbox::None);
    place.provide(&place.plan(&request), |_, _| QUICK);
    let told = || {
        let mut told = Vec::new();
        verify(&request, &mut |progress| {
            if let Progress::GoesOn { done, of } = progress {
                told.push((done, of));
            }
        })
        .unwrap();
        told
    };
    assert_eq!(told(), []);
    assert_eq!(told(), [(4, 4)]);
}

#[test]
fn the_terms_that_a_verifier_chose_are_kept() {
    let place = Place::new();
    let mut request = place.request(false, Sandbox::None);
    request.options.conditions.unclocked_limit_s = 7;
    place.provide(&place.plan(&request), |_, _| QUICK);
    let given = silent(&request).unwrap().terms.unwrap();
    assert_eq!((given.unclocked_limit_s, given.warm_up_limit_s), (7, 300));
    assert!(!given.seeds_drawn && !given.official_category, "{given:?}");
    let mut categories = common::categories();
    categories.list[0].loss_below = Some(2.9);
    request.judge.category = &categories.list[0];
    request.options.seeds = Vec::new();
    request.work = place.dir.path().join("another");
    let drawn = silent(&request).unwrap().terms.unwrap();
    assert!(drawn.seeds_drawn, "{drawn:?}");
    assert_ne!(drawn.category_sha256, given.category_sha256);
}

#[test]
fn a_later_format_is_refused() {
    let error = Verification::parse("format = 2\nnew = true")
        .unwrap_err()
        .to_string();
    assert!(error.contains("format 2, this build reads up to 1"), "{error}");
    assert!(matches!(
        Verification::parse("format = 1"),
        Err(VerifyError::Read(_))
    ));
}

#[test]
fn a_record_whose_patch_or_settings_were_changed_is_refused() {
    let place = Place::new();
    for (name, words) in [
        ("config.toml", "not the one that record.toml names"),
        ("source.patch", "not the patch"),
    ] {
        let path = place.challenger.folder.join(name);
        let was = fs::read_to_string(&path).unwrap();
        fs::write(&path, was.replacen('1', "2", 1)).unwrap();
        let error = Subject::read(&place.challenger.folder).unwrap_err().to_string();
        assert!(error.contains(words) && error.contains(name), "{error}");
        fs::write(&path, was).unwrap();
    }
    Subject::read(&place.challenger.folder).unwrap();
}

#[test]
fn what_a_verifier_adds_does_not_break_a_record() {
    let dir = Dir::new();
    let (_, record) = claim::submitted(&dir);
    fs::create_dir(record.join(LOGS_FOLDER)).unwrap();
    let log = record.join(LOGS_FOLDER).join("00-challenger-101.jsonl.zst");
    fs::write(&log, "").unwrap();
    assert_eq!(
        claim::broken_rules(&dir, &record).unwrap(),
        ["record-files"],
        "no document names it"
    );
    let place = Place::new();
    let request = place.request(false, Sandbox::None);
    place.provide(&place.plan(&request), |_, _| QUICK);
    let verification = silent(&request).unwrap();
    fs::write(record.join(VERIFICATION_FILE), verification.to_text().unwrap()).unwrap();
    assert_eq!(claim::broken_rules(&dir, &record).unwrap(), [""; 0]);
    let other = record.join(LOGS_FOLDER).join("prose.jsonl.zst");
    fs::write(&other, "").unwrap();
    assert_eq!(claim::broken_rules(&dir, &record).unwrap(), ["record-files"]);
    fs::remove_file(&other).unwrap();
    fs::write(record.join("more.txt"), "").unwrap();
    assert_eq!(claim::broken_rules(&dir, &record).unwrap(), ["record-files"]);
}

#[test]
fn without_bubblewrap_there_is_no_sandbox() {
    // Another process, since this one's PATH is that of the tests beside.
    let empty = Dir::new();
    let output = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "no_sandbox_is_found", "--ignored"])
        .env("PATH", empty.path())
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && said.contains("1 passed"), "{said}");
}

#[test]
#[ignore = "is run by `without_bubblewrap_there_is_no_sandbox`, without programs"]
fn no_sandbox_is_found() {
    assert_eq!(Sandbox::find(), None);
    // As for a verification that is gone on with on another machine. Nothing of the record is looked at before.
    let (dir, host, categories) = (Dir::new(), Host::default(), common::categories());
    let side = Side {
        id: "small/none".to_owned(),
        commit: String::new(),
        patch_sha256: None,
        source_sha256: String::new(),
        config_sha256: String::new(),
        record_sha256: String::new(),
        recipe: String::new(),
    };
    let challenger = Subject {
        folder: dir.path().to_owned(),
        category: "small".to_owned(),
        source: Source {
            commit: String::new(),
            patch: None,
            sha256: String::new(),
        },
        side,
        claims: Vec::new(),
    };
    let error = silent(&Request {
        challenger: &challenger,
        record: None,
        repository: dir.path(),
        work: dir.path().join("work"),
        options: Options {
            seeds: Vec::new(),
            runs: None,
            conditions: Conditions::new(Sandbox::Bubblewrap("0.8.0".to_owned())),
        },
        judge: Judge {
            category: &categories.list[0],
            plausibility: None,
            leak_scan: None,
            data: None,
            standing: None,
            host: &host,
        },
        validation: None,
        own_program: None,
        reviews: Vec::new(),
        verifier: "alice".to_owned(),
        signer: None,
    })
    .unwrap_err();
    assert!(matches!(error, VerifyError::NoSandbox), "{error}");
    assert!(error.to_string().contains("--no-sandbox"), "{error}");
}

#[test]
fn a_record_that_breaks_a_rule_is_not_worth_a_run() {
    let dir = Dir::new();
    let (_, record) = claim::submitted(&dir);
    let categories = common::categories();
    let broken = || {
        let records = dir.path().join("records");
        let broken = broken_rules(&record, &categories.list[0], &categories, &records, None).unwrap();
        broken.into_iter().map(|finding| finding.rule).collect::<Vec<_>>()
    };
    assert_eq!(broken(), [""; 0]);
    fs::write(record.join("more.txt"), "").unwrap();
    assert_eq!(broken(), ["record-files"]);
}

#[test]
fn a_loss_too_good_to_be_believed_is_decided_by_the_re_run() {
    let mut place = Place::new();
    place.categories.list[0].plausibility = true;
    // Not pinned, so that a scan decides; one of its 128 validation targets is too little to matter.
    place.categories.list[0].manifest = Pin::Any;
    place.categories.list[0].overlap_at_most = 0.01;
    let scan = LeakScan {
        manifest_sha256: place.digests.manifest_sha256.clone(),
        overlapping_windows: 1,
        covered_targets: 1,
        first: None,
    };
    let mut request = place.request(false, Sandbox::None);
    request.judge.data = None;
    request.judge.plausibility = place.categories.plausibility.as_ref();
    place.provide(&place.plan(&request), |_, _| QUICK);
    let held = silent(&request).unwrap();
    assert_eq!(held.outcome, Outcome::Undecided, "{held:#?}");
    let answer = says(&held, "plausible-loss").unwrap();
    assert!(answer.words().contains("--data"), "{answer:?}");

    request.work = place.dir.path().join("another");
    request.options.conditions = request.options.conditions.with_probe();
    (request.judge.data, request.judge.leak_scan) = (Some(&place.digests), Some(&scan));
    let believed = silent(&request).unwrap();
    assert_eq!(believed.outcome, Outcome::Verified, "{believed:#?}");

    let more = LeakScan {
        covered_targets: 2,
        ..scan.clone()
    };
    request.judge.leak_scan = Some(&more);
    let verification = silent(&request).unwrap();
    assert_fails(&verification, "leak-scan", "1.562 % of them");
    let answer = says(&verification, "plausible-loss").unwrap();
    assert!(answer.words().contains("too small a one to tell"), "{answer:?}");
}
