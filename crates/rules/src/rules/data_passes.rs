use super::{Check, Rule};
use crate::config::Config;
use crate::trace::end;
use crate::{Answer, Case, LoggedRun};

pub const RULE: Rule = Rule {
    id: "data-passes",
    text: "The data is not seen more often than the settings said beforehand, nor than the category allows.",
    check: Check::Run(check),
};

fn check(case: &Case, run: &LoggedRun) -> Answer {
    let config = match Config::of(&run.log) {
        Ok(config) => config,
        Err(missing) => return Answer::cannot_tell(missing),
    };
    let have = run.log.run.data.train_tokens;
    let Some((line, end)) = end(&run.log) else {
        return Answer::fail("the log has no `end`");
    };
    let consumed = end.at.tokens;
    if have == 0 {
        return Answer::fail_at(1, "the data set has no training targets");
    }
    let passes = consumed.div_ceil(have);
    let stated = config.train.epochs;
    if passes > stated {
        return Answer::fail_at(
            line,
            format!("{consumed} targets of {have} are {passes} passes; the settings allow {stated}"),
        );
    }
    if let Some(most) = case.category.max_passes.filter(|&most| stated > most) {
        return Answer::fail_at(
            1,
            format!("the settings allow {stated} passes; the category allows {most}"),
        );
    }
    Answer::pass(format!("{passes} pass(es) over {have} targets"))
}

#[cfg(test)]
mod tests {
    use crate::testing::Submission;

    #[test]
    fn data_seen_again_against_the_settings_is_found() {
        Submission::valid().passes("data-passes");
        Submission::with(|draft| draft.run.data.train_tokens = 1000).fails_at("data-passes", 30, "2 passes");
    }

    #[test]
    fn a_category_may_limit_passes() {
        let mut submission = Submission::with(|draft| draft.run.config["train"]["epochs"] = 3.into());
        submission.passes("data-passes");
        submission.category().max_passes = Some(1);
        submission.fails("data-passes", "the category allows 1");
    }
}
