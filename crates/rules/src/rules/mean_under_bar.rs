use super::{Check, Rule};
use crate::{Answer, Case};
use crate::{Metric, stats};

pub const RULE: Rule = Rule {
    id: "mean-under-bar",
    text: "The mean final loss over all attempts is under the category's, at p < 0.01.",
    check: Check::Submission(check),
};

fn check(case: &Case) -> Answer {
    let category = case.category;
    let (Some(bar), Metric::TrainS | Metric::ValLoss) = (category.loss_below, category.metric) else {
        return Answer::not_applicable("the category asks for no final loss");
    };
    let losses: Option<Vec<f64>> = case.runs.iter().map(|run| run.log.end()?.val_loss).collect();
    let Some(losses) = losses else {
        return Answer::fail("an attempt has no final loss, so it did not undercut the bar");
    };
    let mean = losses.iter().sum::<f64>() / losses.len() as f64;
    // NaN is not under any bar.
    if !(mean < bar) {
        return Answer::fail(format!("the mean {mean:.4} is not under {bar}"));
    }
    match stats::below(&losses, bar) {
        Ok(test) if test.is_below() => {
            Answer::pass(format!("mean {mean:.4} of {}, p = {:.1e}", losses.len(), test.p))
        }
        Ok(test) => Answer::fail(format!(
            "mean {mean:.4} of {}, p = {:.3}: run more seeds",
            losses.len(),
            test.p
        )),
        Err(reason) => Answer::cannot_tell(format!("mean {mean:.4}; {reason}")),
    }
}
