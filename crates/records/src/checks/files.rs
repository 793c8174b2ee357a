use std::collections::BTreeSet;

use blueberry_rules::{Answer, sha256};

use super::{FolderCheck, SIGNATURE_FILE, Subject, fail, pass};
use crate::folder::Folder;
use crate::readme::README_FILE;
use crate::record::RECORD_FILE;
use crate::verify::{VERIFICATION_FILE, VERIFICATION_SIGNATURE_FILE, Verification};

pub const CHECK: FolderCheck = FolderCheck {
    id: "record-files",
    text: "Every file is the one that record.toml names by its digest, and there is no other.",
    check,
};

/// Files that record.toml does not name: itself, its signature, the README, whose prose is the author's, and
/// what a verifier adds, which has its own signature.
const UNLISTED: [&str; 5] = [
    RECORD_FILE,
    SIGNATURE_FILE,
    README_FILE,
    VERIFICATION_FILE,
    VERIFICATION_SIGNATURE_FILE,
];

fn check(subject: &Subject) -> Answer {
    let (folder, files) = (&subject.opened.folder, &subject.opened.record.files);
    for (name, expected) in files {
        match folder.read(name) {
            Err(error) => return fail(error.to_string()),
            Ok(bytes) if sha256(&bytes) != *expected => {
                return fail(format!("`{name}` was changed after the record was made"));
            }
            Ok(_) => {}
        }
    }
    let of_a_verifier = match verifiers_logs(folder) {
        Ok(names) => names,
        Err(problem) => return fail(problem),
    };
    let unlisted = |name: &&str| {
        !files.contains_key(*name) && !UNLISTED.contains(name) && !of_a_verifier.contains(*name)
    };
    if let Some(name) = folder.names().find(unlisted) {
        return fail(format!(
            "`{name}` is named neither in record.toml nor in {VERIFICATION_FILE}"
        ));
    }
    pass(format!("{} files", files.len()))
}

/// The logs that a verifier's document names.
fn verifiers_logs(folder: &Folder) -> Result<BTreeSet<String>, String> {
    if !folder.has(VERIFICATION_FILE) {
        return Ok(BTreeSet::new());
    }
    let text = folder
        .text(VERIFICATION_FILE)
        .map_err(|error| error.to_string())?;
    let verification = Verification::parse(&text).map_err(|error| error.to_string())?;
    Ok(verification.logs().map(|(name, _)| name).collect())
}
