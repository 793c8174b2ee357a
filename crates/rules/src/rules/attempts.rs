use std::collections::BTreeSet;

use super::{Check, Rule};
use crate::config_sha256;
use crate::{Answer, Case};

pub const RULE: Rule = Rule {
    id: "attempts",
    text: "Every seed that was declared beforehand ran, once, and nothing else; all of them count.",
    check: Check::Submission(check),
};

fn check(case: &Case) -> Answer {
    let Some(declared) = &case.facts.attempts else {
        return Answer::cannot_tell(
            "the attempts file: declare the seeds with `blueberry attempts` before they run",
        );
    };
    let attempts = declared.attempts();
    if attempts.category != case.category.id {
        return Answer::fail(format!("the attempts are for `{}`", attempts.category));
    }
    if let Some(problem) = seeds_problem(case, &attempts.seeds) {
        return Answer::fail(problem);
    }
    for run in case.runs {
        let log = &run.log.run;
        if log.attempts_sha256.as_deref() != Some(declared.sha256()) {
            let named = log.attempts_sha256.as_deref().unwrap_or("none");
            return Answer::fail(format!(
                "{}: the log names attempts file {named}, this one is {}",
                run.name,
                declared.sha256()
            ));
        }
        if config_sha256(&log.config) != attempts.config_sha256 {
            return Answer::fail(format!(
                "{}: its settings are not the ones that were declared",
                run.name
            ));
        }
    }
    Answer::pass(format!("{} declared seeds, all here", attempts.seeds.len()))
}

fn seeds_problem(case: &Case, declared: &[u64]) -> Option<String> {
    let mut wanted = BTreeSet::new();
    if let Some(seed) = declared.iter().find(|&&seed| !wanted.insert(seed)) {
        return Some(format!("seed {seed} was declared twice"));
    }
    if wanted.len() < case.category.seeds {
        return Some(format!(
            "{} seeds were declared, the category needs {}",
            wanted.len(),
            case.category.seeds
        ));
    }
    let mut ran = BTreeSet::new();
    for run in case.runs {
        let seed = run.log.run.seed;
        if !wanted.contains(&seed) {
            return Some(format!("{}: seed {seed} was not declared", run.name));
        }
        if !ran.insert(seed) {
            return Some(format!("{}: seed {seed} ran twice", run.name));
        }
    }
    let missing = wanted.difference(&ran).map(u64::to_string).collect::<Vec<_>>();
    (!missing.is_empty()).then(|| format!("declared, but not here: seed {}", missing.join(", ")))
}
