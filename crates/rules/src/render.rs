//! A verdict as a table for a terminal.

use crate::{Answer, Finding, RULES, Status, Verdict};

/// The verdict as text: what holds first, a line a rule; what is wrong last, a line a run, so that it stands next
/// to the verdict.
#[must_use]
pub fn render(verdict: &Verdict) -> String {
    let width = verdict
        .findings
        .iter()
        .map(|finding| finding.rule.len())
        .max()
        .unwrap_or(0);
    let mut text = String::new();
    for wanted in ["-", "ok", "?", "FAIL"] {
        for (finding, runs) in lines(verdict, wanted) {
            let words = match runs {
                1 => words(finding),
                runs => format!("{runs} runs, as {}", words(finding)),
            };
            text += &format!("{wanted:<4}  {:<width$}  {words}\n", plain(&finding.rule));
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

/// The findings of one kind. Of a rule that several runs keep, or that cannot be told of several for one reason, the first
/// stands for all, with how many they are.
fn lines<'a>(verdict: &'a Verdict, wanted: &str) -> Vec<(&'a Finding, usize)> {
    let found = verdict
        .findings
        .iter()
        .filter(|finding| mark(&finding.answer) == wanted);
    let mut lines: Vec<(&Finding, usize)> = Vec::new();
    for finding in found {
        let of_it = |(first, _): &&mut (&Finding, usize)| {
            let folds = match wanted {
                "FAIL" => false,
                "?" => first.answer == finding.answer,
                _ => true,
            };
            folds && first.rule == finding.rule && first.run.is_some() && finding.run.is_some()
        };
        match lines.iter_mut().find(of_it) {
            Some((_, runs)) => *runs += 1,
            None => lines.push((finding, 1)),
        }
    }
    lines
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Metric, Summary};

    #[test]
    fn what_is_wrong_stands_last_and_what_holds_in_every_run_once() {
        let finding = |rule: &str, run: Option<&str>, answer: Answer| Finding {
            rule: rule.to_owned(),
            run: run.map(String::from),
            answer,
        };
        let pass = |what: &str| Answer::Pass {
            evidence: what.to_owned(),
        };
        let fail = || Answer::Fail {
            evidence: "no".to_owned(),
            line: Some(7),
        };
        let verdict = Verdict {
            category: "dash".to_owned(),
            status: Status::Ineligible,
            findings: vec![
                finding("seals", Some("a"), fail()),
                finding("seals", Some("b"), fail()),
                finding("rates", Some("a"), pass("3 lines")),
                finding("rates", Some("b"), pass("4 lines")),
                finding("mean", None, pass("4.2")),
            ],
            summary: Summary {
                metric: Metric::ValLoss,
                figure: None,
                runs: Vec::new(),
            },
        };
        let text = render(&verdict);
        let lines: Vec<&str> = text.lines().take(5).collect();
        assert_eq!(
            lines,
            [
                "ok    rates  2 runs, as a: 3 lines",
                "ok    mean   4.2",
                "FAIL  seals  a, line 7: no",
                "FAIL  seals  b, line 7: no",
                "",
            ]
        );
    }
}
