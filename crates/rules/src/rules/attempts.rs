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
    if let Some(problem) = ran_twice(case) {
        return Answer::fail(problem);
    }
    let Some(declared) = &case.facts.attempts else {
        let missing = "the attempts file: declare the seeds with `blueberry attempts` before they run";
        // Who leaves it out could have run any number of seeds.
        return match case.facts.submitted {
            true => Answer::fail(format!("without {missing}")),
            false => Answer::cannot_tell(missing),
        };
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

fn ran_twice(case: &Case) -> Option<String> {
    let mut ran = BTreeSet::new();
    let again = case.runs.iter().find(|run| !ran.insert(run.log.run.seed))?;
    Some(format!("{}: seed {} ran twice", again.name, again.log.run.seed))
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
        ran.insert(seed);
    }
    let missing = wanted.difference(&ran).map(u64::to_string).collect::<Vec<_>>();
    (!missing.is_empty()).then(|| format!("declared, but not here: seed {}", missing.join(", ")))
}

#[cfg(test)]
mod tests {
    use crate::testing::{Submission, declared, declared_for};

    #[test]
    fn declared_seeds_that_all_ran_pass() {
        Submission::valid().passes("attempts");
    }

    #[test]
    fn a_missing_attempt_is_found() {
        let mut submission = Submission::valid();
        submission.runs.pop();
        submission.fails("attempts", "declared, but not here: seed 3");
    }

    #[test]
    fn a_duplicate_seed_is_found() {
        let mut submission = Submission::valid();
        submission.runs[2] = submission.runs[1].clone();
        submission.fails("attempts", "seed 2 ran twice");
        submission.facts.attempts = None;
        submission.fails("attempts", "seed 2 ran twice");
        let mut submission = Submission::valid();
        submission.facts.attempts = Some(declared(&[1, 2, 2]));
        submission.fails("attempts", "seed 2 was declared twice");
    }

    #[test]
    fn a_seed_that_was_not_declared_is_found() {
        let mut submission = Submission::valid();
        submission.facts.attempts = Some(declared(&[1, 2, 4]));
        submission.fails("attempts", "seed 3 was not declared");
    }

    #[test]
    fn attempts_declared_afterwards_are_found() {
        Submission::with(|draft| draft.run.attempts_sha256 = None).fails("attempts", "attempts file none");
        let mut submission = Submission::valid();
        submission.facts.attempts = None;
        submission.cannot_tell("attempts", "declare the seeds");
        submission.facts.submitted = true;
        submission.fails("attempts", "without the attempts file");
    }

    #[test]
    fn attempts_for_something_else_are_found() {
        let mut submission = Submission::valid();
        submission.category().seeds = 4;
        submission.fails("attempts", "the category needs 4");
        submission.category().id = "other".into();
        submission.fails("attempts", "for `small`");
    }

    #[test]
    fn other_settings_than_declared_are_found() {
        let other = declared_for(&serde_json::json!({"model": {}}), &[1, 2, 3]);
        let digest = other.sha256().to_owned();
        let mut submission = Submission::valid();
        for run in &mut submission.runs {
            run.log.run.attempts_sha256 = Some(digest.clone());
        }
        submission.facts.attempts = Some(other);
        submission.fails("attempts", "settings are not the ones");
    }
}
