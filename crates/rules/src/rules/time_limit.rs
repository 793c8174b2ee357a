use super::{Check, Rule};
use crate::Metric;
use crate::summary::reached;
use crate::trace::end;
use crate::{Answer, Case, LoggedRun};

pub const RULE: Rule = Rule {
    id: "time-limit",
    text: "The run is within the category's limit on `wall_s`.",
    check: Check::Run(check),
};

fn check(case: &Case, run: &LoggedRun) -> Answer {
    let category = case.category;
    let Some(limit) = category.time else {
        return Answer::not_applicable("the category has no limit");
    };
    let counts = match category.metric {
        // The race is over when the loss is reached.
        Metric::WallSToLoss => reached(category, &run.log).map(|(line, eval)| (line, eval.at.wall_s)),
        Metric::TrainS | Metric::ValLoss => end(&run.log).map(|(line, end)| (line, end.at.wall_s)),
    };
    match counts {
        Some((_, wall_s)) if limit.allows(wall_s) => {
            Answer::pass(format!("{wall_s:.1} s of {} s", limit.seconds))
        }
        Some((line, wall_s)) => {
            Answer::fail_at(line, format!("{wall_s:.1} s; the limit is {} s", limit.seconds))
        }
        None => Answer::fail("the run never came to the moment that counts"),
    }
}

#[cfg(test)]
mod tests {
    use crate::testing::Submission;
    use crate::{Metric, TimeLimit};

    #[test]
    fn a_run_over_the_limit_is_found() {
        // 16 steps of 0.5 s and 5 evaluations of 0.25 s.
        let mut submission = Submission::valid();
        submission.passes("time-limit");
        submission.category().time = Some(TimeLimit {
            seconds: 9.25,
            inclusive: true,
        });
        submission.passes("time-limit");
        submission.category().time = Some(TimeLimit {
            seconds: 9.25,
            inclusive: false,
        });
        submission.fails_at("time-limit", 30, "9.2 s; the limit is 9.25 s");
        submission.category().time = None;
        submission.does_not_apply("time-limit");
    }

    #[test]
    fn a_race_to_a_loss_is_over_when_it_is_reached() {
        let mut submission = Submission::valid();
        submission.category().metric = Metric::WallSToLoss;
        submission.category().loss_below = Some(3.1);
        submission.category().time = Some(TimeLimit {
            seconds: 7.0,
            inclusive: true,
        });
        submission.passes("time-limit");
        submission.category().time = Some(TimeLimit {
            seconds: 6.9,
            inclusive: true,
        });
        submission.fails_at("time-limit", 22, "7.0 s");
    }
}
