use super::{Check, Rule};
use crate::config::Config;
use crate::{Answer, Case, LoggedRun};

/// The digest of the validation targets does not say how they are cut into sequences.
pub const RULE: Rule = Rule {
    id: "eval-context",
    text: "Validation sequences are as long as the category asks, since more context lowers the loss of the same targets.",
    check: Check::Run(check),
};

fn check(case: &Case, run: &LoggedRun) -> Answer {
    let Some(asked) = case.category.validation_seq_len else {
        return Answer::not_applicable("the category takes any length");
    };
    match Config::of(&run.log) {
        Err(missing) => Answer::cannot_tell(missing),
        Ok(config) if config.eval.seq_len == asked => Answer::pass(format!("sequences of {asked}")),
        Ok(config) => {
            let found = config.eval.seq_len;
            Answer::fail_at(
                1,
                format!("`config.eval.seq_len` is {found}, but the category asks for {asked}"),
            )
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::testing::Submission;

    #[test]
    fn more_or_less_context_than_asked_is_found() {
        Submission::valid().passes("eval-context");
        for seq_len in [16, 64] {
            Submission::with(|draft| draft.run.config["eval"]["seq_len"] = seq_len.into()).fails_at(
                "eval-context",
                1,
                "the category asks for 32",
            );
        }
    }

    #[test]
    fn a_category_may_take_any_context() {
        let mut submission = Submission::valid();
        submission.category().validation_seq_len = None;
        submission.does_not_apply("eval-context");
    }
}
