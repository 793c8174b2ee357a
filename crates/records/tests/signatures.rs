//! Signatures held against OpenSSH's own tool, both ways.
#![allow(clippy::unwrap_used)] // helpers of tests

use std::fs;
use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

use blueberry_records::sign::{NAMESPACE, SignError, Signer, verify};

const TEXT: &[u8] = b"format = 1\ntitle = \"a claim\"\n";

/// Whether `ssh-keygen` is there; says so where it is not.
fn has_ssh_keygen() -> bool {
    let there = Command::new("ssh-keygen").arg("-?").output().is_ok();
    if !there {
        eprintln!("skipped: ssh-keygen is not installed");
    }
    there
}

fn new_key(dir: &Path, kind: &[&str], passphrase: &str) -> std::path::PathBuf {
    let path = dir.join("key");
    let make = || {
        let _ = fs::remove_file(&path);
        let made = Command::new("ssh-keygen")
            .args(["-q", "-C", "alice@example", "-N", passphrase, "-f"])
            .arg(&path)
            .args(kind)
            .status()
            .unwrap();
        assert!(made.success());
    };
    make();
    // One P-256 key of 256 begins with a zero byte, which OpenSSH leaves out and the library does not put back.
    while passphrase.is_empty() && Signer::open(&path, None).is_err_and(|e| e.to_string().contains("length"))
    {
        make();
    }
    path
}

fn public_key(path: &Path) -> String {
    fs::read_to_string(path.with_extension("pub")).unwrap()
}

const KINDS: [&[&str]; 2] = [&["-t", "ed25519"], &["-t", "ecdsa", "-b", "256"]];

#[test]
fn theirs_verifies_here() {
    if !has_ssh_keygen() {
        return;
    }
    for kind in KINDS {
        let dir = tempfile::tempdir().unwrap();
        let key = new_key(dir.path(), kind, "");
        let file = dir.path().join("record.toml");
        fs::write(&file, TEXT).unwrap();
        let sign = |namespace: &str| {
            fs::remove_file(dir.path().join("record.toml.sig")).ok();
            let signed = Command::new("ssh-keygen")
                .args(["-Y", "sign", "-n", namespace, "-f"])
                .args([&key, &file])
                .stderr(Stdio::null())
                .status()
                .unwrap();
            assert!(signed.success());
            fs::read_to_string(dir.path().join("record.toml.sig")).unwrap()
        };
        let signature = sign(NAMESPACE);
        verify(&public_key(&key), TEXT, &signature).unwrap();
        let other_text = verify(&public_key(&key), b"format = 2\n", &signature);
        assert!(matches!(other_text, Err(SignError::Forged)));
        let other_purpose = verify(&public_key(&key), TEXT, &sign("file"));
        assert!(matches!(other_purpose, Err(SignError::Forged)));
    }
}

#[test]
fn ours_verifies_there() {
    if !has_ssh_keygen() {
        return;
    }
    for kind in KINDS {
        let dir = tempfile::tempdir().unwrap();
        let key = new_key(dir.path(), kind, "");
        let signer = Signer::open(&key, None).unwrap();
        let allowed = dir.path().join("allowed");
        fs::write(&allowed, format!("alice {}\n", signer.public_key().unwrap())).unwrap();
        let signature = dir.path().join("record.toml.sig");
        fs::write(&signature, signer.sign(TEXT).unwrap()).unwrap();
        assert!(theirs_accepts(&allowed, &signature, TEXT));
        assert!(!theirs_accepts(&allowed, &signature, b"another text"));
    }
}

fn theirs_accepts(allowed: &Path, signature: &Path, text: &[u8]) -> bool {
    let mut process = Command::new("ssh-keygen")
        .args(["-Y", "verify", "-n", NAMESPACE, "-I", "alice", "-f"])
        .arg(allowed)
        .arg("-s")
        .arg(signature)
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    process.stdin.take().unwrap().write_all(text).unwrap();
    process.wait().unwrap().success()
}

#[test]
fn ours_verifies_here_and_no_other_key_does() {
    if !has_ssh_keygen() {
        return;
    }
    let (dir, other_dir) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let signer = Signer::open(&new_key(dir.path(), KINDS[0], ""), None).unwrap();
    let other = Signer::open(&new_key(other_dir.path(), KINDS[0], ""), None).unwrap();
    let signature = signer.sign(TEXT).unwrap();
    verify(&signer.public_key().unwrap(), TEXT, &signature).unwrap();
    let forged = verify(&other.public_key().unwrap(), TEXT, &signature);
    assert!(matches!(forged, Err(SignError::Forged)));
    assert!(
        !signer.public_key().unwrap().contains("alice"),
        "the comment holds an address"
    );
}

#[test]
fn an_encrypted_key_needs_its_passphrase() {
    if !has_ssh_keygen() {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let key = new_key(dir.path(), KINDS[0], "open sesame");
    assert!(matches!(Signer::open(&key, None), Err(SignError::Encrypted(_))));
    assert!(matches!(
        Signer::open(&key, Some("wrong")),
        Err(SignError::Passphrase(_))
    ));
    let signer = Signer::open(&key, Some("open sesame")).unwrap();
    verify(&public_key(&key), TEXT, &signer.sign(TEXT).unwrap()).unwrap();
}

#[test]
fn what_is_no_key_or_signature_is_said() {
    assert!(matches!(
        verify("ssh-ed25519 AAAA", TEXT, ""),
        Err(SignError::PublicKey { .. })
    ));
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("key");
    fs::write(&path, "no key").unwrap();
    assert!(matches!(Signer::open(&path, None), Err(SignError::Key { .. })));
    assert!(matches!(
        Signer::open(&dir.path().join("none"), None),
        Err(SignError::File(_))
    ));
}
