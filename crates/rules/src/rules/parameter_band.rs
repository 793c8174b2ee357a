use super::{Check, Rule};
use crate::{Answer, Case, LoggedRun};

pub const RULE: Rule = Rule {
    id: "parameter-band",
    text: "The number of parameters is within the category's band.",
    check: Check::Run(check),
};

fn check(case: &Case, run: &LoggedRun) -> Answer {
    let Some(band) = case.category.parameters else {
        return Answer::not_applicable("the category takes any number of parameters");
    };
    let counts = &run.log.run.model;
    let total = counts.parameters;
    if total < band.least || total > band.most {
        return Answer::fail_at(
            1,
            format!("{total} parameters; allowed are {} to {}", band.least, band.most),
        );
    }
    Answer::pass(format!(
        "{total} parameters, {} of them in matrix products",
        counts.matmul_parameters
    ))
}

#[cfg(test)]
mod tests {
    use crate::testing::Submission;

    #[test]
    fn a_model_outside_the_band_is_found() {
        let mut submission = Submission::valid();
        submission.passes("parameter-band");
        let band = crate::Band {
            least: 1_721,
            most: 3_000,
        };
        submission.category().parameters = Some(band);
        submission.fails("parameter-band", "1720 parameters");
        submission.category().parameters = None;
        submission.does_not_apply("parameter-band");
    }
}
