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

#[cfg(test)]
mod tests {
    use crate::Claim;
    use crate::testing::Submission;

    fn claiming(run: Option<&str>, name: &str, text: &str) -> Submission {
        let mut submission = Submission::valid();
        let (place, run) = ("README.md:3".to_owned(), run.map(str::to_owned));
        submission.facts.claims = vec![Claim {
            place,
            run,
            name: name.into(),
            text: text.into(),
        }];
        submission
    }

    #[test]
    fn figures_of_the_logs_may_be_rounded() {
        claiming(None, "train_s", "8.0").passes("claims-agree");
        claiming(None, "val_loss", "2.66").passes("claims-agree");
        claiming(Some("run-1"), "val_loss", "2.6620").passes("claims-agree");
        claiming(None, "tokens", "1,024").passes("claims-agree");
    }

    #[test]
    fn figures_that_the_logs_do_not_give_are_found() {
        claiming(None, "train_s", "7.9").fails(
            "claims-agree",
            "README.md:3: train_s is stated as 7.9, the logs give 8",
        );
        claiming(None, "val_loss", "2.6641").fails("claims-agree", "val_loss");
        claiming(Some("run-2"), "val_loss", "2.6620").fails("claims-agree", "2.664");
    }

    #[test]
    fn every_digit_of_every_figure_counts() {
        let submission = Submission::valid();
        let summary = crate::Summary::of(&submission.categories.list[0], &submission.runs);
        let (means, runs) = (summary.figures(), &summary.runs);
        let means = means.iter().map(|(name, figure)| (None, name, figure.mean));
        let of_runs = runs.iter().flat_map(|run| {
            let figures = run.figures.iter();
            figures.map(|(name, &value)| (Some(run.run.as_str()), name, value))
        });
        let mut names = std::collections::BTreeSet::new();
        for (run, name, value) in means.chain(of_runs) {
            names.insert(name);
            let text = format!("{value:.4}");
            claiming(run, name, &text).passes("claims-agree");
            for (place, digit) in text.char_indices().filter(|(_, letter)| letter.is_ascii_digit()) {
                let other = char::from(b'0' + (digit as u8 - b'0' + 1) % 10);
                let changed = format!("{}{other}{}", &text[..place], &text[place + 1..]);
                claiming(run, name, &changed).fails("claims-agree", name);
            }
        }
        assert!(names.len() > 4, "{names:?}");
    }

    #[test]
    fn figures_to_be_measured_are_found() {
        claiming(None, "train_s", "to be measured").fails("claims-agree", "no number");
        claiming(None, "train_s", "NaN").fails("claims-agree", "no number");
        claiming(None, "speed", "3").fails("claims-agree", "does not stand in the logs");
    }
}
