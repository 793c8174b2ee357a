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
    let (mut all, mut window) = (Sum::default(), Sum::default());
    // Where the clock stood at the last step: what lies between that and an evaluation is the next step's.
    let mut stepped_s = 0.0;
    let mut line = None;
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
        let alone = Sum {
            steps: 1,
            stated_s: stop.at.tokens.saturating_sub(stop.before.tokens) as f64 / rate,
            clock_s: stop.at.train_s - stepped_s,
        };
        stepped_s = stop.at.train_s;
        line = Some(stop.line);
        window.add(&alone);
        all.add(&alone);
        if let Some(problem) = alone.problem().or_else(|| window.problem()) {
            return Answer::fail_at(stop.line, problem);
        }
        if window.steps == WINDOW {
            window = Sum::default();
        }
    }
    match (all.problem(), line) {
        (Some(problem), Some(line)) => Answer::fail_at(line, problem),
        _ => Answer::pass(format!(
            "{:.1} s by the rates, {:.1} s by the clock",
            all.stated_s, all.clock_s
        )),
    }
}

/// Share of the time by which rate and clock may disagree, as where the rate is read off another timer.
const SHARE: f64 = 0.01;
/// Seconds between reading one clock and the other, once for any number of steps in a row.
const READING_S: f64 = 0.002;
/// Steps in a row whose sum is compared: in short steps the reading of clocks is a large share, but it does not add
/// up.
const WINDOW: u64 = 100;

/// Time of steps in a row.
#[derive(Default)]
struct Sum {
    steps: u64,
    /// By the rates.
    stated_s: f64,
    /// By the clock.
    clock_s: f64,
}

impl Sum {
    fn add(&mut self, other: &Self) {
        self.steps += other.steps;
        self.stated_s += other.stated_s;
        self.clock_s += other.clock_s;
    }

    fn problem(&self) -> Option<String> {
        let (steps, stated_s, clock_s) = (self.steps, self.stated_s, self.clock_s);
        let agree = (clock_s - stated_s).abs().le(&(clock_s * SHARE + READING_S));
        (!agree).then(|| {
            format!(
                "{steps} step(s) took {stated_s:.4} s by their rates, but the clock went on by {clock_s:.4} s"
            )
        })
    }
}

#[cfg(test)]
mod tests {
    use blueberry_runlog::Event;

    use crate::testing::Submission;

    #[test]
    fn a_rate_below_the_clock_is_found() {
        Submission::valid().passes("rates");
        // 64 targets at 100 a second take 0.64 s, but the clock went on by 0.5 s.
        Submission::with(|draft| draft.step(7).tokens_per_s = 100.0).fails_at(
            "rates",
            14,
            "0.6400 s by their rates",
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
        // So little that the time is more than a number can say.
        Submission::with(|draft| draft.step(7).tokens_per_s = 1e-320).fails_at("rates", 14, "inf s");
    }

    /// A run a hundred times as fast, in which each step of 5 ms may be off by 2 ms and more.
    #[test]
    fn short_steps_that_add_up_to_another_time_are_found() {
        let run = |rate: f64| {
            Submission::with(|draft| {
                for event in &mut draft.events {
                    if let Event::Step(step) = event {
                        step.at.train_s /= 100.0;
                        step.tokens_per_s = rate;
                    }
                }
            })
        };
        // 0.08 s by the clock.
        run(12_800.0).passes("rates");
        run(12_850.0).passes("rates");
        // 4 ms a step, 2.1 ms off after three of them.
        run(16_000.0).fails_at(
            "rates",
            8,
            "3 step(s) took 0.0120 s by their rates, but the clock went on by 0.0150 s",
        );
    }

    #[test]
    fn the_sum_over_the_whole_run_is_compared_too() {
        let (mut all, step) = (super::Sum::default(), 0.005);
        for _ in 0..1_000 {
            all.add(&super::Sum {
                steps: 1,
                stated_s: step,
                clock_s: step * 1.012,
            });
        }
        assert!(
            all.problem()
                .is_some_and(|problem| problem.starts_with("1000 step(s)"))
        );
    }
}
