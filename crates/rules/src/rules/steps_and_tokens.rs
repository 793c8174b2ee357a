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
                (before.step + 1, tokens)
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
