use blueberry_runlog::Event;

use super::{Check, Rule};
use crate::trace::walk;
use crate::{Answer, Case, LoggedRun};

pub const RULE: Rule = Rule {
    id: "durations",
    text: "Every duration is a finite number, not below zero, and no longer than the time that went by.",
    check: Check::Run(check),
};

fn check(_: &Case, run: &LoggedRun) -> Answer {
    for stop in walk(&run.log) {
        let passed_s = stop.at.wall_s - stop.before.wall_s;
        let (name, seconds, at_most_s) = match stop.event {
            // Before the clocks.
            Event::Warmup(warmup) => ("seconds", warmup.seconds, f64::INFINITY),
            Event::Step(step) => ("data_wait_s", step.data_wait_s, passed_s),
            Event::Eval(eval) => ("seconds", eval.seconds, passed_s),
            Event::Resume(resume) => ("downtime_s", resume.downtime_s, passed_s),
            _ => continue,
        };
        if !(seconds.is_finite() && seconds >= 0.0) {
            return Answer::fail_at(stop.line, format!("{name} is {seconds}: no duration"));
        }
        if seconds > at_most_s + READING_S {
            return Answer::fail_at(
                stop.line,
                format!("{name} is {seconds:.1}, but wall_s went on by {passed_s:.1} s"),
            );
        }
    }
    Answer::pass("none is odd")
}

/// Seconds between reading two clocks on a busy machine.
const READING_S: f64 = 1.0;

#[cfg(test)]
mod tests {
    use blueberry_runlog::Event;

    use crate::testing::{Draft, Submission};

    const ODD: [f64; 4] = [f64::NAN, f64::INFINITY, f64::NEG_INFINITY, -1.0];

    #[test]
    fn durations_of_honest_runs_pass() {
        Submission::valid().passes("durations");
        Submission::of(&[1, 2, 3].map(Draft::interrupted)).passes("durations");
    }

    #[test]
    fn what_is_no_duration_is_found() {
        for seconds in ODD {
            Submission::with(|draft| draft.eval_at(512).seconds = seconds).fails_at(
                "durations",
                16,
                "seconds is",
            );
            Submission::with(|draft| draft.step(7).data_wait_s = seconds).fails_at(
                "durations",
                14,
                "data_wait_s is",
            );
            let warmed = Submission::with(|draft| {
                let Event::Warmup(warmup) = &mut draft.events[0] else {
                    panic!("no warm-up")
                };
                warmup.seconds = seconds;
            });
            warmed.fails_at("durations", 2, "seconds is");
            let mut drafts = [1, 2, 3].map(Draft::interrupted);
            drafts[0].resume().downtime_s = seconds;
            Submission::of(&drafts).fails("durations", "downtime_s is");
        }
    }

    #[test]
    fn a_duration_longer_than_the_time_that_passed_is_found() {
        Submission::with(|draft| draft.eval_at(512).seconds = 100.0).fails_at(
            "durations",
            16,
            "wall_s went on by 0.2 s",
        );
        Submission::with(|draft| draft.step(7).data_wait_s = 2.0).fails("durations", "data_wait_s is 2.0");
    }
}
