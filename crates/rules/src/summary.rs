//! The figures of a submission, read from its logs.

use std::collections::BTreeMap;

use blueberry_runlog::{Eval, Event, RunLog};
use serde::{Deserialize, Serialize};

use crate::config::Config;
use crate::trace::walk;
use crate::{Category, Figure, LoggedRun, Metric};

/// The figures of a submission.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Summary {
    /// What the category ranks on.
    pub metric: Metric,
    /// The figure that ranks; `None` where a run has none, such as a loss never reached.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub figure: Option<Figure>,
    /// Each run.
    pub runs: Vec<RunFigures>,
}

/// The figures of a run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RunFigures {
    /// Name of the run.
    pub run: String,
    /// Its seed.
    pub seed: u64,
    /// Name of the device.
    pub hardware: String,
    /// The figures by name; see [`Summary::figures`].
    #[serde(flatten)]
    pub figures: BTreeMap<String, f64>,
    /// Results of benchmarks by name; the last where one was made again.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub benchmarks: BTreeMap<String, f64>,
}

impl Summary {
    /// Reads the figures of a category's runs.
    #[must_use]
    pub fn of(category: &Category, runs: &[LoggedRun]) -> Self {
        let values: Option<Vec<f64>> = runs.iter().map(|run| ranked(category, &run.log)).collect();
        Self {
            metric: category.metric,
            figure: values.and_then(|values| Figure::of(&values)),
            runs: runs.iter().map(|run| RunFigures::of(category, run)).collect(),
        }
    }

    /// Figures over the runs by name: `train_s`, `wall_s`, `warmup_s`, `val_loss`, `tokens`, `steps`,
    /// `parameters`, `matmul_parameters`, and where the category asks `wall_s_to_loss` and `tokens_to_loss`. One
    /// that a run lacks is left out.
    #[must_use]
    pub fn figures(&self) -> BTreeMap<String, Figure> {
        let names = self.runs.first().into_iter().flat_map(|run| run.figures.keys());
        names
            .filter_map(|name| Some((name.clone(), self.over_runs(|run| run.figures.get(name))?)))
            .collect()
    }

    /// Means of the benchmarks that every run has.
    #[must_use]
    pub fn benchmarks(&self) -> BTreeMap<String, f64> {
        let names = self
            .runs
            .first()
            .into_iter()
            .flat_map(|run| run.benchmarks.keys());
        let mean = |name: &String| Some((name.clone(), self.over_runs(|run| run.benchmarks.get(name))?.mean));
        names.filter_map(mean).collect()
    }

    fn over_runs<'a>(&'a self, value: impl Fn(&'a RunFigures) -> Option<&'a f64>) -> Option<Figure> {
        let values: Option<Vec<f64>> = self.runs.iter().map(|run| value(run).copied()).collect();
        Figure::of(&values?)
    }
}

impl RunFigures {
    fn of(category: &Category, run: &LoggedRun) -> Self {
        let log = &run.log;
        let mut benchmarks = BTreeMap::new();
        for line in &log.lines {
            if let Event::Benchmark(result) = &line.event {
                benchmarks.insert(result.name.clone(), result.value);
            }
        }
        Self {
            run: run.name.clone(),
            seed: log.run.seed,
            hardware: log.run.hardware.device.clone(),
            figures: figures(category, log),
            benchmarks,
        }
    }
}

fn figures(category: &Category, log: &RunLog) -> BTreeMap<String, f64> {
    let counts = &log.run.model;
    let mut figures = vec![
        ("parameters", counts.parameters as f64),
        ("matmul_parameters", counts.matmul_parameters as f64),
        ("warmup_s", warmup_s(log)),
    ];
    if let Some(end) = log.end() {
        figures.extend([
            ("train_s", end.at.train_s),
            ("wall_s", end.at.wall_s),
            ("tokens", end.at.tokens as f64),
            ("steps", end.at.step as f64),
        ]);
        figures.extend(end.val_loss.map(|loss| ("val_loss", loss)));
    }
    if category.metric == Metric::WallSToLoss
        && let Some((_, eval)) = reached(category, log)
    {
        let at = eval.at;
        figures.extend([
            ("wall_s_to_loss", at.wall_s),
            ("tokens_to_loss", at.tokens as f64),
        ]);
    }
    // JSON has no NaN: a figure that is no number is no figure.
    let finite = figures.into_iter().filter(|(_, value)| value.is_finite());
    finite.map(|(name, value)| (name.to_owned(), value)).collect()
}

fn warmup_s(log: &RunLog) -> f64 {
    let seconds = |event: &Event| match event {
        Event::Warmup(warmup) => Some(warmup.seconds),
        _ => None,
    };
    log.lines.iter().filter_map(|line| seconds(&line.event)).sum()
}

/// The figure that ranks a run.
pub(crate) fn ranked(category: &Category, log: &RunLog) -> Option<f64> {
    match category.metric {
        Metric::TrainS => log.end().map(|end| end.at.train_s),
        Metric::ValLoss => log.end()?.val_loss,
        Metric::WallSToLoss => reached(category, log).map(|(_, eval)| eval.at.wall_s),
    }
}

/// The first scheduled evaluation under the category's loss, with its line.
pub(crate) fn reached<'a>(category: &Category, log: &'a RunLog) -> Option<(u64, &'a Eval)> {
    let bar = category.loss_below?;
    let config = Config::of(log).ok()?;
    walk(log).find_map(|stop| match stop.event {
        Event::Eval(eval) if eval.val_loss < bar && config.eval_is_due(stop.step_from, stop.at.tokens) => {
            Some((stop.line, eval))
        }
        _ => None,
    })
}
