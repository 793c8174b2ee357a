use blueberry_runlog::Event;

use super::{Check, Rule};
use crate::config::Config;
use crate::trace::{end, walk};
use crate::{Answer, Case, LoggedRun, PinnedCount, Tokens};

pub const RULE: Rule = Rule {
    id: "target-tokens",
    text: "The run consumes the targets that the category asks, rounded up to whole steps, and not more.",
    check: Check::Run(check),
};

fn check(case: &Case, run: &LoggedRun) -> Answer {
    let Some((line, end)) = end(&run.log) else {
        return Answer::fail("the log has no `end`");
    };
    // The last step that was logged is the last that was done: a resume is followed by steps, or repeats the end.
    let steps = walk(&run.log).filter(|stop| matches!(stop.event, Event::Step(_)));
    let Some(last) = steps.last() else {
        return Answer::fail("the log has no step");
    };
    let config = match Config::of(&run.log) {
        Ok(config) => config,
        Err(missing) => return Answer::cannot_tell(missing),
    };
    let (consumed, planned, set) = (end.at.tokens, run.log.run.target_tokens, config.train.tokens);
    if consumed != planned {
        let words = format!("{consumed} targets; the run set out to consume {planned}");
        return Answer::fail_at(line, words);
    }
    // The last step begins below what the settings say, and is the one that reaches it.
    if last.before.tokens >= set || consumed < set {
        let words = format!("{consumed} targets; `config.train.tokens` is {set}, rounded up to whole steps");
        return Answer::fail_at(line, words);
    }
    let step_tokens = last.at.tokens.saturating_sub(last.before.tokens);
    let (least, most) = match (case.category.tokens, case.category.train_tokens) {
        (None, _) => {
            return Answer::not_applicable(format!("the category takes any number; here {consumed}"));
        }
        (Some(Tokens::Count(asked)), _) => (asked, most_targets(asked, step_tokens)),
        (Some(Tokens::WholeDataset(_)), PinnedCount::Open(_)) => {
            return Answer::cannot_tell("how many targets the category's data set has: it is not fixed yet");
        }
        // What does not fill a last step is left over, and the first token, which is no target.
        (Some(Tokens::WholeDataset(_)), PinnedCount::Count(all)) => {
            let over = step_tokens.min(all / SHARE);
            (all.saturating_sub(over), all.saturating_add(over))
        }
    };
    if consumed < least || consumed > most {
        return Answer::fail_at(
            line,
            format!("{consumed} targets in steps of {step_tokens}; allowed are {least} to {most}"),
        );
    }
    Answer::pass(format!("{consumed} targets"))
}

/// The most targets that a run may consume where a category asks for so many.
pub(crate) fn most_targets(asked: u64, step_tokens: u64) -> u64 {
    asked.saturating_add(step_tokens.saturating_sub(1).min(asked / SHARE))
}

/// Whole steps miss what is asked by a hundredth at most: else one step as large as half the run would leave half of the
/// data out, or consume half as much again.
const SHARE: u64 = 100;

#[cfg(test)]
mod tests {
    use crate::testing::{Draft, Submission};
    use crate::{PinnedCount, Tokens, WholeDataset};

    const WHOLE: Tokens = Tokens::WholeDataset(WholeDataset::Word);

    fn asking(tokens: Tokens, have: u64) -> Submission {
        let mut submission = Submission::valid();
        submission.category().tokens = Some(tokens);
        submission.category().train_tokens = PinnedCount::Count(have);
        submission
    }

    /// The second half of the run in one step.
    fn one_huge_step(draft: &mut Draft) {
        use blueberry_runlog::Event;
        let from = draft.position(|event| matches!(event, Event::Step(step) if step.at.step == 9));
        let to = draft.position(|event| matches!(event, Event::Step(step) if step.at.step == 16));
        draft.events.drain(from..to);
    }

    #[test]
    fn targets_rounded_up_to_whole_steps_pass() {
        for asked in [1_014, 1_020, 1_024] {
            asking(Tokens::Count(asked), 5_000).passes("target-tokens");
        }
    }

    #[test]
    fn too_few_and_too_many_targets_are_found() {
        asking(Tokens::Count(1_025), 5_000).fails_at("target-tokens", 30, "allowed are 1025 to 1035");
        asking(Tokens::Count(1_013), 5_000).fails("target-tokens", "1024 targets in steps of 64");
        Submission::with(|draft| draft.run.target_tokens = 2_048).fails_at(
            "target-tokens",
            30,
            "set out to consume 2048",
        );
    }

    #[test]
    fn a_run_that_does_not_end_where_its_settings_say_is_found() {
        for tokens in [960, 1_025] {
            Submission::with(|draft| draft.run.config["train"]["tokens"] = tokens.into()).fails_at(
                "target-tokens",
                30,
                &format!("`config.train.tokens` is {tokens}"),
            );
        }
    }

    #[test]
    fn the_whole_data_set_leaves_little_over() {
        asking(WHOLE, 1_024).passes("target-tokens");
        asking(WHOLE, 1_034).passes("target-tokens");
        asking(WHOLE, 5_000).fails("target-tokens", "allowed are 4950 to 5050");
        let mut submission = Submission::valid();
        submission.category().tokens = Some(WHOLE);
        submission.category().train_tokens = PinnedCount::UNPINNED;
        submission.cannot_tell("target-tokens", "not fixed yet");
    }

    #[test]
    fn the_data_set_is_as_large_as_its_category_says_not_as_the_log_says() {
        let mut submission = Submission::with(|draft| draft.run.data.train_tokens = 1_024);
        submission.category().tokens = Some(WHOLE);
        submission.fails("target-tokens", "allowed are 4950 to 5050");
    }

    #[test]
    fn one_huge_step_does_not_round_half_a_data_set_away() {
        let mut submission = Submission::with(one_huge_step);
        (submission.category().tokens, submission.category().train_tokens) =
            (Some(WHOLE), PinnedCount::Count(1_500));
        submission.fails(
            "target-tokens",
            "1024 targets in steps of 512; allowed are 1485 to 1515",
        );
        submission.category().tokens = Some(Tokens::Count(600));
        submission.fails("target-tokens", "allowed are 600 to 606");
    }
}
