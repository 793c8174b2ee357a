use super::{Check, Rule};
use crate::config::model;
use crate::{Answer, Case, LoggedRun};

pub const RULE: Rule = Rule {
    id: "parameters",
    text: "The counts in the log are those of the formula for its settings.",
    check: Check::Run(check),
};

fn check(_: &Case, run: &LoggedRun) -> Answer {
    let log = &run.log.run;
    let model = match model(&log.config) {
        Ok(model) => model,
        Err(missing) => return Answer::cannot_tell(missing),
    };
    let counts = model.counts();
    for (name, logged, formula) in [
        ("parameters", log.model.parameters, counts.parameters),
        (
            "matmul_parameters",
            log.model.matmul_parameters,
            counts.matmul_parameters,
        ),
        (
            "table_parameters",
            log.model.table_parameters,
            counts.table_parameters,
        ),
    ] {
        if logged != formula {
            return Answer::fail_at(1, format!("{name} is {logged}, but the settings give {formula}"));
        }
    }
    Answer::pass(format!(
        "{} parameters, {} in matrix products",
        counts.parameters, counts.matmul_parameters
    ))
}
