//! The program of the records in `verified.rs`: instead of training it fills in the log that its data has for it, as it
//! would be of that seed, and seals it. A crate of its own without dependencies, which verifications build.

use std::io::Write;
use std::path::Path;
use std::process::{self, Command, Stdio};
use std::{env, fs};

const SIDE: &str = "first";
/// What stands in the log for its seed, for the digest of the attempts file, and for the last digits of losses.
const SEED: &str = "4242424242";
const ATTEMPTS: &str = "9999999999999999999999999999999999999999999999999999999999999999";
const DIGITS: &str = "1234567";

fn main() {
    let log = fs::read_to_string(Path::new(&value("--data")).join(format!("{SIDE}.jsonl"))).unwrap();
    let (seed, attempts) = (value("--seed"), sha256(&fs::read(value("--attempts")).unwrap()));
    let chance: String = sha256(format!("{SIDE} {seed}").as_bytes())[..DIGITS.len()]
        .bytes()
        .map(|letter| char::from(b'0' + letter % 10))
        .collect();
    let log = [(SEED, seed), (ATTEMPTS, attempts), (DIGITS, chance)]
        .iter()
        .fold(log, |log, (from, to)| log.replace(from, to));
    let out = value("--out");
    fs::create_dir_all(&out).unwrap();
    fs::write(Path::new(&out).join("run.jsonl"), sealed(&log)).unwrap();
}

fn value(name: &str) -> String {
    let mut words = env::args().skip_while(|word| word != name);
    words.nth(1).unwrap_or_else(|| process::exit(2))
}

/// The lines with the seals that they ask for: SHA-256 over the seal before and the lines since.
fn sealed(log: &str) -> String {
    let (mut lines, mut since) = (String::new(), vec![0; 32]);
    for line in log.lines() {
        if line.starts_with("{\"event\":\"seal\"") {
            let digest = sha256(&since);
            let (before, after) = line.split_once("\"sha256\":\"").unwrap();
            lines += &format!("{before}\"sha256\":\"{digest}{}\n", &after[digest.len()..]);
            since = (0..digest.len())
                .step_by(2)
                .map(|at| u8::from_str_radix(&digest[at..at + 2], 16).unwrap())
                .collect();
        } else {
            lines += &format!("{line}\n");
            since.extend(format!("{line}\n").bytes());
        }
    }
    lines
}

/// By the system's program.
fn sha256(bytes: &[u8]) -> String {
    let mut program = Command::new("sha256sum")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    program.stdin.take().unwrap().write_all(bytes).unwrap();
    let said = program.wait_with_output().unwrap().stdout;
    String::from_utf8(said).unwrap()[..64].to_owned()
}
