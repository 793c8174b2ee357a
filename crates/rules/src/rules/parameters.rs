use super::{Check, Rule};
use crate::config::{Config, model};
use crate::{Answer, Case, LoggedRun};

pub const RULE: Rule = Rule {
    id: "parameters",
    text: "The counts of parameters and operations in the log are those of the formulas for its settings.",
    check: Check::Run(check),
};

fn check(case: &Case, run: &LoggedRun) -> Answer {
    let log = &run.log.run;
    let (logged, counted) = (log.model.parameters, case.facts.counted_parameters);
    if let Some(counted) = counted.filter(|&counted| counted != logged) {
        return Answer::fail_at(
            1,
            format!("parameters is {logged}, but the model that a run saved has {counted}"),
        );
    }
    let model = match (model(&log.config), counted) {
        (Ok(model), _) => model,
        // A new architecture: there is no formula of it here.
        (Err(_), Some(counted)) => {
            return Answer::pass(format!(
                "{counted} parameters, counted in the model that a run saved"
            ));
        }
        (Err(missing), None) => {
            return Answer::cannot_tell(format!("{missing}, or a count by a verifier in the saved model"));
        }
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
    let seq_len = match Config::of(&run.log) {
        Ok(config) => usize::try_from(config.train.seq_len).unwrap_or(usize::MAX),
        Err(missing) => return Answer::cannot_tell(missing),
    };
    let (logged, formula) = (log.model.flops_per_token, model.flops_per_token(seq_len));
    // Other orders of the same sum round otherwise.
    if !(logged - formula).abs().le(&(1e-9 * formula)) {
        let words = format!("flops_per_token is {logged}, but the settings give {formula}");
        return Answer::fail_at(1, words);
    }
    Answer::pass(format!(
        "{} parameters, {} in matrix products",
        counts.parameters, counts.matmul_parameters
    ))
}

#[cfg(test)]
mod tests {
    use crate::testing::Submission;

    #[test]
    fn a_count_that_is_not_the_formulas_is_found() {
        Submission::valid().passes("parameters");
        Submission::with(|draft| draft.run.model.parameters += 1).fails_at(
            "parameters",
            1,
            "the settings give 1720",
        );
        Submission::with(|draft| draft.run.model.matmul_parameters = 1)
            .fails("parameters", "matmul_parameters");
    }

    #[test]
    fn operations_that_are_not_the_formulas_are_found() {
        for factor in [0.99, 1.01, f64::NAN, f64::INFINITY] {
            Submission::with(|draft| draft.run.model.flops_per_token *= factor).fails_at(
                "parameters",
                1,
                "flops_per_token",
            );
        }
    }

    #[test]
    fn a_model_without_a_formula_here_cannot_be_told() {
        let submission = Submission::with(|draft| draft.run.config["model"]["experts"] = 8.into());
        submission.cannot_tell("parameters", "unknown field `experts`");
    }

    #[test]
    fn a_new_architecture_is_told_by_counting_what_was_saved() {
        let mut submission = Submission::with(|draft| draft.run.config["model"]["experts"] = 8.into());
        submission.facts.counted_parameters = Some(1720);
        submission.passes("parameters");
        submission.facts.counted_parameters = Some(1721);
        submission.fails("parameters", "has 1721");
        // Settings that are known do not help code that does not obey them.
        let mut submission = Submission::valid();
        submission.facts.counted_parameters = Some(1720);
        submission.passes("parameters");
        submission.facts.counted_parameters = Some(99);
        submission.fails("parameters", "has 99");
    }

    #[test]
    fn a_monstrous_model_is_not_counted() {
        let submission = Submission::with(|draft| {
            for side in ["vocab_size", "d_model"] {
                draft.run.config["model"][side] = 65_536.into();
            }
        });
        submission.cannot_tell("parameters", "small enough");
    }
}
