//! From logs to an outcome.

use std::path::Path;

use blueberry_rules::{
    Answer, Asked, Case, Category, Declared, Facts, Finding, LeakScan, LoggedRun, Pair, Plausibility, Probe,
    RecordToBeat, SubmittedSource, Summary, challenger_is_below, judge, stats,
};
use blueberry_runlog::{DataDigests, Extra, Hardware};

use super::document::{
    BEATS_RECORD, BuiltSource, Comparison, FORMAT, Outcome, Terms, Verification, VerifiedRun,
};
use super::error::VerifyError;
use super::execute::{log, log_sha256};
use super::host::Host;
use super::plan::{Plan, Role, Side, Turn};
use super::state::{Done, Probed, State, Unbuilt, Work};
use super::subject::Subject;
use super::weights::saved_parameters;
use super::witness::{check_evaluations, check_pairs, check_run, unclocked_s};
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
    /// The verifier's data, where it is a data set whose files were held against these digests.
    pub data: Option<&'a DataDigests>,
    /// Id of the record that stands, which a challenger has to beat.
    pub standing: Option<&'a str>,
    /// The machine by the words of its system.
    pub host: &'a Host,
}

/// Rules that only a verifier can ask. Every other is one of [`blueberry_rules::RULES`].
const BUILDS: &str = "verify-builds";
const PROBES: &str = "verify-probes";
const STANDING: &str = "verify-standing-record";
/// A rule whose answer a re-run decides.
const PLAUSIBLE_LOSS: &str = "plausible-loss";
/// The rule that says whether the data is without leaks.
const LEAK_SCAN: &str = "leak-scan";

/// A run that is over, with its log.
pub(super) struct Run {
    pub(super) turn: Turn,
    pub(super) done: Done,
    pub(super) log: Option<LoggedRun>,
}

/// The verification of a challenger where a source cannot be run.
pub(super) fn unbuildable(
    plan: &Plan,
    subject: &Subject,
    judge: &Judge,
    why: &Unbuilt,
) -> Result<Verification, VerifyError> {
    let answer = if why.role == Role::Challenger && why.in_source {
        failed(why.why.clone())
    } else {
        // The challenger is not to blame, and nothing is known of it.
        cannot_tell(why.why.clone())
    };
    let mut verification = blank(plan, subject, judge)?;
    verification.findings.push(finding(BUILDS, None, answer));
    verification.outcome = outcome(&verification.findings, false);
    Ok(verification)
}

/// The verification of runs that are over.
pub(super) fn decide(
    work: &Work,
    state: &State,
    subject: &Subject,
    given: &Judge,
    probed: &Probed,
) -> Result<Verification, VerifyError> {
    let plan = &state.plan;
    let runs = read_runs(work, state)?;
    let mut verification = blank(plan, subject, given)?;
    verification.interruptions = state.interruptions;
    verification.machine = runs
        .iter()
        .find_map(|run| Some(machine(&run.log.as_ref()?.log.run.hardware)));
    verification.runs = runs.iter().map(|run| verified_run(given.category, run)).collect();
    let mut findings = vec![finding(BUILDS, None, built(plan))];
    findings.extend(stands(plan, given.standing));
    for run in &runs {
        findings.extend(check_run(plan, given, run));
    }
    findings.extend(check_pairs(plan, &runs));
    findings.extend(check_evaluations(given.category, &runs));
    findings.extend(faults_of_record(given, &runs));
    let pairs = pairs(&verification.runs);
    if let Some(missing) = &probed.missing {
        findings.push(finding(PROBES, None, cannot_tell(missing.clone())));
    }
    verification.comparison = plan.record.as_ref().and_then(|record| compare(&pairs, record));
    let logs: Vec<LoggedRun> = of(&runs, Role::Challenger)
        .filter_map(|run| run.log.clone())
        .collect();
    let asked_run = of(&runs, Role::Challenger).last();
    let logged_loss = asked_run.and_then(|run| run.log.as_ref()?.log.end()?.val_loss);
    let probe = probed.probe.map(|probe| with_logged_loss(probe, logged_loss));
    let probe = probe.as_ref();
    if !logs.is_empty() {
        let mut facts = facts(plan, given, probe, pairs, &verification.runs)?;
        facts.counted_parameters =
            asked_run.and_then(|run| saved_parameters(&work.run(plan, run.turn), &run.log.as_ref()?.log));
        let verdict = judge(&Case {
            category: given.category,
            plausibility: given.plausibility,
            runs: &logs,
            facts: &facts,
        });
        // As the judge answers of the data: pinned, or scanned and within the category's limit.
        let clean = |found: &Finding| found.rule == LEAK_SCAN && is_good(&found.answer);
        let re_run = re_run(given, verdict.findings.iter().any(clean), probe);
        let waits = |found: &Finding| {
            // Without the curve there is nothing that a re-run could decide.
            found.rule == PLAUSIBLE_LOSS
                && given.plausibility.is_some()
                && matches!(found.answer, Answer::CannotTell { .. })
        };
        findings.extend(verdict.findings.into_iter().map(|found| match waits(&found) {
            true => finding(PLAUSIBLE_LOSS, found.run, re_run.clone()),
            false => found,
        }));
        verification.challenger = Some(verdict.summary);
    }
    verification.outcome = outcome(&findings, plan.record.is_some());
    (verification.holds, verification.findings) = split(findings);
    Ok(verification)
}

/// What the logs of the record's runs break. That does not speak against the challenger, but figures of such runs are nothing
/// to compare with.
fn faults_of_record(given: &Judge, runs: &[Run]) -> Vec<Finding> {
    let logs: Vec<LoggedRun> = of(runs, Role::Record).filter_map(|run| run.log.clone()).collect();
    let verdict = judge(&Case {
        category: given.category,
        plausibility: given.plausibility,
        runs: &logs,
        facts: &Facts::default(),
    });
    let of_a_run = verdict.failures().filter(|found| found.run.is_some());
    let faults = of_a_run.map(|found| {
        let missing = format!(
            "a sound run of the record to compare with: {}",
            found.answer.words()
        );
        finding(&found.rule, found.run.clone(), cannot_tell(missing))
    });
    faults.collect()
}

/// With what the log of the probed run says of its loss.
fn with_logged_loss(probe: Probe, logged_loss: Option<f64>) -> Probe {
    Probe {
        asked: probe.asked.map(|asked| Asked { logged_loss, ..asked }),
        ..probe
    }
}

fn blank(plan: &Plan, subject: &Subject, judge: &Judge) -> Result<Verification, VerifyError> {
    Ok(Verification {
        format: FORMAT,
        record: plan.challenger.id.clone(),
        record_sha256: plan.challenger.record_sha256.clone(),
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
        host: judge.host.clone(),
        terms: Some(Terms::of(plan, judge.category)?),
        source: BuiltSource::of(&plan.challenger),
        comparison: None,
        findings: Vec::new(),
        reviews: Vec::new(),
        runs: Vec::new(),
        challenger: None,
    })
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

/// Whether the record that stands took part; nothing where none stands.
fn stands(plan: &Plan, standing: Option<&str>) -> Option<Finding> {
    let id = standing?;
    let answer = if plan.record.as_ref().is_some_and(|record| record.id == id) {
        passed("the record that stands ran beside the challenger")
    } else {
        cannot_tell(format!(
            "runs by turns with {id}: it stands, and falls to a challenger that beat it on one machine alone"
        ))
    };
    Some(finding(STANDING, None, answer))
}

/// What a re-run says of losses that are too good to be believed: the verifier built the source and ran it on its own
/// data, so they are believed where that data is known and `clean` of leaks, and the model was asked and is sound.
fn re_run(judge: &Judge, clean: bool, probe: Option<&Probe>) -> Answer {
    let missing = [
        (
            "data of the verifier's with known digests (--data)",
            judge.data.is_some(),
        ),
        (
            "a scan of that data that finds no leak, or too small a one to tell",
            clean,
        ),
        ("a probe of the model (--probe)", probe.is_some()),
    ];
    match missing.into_iter().find(|(_, there)| !there) {
        None => passed("so good a loss again, run here on data without leaks by a model that was probed"),
        Some((what, _)) => cannot_tell(format!(
            "a loss that is too good to be believed at once came again in the re-run; it is believed with {what}"
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
        let dir = work.run(&state.plan, turn);
        if log_sha256(&dir) != done.log_sha256 {
            return Err(VerifyError::Changed(log(&dir)));
        }
        let log = done.log_sha256.as_ref().and_then(|_| read_log(&dir, turn));
        Ok(Run {
            turn,
            done: done.clone(),
            log,
        })
    });
    runs.collect()
}

fn read_log(dir: &Path, turn: Turn) -> Option<LoggedRun> {
    let name = Work::run_name(turn);
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
        attempts: Some(Declared::parse(&plan.attempts(Role::Challenger)?)?),
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
pub(super) fn split(findings: Vec<Finding>) -> (Vec<String>, Vec<Finding>) {
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

/// `against_record` where one took part, whatever came of its runs.
pub(super) fn outcome(findings: &[Finding], against_record: bool) -> Outcome {
    let fails = |finding: &Finding| matches!(finding.answer, Answer::Fail { .. });
    // An honest entry that is no record has its place in the table all the same.
    let is_no_record = |finding: &Finding| against_record && finding.rule == BEATS_RECORD && fails(finding);
    if findings
        .iter()
        .any(|finding| fails(finding) && !is_no_record(finding))
    {
        Outcome::Rejected
    } else if findings
        .iter()
        .all(|finding| is_good(&finding.answer) || is_no_record(finding))
    {
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

pub(super) fn finding(rule: &str, run: Option<String>, answer: Answer) -> Finding {
    Finding {
        rule: rule.to_owned(),
        run,
        answer,
    }
}

pub(super) fn passed(evidence: &str) -> Answer {
    Answer::Pass {
        evidence: evidence.to_owned(),
    }
}

pub(super) fn failed(evidence: String) -> Answer {
    Answer::Fail { evidence, line: None }
}

pub(super) fn cannot_tell(missing: String) -> Answer {
    Answer::CannotTell { missing }
}
