use super::{Check, Rule};
use crate::Metric;
use crate::summary::reached;
use crate::trace::end;
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
            Some((_, eval)) => Answer::pass(format!("{:.4} after {:.1} s", eval.val_loss, eval.at.wall_s)),
            None => Answer::fail(format!("no scheduled evaluation is under {bar}")),
        };
    }
    let Some((line, end)) = end(&run.log) else {
        return Answer::fail("the log has no `end`");
    };
    match end.val_loss {
        Some(loss) if loss < bar => Answer::pass(format!("{loss:.4} is under {bar}")),
        Some(loss) => Answer::fail_at(line, format!("{loss:.4} is not under {bar}")),
        None => Answer::fail_at(line, "no final validation loss"),
    }
}

#[cfg(test)]
mod tests {
    use crate::Metric;
    use crate::testing::Submission;

    #[test]
    fn a_final_loss_over_the_bar_is_found() {
        Submission::valid().passes("loss-bar");
        Submission::with(|draft| draft.end().val_loss = Some(3.0)).fails_at(
            "loss-bar",
            30,
            "3.0000 is not under 3",
        );
        Submission::with(|draft| draft.end().val_loss = Some(f64::NAN))
            .fails("loss-bar", "NaN is not under 3");
    }

    #[test]
    fn the_first_scheduled_evaluation_under_the_bar_counts() {
        let mut submission = Submission::valid();
        submission.category().metric = Metric::WallSToLoss;
        submission.category().loss_below = Some(3.1);
        // 4.16 - 1.5 * 768 / 1024 + 0.002 = 3.037 at 12 steps of 0.5 s and 4 evaluations of 0.25 s.
        submission.passes("loss-bar");
        assert!(
            submission
                .answer("loss-bar")
                .words()
                .contains("3.0370 after 7.0 s")
        );
        submission.category().loss_below = Some(2.0);
        submission.fails("loss-bar", "no scheduled evaluation");
    }
}
