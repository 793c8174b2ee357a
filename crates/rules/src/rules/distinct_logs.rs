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

#[cfg(test)]
mod tests {
    use crate::testing::Submission;

    #[test]
    fn a_log_that_stands_twice_is_found() {
        let mut submission = Submission::valid();
        submission.passes("distinct-logs");
        submission.runs[2] = submission.runs[0].clone();
        submission.fails("distinct-logs", "are the same log");
    }

    #[test]
    fn a_log_of_another_record_is_found() {
        let mut submission = Submission::valid();
        let digest = submission.runs[1].sha256.clone();
        submission
            .facts
            .known_logs
            .insert(digest, "small/2026-11-25-first".into());
        submission.fails("distinct-logs", "run-2 is a log of small/2026-11-25-first");
    }
}
