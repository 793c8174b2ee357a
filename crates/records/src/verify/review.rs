//! What a person has looked at: some questions no program can answer.

use std::str::FromStr;

use blueberry_rules::Answer;
use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::decide::{outcome, split};
use super::document::Verification;
use super::error::VerifyError;
use super::plan::{Role, Turn};
use super::state::Work;

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
    /// The questions that it answered, each with its run.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub answered: Vec<String>,
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
            answered: Vec::new(),
        })
    }
}

/// Answers the open questions of a verification that its verifier has looked at, and says in it why. `against_record` where
/// one took part: of whose runs no question is open, since what is said of them is that they break a rule.
///
/// # Errors
/// [`VerifyError::NothingToLookAt`]: a rule has no open question.
pub(super) fn review(
    verification: &mut Verification,
    reviews: &[Review],
    against_record: bool,
) -> Result<(), VerifyError> {
    let of_record = runs_of_record(verification);
    let mut reviews = reviews.to_vec();
    for review in &mut reviews {
        for finding in &mut verification.findings {
            let Answer::CannotTell { missing } = &finding.answer else {
                continue;
            };
            let run = finding.run.as_deref();
            if finding.rule != review.rule || run.is_some_and(|run| of_record.iter().any(|name| name == run))
            {
                continue;
            }
            let place = run.map(|run| format!("{run}: ")).unwrap_or_default();
            review.answered.push(format!("{place}{missing}"));
            let evidence = format!("{} looked: {}", verification.verifier, review.reason);
            finding.answer = Answer::Pass { evidence };
        }
        if review.answered.is_empty() {
            return Err(VerifyError::NothingToLookAt(review.rule.clone()));
        }
    }
    verification.outcome = outcome(&verification.findings, against_record);
    let (holds, open) = split(std::mem::take(&mut verification.findings));
    (verification.findings, verification.reviews) = (open, reviews);
    verification.holds.extend(holds);
    Ok(())
}

fn runs_of_record(verification: &Verification) -> Vec<String> {
    let turns = verification.runs.iter().enumerate().map(|(number, run)| Turn {
        number,
        role: run.role,
        seed: run.seed,
    });
    let of_record = turns.filter(|turn| turn.role == Role::Record);
    of_record.map(Work::run_name).collect()
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
