use blueberry_runlog::Event;

use super::{Check, Rule};
use crate::trace::walk;
use crate::{Answer, Case, LoggedRun};

pub const RULE: Rule = Rule {
    id: "rates",
    text: "Targets a second times the time on the clock give the targets.",
    check: Check::Run(check),
};

fn check(_: &Case, run: &LoggedRun) -> Answer {
    let (mut stated_s, mut clock_s) = (0.0, 0.0);
    // Where the clock stood at the last step: what lies between that and an evaluation is the next step's.
    let mut stepped_s = 0.0;
    for stop in walk(&run.log) {
        let Event::Step(step) = stop.event else {
            if matches!(stop.event, Event::Resume(_)) {
                stepped_s = stop.at.train_s;
            }
            continue;
        };
        let rate = step.tokens_per_s;
        if !(rate.is_finite() && rate > 0.0) {
            return Answer::fail_at(stop.line, format!("{rate} targets a second"));
        }
        let seconds = stop.at.tokens.saturating_sub(stop.before.tokens) as f64 / rate;
        let elapsed = stop.at.train_s - stepped_s;
        stepped_s = stop.at.train_s;
        if (elapsed - seconds).abs() > seconds * SHARE + READING_S {
            return Answer::fail_at(
                stop.line,
                format!("the step took {seconds:.4} s by its rate, but the clock went on by {elapsed:.4} s"),
            );
        }
        stated_s += seconds;
        clock_s += elapsed;
    }
    Answer::pass(format!(
        "{stated_s:.1} s by the rates, {clock_s:.1} s by the clock"
    ))
}

/// Share of a step's time by which rate and clock may disagree, as where the rate is read off another timer.
const SHARE: f64 = 0.01;
/// Seconds between reading one clock and the other.
const READING_S: f64 = 0.002;

#[cfg(test)]
mod tests {
    use crate::testing::Submission;

    #[test]
    fn a_rate_below_the_clock_is_found() {
        Submission::valid().passes("rates");
        // 64 targets at 100 a second take 0.64 s, but the clock went on by 0.5 s.
        Submission::with(|draft| draft.step(7).tokens_per_s = 100.0).fails_at(
            "rates",
            14,
            "0.6400 s by its rate",
        );
    }

    #[test]
    fn rates_above_the_clock_are_found() {
        let submission = Submission::with(|draft| {
            for step in 1..=16 {
                draft.step(step).tokens_per_s = 1000.0;
            }
        });
        submission.fails("rates", "went on by 0.5");
        Submission::with(|draft| draft.step(7).tokens_per_s = 0.0).fails_at(
            "rates",
            14,
            "0 targets a second",
        );
    }
}
