use blueberry_runlog::Event;

use super::{Check, Rule};
use crate::config::Config;
use crate::trace::walk;
use crate::{Answer, Case, LoggedRun};

pub const RULE: Rule = Rule {
    id: "eval-targets",
    text: "Every evaluation covers the same targets, as many as the category asks.",
    check: Check::Run(check),
};

fn check(case: &Case, run: &LoggedRun) -> Answer {
    let config = match Config::of(&run.log) {
        Ok(config) => config,
        Err(missing) => return Answer::cannot_tell(missing),
    };
    let mut first = None;
    for stop in walk(&run.log) {
        let Event::Eval(eval) = stop.event else { continue };
        let targets = eval.targets;
        let same = *first.get_or_insert(targets);
        if targets != same {
            let words = format!("{targets} targets, but {same} in the first evaluation");
            return Answer::fail_at(stop.line, words);
        }
        if let Some(problem) = problem(targets, case.category.validation_targets, &config) {
            return Answer::fail_at(stop.line, format!("{targets} targets, but {problem}"));
        }
    }
    match first {
        Some(targets) => Answer::pass(format!("{targets} targets each")),
        None => Answer::fail("the log has no evaluation"),
    }
}

fn problem(targets: u64, asked: Option<u64>, config: &Config) -> Option<String> {
    if let Some(asked) = asked.filter(|&asked| asked != targets) {
        return Some(format!("the category asks for {asked}"));
    }
    let (most, seq_len) = (config.eval.tokens, config.eval.seq_len);
    let whole = seq_len > 0 && targets > 0 && targets.is_multiple_of(seq_len) && targets <= most;
    (!whole).then(|| format!("the settings say whole sequences of {seq_len}, {most} at most"))
}

#[cfg(test)]
mod tests {
    use crate::testing::Submission;

    #[test]
    fn an_evaluation_set_that_shrinks_is_found() {
        Submission::valid().passes("eval-targets");
        Submission::with(|draft| draft.eval_at(512).targets = 64)
            .fails("eval-targets", "64 targets, but 128");
    }

    #[test]
    fn an_evaluation_set_smaller_than_asked_is_found() {
        let mut submission = Submission::valid();
        submission.category().validation_targets = Some(256);
        submission.fails_at("eval-targets", 4, "asks for 256");
        let submission = Submission::with(|draft| draft.run.config["eval"]["tokens"] = 64.into());
        submission.fails_at("eval-targets", 4, "64 at most");
    }
}
