use blueberry_rules::{Answer, sha256};

use super::{FolderCheck, SIGNATURE_FILE, Subject, fail, pass};
use crate::readme::README_FILE;
use crate::record::RECORD_FILE;
use crate::verify::LOGS_FOLDER;

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
    "verification.toml",
    "verification.toml.sig",
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
    let unlisted = |name: &&str| {
        let of_a_verifier = name
            .split_once('/')
            .is_some_and(|(folder, _)| folder == LOGS_FOLDER);
        !files.contains_key(*name) && !UNLISTED.contains(name) && !of_a_verifier
    };
    if let Some(name) = folder.names().find(unlisted) {
        return fail(format!("`{name}` is not named in record.toml"));
    }
    pass(format!("{} files", files.len()))
}
