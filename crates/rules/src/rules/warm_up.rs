use blueberry_runlog::{At, Event};

use super::{Check, Rule};
use crate::trace::walk;
use crate::{Answer, Case, LoggedRun};

pub const RULE: Rule = Rule {
    id: "warm-up",
    text: "There is one warm-up, before the first step, off both clocks and on no training data.",
    check: Check::Run(check),
};

fn check(_: &Case, run: &LoggedRun) -> Answer {
    let mut warm_ups = Vec::new();
    for stop in walk(&run.log) {
        match stop.event {
            Event::Warmup(warmup) => warm_ups.push((stop, warmup)),
            // Killed before its warm-up was logged, and gone on with: its clocks began at the resume.
            Event::Resume(resume)
                if warm_ups.is_empty() && resume.extra.contains_key("clock_started_unix_s") =>
            {
                return Answer::pass(
                    "the run was resumed before its warm-up was logged; the clocks began then",
                );
            }
            Event::Step(_) if warm_ups.is_empty() => {
                return Answer::fail_at(stop.line, "a step before any `warmup`");
            }
            _ => {}
        }
    }
    match warm_ups.as_slice() {
        [] => Answer::fail("no `warmup`"),
        [(stop, warmup)] => {
            if stop.at != At::default() || stop.before != At::default() {
                return Answer::fail_at(
                    stop.line,
                    "the warm-up is not before the first step, at zero on both clocks",
                );
            }
            if !(warmup.seconds.is_finite() && warmup.seconds >= 0.0) {
                return Answer::fail_at(stop.line, format!("it took {} s", warmup.seconds));
            }
            Answer::pass(format!("{:.1} s before the clocks", warmup.seconds))
        }
        [_, (stop, _), ..] => Answer::fail_at(stop.line, "a second `warmup`"),
    }
}

#[cfg(test)]
mod tests {
    use blueberry_runlog::Event;

    use crate::testing::Submission;

    #[test]
    fn one_warm_up_before_the_clocks_passes() {
        Submission::valid().passes("warm-up");
    }

    #[test]
    fn a_missing_or_second_warm_up_is_found() {
        Submission::with(|draft| drop(draft.events.remove(0))).fails_at("warm-up", 4, "before any `warmup`");
        let twice = Submission::with(|draft| draft.events.insert(1, draft.events[0].clone()));
        twice.fails_at("warm-up", 4, "second");
    }

    #[test]
    fn a_warm_up_on_training_batches_is_found() {
        let submission = Submission::with(|draft| {
            let Event::Warmup(warmup) = &mut draft.events[0] else {
                panic!("no warm-up")
            };
            warmup.at.tokens = 64;
        });
        submission.fails_at("warm-up", 2, "at zero");
    }
}
