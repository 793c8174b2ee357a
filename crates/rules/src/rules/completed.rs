use blueberry_runlog::{EndStatus, Event};

use super::{Check, Rule};
use crate::{Answer, Case, LoggedRun};

pub const RULE: Rule = Rule {
    id: "completed",
    text: "The run ends with `end`, completed, and nothing comes behind it.",
    check: Check::Run(check),
};

fn check(_: &Case, run: &LoggedRun) -> Answer {
    let log = &run.log;
    let Some(end) = log.end() else {
        return Answer::fail("the log has no `end`: the run was cut off or still goes on");
    };
    // A seal covers what is there, and an interrupted run may go on.
    let said: Vec<_> = log.lines.iter().filter(|line| !matches!(line.event, Event::Seal(_))).collect();
    let behind = said.windows(2).find(|pair| {
        matches!(pair[0].event, Event::End(_)) && !matches!(pair[1].event, Event::Resume(_))
    });
    if let Some(pair) = behind {
        return Answer::fail_at(pair[1].number, "an event behind `end`");
    }
    let line = said.last().map_or(1, |line| line.number);
    let reason = end.reason.as_deref().unwrap_or("no reason given");
    match end.status {
        EndStatus::Completed => Answer::pass(format!("completed at step {}", end.at.step)),
        EndStatus::Interrupted => Answer::fail_at(line, format!("interrupted: {reason}")),
        EndStatus::Diverged => Answer::fail_at(
            line,
            format!("diverged, which counts as a failed attempt: {reason}"),
        ),
        EndStatus::Failed => Answer::fail_at(line, format!("failed: {reason}")),
    }
}

#[cfg(test)]
mod tests {
    use blueberry_runlog::EndStatus;

    use crate::testing::Submission;

    #[test]
    fn a_completed_run_passes() {
        Submission::valid().passes("completed");
    }

    #[test]
    fn a_run_without_an_end_is_found() {
        Submission::with(|draft| drop(draft.events.pop())).fails("completed", "no `end`");
    }

    #[test]
    fn a_diverged_attempt_counts_as_failed() {
        let submission = Submission::with(|draft| draft.end().status = EndStatus::Diverged);
        submission.fails_at("completed", 30, "diverged");
    }

    #[test]
    fn events_behind_the_end_are_found() {
        let submission = Submission::with(|draft| {
            let step = draft.events[2].clone();
            draft.events.push(step);
        });
        submission.fails_at("completed", 32, "behind `end`");
    }

    #[test]
    fn a_second_end_is_found() {
        let submission = Submission::with(|draft| {
            let end = draft.events.last().cloned().expect("an end");
            draft.events.push(end);
        });
        submission.fails("completed", "behind `end`");
    }
}
