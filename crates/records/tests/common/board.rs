//! A leaderboard of the tests' records, and verifiers who sign.
#![allow(clippy::unwrap_used)] // in tests only
#![allow(dead_code)] // each test file uses a part

use std::fs;
use std::path::Path;

use blueberry_records::leaderboard::{LeaderboardArgs, leaderboard};
use blueberry_records::logs::LogReader;
use blueberry_records::sign::Signer;
use blueberry_records::submit::SubmitArgs;
use blueberry_records::verify::{Terms, Verification};
use blueberry_records::{CommandError, LogLimits, Outcome};
use blueberry_rules::{Summary, sha256};
use ssh_key::private::Ed25519Keypair;
use ssh_key::{LineEnding, PrivateKey};

use crate::common::*;

pub fn args(dir: &Dir) -> LeaderboardArgs {
    LeaderboardArgs {
        records: dir.path().join("records"),
        categories: Some(dir.path().join("categories.toml")),
        ..LeaderboardArgs::default()
    }
}

pub fn make(args: &LeaderboardArgs) -> Result<Outcome, CommandError> {
    leaderboard(args, &mut Vec::new())
}

/// The page made anew, and what was said meanwhile.
pub fn made(dir: &Dir) -> String {
    let mut said = Vec::new();
    leaderboard(&args(dir), &mut said).unwrap();
    format!("{}{}", page(dir), String::from_utf8_lossy(&said))
}

pub fn page(dir: &Dir) -> String {
    fs::read_to_string(dir.path().join("LEADERBOARD.md")).unwrap()
}

/// What a verifier's program would leave, with the logs of the claim as those of its own runs, unsigned.
pub fn unsigned(args: &SubmitArgs, record: &Path, outcome: &str) -> Verification {
    let folder = record.join("verification");
    fs::create_dir_all(&folder).unwrap();
    let (mut logs, mut runs) = (Vec::new(), String::new());
    for (number, run) in args.runs.iter().enumerate() {
        let name = format!("{number:02}-challenger-{}", 101 + number);
        let path = folder.join(format!("{name}.jsonl.zst"));
        let text = fs::read(run.join("run.jsonl")).unwrap();
        fs::write(&path, zstd::encode_all(text.as_slice(), 1).unwrap()).unwrap();
        let log = LogReader::new(&LogLimits::default()).read(&path, &name).unwrap();
        runs += &format!(
            "[[runs]]\nrole = \"challenger\"\nseed = {}\nended = \"exit status: 0\"\nseconds = 9.0\nlog_sha256 = \"{}\"\n",
            101 + number,
            log.sha256
        );
        logs.push(log);
    }
    let id = format!("small/{}", record.file_name().unwrap().to_string_lossy());
    let record_sha256 = sha256(&fs::read(record.join("record.toml")).unwrap());
    let head = format!(
        "format = 1\nrecord = \"{id}\"\nrecord_sha256 = \"{record_sha256}\"\ncategory = \"small\"\noutcome = \"{outcome}\"\nverifier = \"sponsor\"\ndate = \"2026-09-30\"\nsandbox = \"bubblewrap 0.8.0\"\ninterruptions = 0\nholds = []\n"
    );
    let source = format!("[source]\ncommit = \"{0}\"\nsha256 = \"{0}\"\n", digest('d'));
    let mut verification = Verification::parse(&(head + &source + &runs)).unwrap();
    verification.challenger = Some(Summary::of(&categories().list[0], &logs));
    verification.terms = Some(Terms {
        unclocked_limit_s: 300,
        warm_up_limit_s: 300,
        seeds_drawn: true,
        official_category: false,
        category_sha256: sha256(toml::to_string(&categories().list[0]).unwrap().as_bytes()),
    });
    verification
}

/// A key that is always the same one, as a file.
pub fn signer(dir: &Dir, seed: u8) -> Signer {
    let key = PrivateKey::from(Ed25519Keypair::from_seed(&[seed; 32]));
    let path = dir.write("key", key.to_openssh(LineEnding::LF).unwrap().as_bytes());
    Signer::open(&path, None).unwrap()
}

/// Has the owner of the key sign a verification, and puts it into the record's folder.
pub fn put(verification: &Verification, record: &Path, signer: &Signer) {
    let public_key = Some(signer.public_key().unwrap());
    let text = Verification {
        public_key,
        ..verification.clone()
    }
    .to_text()
    .unwrap();
    let signature = signer.sign(text.as_bytes()).unwrap();
    fs::write(record.join("verification.toml"), text).unwrap();
    fs::write(record.join("verification.toml.sig"), signature).unwrap();
}

/// A verification that counts: by a key in the list.
pub fn verify(dir: &Dir, args: &SubmitArgs, record: &Path, outcome: &str) {
    let signer = signer(dir, 7);
    let list = format!("# who may verify\nsponsor {}\n", signer.public_key().unwrap());
    dir.write("records/verifiers", list.as_bytes());
    put(&unsigned(args, record, outcome), record, &signer);
}
