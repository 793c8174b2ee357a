use super::{Check, Rule};
use crate::{Answer, Asked, Case};

pub const RULE: Rule = Rule {
    id: "probe",
    text: "The trained model cannot see the future, its probabilities sum to 1, and its loss is the log's.",
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
    let own = format!("sum {sum:.6}, influence {influence:.1e}");
    probe
        .asked
        .map_or_else(|| Answer::pass(own), |asked| check_asked(&asked))
}

/// Holds what the model itself answered against the log.
fn check_asked(asked: &Asked) -> Answer {
    let Asked {
        loss,
        standard_error,
        places,
        influence,
        noise,
        logged_loss,
    } = *asked;
    if !is_small(influence) && !is_small(noise) {
        return Answer::cannot_tell(format!(
            "the same logits twice: asked the same by two processes, the program gives others by {noise}"
        ));
    }
    if !is_small(influence) {
        return Answer::fail(format!(
            "asked for logits, the program gave others by {influence} when later tokens were others, and by {noise} when they were not"
        ));
    }
    let Some(logged) = logged_loss else {
        return Answer::cannot_tell("a validation loss in the log of the run whose model was asked");
    };
    let words = format!(
        "the model's loss at {places} places of the validation set is {loss:.4} (standard error {standard_error:.4}), the log says {logged:.4}"
    );
    // Written so that what is no number is not enough.
    let by_chance = (STANDARD_ERRORS * standard_error).min(MOST_BY_CHANCE);
    if loss - logged <= LOSS_MARGIN + by_chance {
        Answer::pass(words)
    } else {
        Answer::fail(words)
    }
}

/// How many standard errors a loss at drawn places may be above the log's: by chance one in three million is.
const STANDARD_ERRORS: f64 = 5.0;
/// But no more than this, in nats: a program could have the losses of its rows differ as it likes.
const MOST_BY_CHANCE: f64 = 0.5;
/// And how much more, in nats: rows that are asked for may be shorter than those of an evaluation, so that a place has
/// less before it.
const LOSS_MARGIN: f64 = 0.1;

/// Rounding of a softmax in f32, and of products whose order differs between two lengths in bf16.
const TOLERANCE: f64 = 0.02;

/// Never for NaN.
fn is_small(difference: f64) -> bool {
    difference.abs() <= TOLERANCE
}

#[cfg(test)]
mod tests {
    use crate::testing::Submission;
    use crate::{Asked, Probe};

    fn probed(worst_probability_sum: f64, worst_future_influence: f64) -> Submission {
        let mut submission = Submission::valid();
        submission.facts.probe = Some(Probe {
            worst_probability_sum,
            worst_future_influence,
            asked: None,
        });
        submission
    }

    /// Probed, and asked for logits: what they gave, where the log says 3.0.
    fn asked(loss: f64, influence: f64, logged_loss: Option<f64>) -> Submission {
        let mut submission = probed(1.0, 0.0);
        let probe = submission.facts.probe.as_mut().expect("probed");
        probe.asked = Some(Asked {
            loss,
            standard_error: 0.05,
            places: 2048,
            influence,
            noise: 0.0,
            logged_loss,
        });
        submission
    }

    #[test]
    fn a_loss_that_is_the_logs_passes_and_one_far_above_it_is_found() {
        asked(3.2, 0.0, Some(3.0)).passes("probe");
        asked(2.5, 0.0, Some(3.0)).passes("probe");
        asked(3.36, 0.0, Some(3.0)).fails("probe", "is 3.3600");
        asked(f64::NAN, 0.0, Some(3.0)).fails("probe", "NaN");
        let mut wild = asked(1e9, 0.0, Some(3.0));
        let probe = wild.facts.probe.as_mut().expect("probed");
        probe.asked.as_mut().expect("asked").standard_error = 1e9;
        wild.fails("probe", "the log says 3.0000");
        asked(3.0, 0.0, None).cannot_tell("probe", "a validation loss");
    }

    #[test]
    fn a_program_whose_word_is_good_and_whose_logits_are_not_is_found() {
        asked(3.0, 0.5, Some(3.0)).fails("probe", "others by 0.5");
        asked(3.0, f64::NAN, Some(3.0)).fails("probe", "NaN");
        let mut noisy = asked(3.0, 0.5, Some(3.0));
        let probe = noisy.facts.probe.as_mut().expect("probed");
        probe.asked.as_mut().expect("asked").noise = 0.4;
        noisy.cannot_tell("probe", "the same logits twice");
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
