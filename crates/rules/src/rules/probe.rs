use super::{Check, Rule};
use crate::{Answer, Case};

pub const RULE: Rule = Rule {
    id: "probe",
    text: "The trained model cannot see the future, and its probabilities sum to 1.",
    check: Check::Submission(check),
};

fn check(case: &Case) -> Answer {
    let Some(probe) = case.facts.probe else {
        return Answer::not_applicable("the model was not probed; `blueberry verify --probe` does");
    };
    let (sum, influence) = (probe.worst_probability_sum, probe.worst_future_influence);
    // NaN fails both.
    if !((sum - 1.0).abs() <= TOLERANCE) {
        return Answer::fail(format!("probabilities over the vocabulary sum to {sum}"));
    }
    if !(influence.abs() <= TOLERANCE) {
        return Answer::fail(format!(
            "a change of later tokens moves an earlier logit by {influence}"
        ));
    }
    Answer::pass(format!("sum {sum:.6}, influence {influence:.1e}"))
}

/// Rounding of a softmax in f32, and of products whose order differs between two lengths in bf16.
const TOLERANCE: f64 = 0.02;
