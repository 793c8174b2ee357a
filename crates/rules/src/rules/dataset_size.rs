use super::{Check, Rule};
use crate::pin::{Open, TAKES_ANY};
use crate::{Answer, Case, LoggedRun, PinnedCount};

/// The manifest's digest covers the count, but the log states it beside the digest, and other rules read it there.
pub const RULE: Rule = Rule {
    id: "dataset-size",
    text: "The data set has as many training targets as the category's.",
    check: Check::Run(check),
};

fn check(case: &Case, run: &LoggedRun) -> Answer {
    let found = run.log.run.data.train_tokens;
    match case.category.train_tokens {
        PinnedCount::Open(Open::Any) => Answer::not_applicable(TAKES_ANY),
        PinnedCount::Open(Open::Unpinned) => Answer::cannot_tell(format!(
            "the count of training targets that the category asks for is not fixed yet (here: {found})"
        )),
        PinnedCount::Count(asked) if asked == found => Answer::pass(format!("{found} targets")),
        PinnedCount::Count(asked) => {
            Answer::fail_at(1, format!("{found} targets, but the category asks for {asked}"))
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::PinnedCount;
    use crate::testing::Submission;

    #[test]
    fn a_count_that_is_not_the_categorys_is_found() {
        Submission::valid().passes("dataset-size");
        Submission::with(|draft| draft.run.data.train_tokens = 1_050).fails_at(
            "dataset-size",
            1,
            "1050 targets, but the category asks for 5000",
        );
    }

    #[test]
    fn a_count_may_be_open() {
        let mut submission = Submission::valid();
        submission.category().train_tokens = PinnedCount::UNPINNED;
        submission.cannot_tell("dataset-size", "not fixed yet (here: 5000)");
        submission.category().train_tokens = PinnedCount::ANY;
        submission.does_not_apply("dataset-size");
    }
}
