use super::{Check, Rule};
use crate::Summary;
use crate::{Answer, Case};

pub const RULE: Rule = Rule {
    id: "claims-agree",
    text: "Every figure that the submission states outside its logs is the logs'.",
    check: Check::Submission(check),
};

fn check(case: &Case) -> Answer {
    if case.facts.claims.is_empty() {
        return Answer::not_applicable("no figures are stated outside the logs");
    }
    let summary = Summary::of(case.category, case.runs);
    let means = summary.figures();
    for claim in &case.facts.claims {
        let name = claim.name.as_str();
        let of_run = |run: &str| {
            summary
                .runs
                .iter()
                .find(|figures| figures.run == run)?
                .figures
                .get(name)
                .copied()
        };
        let logged = match claim.run.as_deref() {
            Some(run) => of_run(run),
            None => means.get(name).map(|figure| figure.mean),
        };
        if let Some(problem) = problem(&claim.text, logged) {
            return Answer::fail(format!("{}: {name} {problem}", claim.place));
        }
    }
    Answer::pass(format!("{} figures", case.facts.claims.len()))
}

/// What is wrong with a number as it stands there. It may be rounded to the decimals that it shows.
fn problem(text: &str, logged: Option<f64>) -> Option<String> {
    let digits = text.trim().replace(',', "");
    let Some(stated) = digits.parse::<f64>().ok().filter(|number| number.is_finite()) else {
        return Some(format!("is stated as `{text}`, which is no number"));
    };
    let Some(logged) = logged else {
        return Some("does not stand in the logs".into());
    };
    let decimals = digits
        .split_once('.')
        .map_or(0, |(_, fraction)| fraction.len().min(17));
    // Half a unit of the last digit, and a little for the rounding of binary fractions.
    let allowed = 0.5 * 10_f64.powi(-(decimals as i32)) + 1e-9 * logged.abs();
    ((stated - logged).abs() > allowed).then(|| format!("is stated as {stated}, the logs give {logged}"))
}
