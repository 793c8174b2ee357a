use blueberry_runlog::{Eval, Event, RunLog};

use super::{Check, Rule};
use crate::trace::{Stop, walk};
use crate::{Answer, Case, LoggedRun};

pub const RULE: Rule = Rule {
    id: "eval-time",
    text: "Evaluations take no longer than training on as many targets, and about as long as each other; else the run is held for a re-run.",
    check: Check::Run(check),
};

/// What is slow did something else too, such as averaging weights, or shared its machine: only a run again can tell.
fn check(_: &Case, run: &LoggedRun) -> Answer {
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
        // A forward pass is a third of a step, so that this is three times what an evaluation costs.
        let cost_s = eval.targets as f64 / rate;
        over_s += (seconds - cost_s).max(0.0);
        if over_s > slack_s {
            return Answer::cannot_tell(format!(
                "line {line}: an evaluation of {seconds:.1} s, where training on its {} targets takes {cost_s:.1} s: hold for a re-run and see what it does",
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
    Answer::pass(format!("{total_s:.1} s in {} evaluations", evals.len()))
}

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
        // 128 targets at 128 a second: 1 s each, and 4 s of slack in all.
        Submission::with(slower(&[0, 256, 512, 768, 1024], 0.75 + 0.9)).passes("eval-time");
    }

    #[test]
    fn evaluations_that_are_all_slow_are_held() {
        // The 1.25 s over the cost come to more than 5 s at the last of five.
        Submission::with(slower(&[0, 256, 512, 768, 1024], 2.0)).cannot_tell("eval-time", "line 28");
    }

    #[test]
    fn the_first_evaluation_hides_no_training_either() {
        Submission::with(slower(&[0], 8.0)).cannot_tell("eval-time", "line 4: an evaluation of 8.2 s");
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
