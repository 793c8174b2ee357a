//! The rules: one a file, each with its id, its sentence, its check and its tests.

use crate::{Answer, Case, LoggedRun};

mod seals_whole;

/// A rule of the challenge.
#[derive(Debug, Clone, Copy)]
pub struct Rule {
    /// Its name in verdicts.
    pub id: &'static str,
    /// What it asks, in one sentence for people.
    pub text: &'static str,
    /// Its check.
    pub check: Check,
}

/// How a rule is held against a case.
#[derive(Debug, Clone, Copy)]
pub enum Check {
    /// Against each run alone.
    Run(fn(&Case, &LoggedRun) -> Answer),
    /// Against all runs together.
    Submission(fn(&Case) -> Answer),
}

/// Every rule, in the order of a verdict.
pub const RULES: &[Rule] = &[seals_whole::RULE];
