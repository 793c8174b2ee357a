use blueberry_rules::{Answer, config_sha256};

use super::{FolderCheck, Subject, fail, pass};
use crate::config::{CONFIG_FILE, says};

pub const CHECK: FolderCheck = FolderCheck {
    id: "record-config",
    text: "config.toml holds the settings in the logs' first lines, and record.toml their digest.",
    check,
};

fn check(subject: &Subject) -> Answer {
    let opened = subject.opened;
    let text = match opened.folder.text(CONFIG_FILE) {
        Ok(text) => text,
        Err(error) => return fail(error.to_string()),
    };
    let Some(first) = opened.runs.first() else {
        return fail("there is no run");
    };
    if !says(&text, &first.log.run.config) {
        return fail(format!("{CONFIG_FILE} is not what {} ran with", first.name));
    }
    let differs =
        |run: &&blueberry_rules::LoggedRun| config_sha256(&run.log.run.config) != opened.record.config_sha256;
    match opened.runs.iter().find(differs) {
        Some(run) => fail(format!(
            "{} ran with other settings than record.toml names",
            run.name
        )),
        None => pass(CONFIG_FILE),
    }
}
