use blueberry_runlog::Event;

use super::{Check, Rule};
use crate::trace::walk;
use crate::{Answer, Case, LoggedRun};

pub const RULE: Rule = Rule {
    id: "starts-untrained",
    text: "Before the first update the model knows nothing: its loss is that of guessing.",
    check: Check::Run(check),
};

fn check(case: &Case, run: &LoggedRun) -> Answer {
    // The log's own number only where the category has none: a small one would make any loss that of guessing. Alone, so
    // that an architecture which this build does not know can be told, too.
    let logged = &run.log.run.config["model"]["vocab_size"];
    let logged = || logged.as_u64().filter(|&size| size > 1);
    let Some(vocabulary) = case.category.vocabulary.or_else(logged) else {
        return Answer::cannot_tell("the size of the vocabulary (line 1, `config.model.vocab_size`)");
    };
    let guessing = (vocabulary as f64).ln();
    let mut checked = 0;
    for stop in walk(&run.log) {
        // A step logs the loss from before its update.
        let loss = match stop.event {
            Event::Eval(eval) if stop.at.tokens == 0 => eval.val_loss,
            Event::Step(step) if stop.at.step == 1 => step.loss,
            _ => continue,
        };
        if loss < guessing - MARGIN {
            return Answer::fail_at(
                stop.line,
                format!(
                    "{loss:.3} nats before any update, but guessing gives {guessing:.3}: weights or tables were made from data outside the clock"
                ),
            );
        }
        checked += 1;
    }
    if checked == 0 {
        return Answer::fail("neither an evaluation at 0 targets nor a first step");
    }
    Answer::pass(format!("no better than guessing, {guessing:.3} nats"))
}

/// Nats that untrained weights may be better than guessing by chance: they vary by hundredths, while the mere
/// frequencies of the tokens are worth two nats and more.
const MARGIN: f64 = 0.5;

#[cfg(test)]
mod tests {
    use crate::testing::Submission;

    #[test]
    fn weights_that_know_something_before_the_first_step_are_found() {
        Submission::valid().passes("starts-untrained");
        Submission::with(|draft| draft.eval_at(0).val_loss = 3.2).fails_at(
            "starts-untrained",
            4,
            "before any update",
        );
        Submission::with(|draft| draft.step(1).loss = 3.2).fails_at(
            "starts-untrained",
            6,
            "guessing gives 4.159",
        );
    }

    #[test]
    fn a_small_vocabulary_in_the_settings_hides_nothing() {
        let knows = |vocabulary: u64| {
            Submission::with(|draft| {
                draft.run.config["model"]["vocab_size"] = vocabulary.into();
                draft.run.config["model"]["unheard_of"] = true.into();
                draft.eval_at(0).val_loss = 3.2;
            })
        };
        knows(1).cannot_tell("starts-untrained", "size of the vocabulary");
        let mut submission = knows(20);
        submission.category().vocabulary = Some(64);
        submission.fails_at("starts-untrained", 4, "guessing gives 4.159");
    }
}
