//! From logs to an outcome.

use std::path::Path;

use blueberry_rules::{
    Answer, Case, Category, Declared, Facts, Finding, LeakScan, LoggedRun, Pair, Plausibility, Probe,
    RecordToBeat, SubmittedSource, Summary, challenger_is_below, judge, stats,
};
use blueberry_runlog::{Event, Extra, Hardware, RunLog};

use super::document::{BuiltSource, Comparison, FORMAT, Outcome, Verification, VerifiedRun};
use super::error::{Unbuildable, VerifyError};
use super::execute::{log, log_sha256};
use super::plan::{Plan, Role, Side, Turn};
use super::state::{Done, State, Work};
use super::subject::Subject;
use crate::LogLimits;
use crate::logs::LogReader;

/// What a verification is judged by, beside its runs.
#[derive(Debug, Clone, Copy)]
pub struct Judge<'a> {
    /// The category.
    pub category: &'a Category,
    /// Losses that are too good to be believed at once.
    pub plausibility: Option<&'a Plausibility>,
    /// What a scan of the data found.
    pub leak_scan: Option<&'a LeakScan>,
}

/// Rules that only a verifier can ask. Every other is one of [`blueberry_rules::RULES`].
const BUILDS: &str = "verify-builds";
const LEAVES_LOG: &str = "verify-leaves-a-log";
const SAME_SOURCE: &str = "verify-same-source";
const ENDS_WELL: &str = "verify-ends-well";
const CLOCK: &str = "verify-clock";
const PROBES: &str = "verify-probes";

/// The verifier's clock and the program's may differ by rounding, not by more.
const CLOCK_TOLERANCE_S: f64 = 0.05;

/// What a program may take before its clock starts and after it ends, beside what its log says of its warm-up: opening
/// files and devices, making the built-in corpus, writing the last checkpoint.
const UNCLOCKED_S: f64 = 120.0;
/// What compiling and tuning may take. A program can do anything in that time that its log does not show.
const WARM_UP_S: f64 = 900.0;

/// A run that is over, with its log.
struct Run {
    turn: Turn,
    done: Done,
    log: Option<LoggedRun>,
}

/// The verification of a challenger whose source cannot be run.
pub(super) fn unbuildable(plan: &Plan, subject: &Subject, judge: &Judge, why: &Unbuildable) -> Verification {
    let answer = match why.role {
        Role::Challenger => failed(why.to_string()),
        // The challenger is not to blame, and nothing is known of it.
        Role::Record => cannot_tell(why.to_string()),
    };
    let mut verification = blank(plan, subject, judge);
    verification.findings.push(finding(BUILDS, None, answer));
    verification.outcome = outcome(&verification.findings);
    verification
}

/// The verification of runs that are over.
pub(super) fn decide(
    work: &Work,
    state: &State,
    subject: &Subject,
    given: &Judge,
    probe: Option<&Probe>,
) -> Result<Verification, VerifyError> {
    let plan = &state.plan;
    let runs = read_runs(work, state)?;
    let mut verification = blank(plan, subject, given);
    verification.interruptions = state.interruptions;
    verification.machine = runs
        .iter()
        .find_map(|run| Some(machine(&run.log.as_ref()?.log.run.hardware)));
    verification.runs = runs.iter().map(|run| verified_run(given.category, run)).collect();
    let mut findings = vec![finding(BUILDS, None, built(plan))];
    for run in &runs {
        findings.extend(check_run(plan, run));
    }
    let pairs = pairs(&verification.runs);
    if plan.conditions.probe.is_some() && probe.is_none() {
        let text = "the challenger's program was asked to probe its model, and did not say what it found";
        findings.push(finding(PROBES, None, cannot_tell(text.to_owned())));
    }
    verification.comparison = plan.record.as_ref().and_then(|record| compare(&pairs, record));
    let logs: Vec<LoggedRun> = of(&runs, Role::Challenger)
        .filter_map(|run| run.log.clone())
        .collect();
    if !logs.is_empty() {
        let facts = facts(plan, given, probe, pairs, &verification.runs)?;
        let verdict = judge(&Case {
            category: given.category,
            plausibility: given.plausibility,
            runs: &logs,
            facts: &facts,
        });
        findings.extend(verdict.findings);
        verification.challenger = Some(verdict.summary);
    }
    verification.outcome = outcome(&findings);
    (verification.holds, verification.findings) = split(findings);
    Ok(verification)
}

fn blank(plan: &Plan, subject: &Subject, judge: &Judge) -> Verification {
    Verification {
        format: FORMAT,
        record: plan.challenger.id.clone(),
        category: plan.category.clone(),
        outcome: Outcome::Undecided,
        verifier: String::new(),
        date: String::new(),
        public_key: None,
        sandbox: plan.conditions.sandbox.name().to_owned(),
        claimed: subject.claim(judge.category.metric.name()),
        interruptions: 0,
        holds: Vec::new(),
        machine: None,
        source: BuiltSource::of(&plan.challenger),
        comparison: None,
        findings: Vec::new(),
        runs: Vec::new(),
        challenger: None,
    }
}

fn built(plan: &Plan) -> Answer {
    match &plan.conditions.program {
        None => passed("it builds"),
        Some(given) => cannot_tell(format!(
            "a build: the program with SHA-256 {} was given, and nothing shows that it is this source's",
            given.sha256
        )),
    }
}

fn of(runs: &[Run], role: Role) -> impl Iterator<Item = &Run> {
    runs.iter().filter(move |run| run.turn.role == role)
}

/// The runs with their logs, within the limits that hold for a stranger's; an unreadable log is none.
fn read_runs(work: &Work, state: &State) -> Result<Vec<Run>, VerifyError> {
    let turns = state.plan.turns();
    let runs = turns.into_iter().zip(&state.runs).map(|(turn, done)| {
        let dir = work.run(turn);
        if log_sha256(&dir) != done.log_sha256 {
            return Err(VerifyError::Changed(log(&dir)));
        }
        let log = done.log_sha256.as_ref().and_then(|_| read_log(&dir));
        Ok(Run {
            turn,
            done: done.clone(),
            log,
        })
    });
    runs.collect()
}

fn read_log(dir: &Path) -> Option<LoggedRun> {
    let name = dir.file_name()?.to_string_lossy().into_owned();
    LogReader::new(&LogLimits::default()).read(&log(dir), &name).ok()
}

fn verified_run(category: &Category, run: &Run) -> VerifiedRun {
    let logs: Vec<LoggedRun> = run.log.iter().cloned().collect();
    VerifiedRun {
        role: run.turn.role,
        seed: run.turn.seed,
        ended: run.done.ended.clone(),
        seconds: run.done.seconds,
        unclocked_s: unclocked_s(run),
        figure: Summary::of(category, &logs).figure.map(|figure| figure.mean),
        log_sha256: run.done.log_sha256.clone(),
    }
}

/// What the verifier's clock counts and the log does not.
fn unclocked_s(run: &Run) -> Option<f64> {
    let log = &run.log.as_ref()?.log;
    let wall_s = log
        .lines
        .iter()
        .filter_map(|line| line.event.at())
        .map(|at| at.wall_s)
        .fold(0.0, f64::max);
    Some(run.done.seconds - wall_s - warm_up_s(log))
}

/// What the log says of its warm-ups.
fn warm_up_s(log: &RunLog) -> f64 {
    let warmups = log.lines.iter().filter_map(|line| match &line.event {
        Event::Warmup(warmup) => Some(warmup.seconds),
        _ => None,
    });
    warmups.sum()
}

/// What only the verifier sees of a run.
fn check_run(plan: &Plan, run: &Run) -> Vec<Finding> {
    let name = Some(Work::run_name(run.turn));
    // A fault of the record's own run does not speak against the challenger, but leaves nothing to compare with.
    let bad = |text: String| match run.turn.role {
        Role::Challenger => failed(text),
        Role::Record => cannot_tell(text),
    };
    let Some(logged) = &run.log else {
        let text = format!(
            "the run left no log that can be read; its program ended with {}",
            run.done.ended
        );
        return vec![finding(LEAVES_LOG, name, bad(text))];
    };
    let mut findings = vec![finding(LEAVES_LOG, name.clone(), passed("a log"))];
    let expected = plan.side(run.turn.role).map_or("", |side| &side.source_sha256);
    let found = &logged.log.run.source.sha256;
    let same = if found == expected {
        passed("the log names the source that was built")
    } else {
        bad(format!(
            "the log names the source {found}, and {expected} was built"
        ))
    };
    findings.push(finding(SAME_SOURCE, name.clone(), same));
    let well = if run.done.succeeded {
        passed("the program ended without an error")
    } else {
        bad(format!("the program ended with {}", run.done.ended))
    };
    findings.push(finding(ENDS_WELL, name.clone(), well));
    let (unclocked_s, warm_up_s) = (unclocked_s(run).unwrap_or_default(), warm_up_s(&logged.log));
    let clock = clock_problem(run.done.seconds, unclocked_s, warm_up_s).map_or_else(
        || passed("the log's clock and warm-up are the time that the program ran"),
        bad,
    );
    findings.push(finding(CLOCK, name, clock));
    findings
}

/// What is wrong with the times of a run that took `seconds`.
fn clock_problem(seconds: f64, unclocked_s: f64, warm_up_s: f64) -> Option<String> {
    // Written so that a time that is no number is wrong too.
    if !(0.0..=WARM_UP_S).contains(&warm_up_s) {
        return Some(format!(
            "its log says that it warmed up for {warm_up_s:.1} s, and {WARM_UP_S} s are allowed"
        ));
    }
    if unclocked_s.is_nan() || unclocked_s < -CLOCK_TOLERANCE_S {
        return Some(format!(
            "the log's clock and warm-up are {:.2} s more than the {seconds:.2} s that the program ran",
            -unclocked_s
        ));
    }
    (unclocked_s > UNCLOCKED_S).then(|| {
        format!(
            "the program ran for {unclocked_s:.1} s that are neither in its log's clock nor in its warm-up, and {UNCLOCKED_S} s are allowed"
        )
    })
}

/// Neighbours in time, one of each side. A pair with a run without a figure is none.
fn pairs(runs: &[VerifiedRun]) -> Vec<Pair> {
    let pairs = runs
        .chunks_exact(2)
        .filter(|pair| pair[0].role != pair[1].role)
        .map(|pair| {
            let challenger_first = pair[0].role == Role::Challenger;
            let (challenger, record) = if challenger_first {
                (&pair[0], &pair[1])
            } else {
                (&pair[1], &pair[0])
            };
            (challenger.figure, record.figure, challenger_first)
        });
    let whole = pairs.map(|(challenger, record, challenger_first)| {
        Some(Pair {
            challenger: challenger?,
            record: record?,
            challenger_first,
        })
    });
    // A run that failed is no reason to leave out a pair: then there is no comparison.
    whole.collect::<Option<_>>().unwrap_or_default()
}

/// The pairs in figures; whether they decide is the judge's to say (rule `beats-record`).
fn compare(pairs: &[Pair], record: &Side) -> Option<Comparison> {
    let differences: Vec<f64> = pairs.iter().map(|pair| pair.challenger - pair.record).collect();
    let sample = stats::Sample::of(&differences).ok()?;
    Some(Comparison {
        record: record.id.clone(),
        source: BuiltSource::of(record),
        pairs: pairs.len() as u64,
        record_mean: pairs.iter().map(|pair| pair.record).sum::<f64>() / pairs.len() as f64,
        difference: sample.mean,
        interval: sample.interval(0.95),
        test: challenger_is_below(pairs).ok(),
    })
}

fn facts(
    plan: &Plan,
    judge: &Judge,
    probe: Option<&Probe>,
    pairs: Vec<Pair>,
    runs: &[VerifiedRun],
) -> Result<Facts, VerifyError> {
    let record = plan.record.as_ref().map(|record| RecordToBeat {
        id: record.id.clone(),
        figures: runs
            .iter()
            .filter(|run| run.role == Role::Record)
            .filter_map(|run| run.figure)
            .collect(),
    });
    Ok(Facts {
        attempts: Some(Declared::parse(&plan.attempts)?),
        leak_scan: judge.leak_scan.cloned(),
        probe: probe.copied(),
        source: Some(SubmittedSource {
            commit: plan.challenger.commit.clone(),
            patch_sha256: plan.challenger.patch_sha256.clone(),
        }),
        record,
        pairs,
        ..Facts::default()
    })
}

/// Ids of the rules that hold everywhere, and what the others answered.
fn split(findings: Vec<Finding>) -> (Vec<String>, Vec<Finding>) {
    let (good, open): (Vec<_>, Vec<_>) = findings.into_iter().partition(|finding| is_good(&finding.answer));
    let mut holds: Vec<String> = Vec::new();
    for finding in good {
        let applies = matches!(finding.answer, Answer::Pass { .. });
        let elsewhere_open = open.iter().any(|other| other.rule == finding.rule);
        if applies && !elsewhere_open && !holds.contains(&finding.rule) {
            holds.push(finding.rule);
        }
    }
    (holds, open)
}

fn is_good(answer: &Answer) -> bool {
    matches!(answer, Answer::Pass { .. } | Answer::NotApplicable { .. })
}

fn outcome(findings: &[Finding]) -> Outcome {
    if findings
        .iter()
        .any(|finding| matches!(finding.answer, Answer::Fail { .. }))
    {
        Outcome::Rejected
    } else if findings.iter().all(|finding| is_good(&finding.answer)) {
        Outcome::Verified
    } else {
        Outcome::Undecided
    }
}

/// What this build knows of a machine; the rest may be what TOML cannot hold.
fn machine(hardware: &Hardware) -> Hardware {
    Hardware {
        extra: Extra::new(),
        ..hardware.clone()
    }
}

fn finding(rule: &str, run: Option<String>, answer: Answer) -> Finding {
    Finding {
        rule: rule.to_owned(),
        run,
        answer,
    }
}

fn passed(evidence: &str) -> Answer {
    Answer::Pass {
        evidence: evidence.to_owned(),
    }
}

fn failed(evidence: String) -> Answer {
    Answer::Fail { evidence, line: None }
}

fn cannot_tell(missing: String) -> Answer {
    Answer::CannotTell { missing }
}

#[cfg(test)]
mod tests {
    use super::clock_problem;

    #[test]
    fn times_that_the_log_hides_or_makes_up_are_found() {
        assert_eq!(clock_problem(700.0, 3.0, 60.0), None);
        for (unclocked_s, warm_up_s, words) in [
            (-0.5, 60.0, "0.50 s more than the 700.00 s"),
            (500.0, 60.0, "neither in its log's clock nor in its warm-up"),
            (3.0, 5_000.0, "warmed up for 5000.0 s"),
            (3.0, -5_000.0, "warmed up for -5000.0 s"),
            (3.0, f64::NAN, "warmed up for NaN s"),
            (f64::NAN, 60.0, "more than"),
        ] {
            let problem = clock_problem(700.0, unclocked_s, warm_up_s);
            assert!(
                problem.as_ref().is_some_and(|text| text.contains(words)),
                "{problem:?}"
            );
        }
    }
}
