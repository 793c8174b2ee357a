use blueberry_rules::{Answer, Attempts};

use super::{FolderCheck, Subject, fail, pass};
use crate::sign::{is_same_key, verify};

pub const CHECK: FolderCheck = FolderCheck {
    id: "record-signature",
    text: "record.toml is signed by the key that it names, where it names one, and that is the attempts file's, where this names one.",
    check,
};

/// Name of the signature.
pub const SIGNATURE_FILE: &str = "record.toml.sig";

fn check(subject: &Subject) -> Answer {
    let (folder, record) = (&subject.opened.folder, &subject.opened.record);
    if let Some(declared) = subject.opened.attempts.as_ref()
        && let Some(why) = other_than_declared(declared.attempts(), record.public_key.as_deref())
    {
        return fail(why);
    }
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

/// Why who signs with `key` may not hand in runs that were declared so; none for who may.
pub(crate) fn other_than_declared(declared: &Attempts, key: Option<&str>) -> Option<String> {
    let owner = declared.public_key.as_deref()?;
    match key.map(|key| is_same_key(owner, key)) {
        Some(Ok(true)) => None,
        Some(Ok(false)) => Some(format!("its runs are the claim of another key, {owner}")),
        None => Some(format!(
            "its runs are the claim of {owner}, and no signature shows that key"
        )),
        Some(Err(error)) => Some(error.to_string()),
    }
}
