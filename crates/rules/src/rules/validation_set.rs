use super::{Check, Rule};

pub const RULE: Rule = Rule {
    id: "validation-set",
    text: "The validation targets are the category's, by digest.",
    check: Check::Run(|case, run| {
        case.category
            .validation
            .answer(&run.log.run.data.validation_sha256)
    }),
};

#[cfg(test)]
mod tests {
    use crate::Pin;
    use crate::testing::{Submission, hex};

    #[test]
    fn other_targets_than_pinned_are_found() {
        Submission::valid().passes("validation-set");
        Submission::with(|draft| draft.run.data.validation_sha256 = hex('e')).fails_at(
            "validation-set",
            1,
            &hex('b'),
        );
    }

    #[test]
    fn nobody_can_tell_what_is_not_pinned_yet() {
        let mut submission = Submission::valid();
        submission.category().validation = Pin::Unpinned;
        submission.cannot_tell("validation-set", "not fixed yet");
    }
}
