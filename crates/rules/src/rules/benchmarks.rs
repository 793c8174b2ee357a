use blueberry_runlog::Event;
use std::collections::BTreeMap;

use super::{Check, Rule};
use crate::trace::walk;
use crate::{Answer, Case, LoggedRun};

pub const RULE: Rule = Rule {
    id: "benchmarks",
    text: "The log has a result for every benchmark of the category, made at the end.",
    check: Check::Run(check),
};

fn check(case: &Case, run: &LoggedRun) -> Answer {
    let asked = &case.category.benchmarks;
    if asked.is_empty() {
        return Answer::not_applicable("the category asks for none");
    }
    let end = run.log.end().map_or(0, |end| end.at.tokens);
    let mut found = BTreeMap::new();
    for stop in walk(&run.log) {
        let result = match stop.event {
            Event::Benchmark(result) => result,
            // What was made before is of weights that the run went back from.
            Event::Resume(_) => {
                found.clear();
                continue;
            }
            _ => continue,
        };
        if !result.value.is_finite() {
            return Answer::fail_at(stop.line, format!("{} is {}", result.name, result.value));
        }
        if stop.at.tokens == end && found.insert(result.name.as_str(), result.value).is_some() {
            return Answer::fail_at(stop.line, format!("{} was made twice", result.name));
        }
    }
    let missing: Vec<&str> = asked
        .iter()
        .map(String::as_str)
        .filter(|name| !found.contains_key(name))
        .collect();
    if missing.is_empty() {
        return Answer::pass(format!("{} results", asked.len()));
    }
    Answer::cannot_tell(format!(
        "results at the end of the run for {}",
        missing.join(", ")
    ))
}

#[cfg(test)]
mod tests {
    use blueberry_runlog::{Benchmark, Event, Extra, Resume};

    use crate::testing::{Draft, Submission};

    fn with_result(draft: &mut Draft, value: f64) {
        let at = draft.end().at;
        let (name, metric) = ("hellaswag".to_owned(), "accuracy".to_owned());
        let result = Event::Benchmark(Benchmark {
            at,
            name,
            metric,
            value,
            extra: Extra::new(),
        });
        draft.events.insert(draft.events.len() - 1, result);
    }

    #[test]
    fn a_missing_result_cannot_be_told() {
        let mut submission = Submission::valid();
        submission.does_not_apply("benchmarks");
        submission.category().benchmarks = vec!["hellaswag".into()];
        submission.cannot_tell("benchmarks", "hellaswag");
    }

    #[test]
    fn a_resumed_run_makes_its_results_again() {
        let mut submission = Submission::with(|draft| {
            with_result(draft, 0.3);
            let at = draft.end().at;
            let resume = Event::Resume(Resume {
                at,
                from_step: at.step,
                from_sha256: String::new(),
                torn_bytes: 0,
                downtime_s: 0.0,
                extra: Extra::new(),
            });
            draft.events.insert(draft.events.len() - 1, resume);
            with_result(draft, 0.3);
        });
        submission.category().benchmarks = vec!["hellaswag".into()];
        submission.passes("benchmarks");
    }

    #[test]
    fn results_count_once() {
        let mut submission = Submission::with(|draft| with_result(draft, 0.3));
        submission.category().benchmarks = vec!["hellaswag".into()];
        submission.passes("benchmarks");
        let mut submission =
            Submission::with(|draft| [0.3, 0.4].iter().for_each(|&value| with_result(draft, value)));
        submission.category().benchmarks = vec!["hellaswag".into()];
        submission.fails("benchmarks", "made twice");
    }
}
