use super::{Check, Rule};
use crate::Metric;
use crate::summary::reached;
use crate::{Answer, Case, LoggedRun};

pub const RULE: Rule = Rule {
    id: "loss-bar",
    text: "The run undercuts the category's validation loss.",
    check: Check::Run(check),
};

fn check(case: &Case, run: &LoggedRun) -> Answer {
    let category = case.category;
    let Some(bar) = category.loss_below else {
        return Answer::not_applicable("the category asks for no loss");
    };
    if category.metric == Metric::WallSToLoss {
        return match reached(category, &run.log) {
            Some(eval) => Answer::pass(format!("{:.4} after {:.1} s", eval.val_loss, eval.at.wall_s)),
            None => Answer::fail(format!("no scheduled evaluation is under {bar}")),
        };
    }
    match run.log.end().and_then(|end| end.val_loss) {
        Some(loss) if loss < bar => Answer::pass(format!("{loss:.4} is under {bar}")),
        Some(loss) => Answer::fail(format!("{loss:.4} is not under {bar}")),
        None => Answer::fail("no final validation loss"),
    }
}
