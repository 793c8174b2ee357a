use std::collections::BTreeMap;

use super::{Check, Rule};
use crate::{Answer, Case};

pub const RULE: Rule = Rule {
    id: "distinct-logs",
    text: "No log stands twice, here or in another record.",
    check: Check::Submission(check),
};

fn check(case: &Case) -> Answer {
    let mut seen = BTreeMap::new();
    for run in case.runs {
        if let Some(record) = case.facts.known_logs.get(&run.sha256) {
            return Answer::fail(format!("{} is a log of {record} already", run.name));
        }
        if let Some(first) = seen.insert(run.sha256.as_str(), run.name.as_str()) {
            return Answer::fail(format!("{} and {first} are the same log", run.name));
        }
    }
    Answer::pass(format!("{} different log(s)", seen.len()))
}
