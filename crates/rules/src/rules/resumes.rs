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

#[cfg(test)]
mod tests {
    use crate::testing::{Draft, Submission, hex};

    fn resumed(alter: impl FnOnce(&mut Draft)) -> Submission {
        let mut drafts = [1, 2, 3].map(Draft::interrupted);
        alter(&mut drafts[0]);
        Submission::of(&drafts)
    }

    #[test]
    fn work_done_again_is_legal() {
        let submission = resumed(|_| ());
        submission.passes("resumes");
        assert_eq!(
            submission.judge().status,
            crate::Status::Eligible,
            "{}",
            crate::render(&submission.judge())
        );
    }

    #[test]
    fn a_checkpoint_from_elsewhere_is_found() {
        resumed(|draft| draft.resume().from_sha256 = hex('9')).fails("resumes", "no line before names");
    }

    #[test]
    fn another_program_or_device_is_found() {
        let with = |field: &str, value: &str| {
            resumed(|draft| drop(draft.resume().extra.insert(field.into(), value.into())))
        };
        with("source_sha256", &hex('e')).fails("resumes", "source_sha256 is");
        with("device", "Other GPU").fails("resumes", "the run began with `Example GPU`");
        resumed(|draft| draft.resume().extra.clear()).cannot_tell("resumes", "`source_sha256`");
    }

    #[test]
    fn downtime_off_the_wall_clock_is_found() {
        resumed(|draft| draft.resume().downtime_s = 60.0).fails("resumes", "down for 60.0 s");
    }
}
