//! What only the verifier sees of a run: how it ended, how long it took, on which machine and which data. All of it is
//! held against the log, which is what a stranger's program chose to write.

use blueberry_rules::{Answer, Category, Finding, Metric};
use blueberry_runlog::{DataDigests, Event, Hardware, RunLog};

use super::decide::{Judge, Run, cannot_tell, failed, finding, passed};
use super::host::Host;
use super::plan::{Conditions, Plan, Role};
use super::state::Work;

const LEAVES_LOG: &str = "verify-leaves-a-log";
const ENDS_WELL: &str = "verify-ends-well";
const SAME_SOURCE: &str = "verify-same-source";
const CLOCK: &str = "verify-clock";
const NEVER_INTERRUPTED: &str = "verify-never-interrupted";
const EVALUATIONS: &str = "verify-evaluations";
const WARM_UP: &str = "verify-warm-up";
const MACHINE: &str = "verify-machine";
const DATA: &str = "verify-data";

/// The verifier's clock and the program's may differ by rounding, not by more.
const CLOCK_TOLERANCE_S: f64 = 0.05;
/// How much more of its time than the record's run beside it a challenger's may keep off the log's clock: the same
/// program takes longer to start where the disk's cache is cold.
const MORE_THAN_RECORD: f64 = 2.0;
/// And this part of the limits, since short times differ by more.
const PART_OF_LIMITS: f64 = 0.05;

/// What the verifier saw of a run.
pub(super) fn check_run(plan: &Plan, judge: &Judge, run: &Run) -> Vec<Finding> {
    let name = Some(Work::run_name(run.turn));
    let ended = &run.done.ended;
    // A fault of the record's own run does not speak against the challenger, but leaves nothing to compare with.
    let blamed = |answer: Answer| match (run.turn.role, answer) {
        (Role::Record, Answer::Fail { evidence, .. }) => cannot_tell(evidence),
        (_, answer) => answer,
    };
    let Some(logged) = &run.log else {
        let text = format!("the run left no log that can be read; its program ended with {ended}");
        return vec![finding(LEAVES_LOG, name, blamed(failed(text)))];
    };
    let ends = if run.done.succeeded {
        passed("exit code 0")
    } else {
        failed(format!(
            "the program ended with {ended}; a run that counts ends with exit code 0"
        ))
    };
    let log = &logged.log;
    let mut answers = vec![
        (LEAVES_LOG, passed("a log")),
        (ENDS_WELL, ends),
        (SAME_SOURCE, same_source(plan, run.turn.role, log)),
        (CLOCK, clock(&plan.conditions, run)),
        (NEVER_INTERRUPTED, never_interrupted(log)),
        (WARM_UP, warm_up(&plan.conditions, log)),
        (MACHINE, machine(judge.host, &log.run.hardware)),
    ];
    answers.extend(data(judge, &log.run.data).map(|answer| (DATA, answer)));
    answers
        .into_iter()
        .map(|(rule, answer)| finding(rule, name.clone(), blamed(answer)))
        .collect()
}

fn same_source(plan: &Plan, role: Role, log: &RunLog) -> Answer {
    let expected = plan.side(role).map_or("", |side| &side.source_sha256);
    let found = &log.run.source.sha256;
    if found == expected {
        return passed("the log names the source that was built");
    }
    failed(format!(
        "the log names the source {found}, and {expected} was built"
    ))
}

/// Seconds that the warm-ups of a log took by its own word.
fn warm_up_s(log: &RunLog) -> f64 {
    let warmups = log.lines.iter().filter_map(|line| match &line.event {
        Event::Warmup(warmup) => Some(warmup.seconds),
        _ => None,
    });
    warmups.sum()
}

/// What the verifier's clock counts and the log does not.
pub(super) fn unclocked_s(run: &Run) -> Option<f64> {
    let log = &run.log.as_ref()?.log;
    let wall_s = log
        .lines
        .iter()
        .filter_map(|line| line.event.at())
        .map(|at| at.wall_s)
        .fold(0.0, f64::max);
    Some(run.done.seconds - wall_s - warm_up_s(log))
}

fn clock(conditions: &Conditions, run: &Run) -> Answer {
    let (seconds, limit_s) = (run.done.seconds, conditions.unclocked_limit_s);
    // A log whose times are no numbers is within nothing.
    let unclocked_s = unclocked_s(run).unwrap_or(f64::NAN);
    if unclocked_s < -CLOCK_TOLERANCE_S {
        return failed(format!(
            "the log's clock and warm-up are {:.2} s more than the {seconds:.2} s that the program ran",
            -unclocked_s
        ));
    }
    if unclocked_s <= limit_s as f64 {
        return passed("the log's clock and warm-up account for the time that the program ran");
    }
    failed(format!(
        "of the {seconds:.2} s that the program ran, {unclocked_s:.2} s are on no clock of its log; {limit_s} s may be"
    ))
}

/// What was interrupted here was begun anew, so that a log which says so of its run made the time up.
fn never_interrupted(log: &RunLog) -> Answer {
    let resume = log.lines.iter().find_map(|line| match &line.event {
        Event::Resume(resume) => Some((line.number, resume.downtime_s)),
        _ => None,
    });
    match resume {
        None => passed("the run went through"),
        Some((line, downtime_s)) => Answer::Fail {
            evidence: format!(
                "it says that it was down for {downtime_s:.1} s and went on; its program ran once, from start to end"
            ),
            line: Some(line),
        },
    }
}

fn warm_up(conditions: &Conditions, log: &RunLog) -> Answer {
    let (seconds, limit_s) = (warm_up_s(log), conditions.warm_up_limit_s);
    if seconds <= limit_s as f64 {
        return passed("a short warm-up");
    }
    failed(format!(
        "the warm-up took {seconds:.2} s off the clock; {limit_s} s may it take"
    ))
}

/// Holds what each run of the challenger kept off the clock against the run of the record beside it. More of it may be honest
/// within the limits that hold for any run, as of more kernels to compile, so that a person has to look.
pub(super) fn check_pairs(plan: &Plan, runs: &[Run]) -> Vec<Finding> {
    if plan.record.is_none() {
        return Vec::new();
    }
    let conditions = &plan.conditions;
    let limits_s = conditions.unclocked_limit_s + conditions.warm_up_limit_s;
    let found = beside(runs).filter_map(|(challenger, record)| {
        let (spent_s, beside_s) = (off_clock_s(challenger)?, off_clock_s(record)?);
        let most_s = MORE_THAN_RECORD * beside_s.max(0.0) + PART_OF_LIMITS * limits_s as f64;
        (spent_s > most_s).then(|| {
            let text = format!(
                "what the program does off its log's clock: it spent {spent_s:.2} s there, warm-up included, the record's beside it {beside_s:.2} s, and over {most_s:.2} s somebody has to look at"
            );
            finding(CLOCK, Some(Work::run_name(challenger.turn)), cannot_tell(text))
        })
    });
    found.collect()
}

/// Holds what each of the challenger's runs did off the training clock against the record's run beside it, where that counts
/// for nothing: work on the weights hides there. A longer one may be honest, so that a person has to look.
pub(super) fn check_evaluations(category: &Category, runs: &[Run]) -> Vec<Finding> {
    if category.metric != Metric::TrainS {
        return Vec::new();
    }
    let found = beside(runs).filter_map(|(challenger, record)| {
        let words = longer_pauses(&Pauses::of(challenger)?, &Pauses::of(record)?)?;
        let name = Some(Work::run_name(challenger.turn));
        Some(finding(EVALUATIONS, name, cannot_tell(words)))
    });
    found.collect()
}

/// How much longer than the record's an evaluation, and all that is off the training clock, may be.
const LONGER_PAUSES: f64 = 1.5;
/// And the seconds by which all of a run's may be longer: a busy machine.
const PAUSES_S: f64 = 5.0;

/// What a run did off the training clock until the end of its last evaluation, behind which no loss changes.
struct Pauses {
    /// Seconds of its evaluations by the log's word, and their targets.
    evaluated_s: f64,
    targets: f64,
    /// Seconds of all of it: samples, checkpoints and benchmarks too.
    all_s: f64,
}

impl Pauses {
    /// None where the run left no log.
    fn of(run: &Run) -> Option<Self> {
        let log = &run.log.as_ref()?.log;
        let at = log.evals().last().map(|eval| eval.at).unwrap_or_default();
        Some(Self {
            evaluated_s: log.evals().map(|eval| eval.seconds).sum(),
            targets: log.evals().map(|eval| eval.targets as f64).sum(),
            all_s: at.wall_s - at.train_s,
        })
    }
}

/// What of the pauses somebody has to look at: evaluations target for target, as a run that evaluates more often takes
/// longer for them, and everything together.
fn longer_pauses(ours: &Pauses, of_record: &Pauses) -> Option<String> {
    let evaluated_s = of_record.evaluated_s * ours.targets / of_record.targets;
    let all_s = of_record.all_s - of_record.evaluated_s + evaluated_s;
    let held = [
        (
            "its evaluations do",
            "as many targets of",
            ours.evaluated_s,
            evaluated_s,
        ),
        (
            "its pauses before the last evaluation are",
            "with as many targets evaluated those of",
            ours.all_s,
            all_s,
        ),
    ];
    held.into_iter().find_map(|(what, those, spent_s, beside_s)| {
        let most_s = LONGER_PAUSES * beside_s + PAUSES_S;
        // What is no number is within nothing.
        (!spent_s.le(&most_s)).then(|| {
            format!(
                "what {what}: they took {spent_s:.2} s, {those} the record's run beside it {beside_s:.2} s, and over {most_s:.2} s somebody has to look at"
            )
        })
    })
}

/// Each of the challenger's runs with the record's beside it.
fn beside(runs: &[Run]) -> impl Iterator<Item = (&Run, &Run)> {
    runs.chunks_exact(2).filter_map(|pair| {
        let of = |role| pair.iter().find(|run| run.turn.role == role);
        Some((of(Role::Challenger)?, of(Role::Record)?))
    })
}

fn off_clock_s(run: &Run) -> Option<f64> {
    Some(unclocked_s(run)? + warm_up_s(&run.log.as_ref()?.log))
}

/// Holds the machine of a log against the host's own words.
fn machine(host: &Host, logged: &Hardware) -> Answer {
    let device = &logged.device;
    if logged.backend == "cpu" {
        return match &host.cpu {
            Some(cpu) if cpu == &logged.cpu && cpu == device => passed("the host's processor"),
            Some(cpu) => failed(format!(
                "the log is of `{device}` with the processor `{}`, and this machine's is `{cpu}`",
                logged.cpu
            )),
            None => cannot_tell(format!(
                "the host's word for its processor: the log says `{device}`"
            )),
        };
    }
    if host.gpus.is_empty() {
        return cannot_tell(format!(
            "the host's word for its GPU (no `nvidia-smi`, nothing in /proc/driver/nvidia): the log says `{device}`"
        ));
    }
    if !host.gpus.contains(device) {
        let gpus: Vec<_> = host.gpus.iter().map(String::as_str).collect();
        return failed(format!(
            "the log is of `{device}`, and this machine has: {}",
            gpus.join(", ")
        ));
    }
    driver(host, logged)
}

/// The CUDA backend logs the driver's version of CUDA, others the driver's own. A compatibility package makes the two
/// differ on an honest machine, so a difference is for a person to look at.
fn driver(host: &Host, logged: &Hardware) -> Answer {
    let (known, said) = if logged.backend == "cuda" {
        (
            &host.cuda,
            logged.driver == format!("CUDA {}", host.cuda.as_deref().unwrap_or_default()),
        )
    } else {
        let version = host.driver.as_deref().unwrap_or_default();
        (&host.driver, logged.driver.split(' ').any(|word| word == version))
    };
    match known {
        None => passed("the host's GPU; it does not name its driver"),
        Some(_) if said => passed("the host's GPU and driver"),
        Some(known) => cannot_tell(format!(
            "which driver ran: the log says `{}`, and the host {known}",
            logged.driver
        )),
    }
}

/// Whether the run was on the data that the log names; nothing where no data is given and the category takes any.
fn data(judge: &Judge, logged: &DataDigests) -> Option<Answer> {
    match judge.data {
        Some(given) => Some(same_data(given, logged)),
        None if judge.category.asks_for_data() => Some(cannot_tell(
            "data of the verifier's with known digests (--data): which one the run was on is its log's own word".to_owned(),
        )),
        None => None,
    }
}

fn same_data(given: &DataDigests, logged: &DataDigests) -> Answer {
    match other_data(given, logged) {
        Some(why) => failed(why),
        None => passed("the log names the data that the run was given"),
    }
}

/// How the data that a log names differs from what is given.
pub(super) fn other_data(given: &DataDigests, logged: &DataDigests) -> Option<String> {
    let (tokens, logged_tokens) = (given.train_tokens.to_string(), logged.train_tokens.to_string());
    let fields = [
        ("manifest", &given.manifest_sha256, &logged.manifest_sha256),
        (
            "validation set",
            &given.validation_sha256,
            &logged.validation_sha256,
        ),
        ("tokenizer", &given.tokenizer_sha256, &logged.tokenizer_sha256),
        ("number of training tokens", &tokens, &logged_tokens),
    ];
    let (what, given, logged) = fields.into_iter().find(|(_, given, logged)| given != logged)?;
    Some(format!(
        "the log names the {what} {logged}, and the data given has {given}"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{Draft, logged_run};
    use crate::verify::{Done, Turn};

    fn logged(backend: &str, device: &str, driver: &str) -> Hardware {
        Hardware {
            backend: backend.to_owned(),
            device: device.to_owned(),
            driver: driver.to_owned(),
            cpu: "CPU A".to_owned(),
            ..Draft::valid(1).run.hardware
        }
    }

    #[test]
    fn a_log_of_another_machine_is_found() {
        let host = Host {
            cpu: Some("CPU A".to_owned()),
            driver: Some("570.133.20".to_owned()),
            cuda: Some("12.8".to_owned()),
            gpus: ["GPU A".to_owned()].into(),
        };
        for (backend, device, driver, wanted) in [
            ("cpu", "CPU A", "8 threads", "host's processor"),
            ("cpu", "CPU B", "8 threads", "this machine's is `CPU A`"),
            ("cuda", "GPU A", "CUDA 12.8", "GPU and driver"),
            ("cuda", "GPU A", "CUDA 12.9", "which driver ran"),
            ("vulkan", "GPU A", "NVIDIA 570.133.20", "GPU and driver"),
            ("vulkan", "GPU A", "NVIDIA 570.133.2", "which driver ran"),
            ("cuda", "GPU B", "CUDA 12.8", "this machine has: GPU A"),
        ] {
            let answer = machine(&host, &logged(backend, device, driver));
            assert!(answer.words().contains(wanted), "{answer:?}");
            let fails = matches!(answer, Answer::Fail { .. });
            assert_eq!(fails, device.ends_with('B'), "{answer:?}");
        }
    }

    #[test]
    fn what_the_host_does_not_say_cannot_be_told() {
        let host = Host::default();
        for backend in ["cpu", "cuda"] {
            let answer = machine(&host, &logged(backend, "X", "CUDA 12.8"));
            assert!(matches!(answer, Answer::CannotTell { .. }), "{answer:?}");
        }
        let host = Host {
            gpus: ["X".to_owned()].into(),
            ..host
        };
        let answer = machine(&host, &logged("cuda", "X", "CUDA 12.8"));
        assert!(answer.words().contains("does not name its driver"), "{answer:?}");
    }

    /// A run of a challenger beside one of the record, as the logs of both say.
    fn beside_the_record(challenger: &Draft) -> [Run; 2] {
        let run = |number, role, draft: &Draft| Run {
            turn: Turn {
                number,
                role,
                seed: 1,
            },
            done: Done {
                ended: "exit status: 0".to_owned(),
                succeeded: true,
                seconds: 60.0,
                log_sha256: None,
            },
            log: Some(logged_run("a", &draft.bytes())),
        };
        [
            run(0, Role::Challenger, challenger),
            run(1, Role::Record, &Draft::valid(1)),
        ]
    }

    fn looked_at(metric: Metric, edit: impl FnOnce(&mut Draft)) -> Vec<String> {
        let mut draft = Draft::valid(1);
        edit(&mut draft);
        let category = Category {
            metric,
            ..crate::testing::categories().list[0].clone()
        };
        let findings = check_evaluations(&category, &beside_the_record(&draft));
        let words = |found: Finding| match found.answer {
            Answer::CannotTell { missing } => missing,
            other => panic!("{other:?}"),
        };
        findings.into_iter().map(words).collect()
    }

    /// The record's five evaluations take 1.25 s, so that 6.875 s may be off the clock.
    #[test]
    fn pauses_of_any_kind_are_held_against_the_records() {
        let pausing = |metric, step, seconds| {
            looked_at(metric, |draft| {
                let at = draft.position(|event| event.at().is_some_and(|at| at.step == step));
                draft.delay(at, 0.0, seconds);
            })
        };
        assert_eq!(pausing(Metric::TrainS, 9, 5.6), [""; 0]);
        let found = pausing(Metric::TrainS, 9, 5.7);
        assert!(
            found.len() == 1 && found[0].contains("they took 6.95 s"),
            "{found:?}"
        );
        // Where all time counts it counts by itself.
        assert_eq!(pausing(Metric::WallSToLoss, 9, 60.0), [""; 0]);
        // More evaluations take longer, and behind the last one nothing matters.
        let twice = looked_at(Metric::TrainS, |draft| {
            draft.eval_at(512).targets += 5 * 128;
            let at = draft.position(|event| matches!(event, Event::Eval(eval) if eval.at.tokens == 512));
            draft.delay(at, 0.0, 6.0);
            let end = draft.position(|event| matches!(event, Event::End(_)));
            draft.delay(end, 0.0, 60.0);
        });
        assert_eq!(twice, [""; 0]);
    }

    /// Changes one field.
    type Edit = fn(&mut DataDigests);

    #[test]
    fn each_digest_of_the_data_counts() {
        let given = Draft::valid(1).run.data;
        assert!(matches!(same_data(&given, &given), Answer::Pass { .. }));
        let edits: [(&str, Edit); 4] = [
            ("manifest", |data| data.manifest_sha256.push('0')),
            ("validation set", |data| data.validation_sha256.push('0')),
            ("tokenizer", |data| data.tokenizer_sha256.push('0')),
            ("training tokens", |data| data.train_tokens += 1),
        ];
        for (what, edit) in edits {
            let mut logged = given.clone();
            edit(&mut logged);
            let answer = same_data(&given, &logged);
            assert!(
                matches!(answer, Answer::Fail { .. }) && answer.words().contains(what),
                "{answer:?}"
            );
        }
    }
}
