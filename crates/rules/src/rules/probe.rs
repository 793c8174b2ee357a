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
    if !is_small(sum - 1.0) {
        return Answer::fail(format!("probabilities over the vocabulary sum to {sum}"));
    }
    if !is_small(influence) {
        return Answer::fail(format!(
            "a change of later tokens moves an earlier logit by {influence}"
        ));
    }
    Answer::pass(format!("sum {sum:.6}, influence {influence:.1e}"))
}

/// Rounding of a softmax in f32, and of products whose order differs between two lengths in bf16.
const TOLERANCE: f64 = 0.02;

/// Never for NaN.
fn is_small(difference: f64) -> bool {
    difference.abs() <= TOLERANCE
}

#[cfg(test)]
mod tests {
    use crate::Probe;
    use crate::testing::Submission;

    fn probed(worst_probability_sum: f64, worst_future_influence: f64) -> Submission {
        let mut submission = Submission::valid();
        submission.facts.probe = Some(Probe {
            worst_probability_sum,
            worst_future_influence,
        });
        submission
    }

    #[test]
    fn a_sound_model_passes() {
        probed(1.000_01, 0.0).passes("probe");
        Submission::valid().does_not_apply("probe");
    }

    #[test]
    fn probabilities_that_do_not_sum_to_one_are_found() {
        probed(277.0, 0.0).fails("probe", "sum to 277");
        probed(f64::NAN, 0.0).fails("probe", "sum to NaN");
    }

    #[test]
    fn a_model_that_sees_the_future_is_found() {
        probed(1.0, 0.5).fails("probe", "earlier logit by 0.5");
        probed(1.0, f64::NAN).fails("probe", "NaN");
    }
}
