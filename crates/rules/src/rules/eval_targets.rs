use blueberry_runlog::Event;

use super::{Check, Rule};
use crate::trace::walk;
use crate::{Answer, Case, LoggedRun};

pub const RULE: Rule = Rule {
    id: "eval-targets",
    text: "Every evaluation covers the same targets, as many as the category asks.",
    check: Check::Run(check),
};

fn check(case: &Case, run: &LoggedRun) -> Answer {
    let asked = case.category.validation_targets;
    let mut first = None;
    for stop in walk(&run.log) {
        let Event::Eval(eval) = stop.event else { continue };
        let targets = eval.targets;
        let same = *first.get_or_insert(targets);
        if targets != same {
            return Answer::fail_at(
                stop.line,
                format!("{targets} targets, but {same} in the first evaluation"),
            );
        }
        if asked.is_some_and(|asked| asked != targets) || targets == 0 {
            let asked = asked.unwrap_or(1);
            return Answer::fail_at(
                stop.line,
                format!("{targets} targets, but the category asks for {asked}"),
            );
        }
    }
    match first {
        Some(targets) => Answer::pass(format!("{targets} targets each")),
        None => Answer::fail("the log has no evaluation"),
    }
}
