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
    let last = log
        .lines
        .iter()
        .rfind(|line| !matches!(line.event, Event::Seal(_)));
    let line = last.map_or(1, |line| line.number);
    if !last.is_some_and(|line| matches!(line.event, Event::End(_))) {
        return Answer::fail_at(line, "an event behind `end`");
    }
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
