use blueberry_runlog::{Eval, Event, RunLog};

use super::{Check, Rule};
use crate::trace::{Stop, walk};
use crate::{Answer, Case, LoggedRun, Metric};

pub const RULE: Rule = Rule {
    id: "eval-time",
    text: "Evaluations take about the time of a forward pass and about as long as each other, and where they do not count as time a small part of the run; else it is held for a re-run.",
    check: Check::Run(check),
};

/// What is slow did something else too, such as averaging weights, or shared its machine: only a run again can tell.
fn check(case: &Case, run: &LoggedRun) -> Answer {
    let evals: Vec<_> = walk(&run.log)
        .filter_map(|stop| match stop.event {
            Event::Eval(eval) => Some((stop, eval)),
            _ => None,
        })
        .collect();
    let wall_s = walk(&run.log).last().map_or(0.0, |stop| stop.at.wall_s);
    let slack_s = SLACK_S.max(SLACK_SHARE * wall_s);
    let rate = rate(&run.log);
    let mut over_s = 0.0;
    for &(stop, eval) in &evals {
        let (line, seconds) = (stop.line, eval.seconds);
        let cost_s = PART_OF_TRAINING * eval.targets as f64 / rate;
        over_s += (seconds - cost_s).max(0.0);
        if over_s > slack_s {
            return Answer::cannot_tell(format!(
                "line {line}: an evaluation of {seconds:.1} s, where half of what training on its {} targets takes is {cost_s:.1} s: hold for a re-run and see what it does",
                eval.targets
            ));
        }
    }
    if let Some((line, seconds, median)) = outlier(&evals) {
        return Answer::cannot_tell(format!(
            "line {line}: an evaluation of {seconds:.1} s where the median is {median:.1} s: hold for a re-run and see what it does"
        ));
    }
    let total_s: f64 = evals.iter().map(|(_, eval)| eval.seconds).sum();
    let train_s = walk(&run.log).last().map_or(0.0, |stop| stop.at.train_s);
    let most_s = SLACK_S + PART_OF_RUN * train_s;
    if case.category.metric == Metric::TrainS && total_s > most_s {
        return Answer::cannot_tell(format!(
            "{total_s:.1} s in {} evaluations beside {train_s:.1} s of training, where {most_s:.1} s are believed: hold for a re-run, or evaluate less often",
            evals.len()
        ));
    }
    Answer::pass(format!("{total_s:.1} s in {} evaluations", evals.len()))
}

/// Time of an evaluation as a part of that of training on as many targets. A forward pass is a third of a step; the other
/// batch and the cold start of an evaluation make it up to four tenths (`bench/results`).
const PART_OF_TRAINING: f64 = 0.5;
/// Time of all evaluations as a part of that of training, where the one is not ranked: what they take together can be
/// chosen by the schedule. Eleven of the official size over 100M targets take a twenty-fifth.
const PART_OF_RUN: f64 = 0.1;
/// Seconds by which all evaluations together may be slow: reading the loss of every batch of a small set.
const SLACK_S: f64 = 5.0;
/// The same as a share of a long run.
const SLACK_SHARE: f64 = 0.01;

/// Targets a second of training, over the whole run.
fn rate(log: &RunLog) -> f64 {
    let (mut tokens, mut train_s) = (0_u64, 0.0);
    for stop in walk(log) {
        if matches!(stop.event, Event::Step(_)) {
            tokens = tokens.saturating_add(stop.at.tokens.saturating_sub(stop.before.tokens));
        }
        train_s = stop.at.train_s;
    }
    tokens as f64 / train_s
}

/// The line, seconds and the median of an evaluation that took far longer than the others. The first may: it is the
/// one that finds its kernels cold.
fn outlier(evals: &[(Stop, &Eval)]) -> Option<(u64, f64, f64)> {
    let mut seconds: Vec<f64> = evals.iter().map(|(_, eval)| eval.seconds).collect();
    seconds.sort_by(f64::total_cmp);
    let median = *seconds.get(seconds.len() / 2)?;
    let (stop, eval) = evals
        .iter()
        .find(|(stop, eval)| stop.at.tokens > 0 && eval.seconds > 2.0 * median + SLACK_S)?;
    Some((stop.line, eval.seconds, median))
}

#[cfg(test)]
mod tests {
    use blueberry_runlog::Event;

    use crate::Metric;
    use crate::testing::{Draft, Submission};

    /// Evaluations at these targets take longer.
    fn slower(at: &[u64], seconds: f64) -> impl Fn(&mut Draft) {
        move |draft| {
            for &tokens in at {
                let index =
                    draft.position(|event| matches!(event, Event::Eval(eval) if eval.at.tokens == tokens));
                draft.delay(index, 0.0, seconds);
                draft.eval_at(tokens).seconds += seconds;
            }
        }
    }

    #[test]
    fn evaluations_of_honest_runs_pass() {
        Submission::valid().passes("eval-time");
        Submission::of(&[1, 2, 3].map(Draft::interrupted)).passes("eval-time");
        // 128 targets at 128 a second: half a second each, and 5 s of slack in all.
        Submission::with(slower(&[0, 256, 512, 768, 1024], 0.25 + 0.5)).passes("eval-time");
    }

    #[test]
    fn evaluations_that_are_all_slow_are_held() {
        // The 1.2 s over the cost come to more than 5 s at the last of five, though training would take 1 s.
        Submission::with(slower(&[0, 256, 512, 768, 1024], 0.25 + 1.2)).cannot_tell("eval-time", "line 28");
    }

    #[test]
    fn the_first_evaluation_hides_no_training_either() {
        Submission::with(slower(&[0], 8.0)).cannot_tell("eval-time", "line 4: an evaluation of 8.2 s");
    }

    /// Each within its cost, which is what time it could hide.
    #[test]
    fn many_evaluations_are_held_where_only_training_time_is_ranked() {
        let mut submission = Submission::with(|draft| {
            for tokens in [0, 256, 512, 768, 1024] {
                draft.eval_at(tokens).targets = 12_800;
            }
            slower(&[0, 256, 512, 768, 1024], 1.0)(draft);
        });
        submission.cannot_tell("eval-time", "6.2 s in 5 evaluations beside 8.0 s of training");
        submission.category().metric = Metric::ValLoss;
        submission.passes("eval-time");
    }

    #[test]
    fn one_slow_evaluation_is_held() {
        Submission::with(slower(&[1024], 8.0)).cannot_tell("eval-time", "line 28");
        // Where training is so slow that its cost would allow it, the others tell.
        let submission = Submission::with(|draft| {
            for tokens in [0, 256, 512, 768, 1024] {
                draft.eval_at(tokens).targets = 12_800;
            }
            slower(&[768], 8.0)(draft);
        });
        submission.cannot_tell("eval-time", "the median is 0.2 s");
    }
}
