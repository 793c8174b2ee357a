//! Digests of data that a category asks for: three rules of one kind.

use super::{Check, Rule};
use crate::{Answer, Case, LoggedRun, Pin};

pub const VALIDATION: Rule = Rule {
    id: "validation-set",
    text: "The validation targets are the category's, by digest.",
    check: Check::Run(|case, run| {
        pinned(
            case,
            &case.category.validation,
            &run.log.run.data.validation_sha256,
        )
    }),
};

pub const TOKENIZER: Rule = Rule {
    id: "tokenizer",
    text: "The tokeniser is the category's, by digest.",
    check: Check::Run(|case, run| pinned(case, &case.category.tokenizer, &run.log.run.data.tokenizer_sha256)),
};

/// What a shard or folder is called says nothing: only the digest counts.
pub const DATASET: Rule = Rule {
    id: "dataset",
    text: "The training data is the category's, by the digest of its manifest.",
    check: Check::Run(|case, run: &LoggedRun| {
        pinned(case, &case.category.manifest, &run.log.run.data.manifest_sha256)
    }),
};

fn pinned(case: &Case, pin: &Pin, found: &str) -> Answer {
    match pin {
        Pin::Any => Answer::not_applicable("the category takes any"),
        Pin::Unpinned => Answer::cannot_tell(format!(
            "the digest that `{}` asks for is not fixed yet (here: {found})",
            case.category.id
        )),
        Pin::Sha256(asked) if asked == found => Answer::pass(format!("sha256 {found}")),
        Pin::Sha256(asked) => {
            Answer::fail_at(1, format!("sha256 {found}, but the category asks for {asked}"))
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::Pin;
    use crate::testing::{Submission, hex};

    #[test]
    fn other_data_than_pinned_is_found() {
        Submission::valid().passes("dataset");
        Submission::with(|draft| draft.run.data.manifest_sha256 = hex('e')).fails_at("dataset", 1, &hex('e'));
        Submission::with(|draft| draft.run.data.validation_sha256 = hex('e'))
            .fails("validation-set", &hex('b'));
        Submission::with(|draft| draft.run.data.tokenizer_sha256 = hex('e')).fails("tokenizer", &hex('c'));
    }

    #[test]
    fn nobody_can_tell_what_is_not_pinned_yet() {
        let mut submission = Submission::valid();
        submission.category().validation = Pin::Unpinned;
        submission.cannot_tell("validation-set", "not fixed yet");
    }

    #[test]
    fn a_category_may_take_any_data() {
        let mut submission = Submission::valid();
        submission.category().manifest = Pin::Any;
        submission.does_not_apply("dataset");
    }
}
