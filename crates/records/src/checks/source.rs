use blueberry_rules::{Answer, sha256};

use super::{FolderCheck, Subject, fail, pass};
use crate::open::PATCH_FILE;
use crate::record::Source;

pub const CHECK: FolderCheck = FolderCheck {
    id: "record-source",
    text: "Commit, tree and patch are those that the logs name.",
    check,
};

fn check(subject: &Subject) -> Answer {
    let opened = subject.opened;
    let named = &opened.record.source;
    for run in &opened.runs {
        let logged = &run.log.run.source;
        let logged = Source {
            commit: logged.commit.clone().unwrap_or_default(),
            sha256: logged.sha256.clone(),
            patch_sha256: logged.patch_sha256.clone(),
        };
        if logged != *named {
            return fail(format!("{} ran other source than record.toml names", run.name));
        }
    }
    let patch = match opened
        .folder
        .has(PATCH_FILE)
        .then(|| opened.folder.read(PATCH_FILE))
        .transpose()
    {
        Ok(patch) => patch.map(|bytes| sha256(&bytes)),
        Err(error) => return fail(error.to_string()),
    };
    if patch != named.patch_sha256 {
        return fail(format!(
            "{PATCH_FILE} is not the patch that record.toml and the logs name"
        ));
    }
    pass(format!(
        "commit {}{}",
        named.commit,
        if patch.is_some() { " with a patch" } else { "" }
    ))
}
