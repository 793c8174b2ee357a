use std::collections::BTreeSet;

use blueberry_runlog::{EndStatus, Event};

use super::{Check, Rule};
use crate::config::Config;
use crate::trace::{Stop, walk};
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
    let mut marks = Marks {
        config: &config,
        due: None,
        evaluated: None,
        made: BTreeSet::new(),
        count: 0,
    };
    for stop in walk(&run.log) {
        if let Err(problem) = marks.pass(&stop) {
            return Answer::fail_at(stop.line, problem);
        }
    }
    match marks.count {
        0 => Answer::fail("the log has no evaluation"),
        count => Answer::pass(format!(
            "{count} evaluations, one every {} targets",
            config.eval.every_tokens
        )),
    }
}

/// The schedule along the way.
struct Marks<'a> {
    config: &'a Config,
    /// Targets at which an evaluation is due and was not made yet.
    due: Option<u64>,
    /// Targets at which one was made, until the next step.
    evaluated: Option<u64>,
    /// Targets at which one was ever made.
    made: BTreeSet<u64>,
    count: usize,
}

impl Marks<'_> {
    fn pass(&mut self, stop: &Stop) -> Result<(), String> {
        match stop.event {
            Event::Step(_) => {
                self.none_left_out()?;
                let due = self.config.eval_is_due(stop.step_from, stop.at.tokens);
                self.due = due.then_some(stop.at.tokens);
                self.evaluated = None;
            }
            // Behind the last step: what was due there comes now, unless it was made; the rest comes again with the steps.
            Event::Resume(_) => {
                let tokens = stop.at.tokens;
                let made = self.made.contains(&tokens);
                let due = self.config.eval_is_due(stop.step_from, tokens) && !made && tokens > 0;
                self.due = due.then_some(tokens);
                // A run that begins again at its start may evaluate that again.
                self.evaluated = (made && tokens > 0).then_some(tokens);
            }
            Event::Eval(_) => self.evaluate(stop)?,
            Event::End(end) if end.status == EndStatus::Completed => self.none_left_out()?,
            _ => {}
        }
        Ok(())
    }

    fn evaluate(&mut self, stop: &Stop) -> Result<(), String> {
        let tokens = stop.at.tokens;
        if tokens > 0 && !self.config.eval_is_due(stop.step_from, tokens) {
            let every = self.config.eval.every_tokens;
            return Err(format!(
                "an evaluation at {tokens} targets; due is one every {every}"
            ));
        }
        if self.evaluated == Some(tokens) {
            return Err(format!("a second evaluation at {tokens} targets"));
        }
        self.made.insert(tokens);
        (self.due, self.evaluated, self.count) = (None, Some(tokens), self.count + 1);
        Ok(())
    }

    fn none_left_out(&self) -> Result<(), String> {
        let words = |tokens| format!("no evaluation before this line, but one was due at {tokens} targets");
        self.due.map_or(Ok(()), |tokens| Err(words(tokens)))
    }
}

#[cfg(test)]
mod tests {
    use blueberry_runlog::Event;

    use crate::testing::{Draft, Submission};

    #[test]
    fn evaluations_on_the_schedule_pass() {
        Submission::valid().passes("eval-schedule");
        Submission::of(&[1, 2, 3].map(Draft::interrupted)).passes("eval-schedule");
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
    fn an_evaluation_that_an_interrupt_left_to_the_resume_is_on_the_schedule() {
        let at_512 = |event: &Event| matches!(event, Event::Eval(eval) if eval.at.tokens == 512);
        let resumed = |draft: &Draft| draft.position(|event| matches!(event, Event::Resume(_)));
        let step = |number| move |event: &Event| matches!(event, Event::Step(step) if step.at.step == number);
        // Resumed behind step 8, at 512 targets; steps 9 and 10 were not made before.
        let mut left = Draft::interrupted(1);
        for number in [9, 10] {
            left.events.remove(left.position(step(number)));
        }
        let eval = left.events.remove(left.position(at_512));
        let place = resumed(&left);
        left.events.insert(place + 1, eval.clone());
        Submission::of(&[left.clone()]).passes("eval-schedule");
        left.events.remove(place + 1);
        Submission::of(&[left]).fails("eval-schedule", "due at 512");
        let mut twice = Draft::interrupted(1);
        twice.events.insert(resumed(&twice) + 1, eval);
        Submission::of(&[twice]).fails("eval-schedule", "a second evaluation at 512");
    }

    #[test]
    fn settings_without_a_schedule_cannot_be_told() {
        let submission = Submission::with(|draft| draft.run.config["eval"] = serde_json::Value::Null);
        submission.cannot_tell("eval-schedule", "settings");
    }
}
