use blueberry_rules::Answer;

use super::{FolderCheck, Subject, fail, pass};
use crate::date::day_of;
use crate::figures::mean_texts;

pub const CHECK: FolderCheck = FolderCheck {
    id: "record-runs",
    text: "Runs, seeds, day and figures in record.toml are those of the logs.",
    check,
};

fn check(subject: &Subject) -> Answer {
    let record = &subject.opened.record;
    for (named, run) in record.runs.iter().zip(&subject.opened.runs) {
        if named.seed != run.log.run.seed {
            return fail(format!(
                "{}: seed {} in record.toml, {} in the log",
                named.file, named.seed, run.log.run.seed
            ));
        }
        if named.sha256 != run.sha256 {
            return fail(format!(
                "{}: the log is not the one that record.toml names",
                named.file
            ));
        }
    }
    if let Some(log) = unnamed_log(subject) {
        return fail(format!("`{log}` is no run of record.toml: every attempt counts"));
    }
    let last = subject
        .opened
        .runs
        .iter()
        .map(|run| run.log.run.started_unix_s)
        .fold(f64::NEG_INFINITY, f64::max);
    if day_of(last).as_deref() != Some(record.date.as_str()) {
        return fail(format!(
            "date = {:?}, but the last run began on {}",
            record.date,
            day_of(last).unwrap_or_default()
        ));
    }
    let summary = blueberry_rules::Summary::of(subject.category, &subject.opened.runs);
    let figures = mean_texts(&summary);
    if figures != record.figures {
        return fail(format!(
            "figures are {:?}, the logs give {figures:?}",
            record.figures
        ));
    }
    pass(format!("{} runs", record.runs.len()))
}

/// A file among the logs that is no run of the record.
fn unnamed_log<'a>(subject: &'a Subject) -> Option<&'a str> {
    let named = |file: &str| subject.opened.record.runs.iter().any(|run| run.file == file);
    subject
        .opened
        .folder
        .names()
        .find(|name| name.starts_with("runs/") && !named(name))
}
