use blueberry_rules::{Answer, Summary};

use super::{FolderCheck, Subject, fail, pass};
use crate::readme::{README_FILE, table, table_of};

pub const CHECK: FolderCheck = FolderCheck {
    id: "record-readme",
    text: "The README's table of figures is the one that the logs give.",
    check,
};

fn check(subject: &Subject) -> Answer {
    let text = match subject.opened.folder.text(README_FILE) {
        Ok(text) => text,
        Err(error) => return fail(error.to_string()),
    };
    let Some(stated) = table_of(&text) else {
        return fail(format!(
            "{README_FILE} has not one table of figures between its two markers"
        ));
    };
    let expected = table(&Summary::of(subject.category, &subject.opened.runs));
    let differs = stated
        .lines()
        .zip(expected.lines())
        .position(|(stated, expected)| stated != expected);
    match differs {
        None if stated.lines().count() == expected.lines().count() => pass(README_FILE),
        differs => {
            let at = text.find(stated).unwrap_or_default();
            let line = text[..at].lines().count() + differs.unwrap_or_default() + 1;
            let expected = expected
                .lines()
                .nth(differs.unwrap_or_default())
                .unwrap_or_default();
            fail(format!("{README_FILE}:{line}: the logs give `{expected}`"))
        }
    }
}
