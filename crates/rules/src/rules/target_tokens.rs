use blueberry_runlog::Event;

use super::{Check, Rule};
use crate::Tokens;
use crate::config::Config;
use crate::trace::walk;
use crate::{Answer, Case, LoggedRun};

pub const RULE: Rule = Rule {
    id: "target-tokens",
    text: "The run consumes the targets that the category asks, rounded up to whole steps, and not more.",
    check: Check::Run(check),
};

fn check(case: &Case, run: &LoggedRun) -> Answer {
    let Some(end) = run.log.end() else {
        return Answer::fail("the log has no `end`");
    };
    let consumed = end.at.tokens;
    let Some(last) = run.log.steps().last() else {
        return Answer::fail("the log has no step");
    };
    // The last step that was logged is the last that was done: a resume is followed by steps, or repeats the end.
    let step = walk(&run.log)
        .filter(|stop| matches!(stop.event, Event::Step(_)))
        .last();
    let step_tokens = step.map_or(0, |stop| last.at.tokens.saturating_sub(stop.before.tokens));
    let planned = run.log.run.target_tokens;
    if consumed != planned {
        return Answer::fail(format!(
            "{consumed} targets; the run set out to consume {planned}"
        ));
    }
    if let Ok(config) = Config::of(&run.log) {
        let asked = config.train.tokens;
        if planned < asked || planned >= asked.saturating_add(step_tokens.max(1)) {
            return Answer::fail_at(
                1,
                format!(
                    "it set out to consume {planned} targets, but its settings say {asked}, rounded up to whole steps of {step_tokens}"
                ),
            );
        }
    }
    let (least, most) = match case.category.tokens {
        None => return Answer::not_applicable(format!("the category takes any number; here {consumed}")),
        Some(Tokens::Count(asked)) => (asked, asked.saturating_add(step_tokens)),
        // What does not fill a last step is left over.
        Some(Tokens::WholeDataset(_)) => {
            let all = run.log.run.data.train_tokens;
            // A last step of half the data would leave half of it over.
            let left = step_tokens.min((all / 100).max(1 << 20));
            (
                all.saturating_add(1).saturating_sub(left),
                all.saturating_add(step_tokens),
            )
        }
    };
    if consumed < least || consumed >= most {
        return Answer::fail(format!(
            "{consumed} targets in steps of {step_tokens}; asked are {least}, rounded up to whole steps"
        ));
    }
    Answer::pass(format!("{consumed} targets"))
}

#[cfg(test)]
mod tests {
    use crate::testing::Submission;
    use crate::{Tokens, WholeDataset};

    fn asking(tokens: Tokens) -> Submission {
        let mut submission = Submission::valid();
        submission.category().tokens = Some(tokens);
        submission
    }

    #[test]
    fn targets_rounded_up_to_whole_steps_pass() {
        for asked in [961, 1_000, 1_024] {
            asking(Tokens::Count(asked)).passes("target-tokens");
        }
    }

    #[test]
    fn too_few_and_too_many_targets_are_found() {
        asking(Tokens::Count(1_025)).fails("target-tokens", "asked are 1025");
        asking(Tokens::Count(960)).fails("target-tokens", "1024 targets in steps of 64");
        Submission::with(|draft| draft.run.target_tokens = 2_048)
            .fails("target-tokens", "set out to consume 2048");
    }

    #[test]
    fn the_whole_data_set_leaves_less_than_a_step() {
        let all = Tokens::WholeDataset(WholeDataset::Word);
        asking(all).fails("target-tokens", "asked are 4937");
        let mut submission = Submission::with(|draft| draft.run.data.train_tokens = 1_050);
        submission.category().tokens = Some(all);
        submission.passes("target-tokens");
    }
}
