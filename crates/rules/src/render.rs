//! A verdict as a table for a terminal.

use crate::{Answer, Finding, RULES, Status, Verdict};

/// The verdict as text: what is wrong first, then what cannot be told, then what holds.
#[must_use]
pub fn render(verdict: &Verdict) -> String {
    let width = verdict
        .findings
        .iter()
        .map(|finding| finding.rule.len())
        .max()
        .unwrap_or(0);
    let mut text = String::new();
    for wanted in ["FAIL", "?", "ok", "-"] {
        for finding in verdict
            .findings
            .iter()
            .filter(|finding| mark(&finding.answer) == wanted)
        {
            text += &format!(
                "{wanted:<4}  {:<width$}  {}\n",
                plain(&finding.rule),
                words(finding)
            );
        }
    }
    text += &format!("\n{}: {}\n", plain(&verdict.category), status(verdict));
    if let Some(figure) = &verdict.summary.figure {
        let metric = verdict.summary.metric;
        text += &format!(
            "{} {} over {} run(s)\n",
            metric.name(),
            figure.text(metric.decimals()),
            figure.values.len()
        );
    }
    text
}

/// Every rule with what it asks, in the order of a verdict.
#[must_use]
pub fn render_rules() -> String {
    let width = RULES.iter().map(|rule| rule.id.len()).max().unwrap_or(0);
    RULES
        .iter()
        .map(|rule| format!("{:<width$}  {}\n", rule.id, rule.text))
        .collect()
}

fn mark(answer: &Answer) -> &'static str {
    match answer {
        Answer::Fail { .. } => "FAIL",
        Answer::CannotTell { .. } => "?",
        Answer::Pass { .. } => "ok",
        Answer::NotApplicable { .. } => "-",
    }
}

fn words(finding: &Finding) -> String {
    let mut place = finding.run.iter().cloned().collect::<Vec<_>>();
    if let Answer::Fail { line: Some(line), .. } = finding.answer {
        place.push(format!("line {line}"));
    }
    let words = plain(finding.answer.words());
    if place.is_empty() {
        words
    } else {
        format!("{}: {words}", plain(&place.join(", ")))
    }
}

fn status(verdict: &Verdict) -> String {
    let count = |wanted: &str| {
        verdict
            .findings
            .iter()
            .filter(|finding| mark(&finding.answer) == wanted)
            .count()
    };
    match verdict.status {
        Status::Eligible => "eligible".into(),
        Status::Ineligible => format!("ineligible, {} answer(s) say no", count("FAIL")),
        Status::Undecided => format!("undecided, {} answer(s) cannot be told", count("?")),
    }
}

/// A stranger's text without what would steer a terminal.
fn plain(text: &str) -> String {
    text.chars()
        .map(|letter| if letter.is_control() { ' ' } else { letter })
        .collect()
}
