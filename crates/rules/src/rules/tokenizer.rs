use super::{Check, Rule};

pub const RULE: Rule = Rule {
    id: "tokenizer",
    text: "The tokeniser is the category's, by digest.",
    check: Check::Run(|case, run| case.category.tokenizer.answer(&run.log.run.data.tokenizer_sha256)),
};

#[cfg(test)]
mod tests {
    use crate::testing::{Submission, hex};

    #[test]
    fn another_tokeniser_than_pinned_is_found() {
        Submission::valid().passes("tokenizer");
        Submission::with(|draft| draft.run.data.tokenizer_sha256 = hex('e')).fails_at(
            "tokenizer",
            1,
            &hex('c'),
        );
    }
}
