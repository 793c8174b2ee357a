use std::path::Path;

use blueberry_rules::Answer;

use super::{FolderCheck, Subject, fail, pass};

pub const CHECK: FolderCheck = FolderCheck {
    id: "record-place",
    text: "The folder has the name that category, day and title give: `CATEGORY/DAY-TITLE`.",
    check,
};

fn check(subject: &Subject) -> Answer {
    let id = subject.opened.record.id();
    let root = subject.opened.folder.root();
    // `.` and links have no name of their own.
    let root = std::fs::canonicalize(root).unwrap_or_else(|_| root.to_owned());
    if root.ends_with(Path::new(&id)) {
        return pass(id);
    }
    fail(format!(
        "`{}` is the place of another record; this one belongs into `records/{id}`",
        root.display()
    ))
}
