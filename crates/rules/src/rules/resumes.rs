use blueberry_runlog::{Event, Resume};
use std::collections::BTreeSet;

use super::{Check, Rule};
use crate::trace::walk;
use crate::{Answer, Case, LoggedRun};

pub const RULE: Rule = Rule {
    id: "resumes",
    text: "A resumed run goes on from a checkpoint that its log names, with the same source on the same device, and its wall clock ran on.",
    check: Check::Run(check),
};

fn check(_: &Case, run: &LoggedRun) -> Answer {
    let mut checkpoints = BTreeSet::new();
    let mut count = 0;
    for stop in walk(&run.log) {
        match stop.event {
            Event::Checkpoint(checkpoint) => {
                checkpoints.insert((checkpoint.at.step, checkpoint.sha256.as_str()));
            }
            Event::Resume(resume) => {
                count += 1;
                let from = (resume.from_step, resume.from_sha256.as_str());
                if from != (0, "") && !checkpoints.contains(&from) {
                    return Answer::fail_at(
                        stop.line,
                        format!("no line before names this checkpoint of step {}", from.0),
                    );
                }
                if let Some(answer) = other_program(stop.line, resume, run) {
                    return answer;
                }
                let passed_s = stop.at.wall_s - stop.before.wall_s;
                if !(passed_s - resume.downtime_s).abs().le(&1.0) {
                    let downtime_s = resume.downtime_s;
                    return Answer::fail_at(
                        stop.line,
                        format!("down for {downtime_s:.1} s, but wall_s went on by {passed_s:.1} s"),
                    );
                }
            }
            _ => {}
        }
    }
    match count {
        0 => Answer::pass("never interrupted"),
        _ => Answer::pass(format!("resumed {count} time(s)")),
    }
}

/// What is wrong where a resume names another program or device than the run began with.
fn other_program(line: u64, resume: &Resume, run: &LoggedRun) -> Option<Answer> {
    let began = &run.log.run;
    for (field, began) in [
        ("source_sha256", &began.source.sha256),
        ("device", &began.hardware.device),
    ] {
        match resume.extra.get(field).and_then(|value| value.as_str()) {
            Some(now) if now == began => {}
            Some(now) => {
                return Some(Answer::fail_at(
                    line,
                    format!("{field} is `{now}`, but the run began with `{began}`"),
                ));
            }
            None => {
                return Some(Answer::cannot_tell(format!(
                    "line {line}: `{field}` of the program that went on"
                )));
            }
        }
    }
    None
}
