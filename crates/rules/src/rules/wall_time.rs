use blueberry_runlog::{EndStatus, Event};

use super::{Check, Rule};
use crate::trace::{last_eval, walk};
use crate::{Answer, Case, LoggedRun, Metric};

pub const RULE: Rule = Rule {
    id: "wall-time",
    text: "Wall time off the training clock is spent on what the log says: evaluations, and little of it on samples and checkpoints.",
    check: Check::Run(check),
};

fn check(case: &Case, run: &LoggedRun) -> Answer {
    // What comes behind the last evaluation can change no loss any more, and benchmarks take what they take.
    let last = last_eval(&run.log).map_or(0, |(line, _)| line);
    let (mut hidden_s, mut pauses_s) = (0.0, 0.0);
    let mut untimed = Untimed::default();
    for stop in walk(&run.log) {
        let off_s = (stop.at.wall_s - stop.before.wall_s) - (stop.at.train_s - stop.before.train_s);
        let explained_s = match stop.event {
            Event::Eval(eval) => eval.seconds,
            Event::Resume(resume) => {
                // Where wall time counts, downtime counts too. Where only training time does, what a process did between
                // two others is the log's own word.
                if case.category.metric == Metric::TrainS && stop.line < last {
                    untimed.add(stop.line, resume.downtime_s);
                }
                resume.downtime_s
            }
            event if is_untimed(event) => {
                if stop.line < last {
                    untimed.add(stop.line, off_s);
                }
                off_s
            }
            _ => 0.0,
        };
        // What is no number explains nothing.
        let explained_s = Some(explained_s).filter(|s| s.is_finite()).unwrap_or(0.0);
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
    let end = walk(&run.log).last().map(|stop| stop.at).unwrap_or_default();
    let (train_s, wall_s) = (end.train_s, end.wall_s);
    if hidden_s > GAP_S.max(0.01 * wall_s) {
        return Answer::fail(format!(
            "{hidden_s:.1} s of {wall_s:.1} s are off the training clock and not explained"
        ));
    }
    if let Some(answer) = untimed.too_long(train_s) {
        return answer;
    }
    Answer::pass(format!(
        "{pauses_s:.1} s of pauses, {hidden_s:.1} s between events"
    ))
}

/// Whether what was done before an event is in no clock but the log's own: a process that was stopped may have been in an
/// evaluation, a benchmark or a checkpoint, which it then did not log.
fn is_untimed(event: &Event) -> bool {
    match event {
        Event::Sample(_) | Event::Checkpoint(_) | Event::Benchmark(_) => true,
        Event::End(end) => end.status != EndStatus::Completed,
        _ => false,
    }
}

/// Seconds that may pass between two events unexplained: writing the log to a slow disk.
const GAP_S: f64 = 5.0;

/// Samples, checkpoints, benchmarks and interruptions before the last evaluation. No clock but the log's own says what
/// was done in that time, so that work on the weights could hide there.
#[derive(Default)]
struct Untimed {
    seconds: f64,
    /// Line of the longest, and its seconds.
    longest: (u64, f64),
}

impl Untimed {
    /// Seconds that are believed in any run: ten checkpoints of the reference system (1.5 GB) to a disk of 500 MB/s.
    const BELIEVED_S: f64 = 30.0;
    /// Share of the training time that is believed in a long run.
    const BELIEVED_SHARE: f64 = 0.05;

    fn add(&mut self, line: u64, seconds: f64) {
        self.seconds += seconds.max(0.0);
        if seconds > self.longest.1 {
            self.longest = (line, seconds);
        }
    }

    /// A slow disk takes long too: only a run again can tell.
    fn too_long(&self, train_s: f64) -> Option<Answer> {
        let believed_s = Self::BELIEVED_S.max(Self::BELIEVED_SHARE * train_s);
        let (seconds, (line, longest_s)) = (self.seconds, self.longest);
        (seconds > believed_s).then(|| {
            Answer::cannot_tell(format!(
                "line {line}: {longest_s:.1} s of {seconds:.1} s for samples, checkpoints, benchmarks and interruptions, where {believed_s:.1} s are believed: hold for a re-run, or save and sample less often"
            ))
        })
    }
}

#[cfg(test)]
mod tests {
    use blueberry_runlog::{Checkpoint, Event, Extra};

    use crate::Metric;
    use crate::testing::{Draft, Submission, hex};

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
    fn a_duration_that_is_no_number_explains_no_gap() {
        for seconds in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
            let submission = Submission::with(|draft| {
                let last =
                    draft.position(|event| matches!(event, Event::Eval(eval) if eval.at.tokens == 1024));
                draft.delay(last, 0.0, 6.0);
                draft.eval_at(1024).seconds = seconds;
            });
            submission.fails_at("wall-time", 28, "off the training clock");
        }
    }

    /// Saves after step 6 and before the end, each in this many seconds.
    fn saving(seconds: f64) -> Submission {
        Submission::with(|draft| {
            for step in [6, 16] {
                let after = |event: &Event| event.at().is_some_and(|at| at.step == step);
                let from = draft.events.iter().rposition(after).expect("the step");
                let index = if step == 16 { from } else { from + 1 };
                draft.delay(index, 0.0, seconds);
                let mut at = draft.events[index - 1].at().expect("valid");
                at.wall_s += seconds;
                draft.events.insert(
                    index,
                    Event::Checkpoint(Checkpoint {
                        at,
                        path: step.to_string(),
                        sha256: hex('8'),
                        extra: Extra::new(),
                    }),
                );
            }
        })
    }

    /// Time between two processes, as the log states it, with work on the weights in it.
    #[test]
    fn downtime_is_held_where_only_training_time_is_ranked() {
        let down = |seconds: f64| {
            let mut drafts = [1, 2, 3].map(Draft::interrupted);
            let index = drafts[0].position(|event| matches!(event, Event::Resume(_)));
            drafts[0].resume().downtime_s = seconds;
            drafts[0].resume().at.wall_s += seconds - 6.0;
            drafts[0].delay(index + 1, 0.0, seconds - 6.0);
            Submission::of(&drafts)
        };
        let mut submission = down(40.0);
        submission.cannot_tell("wall-time", "40.0 s of 40.0 s");
        submission.passes("resumes");
        // Where wall time is limited or ranked it counts by itself.
        submission.category().metric = Metric::ValLoss;
        submission.passes("wall-time");
        down(20.0).passes("wall-time");
    }

    /// Stopped in the midst of an evaluation or a benchmark.
    #[test]
    fn what_a_stop_cut_short_is_explained_and_counts_as_untimed() {
        let stopped = |seconds: f64| {
            let mut drafts = [1, 2, 3].map(Draft::interrupted);
            let end = drafts[0].position(|event| matches!(event, Event::End(_)));
            drafts[0].delay(end, 0.0, seconds);
            Submission::of(&drafts)
        };
        stopped(20.0).passes("wall-time");
        stopped(40.0).cannot_tell("wall-time", "40.0 s of 46.0 s");
        // A run that came to its end was in nothing.
        let submission = Submission::with(|draft| {
            let end = draft.position(|event| matches!(event, Event::End(_)));
            draft.delay(end, 0.0, 20.0);
        });
        submission.fails("wall-time", "off the training clock");
    }

    #[test]
    fn checkpoints_that_take_long_before_the_last_evaluation_are_held() {
        // Only one of the two is before the last evaluation.
        saving(20.0).passes("wall-time");
        saving(31.0).cannot_tell("wall-time", "line 14: 31.0 s of 31.0 s");
    }
}
