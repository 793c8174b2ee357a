//! What a person has looked at: some questions no program can answer.

use std::str::FromStr;

use blueberry_rules::{Answer, Finding};
use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::decide::{outcome, split};
use super::document::Verification;
use super::error::VerifyError;

/// The rules whose question is left to a person where it is open: what the time off the training clock went into.
pub const FOR_A_PERSON: [&str; 4] = ["eval-time", "wall-time", "verify-evaluations", "verify-clock"];
/// A reason is a sentence or two.
const MOST_BYTES: usize = 1000;

/// A person's answer to a question that no program can answer. It is signed with the verification that it stands in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Review {
    /// Id of the rule.
    pub rule: String,
    /// Why it holds.
    pub reason: String,
}

/// A text that is no [`Review`].
#[derive(Debug, Error)]
pub enum ReviewError {
    /// It has no two parts.
    #[error(
        "write it as RULE=REASON, with why the rule holds as the reason: one line of at most {MOST_BYTES} bytes"
    )]
    Form,
    /// A rule whose answer a person cannot give.
    #[error("`{0}` is not left to a person; these are: {of}", of = FOR_A_PERSON.join(", "))]
    Rule(String),
}

impl FromStr for Review {
    type Err = ReviewError;

    fn from_str(text: &str) -> Result<Self, ReviewError> {
        let (rule, reason) = text.split_once('=').ok_or(ReviewError::Form)?;
        let (rule, reason) = (rule.trim(), reason.trim());
        if !FOR_A_PERSON.contains(&rule) {
            return Err(ReviewError::Rule(rule.to_owned()));
        }
        if reason.is_empty() || reason.len() > MOST_BYTES || reason.contains(char::is_control) {
            return Err(ReviewError::Form);
        }
        Ok(Self {
            rule: rule.to_owned(),
            reason: reason.to_owned(),
        })
    }
}

/// Answers the open questions of a verification that its verifier has looked at, and says in it why. `against_record` where
/// one took part.
///
/// # Errors
/// [`VerifyError::NothingToLookAt`]: a rule has no open question.
pub(super) fn review(
    verification: &mut Verification,
    reviews: &[Review],
    against_record: bool,
) -> Result<(), VerifyError> {
    for review in reviews {
        let is_open = |finding: &&mut Finding| {
            finding.rule == review.rule && matches!(finding.answer, Answer::CannotTell { .. })
        };
        let mut looked_at = false;
        for finding in verification.findings.iter_mut().filter(is_open) {
            let evidence = format!("{} looked: {}", verification.verifier, review.reason);
            finding.answer = Answer::Pass { evidence };
            looked_at = true;
        }
        if !looked_at {
            return Err(VerifyError::NothingToLookAt(review.rule.clone()));
        }
    }
    verification.outcome = outcome(&verification.findings, against_record);
    let (holds, open) = split(std::mem::take(&mut verification.findings));
    (verification.findings, verification.reviews) = (open, reviews.to_vec());
    verification.holds.extend(holds);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_review_is_of_a_rule_that_is_left_to_a_person() {
        let review: Review = "eval-time = slow disk; a = b ".parse().unwrap();
        assert_eq!(
            (&*review.rule, &*review.reason),
            ("eval-time", "slow disk; a = b")
        );
        for (text, words) in [
            ("eval-time", "RULE=REASON"),
            ("eval-time=", "RULE=REASON"),
            ("eval-time=a\nb", "one line"),
            (
                "probe=sound",
                "`probe` is not left to a person; these are: eval-time, wall-time,",
            ),
        ] {
            let error = text.parse::<Review>().unwrap_err().to_string();
            assert!(error.contains(words), "{error}");
        }
    }
}
