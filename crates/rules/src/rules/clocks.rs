use super::{Check, Rule};
use crate::trace::walk;
use crate::{Answer, Case, LoggedRun};

pub const RULE: Rule = Rule {
    id: "clocks",
    text: "Neither clock runs backwards, and `train_s` never passes `wall_s`.",
    check: Check::Run(check),
};

fn check(_: &Case, run: &LoggedRun) -> Answer {
    for stop in walk(&run.log) {
        let (at, before) = (stop.at, stop.before);
        for (name, now, then) in [
            ("train_s", at.train_s, before.train_s),
            ("wall_s", at.wall_s, before.wall_s),
        ] {
            if !now.is_finite() || now < then {
                return Answer::fail_at(stop.line, format!("{name} goes from {then} to {now}"));
            }
        }
        if at.train_s > at.wall_s + READING {
            return Answer::fail_at(
                stop.line,
                format!("train_s {} is past wall_s {}", at.train_s, at.wall_s),
            );
        }
    }
    let end = walk(&run.log).last().map(|stop| stop.at).unwrap_or_default();
    Answer::pass(format!("train_s {:.1}, wall_s {:.1}", end.train_s, end.wall_s))
}

/// Seconds between reading one clock and the other.
const READING: f64 = 1e-6;

#[cfg(test)]
mod tests {
    use crate::testing::Submission;

    #[test]
    fn a_clock_that_runs_backwards_is_found() {
        Submission::valid().passes("clocks");
        Submission::with(|draft| draft.step(7).at.train_s = 1.0).fails_at(
            "clocks",
            14,
            "train_s goes from 3 to 1",
        );
        Submission::with(|draft| draft.step(7).at.wall_s = 1.0).fails_at("clocks", 14, "wall_s goes");
        Submission::with(|draft| draft.step(7).at.wall_s = f64::NAN).fails("clocks", "NaN");
    }

    #[test]
    fn more_training_than_time_is_found() {
        let submission = Submission::with(|draft| draft.delay(2, 1.0, 0.0));
        submission.fails_at("clocks", 6, "past wall_s");
    }
}
