use std::collections::BTreeMap;

use blueberry_runlog::{Benchmark, Event};

use super::{Check, Rule};
use crate::trace::walk;
use crate::{Answer, AskedBenchmark, Case, LoggedRun, Pin};

pub const RULE: Rule = Rule {
    id: "benchmarks",
    text: "The log has a result for every benchmark of the category, made at the end, on the category's questions.",
    check: Check::Run(check),
};

/// Results at the end of a run by name, each with its line.
type Results<'a> = BTreeMap<&'a str, (u64, &'a Benchmark)>;

fn check(case: &Case, run: &LoggedRun) -> Answer {
    let asked = &case.category.benchmarks;
    if asked.is_empty() {
        return Answer::not_applicable("the category asks for none");
    }
    let found = match at_the_end(run) {
        Ok(found) => found,
        Err(answer) => return answer,
    };
    let held = asked.iter().filter_map(|asked| {
        let result = found.get(asked.name.as_str())?;
        held_against(asked, *result)
    });
    let (failed, open): (Vec<_>, Vec<_>) = other_than_the_first_runs(case, &found)
        .into_iter()
        .chain(held)
        .partition(|answer| matches!(answer, Answer::Fail { .. }));
    let first = failed
        .into_iter()
        .chain(missing(asked, &found))
        .chain(open)
        .next();
    first.unwrap_or_else(|| Answer::pass(format!("{} results", asked.len())))
}

fn missing(asked: &[AskedBenchmark], found: &Results) -> Option<Answer> {
    let names = asked.iter().map(|asked| asked.name.as_str());
    let missing: Vec<&str> = names.filter(|name| !found.contains_key(name)).collect();
    let text = || format!("results at the end of the run for {}", missing.join(", "));
    (!missing.is_empty()).then(|| Answer::cannot_tell(text()))
}

/// The results that were made of the last weights, or what is wrong with one.
fn at_the_end(run: &LoggedRun) -> Result<Results<'_>, Answer> {
    let end = run.log.end().map_or(0, |end| end.at.tokens);
    let mut found = Results::new();
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
            return Err(Answer::fail_at(
                stop.line,
                format!("{} is {}", result.name, result.value),
            ));
        }
        if stop.at.tokens == end && found.insert(&result.name, (stop.line, result)).is_some() {
            return Err(Answer::fail_at(
                stop.line,
                format!("{} was made twice", result.name),
            ));
        }
    }
    Ok(found)
}

/// Digest of the file of a result's questions.
fn questions(result: &Benchmark) -> Option<&str> {
    result.extra.get("sha256")?.as_str()
}

/// The runs of a claim answer the same questions, also where the category takes any.
fn other_than_the_first_runs(case: &Case, found: &Results) -> Option<Answer> {
    let first = case.runs.first()?;
    let theirs = at_the_end(first).ok()?;
    let asked = |name: &str| case.category.benchmarks.iter().any(|asked| asked.name == name);
    found
        .iter()
        .filter(|(name, _)| asked(name))
        .find_map(|(name, (line, result))| {
            let (_, their) = theirs.get(name)?;
            let (ours, their) = (questions(result), questions(their));
            let [our_digest, their_digest] = [ours, their].map(|digest| digest.unwrap_or("unknown"));
            let text = || {
                format!(
                    "the questions of {name} have the digest {our_digest}, and {their_digest} in {}",
                    first.name
                )
            };
            (ours != their).then(|| Answer::fail_at(*line, text()))
        })
}

/// What speaks against a result, by the digest of its questions.
fn held_against(asked: &AskedBenchmark, (line, result): (u64, &Benchmark)) -> Option<Answer> {
    let (name, found) = (&asked.name, questions(result));
    match (&asked.sha256, found) {
        (Pin::Any, _) => None,
        (Pin::Unpinned, found) => Some(Answer::cannot_tell(format!(
            "the questions of {name}: the digest that the category asks for is not fixed yet (here: {})",
            found.unwrap_or("none")
        ))),
        (Pin::Sha256(_), None) => Some(Answer::cannot_tell(format!(
            "the digest of the questions of {name}: run again with a build that logs it"
        ))),
        (Pin::Sha256(asked), Some(found)) if asked == found => None,
        (Pin::Sha256(asked), Some(found)) => Some(Answer::fail_at(
            line,
            format!("the questions of {name} have the digest {found}, but the category asks for {asked}"),
        )),
    }
}

#[cfg(test)]
mod tests {
    use blueberry_runlog::{Benchmark, Event, Extra, Resume};

    use crate::Pin;
    use crate::testing::{Draft, Submission, asked_benchmark, hex};

    /// With a result on the questions that `file` is the digest of.
    fn with_result(draft: &mut Draft, value: f64, file: char) {
        let at = draft.end().at;
        let (name, metric) = ("hellaswag".to_owned(), "accuracy".to_owned());
        let result = Event::Benchmark(Benchmark {
            at,
            name,
            metric,
            value,
            extra: Extra::from_iter([("sha256".to_owned(), hex(file).into())]),
        });
        draft.events.insert(draft.events.len() - 1, result);
    }

    /// A category that asks for a benchmark of three runs, whose results are on these questions.
    fn asks(sha256: Pin, files: [char; 3]) -> Submission {
        let mut drafts = [1, 2, 3].map(Draft::valid);
        for (draft, file) in drafts.iter_mut().zip(files) {
            with_result(draft, 0.3, file);
        }
        let mut submission = Submission::of(&drafts);
        submission.category().benchmarks = vec![asked_benchmark("hellaswag", sha256)];
        submission
    }

    fn takes_any(mut submission: Submission) -> Submission {
        submission.category().benchmarks = vec![asked_benchmark("hellaswag", Pin::Any)];
        submission
    }

    #[test]
    fn a_missing_result_cannot_be_told() {
        let submission = Submission::valid();
        submission.does_not_apply("benchmarks");
        takes_any(submission).cannot_tell("benchmarks", "hellaswag");
    }

    #[test]
    fn a_resumed_run_makes_its_results_again() {
        let submission = Submission::with(|draft| {
            with_result(draft, 0.3, '7');
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
            with_result(draft, 0.3, '7');
        });
        takes_any(submission).passes("benchmarks");
    }

    #[test]
    fn results_count_once() {
        let submission = Submission::with(|draft| with_result(draft, 0.3, '7'));
        takes_any(submission).passes("benchmarks");
        let twice = Submission::with(|draft| {
            [0.3, 0.4]
                .iter()
                .for_each(|&value| with_result(draft, value, '7'));
        });
        takes_any(twice).fails("benchmarks", "made twice");
    }

    #[test]
    fn the_questions_are_the_categorys() {
        asks(Pin::Sha256(hex('7')), ['7'; 3]).passes("benchmarks");
        asks(Pin::Any, ['7'; 3]).passes("benchmarks");
        asks(Pin::Unpinned, ['7'; 3]).cannot_tell("benchmarks", &hex('7'));
        // Line 29 is the seal behind the last evaluation.
        asks(Pin::Sha256(hex('8')), ['7'; 3]).fails_at("benchmarks", 30, &hex('8'));
    }

    #[test]
    fn a_log_that_does_not_name_its_questions_cannot_be_told() {
        let mut submission = Submission::with(|draft| {
            with_result(draft, 0.3, '7');
            let result = draft.events.len() - 2;
            let Event::Benchmark(result) = &mut draft.events[result] else {
                panic!("the result")
            };
            result.extra.clear();
        });
        submission.category().benchmarks = vec![asked_benchmark("hellaswag", Pin::Sha256(hex('7')))];
        submission.cannot_tell("benchmarks", "run again");
    }

    #[test]
    fn runs_of_a_claim_answer_the_same_questions() {
        for pin in [Pin::Any, Pin::Unpinned, Pin::Sha256(hex('7'))] {
            let submission = asks(pin, ['7', '7', '8']);
            let verdict = submission.judge();
            let failed: Vec<_> = verdict.failures().map(|found| found.run.as_deref()).collect();
            assert_eq!(failed, [Some("run-3")], "{verdict:#?}");
        }
    }
}
