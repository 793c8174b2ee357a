//! Putting a verification into the record's folder.

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use super::document::{VERIFICATION_FILE, VERIFICATION_SIGNATURE_FILE, Verification};
use super::error::{VerifyError, at};
use super::execute::log;
use super::handover;
use super::state::Work;
use crate::sign::Signer;

/// Folder, in the record's, of the logs of the verifier's runs.
pub const LOGS_FOLDER: &str = "verification";
/// Zstandard's usual level: logs are text, and a higher one saves little.
const LEVEL: i32 = 3;

/// Refuses a record's folder with a signed verification in it, whose digest the ledger may hold.
///
/// # Errors
/// [`VerifyError::Signed`].
pub fn refuse_signed(folder: &Path) -> Result<(), VerifyError> {
    let signature = folder.join(VERIFICATION_SIGNATURE_FILE);
    match fs::symlink_metadata(&signature) {
        Ok(_) => Err(VerifyError::Signed(signature)),
        Err(_) => Ok(()),
    }
}

/// Writes `verification.toml`, its signature where there is a key, and the logs of its runs, packed, into `folder`: the
/// record's. Each appears by a rename, `verification.toml` last. An earlier verification is replaced, with its signature
/// and logs: see [`refuse_signed`]. Gives the paths.
///
/// # Errors
/// The disk, or the key.
pub fn write(
    verification: &Verification,
    work: &Path,
    folder: &Path,
    signer: Option<&Signer>,
) -> Result<Vec<PathBuf>, VerifyError> {
    // Never beside a document that it is not of.
    remove(&folder.join(VERIFICATION_SIGNATURE_FILE))?;
    let work = Work::open(work)?;
    let logs = folder.join(LOGS_FOLDER);
    let mut written = Vec::new();
    if let Some(state) = work.state()? {
        fs::create_dir_all(&logs).map_err(|cause| at("create", &logs, cause))?;
        for turn in state.plan.turns().into_iter().take(state.runs.len()) {
            let from = work.run(&state.plan, turn);
            if state.runs[turn.number].log_sha256.is_some() {
                written.push(logs.join(format!("{}.jsonl.zst", Work::run_name(turn))));
                pack(&log(&from), &written[written.len() - 1])?;
            }
        }
    }
    let text = verification.to_text()?;
    if let Some(signer) = signer {
        written.push(folder.join(VERIFICATION_SIGNATURE_FILE));
        put(
            &written[written.len() - 1],
            signer.sign(text.as_bytes())?.as_bytes(),
        )?;
    }
    written.push(folder.join(VERIFICATION_FILE));
    put(&written[written.len() - 1], text.as_bytes())?;
    remove_others(&logs, &written)?;
    Ok(written)
}

/// Removes what an earlier verification left among the logs: a check lets nothing lie there that no document names.
fn remove_others(logs: &Path, written: &[PathBuf]) -> Result<(), VerifyError> {
    for entry in fs::read_dir(logs).into_iter().flatten().flatten() {
        let path = entry.path();
        if !written.contains(&path) {
            remove(&path)?;
        }
    }
    Ok(())
}

fn remove(path: &Path) -> Result<(), VerifyError> {
    match fs::remove_file(path) {
        Err(cause) if cause.kind() != io::ErrorKind::NotFound => Err(at("remove", path, cause)),
        _ => Ok(()),
    }
}

fn pack(from: &Path, to: &Path) -> Result<(), VerifyError> {
    let text = fs::read(from).map_err(|cause| at("read", from, cause))?;
    let packed = zstd::encode_all(text.as_slice(), LEVEL).map_err(|cause| at("pack", from, cause))?;
    put(to, &packed)
}

fn put(path: &Path, bytes: &[u8]) -> Result<(), VerifyError> {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(".new");
    let beside = path.with_file_name(name);
    handover::create(&beside)
        .and_then(|mut file| file.write_all(bytes))
        .map_err(|cause| at("write", &beside, cause))?;
    fs::rename(&beside, path).map_err(|cause| at("rename to", path, cause))
}
