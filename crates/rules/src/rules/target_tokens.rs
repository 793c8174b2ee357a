use blueberry_runlog::Event;

use super::{Check, Rule};
use crate::Tokens;
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
    let (least, most) = match case.category.tokens {
        None => return Answer::not_applicable(format!("the category takes any number; here {consumed}")),
        Some(Tokens::Count(asked)) => (asked, asked.saturating_add(step_tokens)),
        // What does not fill a last step is left over.
        Some(Tokens::WholeDataset(_)) => {
            let all = run.log.run.data.train_tokens;
            (
                (all + 1).saturating_sub(step_tokens),
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
