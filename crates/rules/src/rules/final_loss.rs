use super::{Check, Rule};
use crate::trace::{end, last_eval};
use crate::{Answer, Case, LoggedRun};

pub const RULE: Rule = Rule {
    id: "final-loss",
    text: "The final validation loss is that of the last evaluation, made where training ended.",
    check: Check::Run(check),
};

fn check(_: &Case, run: &LoggedRun) -> Answer {
    let Some((line, end)) = end(&run.log) else {
        return Answer::fail("the log has no `end`");
    };
    let Some((evaluated, eval)) = last_eval(&run.log) else {
        return Answer::fail("the log has no evaluation");
    };
    if eval.at.tokens != end.at.tokens {
        return Answer::fail_at(
            evaluated,
            format!(
                "the last evaluation is at {} targets, the end at {}",
                eval.at.tokens, end.at.tokens
            ),
        );
    }
    match end.val_loss {
        None => Answer::fail_at(line, "`end` has no validation loss"),
        Some(loss) if loss == eval.val_loss => Answer::pass(format!("{loss:.4} nats")),
        Some(loss) => Answer::fail_at(
            line,
            format!("`end` says {loss}, the last evaluation {}", eval.val_loss),
        ),
    }
}

#[cfg(test)]
mod tests {
    use crate::testing::Submission;

    #[test]
    fn an_end_that_says_something_else_is_found() {
        Submission::valid().passes("final-loss");
        Submission::with(|draft| draft.end().val_loss = Some(2.5)).fails_at(
            "final-loss",
            30,
            "`end` says 2.5",
        );
        Submission::with(|draft| draft.end().val_loss = None).fails_at(
            "final-loss",
            30,
            "no validation loss",
        );
    }

    #[test]
    fn a_loss_from_before_the_end_is_found() {
        let submission = Submission::with(|draft| {
            let last = draft.events.len() - 2;
            draft.events.remove(last);
        });
        submission.fails_at("final-loss", 22, "the last evaluation is at 768 targets");
    }
}
