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

#[cfg(test)]
mod tests {
    use crate::testing::Submission;

    #[test]
    fn an_evaluation_set_that_shrinks_is_found() {
        Submission::valid().passes("eval-targets");
        Submission::with(|draft| draft.eval_at(512).targets = 64)
            .fails("eval-targets", "64 targets, but 128");
    }

    #[test]
    fn an_evaluation_set_smaller_than_asked_is_found() {
        let mut submission = Submission::valid();
        submission.category().validation_targets = Some(256);
        submission.fails_at("eval-targets", 4, "asks for 256");
    }
}
