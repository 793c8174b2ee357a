//! The verdict on a case.

use serde::{Deserialize, Serialize};

use crate::{Answer, Case, Check, RULES, Summary};

/// The verdict on a case.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Verdict {
    /// Id of the category.
    pub category: String,
    /// What follows from the findings.
    pub status: Status,
    /// What each rule answered, in the order of [`RULES`].
    pub findings: Vec<Finding>,
    /// The figures of the runs.
    pub summary: Summary,
}

/// What follows from the findings.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    /// Every rule holds.
    Eligible,
    /// Some rule is broken.
    Ineligible,
    /// None is broken, but some cannot be told.
    Undecided,
}

/// What a rule answered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finding {
    /// Id of the rule.
    pub rule: String,
    /// Name of the run; `None` for a rule about all of them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub run: Option<String>,
    /// Its answer.
    #[serde(flatten)]
    pub answer: Answer,
}

/// Holds every rule against a case.
#[must_use]
pub fn judge(case: &Case) -> Verdict {
    let findings: Vec<_> = RULES
        .iter()
        .flat_map(|rule| ask(rule.id, rule.check, case))
        .collect();
    Verdict {
        category: case.category.id.clone(),
        status: status(&findings),
        summary: Summary::of(case.category, case.runs),
        findings,
    }
}

fn ask(id: &str, check: Check, case: &Case) -> Vec<Finding> {
    let finding = |run, answer| Finding {
        rule: id.to_owned(),
        run,
        answer,
    };
    match check {
        Check::Run(check) => {
            let ask = |run| check(case, run);
            case.runs
                .iter()
                .map(|run| finding(Some(run.name.clone()), ask(run)))
                .collect()
        }
        Check::Submission(check) => vec![finding(None, check(case))],
    }
}

fn status(findings: &[Finding]) -> Status {
    let any = |wanted: fn(&Answer) -> bool| findings.iter().any(|finding| wanted(&finding.answer));
    if any(|answer| matches!(answer, Answer::Fail { .. })) {
        Status::Ineligible
    } else if any(|answer| matches!(answer, Answer::CannotTell { .. })) {
        Status::Undecided
    } else {
        Status::Eligible
    }
}

impl Verdict {
    /// The findings that say no.
    pub fn failures(&self) -> impl Iterator<Item = &Finding> {
        self.findings
            .iter()
            .filter(|finding| matches!(finding.answer, Answer::Fail { .. }))
    }
}
