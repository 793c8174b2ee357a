use blueberry_runlog::Event;
use std::collections::BTreeSet;

use super::{Check, Rule};
use crate::trace::walk;
use crate::{Answer, Case, LoggedRun};

pub const RULE: Rule = Rule {
    id: "losses",
    text: "Losses are finite, above zero, and not the same number over and over.",
    check: Check::Run(check),
};

fn check(_: &Case, run: &LoggedRun) -> Answer {
    let mut seen = BTreeSet::new();
    let mut steps = 0;
    for stop in walk(&run.log) {
        let numbers: &[(&str, f64)] = match stop.event {
            Event::Step(step) => {
                seen.insert(step.loss.to_bits());
                steps += 1;
                &[("loss", step.loss), ("grad_norm", step.grad_norm)]
            }
            Event::Eval(eval) => &[("val_loss", eval.val_loss)],
            _ => continue,
        };
        for &(name, value) in numbers {
            if !value.is_finite() {
                return Answer::fail_at(stop.line, format!("{name} is {value}"));
            }
            // A gradient may vanish; a loss of nothing is a placeholder.
            if value < 0.0 || (value == 0.0 && name != "grad_norm") {
                return Answer::fail_at(
                    stop.line,
                    format!("{name} is {value}: a placeholder, not a measurement"),
                );
            }
        }
    }
    if steps >= ENOUGH && seen.len() == 1 {
        return Answer::fail(format!(
            "all {steps} steps have the same loss: a placeholder, not a measurement"
        ));
    }
    Answer::pass(format!("{steps} steps"))
}

/// Steps from which equal losses are no chance.
const ENOUGH: usize = 3;

#[cfg(test)]
mod tests {
    use crate::testing::Submission;

    #[test]
    fn placeholders_are_found() {
        Submission::valid().passes("losses");
        Submission::with(|draft| draft.step(7).loss = 0.0).fails_at("losses", 14, "placeholder");
        Submission::with(|draft| draft.eval_at(512).val_loss = 0.0).fails("losses", "placeholder");
        Submission::with(|draft| (1..=16).for_each(|step| draft.step(step).loss = 4.16))
            .fails("losses", "same loss");
    }

    #[test]
    fn what_is_no_number_is_found() {
        Submission::with(|draft| draft.step(7).loss = f64::NAN).fails_at("losses", 14, "NaN");
        Submission::with(|draft| draft.step(7).grad_norm = f64::INFINITY).fails("losses", "grad_norm is inf");
    }
}
