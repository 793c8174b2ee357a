//! Loss over tokens: raw training losses, evaluations, and the loss to undercut.

use blueberry_rules::{Category, LoggedRun};
use blueberry_runlog::{At, Event};

use super::picture::{Axis, Line, Picture, Tick};

/// Buckets along the tokens; of each the lowest and the highest training loss are drawn, so that no spike is
/// lost.
const BUCKETS: usize = 400;
/// Evaluations of a run that are drawn as they are. No run needs as many.
const MOST_EVALS: usize = 2 * BUCKETS;
/// Losses above are drawn at the upper edge: a uniform guess over 2^20 tokens has 13.9 nats.
const MOST_NATS: f64 = 14.0;
/// Runs named in the legend.
const NAMED: usize = 8;

/// The curve of a record's runs.
#[must_use]
pub fn loss_curve(title: &str, category: &Category, runs: &[LoggedRun]) -> Picture {
    let traces: Vec<Trace> = runs.iter().map(Trace::of).collect();
    let tokens = traces
        .iter()
        .flat_map(|trace| trace.train.iter().chain(&trace.evals))
        .map(|point| point.0);
    let x = Axis::around(tokens.chain([0.0]));
    let y = losses(&traces, category.loss_below).with_margin();
    let lines = |raw: bool| {
        let (x, y) = (&x, &y);
        traces
            .iter()
            .enumerate()
            .map(move |(index, trace)| trace.line(index, raw, *x, *y))
    };
    Picture {
        title: title.to_owned(),
        x_label: "targets consumed, millions".into(),
        y_label: "loss, nats a token".into(),
        x_ticks: x.ticks(8, |tokens| short(tokens / 1e6)),
        y_ticks: y.ticks(8, short),
        bar: category.loss_below.map(|bar| Tick {
            place: y.place(bar),
            label: format!("to undercut: {}", short(bar)),
        }),
        lines: lines(true)
            .chain(lines(false))
            .filter(|line| !line.points.is_empty())
            .collect(),
    }
}

/// A number with the decimals that it needs, six at most.
pub(super) fn short(number: f64) -> String {
    let text = format!("{number:.6}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

/// The range of losses: all evaluations and the bar, and what training comes down to. Its first steps, near a
/// uniform guess, would flatten everything else.
fn losses(traces: &[Trace], bar: Option<f64>) -> Axis {
    let evals = traces.iter().flat_map(|trace| &trace.evals);
    let late = traces
        .iter()
        .flat_map(|trace| trace.train.iter().skip(trace.train.len() / 20));
    Axis::around(evals.chain(late).map(|point| point.1.min(MOST_NATS)).chain(bar))
}

/// The points of a run: tokens and loss, finite ones only.
struct Trace {
    seed: u64,
    train: Vec<(f64, f64)>,
    evals: Vec<(f64, f64)>,
}

impl Trace {
    fn of(run: &LoggedRun) -> Self {
        let mut trace = Self {
            seed: run.log.run.seed,
            train: Vec::new(),
            evals: Vec::new(),
        };
        for line in &run.log.lines {
            match &line.event {
                Event::Step(step) => trace.train.extend(point(step.at, step.loss)),
                Event::Eval(eval) => trace.evals.extend(point(eval.at, eval.val_loss)),
                // Work that is done again comes again below.
                Event::Resume(resume) => trace.cut(resume.at.tokens),
                _ => {}
            }
        }
        trace
    }

    fn cut(&mut self, tokens: u64) {
        // From the end, since a hostile log resumes at every second line.
        for points in [&mut self.train, &mut self.evals] {
            while points.last().is_some_and(|point| point.0 > tokens as f64) {
                points.pop();
            }
        }
    }

    fn line(&self, index: usize, raw: bool, x: Axis, y: Axis) -> Line {
        let points = if raw {
            thinned(&self.train, x)
        } else if self.evals.len() > MOST_EVALS {
            thinned(&self.evals, x)
        } else {
            self.evals.clone()
        };
        Line {
            points: points
                .into_iter()
                .map(|(tokens, loss)| (x.place(tokens), y.place(loss)))
                .collect(),
            color: index,
            raw,
            name: (!raw && index < NAMED).then(|| format!("seed {}", self.seed)),
        }
    }
}

fn point(at: At, loss: f64) -> Option<(f64, f64)> {
    loss.is_finite().then_some((at.tokens as f64, loss))
}

/// The lowest and the highest point of each bucket, in their order.
fn thinned(points: &[(f64, f64)], x: Axis) -> Vec<(f64, f64)> {
    let bucket = |point: &(f64, f64)| (x.place(point.0) * BUCKETS as f64) as usize;
    let mut kept = Vec::new();
    for group in points.chunk_by(|a, b| bucket(a) == bucket(b)) {
        let by_loss = |a: &usize, b: &usize| group[*a].1.total_cmp(&group[*b].1);
        let (Some(low), Some(high)) = ((0..group.len()).min_by(by_loss), (0..group.len()).max_by(by_loss))
        else {
            continue;
        };
        kept.push(group[low.min(high)]);
        if low != high {
            kept.push(group[low.max(high)]);
        }
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Draft;

    #[test]
    fn thinning_keeps_every_spike() {
        let mut points: Vec<_> = (0..100_000).map(|i| (f64::from(i), 3.0)).collect();
        for spike in [10, 5_555, 99_998] {
            points[spike].1 = 9.0;
        }
        let kept = thinned(&points, Axis::around([0.0, 99_999.0].into_iter()));
        assert!(kept.len() <= 2 * (BUCKETS + 1));
        assert_eq!(kept.iter().filter(|point| point.1 == 9.0).count(), 3);
        assert!(kept.is_sorted_by(|a, b| a.0 <= b.0));
    }

    /// Evaluations and interruptions of which a log has as many as lines.
    #[test]
    fn a_hostile_log_is_drawn_with_few_points() {
        let mut draft = Draft::valid(1);
        let (eval, resume) = (draft.eval_at(512).clone(), Draft::interrupted(1).resume().clone());
        draft.events.truncate(1);
        for index in 0..20_000 {
            let mut eval = eval.clone();
            eval.at.tokens = 10 * index;
            draft.events.push(Event::Eval(eval));
            let mut resume = resume.clone();
            resume.at.tokens = 10 * index;
            draft.events.push(Event::Resume(resume));
        }
        let run = crate::testing::logged_run("a", &draft.bytes());
        let picture = loss_curve("t", &crate::testing::categories().list[0], &[run]);
        let points: usize = picture.lines.iter().map(|line| line.points.len()).sum();
        assert!((100..=2 * (BUCKETS + 1)).contains(&points), "{points}");
    }

    #[test]
    fn a_resumed_run_is_drawn_as_it_went_on() {
        let run = crate::testing::logged_run("a", &Draft::interrupted(1).bytes());
        let trace = Trace::of(&run);
        assert_eq!(trace.train.len(), 16);
        assert!(trace.train.is_sorted_by(|a, b| a.0 < b.0));
    }

    #[test]
    fn labels_are_short() {
        assert_eq!([3.0, 0.25, -0.1, 100.0].map(short), ["3", "0.25", "-0.1", "100"]);
    }
}
