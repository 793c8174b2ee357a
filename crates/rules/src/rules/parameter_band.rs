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
