use blueberry_runlog::Event;

use super::{Check, Rule};
use crate::trace::walk;
use crate::{Answer, Case, LoggedRun};

pub const RULE: Rule = Rule {
    id: "plausible-loss",
    text: "No validation loss is lower than a run of so many targets can believably reach; else it is held for a re-run.",
    check: Check::Run(check),
};

fn check(case: &Case, run: &LoggedRun) -> Answer {
    if !case.category.plausibility {
        return Answer::not_applicable("the category has no curve to hold losses against");
    }
    let Some(curve) = case.plausibility else {
        return Answer::cannot_tell("the curve that losses are held against");
    };
    for stop in walk(&run.log) {
        let Event::Eval(eval) = stop.event else { continue };
        let floor = if stop.at.tokens > 0 {
            curve.floor(stop.at.tokens)
        } else {
            None
        };
        if let Some(floor) = floor.filter(|&floor| eval.val_loss < floor) {
            return Answer::cannot_tell(format!(
                "line {}: {:.3} nats after {} targets, where {floor:.3} would already be {} times as good as the reference: hold for a re-run",
                stop.line, eval.val_loss, stop.at.tokens, curve.efficiency
            ));
        }
    }
    Answer::pass(format!(
        "never better than the reference at {} times the targets",
        curve.efficiency
    ))
}
