//! What a verification makes of a record's source before it runs: taken out, held against its digest, fetched and built.
#![allow(clippy::unwrap_used)] // helpers of tests

mod common;
mod verifying;

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use blueberry_records::sign::Signer;
use blueberry_records::verify::*;

use common::*;
use ssh_key::private::Ed25519Keypair;
use ssh_key::{LineEnding, PrivateKey};
use verifying::*;

/// The folder of a side of a verification that was begun.
fn side_folder(place: &Place, role: Role) -> PathBuf {
    let work = Work::open(&place.dir.path().join("work")).unwrap();
    work.side(&work.state().unwrap().unwrap().plan, role)
}

#[test]
fn a_source_that_is_not_what_ran_is_rejected_unbuilt() {
    let mut place = Place::new();
    place.challenger.source.sha256 = common::digest('0');
    let request = place.request(false, Sandbox::None);
    let verification = silent(&request).unwrap();
    assert_fails(
        &verification,
        "verify-builds",
        "what is submitted is not what ran",
    );
    assert!(verification.runs.is_empty());
}

#[test]
fn a_source_that_does_not_compile_is_rejected() {
    let mut place = Place::new();
    let root = place.repository();
    fs::write(root.join("crates/main.rs"), "fn main() { no_such_function() }").unwrap();
    place.challenger.source.patch = Some(blueberry_source::patch(&root).unwrap());
    place.challenger.source.sha256 = blueberry_source::digest(&root).unwrap();
    let verification = silent(&place.request(false, Sandbox::None)).unwrap();
    assert_fails(&verification, "verify-builds", "`cargo build` failed");
    let output = side_folder(&place, Role::Challenger).join("build.txt");
    assert!(fs::read_to_string(output).unwrap().contains("no_such_function"));
}

/// A key lies beside the step that signs.
#[test]
fn who_signs_builds_nothing_again_that_did_not_build() {
    let mut place = Place::new();
    place.challenger.source.sha256 = common::digest('0');
    let key = PrivateKey::from(Ed25519Keypair::from_seed(&[7; 32]));
    let key = key.to_openssh(LineEnding::LF).unwrap();
    let signer = Signer::open(&place.dir.write("key", key.as_bytes()), None).unwrap();
    let mut request = place.request(false, Sandbox::None);
    let rejected = silent(&request).unwrap();
    request.signer = Some(&signer);
    let signed = verify(&request, &mut |progress| {
        assert!(!matches!(progress, Progress::Preparing { .. }), "prepared again");
    })
    .unwrap();
    assert_fails(&signed, "verify-builds", "what is submitted is not what ran");
    assert_eq!(signed.findings, rejected.findings);
}

/// The commit was not fetched, as of a pull request.
#[test]
fn what_the_verifiers_machine_lacks_rejects_nobody_and_is_tried_anew() {
    let mut place = Place::new();
    let key = PrivateKey::from(Ed25519Keypair::from_seed(&[7; 32]));
    let key = key.to_openssh(LineEnding::LF).unwrap();
    let signer = Signer::open(&place.dir.write("key", key.as_bytes()), None).unwrap();
    let commit = std::mem::replace(&mut place.challenger.source.commit, "0".repeat(40));
    let lacking = silent(&place.request(false, Sandbox::None)).unwrap();
    assert_eq!(lacking.outcome, Outcome::Undecided, "{lacking:#?}");
    let answer = says(&lacking, "verify-builds").unwrap();
    assert!(
        answer.words().contains("does not have commit 000000"),
        "{answer:?}"
    );

    place.challenger.source.commit = commit;
    let mut request = place.request(false, Sandbox::None);
    request.signer = Some(&signer);
    place.provide(&place.plan(&request), |_, _| QUICK);
    let signed = silent(&request).unwrap();
    assert_eq!(signed.outcome, Outcome::Verified, "{signed:#?}");
}

/// Else a verifier whose git changes line ends would build another source than the record names.
#[test]
fn a_checkout_keeps_line_ends() {
    let dir = Dir::new();
    let attributes = include_bytes!("../../../.gitattributes");
    dir.write("repository/.gitattributes", attributes);
    for name in ["Cargo.toml", "Cargo.lock", "crates/main.rs"] {
        dir.write(&format!("repository/{name}"), b"a line\nanother\n");
    }
    let root = dir.path().join("repository");
    verifying::git(&root, &["init", "--quiet"]);
    verifying::git(&root, &["add", "."]);
    let who = ["-c", "user.name=alice", "-c", "user.email=alice@example.org"];
    verifying::git(&root, &[&who[..], &["commit", "--quiet", "-m", "All"]].concat());
    // As on Windows.
    let windows = [
        "-c",
        "core.autocrlf=true",
        "clone",
        "--quiet",
        "repository",
        "clone",
    ];
    verifying::git(dir.path(), &windows);
    let digest = |name: &str| blueberry_source::digest(&dir.path().join(name)).unwrap();
    assert_eq!(digest("clone"), digest("repository"));
}

/// Makes the challenger's source what lies in the repository now.
fn take_source(place: &mut Place) {
    let root = place.repository();
    verifying::git(&root, &["add", "--intent-to-add", "--all"]);
    place.challenger.source.patch = Some(blueberry_source::patch(&root).unwrap());
    place.challenger.source.sha256 = blueberry_source::digest(&root).unwrap();
    place.challenger.side.source_sha256 = place.challenger.source.sha256.clone();
    place.challenger.side.patch_sha256 = place
        .challenger
        .source
        .patch
        .as_deref()
        .map(blueberry_rules::sha256);
}

#[test]
fn dependencies_from_elsewhere_are_refused_before_anything_is_fetched() {
    let mut place = Place::new();
    let lock = place.repository().join("Cargo.lock");
    let text = fs::read_to_string(&lock).unwrap();
    let elsewhere =
        "\n[[package]]\nname = \"evil\"\nversion = \"0.0.0\"\nsource = \"git+https://example.org/evil#0\"\n";
    fs::write(&lock, text + elsewhere).unwrap();
    take_source(&mut place);
    let verification = silent(&place.request(false, Sandbox::None)).unwrap();
    assert_fails(
        &verification,
        "verify-builds",
        "`evil` comes from git+https://example.org/evil#0",
    );
    assert!(!side_folder(&place, Role::Challenger).join("fetch.txt").exists());
}

#[test]
fn a_strangers_settings_of_cargo_start_nothing() {
    let mut place = Place::new();
    let root = place.repository();
    let program = fs::read_to_string(root.join("crates/main.rs")).unwrap();
    fs::write(
        root.join("crates/main.rs"),
        program.replace("\"record\"", "\"challenger\""),
    )
    .unwrap();
    let mark = place.dir.path().join("mark");
    let wrapper = place.dir.write(
        "wrapper.sh",
        format!("#!/bin/sh\ntouch {}\nexit 1\n", mark.display()).as_bytes(),
    );
    assert!(
        Command::new("chmod")
            .arg("755")
            .arg(&wrapper)
            .status()
            .unwrap()
            .success()
    );
    let settings = format!("[build]\nrustc = {wrapper:?}\nrustc-wrapper = {wrapper:?}\n");
    place
        .dir
        .write("repository/.cargo/config.toml", settings.as_bytes());
    take_source(&mut place);
    let request = place.request(false, Sandbox::None);
    place.provide(&place.plan(&request), |_, _| QUICK);
    let verification = silent(&request).unwrap();
    assert_eq!(verification.outcome, Outcome::Verified, "{verification:#?}");
    assert!(!mark.exists());
}
