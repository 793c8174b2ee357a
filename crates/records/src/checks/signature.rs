use blueberry_rules::Answer;

use super::{FolderCheck, Subject, fail, pass};
use crate::sign::verify;

pub const CHECK: FolderCheck = FolderCheck {
    id: "record-signature",
    text: "record.toml is signed by the key that it names, where it names one.",
    check,
};

/// Name of the signature.
pub const SIGNATURE_FILE: &str = "record.toml.sig";

fn check(subject: &Subject) -> Answer {
    let (folder, record) = (&subject.opened.folder, &subject.opened.record);
    let Some(key) = &record.public_key else {
        if folder.has(SIGNATURE_FILE) {
            return fail(format!(
                "there is a {SIGNATURE_FILE}, but record.toml names no key"
            ));
        }
        return Answer::NotApplicable {
            why: "it is not signed".into(),
        };
    };
    let signature = match folder.text(SIGNATURE_FILE) {
        Ok(signature) => signature,
        Err(error) => return fail(error.to_string()),
    };
    match verify(key, subject.opened.text.as_bytes(), &signature) {
        Ok(()) => pass(key.clone()),
        Err(error) => fail(error.to_string()),
    }
}
