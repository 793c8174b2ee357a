use blueberry_runlog::{EndStatus, Event};

use super::{Check, Rule};
use crate::config::Config;
use crate::trace::walk;
use crate::{Answer, Case, LoggedRun};

pub const RULE: Rule = Rule {
    id: "eval-schedule",
    text: "Every evaluation is on the schedule that the first line fixed, once, and none is left out.",
    check: Check::Run(check),
};

fn check(_: &Case, run: &LoggedRun) -> Answer {
    let config = match Config::of(&run.log) {
        Ok(config) => config,
        Err(missing) => return Answer::cannot_tell(missing),
    };
    let mut due = None;
    let mut evaluated = None;
    let mut count = 0;
    for stop in walk(&run.log) {
        match stop.event {
            Event::Step(_) => {
                if let Some(answer) = left_out(stop.line, due) {
                    return answer;
                }
                due = config
                    .eval_is_due(stop.step_from, stop.at.tokens)
                    .then_some(stop.at.tokens);
                evaluated = None;
            }
            Event::Resume(_) => (due, evaluated) = (None, None),
            Event::Eval(_) => {
                let tokens = stop.at.tokens;
                if tokens > 0 && !config.eval_is_due(stop.step_from, tokens) {
                    let every = config.eval.every_tokens;
                    return Answer::fail_at(
                        stop.line,
                        format!("an evaluation at {tokens} targets; due is one every {every}"),
                    );
                }
                if evaluated == Some(tokens) {
                    return Answer::fail_at(stop.line, format!("a second evaluation at {tokens} targets"));
                }
                (due, evaluated, count) = (None, Some(tokens), count + 1);
            }
            Event::End(end) if end.status == EndStatus::Completed => {
                if let Some(answer) = left_out(stop.line, due) {
                    return answer;
                }
            }
            _ => {}
        }
    }
    if count == 0 {
        return Answer::fail("the log has no evaluation");
    }
    Answer::pass(format!(
        "{count} evaluations, one every {} targets",
        config.eval.every_tokens
    ))
}

fn left_out(line: u64, due: Option<u64>) -> Option<Answer> {
    due.map(|tokens| {
        Answer::fail_at(
            line,
            format!("no evaluation before this line, but one was due at {tokens} targets"),
        )
    })
}

#[cfg(test)]
mod tests {
    use blueberry_runlog::Event;

    use crate::testing::{Draft, Submission};

    #[test]
    fn evaluations_on_the_schedule_pass() {
        Submission::valid().passes("eval-schedule");
        Submission::of((1..=3).map(Draft::interrupted).collect()).passes("eval-schedule");
    }

    #[test]
    fn an_evaluation_left_out_is_found() {
        let submission = Submission::with(|draft| {
            let left_out =
                draft.position(|event| matches!(event, Event::Eval(eval) if eval.at.tokens == 256));
            draft.events.remove(left_out);
        });
        // Step 5 comes two lines earlier without the evaluation and its seal.
        submission.fails_at("eval-schedule", 10, "due at 256");
    }

    #[test]
    fn an_evaluation_between_the_marks_is_found() {
        let submission = Submission::with(|draft| {
            let mut early = draft.eval_at(256).clone();
            let second = draft.position(|event| matches!(event, Event::Step(step) if step.at.step == 2));
            early.at = draft.step(2).at;
            draft.events.insert(second + 1, Event::Eval(early));
        });
        submission.fails_at("eval-schedule", 8, "at 128 targets");
    }

    #[test]
    fn a_second_try_is_found() {
        let submission = Submission::with(|draft| {
            let last = draft.position(|event| matches!(event, Event::End(_)));
            let again = draft.events[last - 1].clone();
            draft.events.insert(last, again);
        });
        submission.fails("eval-schedule", "a second evaluation at 1024");
    }

    #[test]
    fn settings_without_a_schedule_cannot_be_told() {
        let submission = Submission::with(|draft| draft.run.config["eval"] = serde_json::Value::Null);
        submission.cannot_tell("eval-schedule", "settings");
    }
}
