use super::{Check, Rule};

/// What a shard or folder is called says nothing: only the digest counts.
pub const RULE: Rule = Rule {
    id: "dataset",
    text: "The training data is the category's, by the digest of its manifest.",
    check: Check::Run(|case, run| case.category.manifest.answer(&run.log.run.data.manifest_sha256)),
};

#[cfg(test)]
mod tests {
    use crate::Pin;
    use crate::testing::{Submission, hex};

    #[test]
    fn other_data_than_pinned_is_found() {
        Submission::valid().passes("dataset");
        Submission::with(|draft| draft.run.data.manifest_sha256 = hex('e')).fails_at("dataset", 1, &hex('e'));
    }

    #[test]
    fn a_category_may_take_any_data() {
        let mut submission = Submission::valid();
        submission.category().manifest = Pin::Any;
        submission.does_not_apply("dataset");
    }
}
