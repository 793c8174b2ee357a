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
    if mean.is_nan() || mean >= bar {
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

#[cfg(test)]
mod tests {
    use crate::Metric;
    use crate::testing::{Draft, Submission};

    fn with_losses(losses: [f64; 3]) -> Submission {
        let drafts = (1..=3).zip(losses).map(|(seed, loss)| {
            let mut draft = Draft::valid(seed);
            draft.end().val_loss = Some(loss);
            draft
        });
        Submission::of(&drafts.collect::<Vec<_>>())
    }

    #[test]
    fn a_mean_well_under_the_bar_passes() {
        Submission::valid().passes("mean-under-bar");
    }

    #[test]
    fn a_mean_under_the_bar_by_luck_is_found() {
        // t = -0.1 / (0.1 / sqrt 3) = -1.73 with two degrees of freedom: p = 0.113.
        with_losses([2.8, 2.9, 3.0]).fails("mean-under-bar", "p = 0.113");
        with_losses([2.9, 3.0, 3.2]).fails("mean-under-bar", "is not under 3");
    }

    #[test]
    fn one_run_or_identical_ones_cannot_tell() {
        let mut submission = Submission::valid();
        submission.runs.truncate(1);
        submission.cannot_tell("mean-under-bar", "at least 2");
        with_losses([2.5, 2.5, 2.5]).cannot_tell("mean-under-bar", "identical");
    }

    #[test]
    fn an_attempt_without_a_loss_did_not_undercut_it() {
        Submission::with(|draft| draft.end().val_loss = None).fails("mean-under-bar", "no final loss");
    }

    #[test]
    fn a_race_to_a_loss_is_judged_run_by_run() {
        let mut submission = Submission::valid();
        submission.category().metric = Metric::WallSToLoss;
        submission.does_not_apply("mean-under-bar");
    }
}
