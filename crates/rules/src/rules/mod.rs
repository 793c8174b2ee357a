//! The rules: one a file, each with its id, its sentence, its check and its tests.

use crate::{Answer, Case, LoggedRun};

mod attempts;
mod beats_record;
mod benchmarks;
mod claims;
mod clocks;
mod code;
mod completed;
mod data_passes;
mod dataset;
mod dataset_size;
mod device_checked;
mod distinct_logs;
mod durations;
mod end_summary;
mod eval_context;
mod eval_schedule;
mod eval_targets;
mod eval_time;
mod final_loss;
mod hardware;
mod leak_scan;
mod loss_bar;
mod losses;
mod mean_under_bar;
mod official_hardware;
mod one_recipe;
mod parameter_band;
mod parameters;
mod plausible_loss;
mod probe;
mod rates;
mod resumes;
mod seals_whole;
mod seed;
mod starts_untrained;
mod steps_and_tokens;
mod target_tokens;
mod time_limit;
mod token_ledger;
mod tokenizer;
mod utilisation;
mod validation_set;
mod wall_time;
mod warm_up;

pub(crate) use target_tokens::most_targets;

/// A rule of the challenge.
#[derive(Debug, Clone, Copy)]
pub struct Rule {
    /// Its name in verdicts.
    pub id: &'static str,
    /// What it asks, in one sentence for people.
    pub text: &'static str,
    /// Its check.
    pub check: Check,
}

/// How a rule is held against a case.
#[derive(Debug, Clone, Copy)]
pub enum Check {
    /// Against each run alone.
    Run(fn(&Case, &LoggedRun) -> Answer),
    /// Against all runs together.
    Submission(fn(&Case) -> Answer),
}

/// Every rule, in the order of a verdict.
pub const RULES: &[Rule] = &[
    seals_whole::RULE,
    completed::RULE,
    code::RULE,
    hardware::RULE,
    device_checked::RULE,
    seed::RULE,
    validation_set::RULE,
    tokenizer::RULE,
    dataset::RULE,
    dataset_size::RULE,
    parameters::RULE,
    parameter_band::RULE,
    warm_up::RULE,
    starts_untrained::RULE,
    clocks::RULE,
    durations::RULE,
    wall_time::RULE,
    eval_time::RULE,
    rates::RULE,
    utilisation::RULE,
    steps_and_tokens::RULE,
    token_ledger::RULE,
    data_passes::RULE,
    resumes::RULE,
    eval_schedule::RULE,
    eval_targets::RULE,
    eval_context::RULE,
    losses::RULE,
    plausible_loss::RULE,
    final_loss::RULE,
    end_summary::RULE,
    target_tokens::RULE,
    loss_bar::RULE,
    time_limit::RULE,
    benchmarks::RULE,
    official_hardware::RULE,
    attempts::RULE,
    one_recipe::RULE,
    distinct_logs::RULE,
    mean_under_bar::RULE,
    beats_record::RULE,
    claims::RULE,
    leak_scan::RULE,
    probe::RULE,
];
