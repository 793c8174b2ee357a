use blueberry_runlog::Event;

use super::{Check, Rule};
use crate::trace::walk;
use crate::{Answer, Case, LoggedRun};

pub const RULE: Rule = Rule {
    id: "wall-time",
    text: "Wall time off the training clock is spent on what the log says: evaluations, samples, checkpoints.",
    check: Check::Run(check),
};

fn check(_: &Case, run: &LoggedRun) -> Answer {
    let (mut hidden_s, mut pauses_s) = (0.0, 0.0);
    for stop in walk(&run.log) {
        let off_s = (stop.at.wall_s - stop.before.wall_s) - (stop.at.train_s - stop.before.train_s);
        let explained_s = match stop.event {
            Event::Eval(eval) => eval.seconds,
            Event::Resume(resume) => resume.downtime_s,
            // These do not log how long they took.
            Event::Sample(_) | Event::Checkpoint(_) | Event::Benchmark(_) => off_s,
            _ => 0.0,
        };
        if !(explained_s.is_finite() && explained_s >= 0.0) {
            return Answer::fail_at(
                stop.line,
                format!("{explained_s} s are no time that something takes"),
            );
        }
        pauses_s += explained_s;
        hidden_s += (off_s - explained_s).max(0.0);
        if off_s - explained_s > GAP_S {
            return Answer::fail_at(
                stop.line,
                format!(
                    "{off_s:.1} s before this line are off the training clock, {explained_s:.1} s of them explained"
                ),
            );
        }
    }
    let wall_s = run.log.end().map_or(0.0, |end| end.at.wall_s);
    if hidden_s > GAP_S.max(0.01 * wall_s) {
        return Answer::fail(format!(
            "{hidden_s:.1} s of {wall_s:.1} s are off the training clock and not explained"
        ));
    }
    let held = long_pause(run)
        .or_else(|| slow_evaluation(run))
        .or_else(|| slow_evaluations(run));
    if let Some(answer) = held {
        return answer;
    }
    Answer::pass(format!(
        "{pauses_s:.1} s of pauses, {hidden_s:.1} s between events"
    ))
}

/// Seconds that may pass between two events unexplained: writing the log to a slow disk.
const GAP_S: f64 = 5.0;

/// Seconds that a sample or a checkpoint may take: two gigabytes to a slow disk.
const PAUSE_S: f64 = 120.0;

/// An evaluation is a forward pass, a third of a training step's work; it may be so much slower than that, in smaller
/// batches say, that a target takes this many times what a trained one does.
const EVALUATION_SHARE: f64 = 3.0;

/// A sample or checkpoint does not log how long it took, so a long time before one may be anything. After the last step
/// no weight can change.
fn long_pause(run: &LoggedRun) -> Option<Answer> {
    let last = run.log.steps().last()?.at.step;
    let (line, off_s) = walk(&run.log).find_map(|stop| match stop.event {
        Event::Sample(_) | Event::Checkpoint(_) | Event::Benchmark(_) if stop.at.step < last => {
            let off_s = (stop.at.wall_s - stop.before.wall_s) - (stop.at.train_s - stop.before.train_s);
            (off_s > PAUSE_S).then_some((stop.line, off_s))
        }
        _ => None,
    })?;
    Some(Answer::cannot_tell(format!(
        "line {line}: {off_s:.1} s off the training clock for a sample or a checkpoint: run it again and see what it does"
    )))
}

/// Evaluations that are slow beside the training, all of them or not, did something else too.
fn slow_evaluations(run: &LoggedRun) -> Option<Answer> {
    let mut rates: Vec<f64> = run.log.steps().map(|step| step.tokens_per_s).collect();
    rates.retain(|rate| rate.is_finite() && *rate > 0.0);
    rates.sort_by(f64::total_cmp);
    let rate = *rates.get(rates.len() / 2)?;
    let (line, took, expected) = walk(&run.log).find_map(|stop| match stop.event {
        Event::Eval(eval) => {
            let expected = eval.targets as f64 / rate;
            let slow = eval.seconds > EVALUATION_SHARE * expected + GAP_S;
            slow.then_some((stop.line, eval.seconds, expected))
        }
        _ => None,
    })?;
    Some(Answer::cannot_tell(format!(
        "line {line}: an evaluation of {took:.1} s, where training on as many targets takes {expected:.1} s: run it again and see what it does"
    )))
}

/// An evaluation that took far longer than the others did something else too, such as averaging weights.
fn slow_evaluation(run: &LoggedRun) -> Option<Answer> {
    let mut seconds: Vec<f64> = run
        .log
        .evals()
        .map(|eval| eval.seconds)
        .filter(|s| s.is_finite())
        .collect();
    seconds.sort_by(f64::total_cmp);
    let median = *seconds.get(seconds.len() / 2)?;
    let slow = walk(&run.log).find_map(|stop| match stop.event {
        Event::Eval(eval) if stop.at.tokens > 0 && eval.seconds > 2.0 * median + GAP_S => {
            Some((stop.line, eval.seconds))
        }
        _ => None,
    });
    let (line, took) = slow?;
    Some(Answer::cannot_tell(format!(
        "line {line}: an evaluation of {took:.1} s where the median is {median:.1} s: run it again and see what it does"
    )))
}

#[cfg(test)]
mod tests {
    use blueberry_runlog::Event;

    use crate::testing::{Draft, Submission};

    #[test]
    fn pauses_that_the_log_explains_pass() {
        Submission::valid().passes("wall-time");
        Submission::of(&[1, 2, 3].map(Draft::interrupted)).passes("wall-time");
    }

    #[test]
    fn work_between_the_last_step_and_the_final_evaluation_is_found() {
        let submission = Submission::with(|draft| {
            let last = draft.position(|event| matches!(event, Event::Eval(eval) if eval.at.tokens == 1024));
            draft.delay(last, 0.0, 6.0);
        });
        submission.fails_at("wall-time", 28, "off the training clock");
    }

    #[test]
    fn many_small_gaps_are_found() {
        let submission = Submission::with(|draft| {
            for index in 2..12 {
                draft.delay(index, 0.0, 0.6);
            }
        });
        submission.fails("wall-time", "not explained");
    }

    #[test]
    fn a_time_that_is_none_does_not_explain_a_gap() {
        for seconds in [f64::NAN, f64::INFINITY, -1.0] {
            let submission = Submission::with(|draft| {
                draft.eval_at(1024).seconds = seconds;
            });
            submission.fails_at("wall-time", 28, "no time that something takes");
        }
    }

    #[test]
    fn evaluations_that_are_all_slow_are_held() {
        let submission = Submission::with(|draft| {
            let evals = |event: &Event| matches!(event, Event::Eval(_));
            let places: Vec<usize> = (0..draft.events.len())
                .filter(|&i| evals(&draft.events[i]))
                .collect();
            for index in places {
                draft.delay(index, 0.0, 60.0);
                if let Event::Eval(eval) = &mut draft.events[index] {
                    eval.seconds += 60.0;
                }
            }
        });
        submission.cannot_tell("wall-time", "training on as many targets");
    }

    #[test]
    fn a_long_time_before_a_checkpoint_is_held() {
        let drafts = [1, 2, 3].map(|seed| {
            let mut draft = Draft::interrupted(seed);
            let saved = draft.position(|event| matches!(event, Event::Checkpoint(_)));
            draft.delay(saved, 0.0, 300.0);
            draft
        });
        Submission::of(&drafts).cannot_tell("wall-time", "for a sample or a checkpoint");
    }

    #[test]
    fn an_evaluation_that_takes_long_is_held() {
        let submission = Submission::with(|draft| {
            let last = draft.position(|event| matches!(event, Event::Eval(eval) if eval.at.tokens == 1024));
            draft.delay(last, 0.0, 8.0);
            draft.eval_at(1024).seconds += 8.0;
        });
        submission.cannot_tell("wall-time", "line 28");
    }
}
