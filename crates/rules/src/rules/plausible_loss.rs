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

#[cfg(test)]
mod tests {
    use crate::testing::{Submission, categories};

    #[test]
    fn an_implausible_loss_is_held_for_a_re_run() {
        let mut submission = Submission::with(|draft| draft.eval_at(1024).val_loss = 0.98);
        submission.does_not_apply("plausible-loss");
        submission.category().plausibility = true;
        // So few targets are below the first known point, whose loss is the floor: every loss here is.
        submission.cannot_tell("plausible-loss", "hold for a re-run");
        submission.categories.plausibility = None;
        submission.cannot_tell("plausible-loss", "the curve");
    }

    #[test]
    fn the_floor_is_the_references_loss_at_thirty_times_the_targets() {
        let curve = categories().plausibility.expect("a curve");
        let floor = |tokens| curve.floor(tokens).expect("two points");
        // 8.2M / 30: the first point. Twice that: the second. Half a doubling further: half a step of 0.777 down.
        assert!((floor(273_333) - 5.359).abs() < 1e-3);
        assert!((floor(546_667) - 4.582).abs() < 1e-3);
        assert!((floor(773_103) - (4.582 - 0.5 * 0.777)).abs() < 1e-3);
        assert_eq!(floor(1), 5.359);
    }

    #[test]
    fn the_official_floor_lets_the_field_pass_and_holds_a_leak() {
        let curve = crate::Categories::official().plausibility.expect("a curve");
        let floor = |tokens| curve.floor(tokens).expect("points");
        assert!(floor(8_000_000) > 3.0 && floor(100_000_000) > 2.5 && floor(100_000_000) < 3.0);
        // The field's best: 3.28 after 339M targets.
        assert!(floor(339_000_000) < 3.28);
        for &(tokens, loss) in &curve.reference {
            assert!(loss > floor(tokens), "the reference itself at {tokens}");
        }
    }
}
