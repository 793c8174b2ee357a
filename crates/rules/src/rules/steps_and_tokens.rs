use blueberry_runlog::Event;
use std::collections::BTreeMap;

use super::{Check, Rule};
use crate::config::Config;
use crate::trace::walk;
use crate::{Answer, Case, LoggedRun};

pub const RULE: Rule = Rule {
    id: "steps-and-tokens",
    text: "Steps count one by one, each with the targets its settings say, and fall back only to where a resume says.",
    check: Check::Run(check),
};

fn check(_: &Case, run: &LoggedRun) -> Answer {
    let config = match Config::of(&run.log) {
        Ok(config) => config,
        Err(missing) => return Answer::cannot_tell(missing),
    };
    let mut tokens_at = BTreeMap::from([(0, 0)]);
    for stop in walk(&run.log) {
        let (at, before) = (stop.at, stop.before);
        let expected = match stop.event {
            Event::Step(_) => {
                let tokens = before.tokens.saturating_add(config.step_tokens(before.tokens));
                tokens_at.insert(at.step, tokens);
                (before.step.saturating_add(1), tokens)
            }
            Event::Resume(resume) => match tokens_at.get(&resume.from_step) {
                Some(&tokens) if resume.from_step <= before.step => (resume.from_step, tokens),
                _ => {
                    return Answer::fail_at(
                        stop.line,
                        format!("goes on from step {}, which was not done", resume.from_step),
                    );
                }
            },
            _ => (before.step, before.tokens),
        };
        if (at.step, at.tokens) != expected {
            let (step, tokens) = expected;
            let found = format!("step {} and {} targets", at.step, at.tokens);
            return Answer::fail_at(
                stop.line,
                format!("{found}, but step {step} and {tokens} targets follow from the lines before"),
            );
        }
    }
    Answer::pass(format!("{} steps", run.log.steps().count()))
}

#[cfg(test)]
mod tests {
    use crate::testing::{Draft, Submission};

    #[test]
    fn whole_and_resumed_runs_pass() {
        Submission::valid().passes("steps-and-tokens");
        Submission::of(&[1, 2, 3].map(Draft::interrupted)).passes("steps-and-tokens");
    }

    #[test]
    fn a_skipped_step_is_found() {
        Submission::with(|draft| drop(draft.events.remove(3))).fails_at(
            "steps-and-tokens",
            7,
            "step 3 and 192 targets",
        );
    }

    #[test]
    fn targets_that_no_step_consumed_are_found() {
        Submission::with(|draft| draft.step(2).at.tokens = 160).fails_at(
            "steps-and-tokens",
            7,
            "128 targets follow",
        );
    }

    #[test]
    fn a_resume_from_a_step_that_was_not_done_is_found() {
        let mut drafts = [1, 2, 3].map(Draft::interrupted);
        drafts[0].resume().from_step = 12;
        Submission::of(&drafts).fails("steps-and-tokens", "step 12, which was not done");
    }

    #[test]
    fn a_curriculum_changes_the_size_of_steps() {
        let staged = serde_json::json!([{"from": 0.5, "micro_batch": 4}]);
        let submission = Submission::with(|draft| draft.run.config["curriculum"] = staged);
        // 64 a step to 512 targets, then 128 are due.
        submission.fails("steps-and-tokens", "step 9 and 640 targets follow");
    }
}
