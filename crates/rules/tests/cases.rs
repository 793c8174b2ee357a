//! The disputes of comparable contests, each as a small submission with its verdict.

mod common;

use blueberry_rules::*;
use blueberry_runlog::{Event, Limits, Writer, read};
use common::*;

#[test]
fn an_honest_submission_is_eligible() {
    let verdict = Submission::valid().judge();
    assert_eq!(verdict.status, Status::Eligible, "{}", render(&verdict));
    let figure = verdict.summary.figure.unwrap();
    assert_eq!((figure.mean, figure.values.len()), (8.0, 3));
}

#[test]
fn an_honest_resumed_submission_is_eligible() {
    let verdict = Submission::of(&[1, 2, 3].map(Draft::interrupted)).judge();
    assert_eq!(verdict.status, Status::Eligible, "{}", render(&verdict));
}

#[test]
fn validation_documents_in_the_training_shards() {
    let mut submission = Submission::valid();
    submission.category().manifest = Pin::Any;
    submission.facts.leak_scan = Some(LeakScan {
        manifest_sha256: hex('a'),
        overlapping_windows: 12,
        covered_targets: 75,
        first: Some("train-003.bin:81920".into()),
    });
    submission.fails("leak-scan", "75 validation targets");
}

#[test]
fn the_readme_claims_one_thing_and_the_log_another() {
    let mut submission = Submission::valid();
    let claim = |text: &str| {
        vec![Claim {
            place: "README.md:7".into(),
            run: None,
            name: "train_s".into(),
            text: text.into(),
        }]
    };
    submission.facts.claims = claim("7.5");
    submission.fails("claims-agree", "README.md:7");
    submission.facts.claims = claim("to be measured");
    submission.fails("claims-agree", "no number");
}

/// A name proves nothing: only digests are looked at.
#[test]
fn a_suspicious_shard_name_with_the_right_digest_passes() {
    let submission = Submission::with(|draft| {
        draft.run.config["data"] = serde_json::json!({"dir": "fineweb-val-leaked"});
        draft
            .run
            .data
            .extra
            .insert("shards".into(), "validation_copy_of_train.bin".into());
    });
    submission.passes("dataset");
    assert_eq!(
        submission.judge().status,
        Status::Eligible,
        "{}",
        render(&submission.judge())
    );
}

/// 0.98 nats after 8M targets, where the reference has 5.36.
#[test]
fn an_implausibly_low_loss_is_held_for_a_re_run() {
    let mut submission = Submission::valid();
    submission.categories = Categories::official();
    let mut log = submission.runs[0].log.clone();
    for line in &mut log.lines {
        if let Event::Eval(eval) = &mut line.event {
            let last = eval.at.tokens == 1024;
            (eval.at.tokens, eval.val_loss) = if last {
                (8_000_000, 0.98)
            } else {
                (eval.at.tokens, 7.0)
            };
        }
    }
    submission.runs[0].log = log;
    submission.cannot_tell("plausible-loss", "0.980 nats after 8000000 targets");
    let words = submission.answer("plausible-loss").words().to_owned();
    assert!(words.contains("hold for a re-run"), "{words}");
}

#[test]
fn probabilities_that_sum_to_277() {
    let mut submission = Submission::valid();
    submission.facts.probe = Some(Probe {
        asked: None,
        worst_probability_sum: 277.0,
        worst_future_influence: 0.0,
    });
    submission.fails("probe", "277");
}

#[test]
fn warm_up_on_real_training_batches_outside_the_clock() {
    let counted = Submission::with(|draft| {
        let Event::Warmup(warmup) = &mut draft.events[0] else {
            panic!("no warm-up")
        };
        (warmup.at.step, warmup.at.tokens) = (1, 64);
    });
    counted.fails_at("warm-up", 2, "at zero");
    // Where it is not admitted, the model knows something before its first step.
    let hidden = Submission::with(|draft| (draft.eval_at(0).val_loss, draft.step(1).loss) = (3.5, 3.5));
    hidden.fails_at("starts-untrained", 4, "outside the clock");
}

#[test]
fn tables_built_outside_the_clock() {
    let submission = Submission::with(|draft| draft.eval_at(0).val_loss = 2.9);
    submission.fails_at("starts-untrained", 4, "weights or tables were made from data");
}

#[test]
fn averaging_outside_the_clock() {
    let last = |event: &Event| matches!(event, Event::Eval(eval) if eval.at.tokens == 1024);
    let between = Submission::with(|draft| draft.delay(draft.position(last), 0.0, 7.0));
    between.fails_at("wall-time", 28, "off the training clock");
    let inside = Submission::with(|draft| {
        draft.delay(draft.position(last), 0.0, 7.0);
        draft.eval_at(1024).seconds += 7.0;
    });
    inside.cannot_tell("eval-time", "hold for a re-run");
}

#[test]
fn an_extra_compile_flag_is_recorded_and_shown() {
    let flag = "RUSTFLAGS=-C llvm-args=-enable-everything";
    let mut drafts = [1, 2, 3].map(Draft::valid);
    for draft in &mut drafts {
        draft.run.source.build_flags = Some(flag.into());
    }
    let submission = Submission::of(&drafts);
    assert_eq!(submission.judge().status, Status::Eligible);
    assert!(render(&submission.judge()).contains(flag));
    // In one run only, it is another recipe.
    drafts[2].run.source.build_flags = Some(String::new());
    Submission::of(&drafts).fails("one-recipe", flag);
}

#[test]
fn an_evaluation_set_shrunk_with_the_batch_size() {
    let submission = Submission::with(|draft| {
        for tokens in [0, 256, 512, 768, 1024] {
            draft.eval_at(tokens).targets = 64;
        }
    });
    submission.fails_at("eval-targets", 4, "64 targets, but the category asks for 128");
}

#[test]
fn a_stale_log_of_another_parameter_count() {
    let submission = Submission::with(|draft| draft.run.config["model"]["n_layers"] = 3.into());
    submission.fails_at("parameters", 1, "parameters is 1720, but the settings give 2320");
}

#[test]
fn a_placeholder_loss() {
    let submission = Submission::with(|draft| draft.eval_at(1024).val_loss = 0.0);
    submission.fails_at("losses", 28, "placeholder");
}

#[test]
fn a_duplicate_seed_and_a_missing_attempt() {
    let mut submission = Submission::valid();
    submission.runs[2] = submission.runs[0].clone();
    submission.fails("attempts", "seed 1 ran twice");
    submission.runs.pop();
    submission.fails("attempts", "not here: seed 3");
}

#[test]
fn a_baseline_that_is_slow_on_the_verifiers_machine() {
    let mut submission = Submission::valid();
    submission.facts.record = Some(RecordToBeat {
        id: "small/old".into(),
        figures: vec![7.0, 7.1, 7.0],
    });
    let pairs = |challenger: [f64; 4], record: [f64; 4]| {
        let pair = |i: usize| Pair {
            challenger: challenger[i],
            record: record[i],
            challenger_first: i.is_multiple_of(2),
        };
        (0..4).map(pair).collect()
    };
    // The machine makes both slower than the record's 7 s; side by side the challenger wins, or it does not.
    submission.facts.pairs = pairs([8.0, 8.02, 8.0, 8.01], [9.0, 9.1, 9.05, 9.0]);
    submission.passes("beats-record");
    // A claim of 8 s against a baseline that is slow everywhere but beside it.
    submission.facts.pairs = pairs([8.0, 8.02, 8.0, 8.01], [8.0, 8.01, 8.01, 8.0]);
    submission.fails("beats-record", "by interleaved pairs");
}

#[test]
fn a_log_cut_in_the_middle() {
    let log = Draft::valid(1).bytes();
    let mut submission = Submission::valid();
    submission.runs[0] = logged("cut", &log[..log.len() / 2]);
    submission.fails("seals-whole", "torn");
    submission.fails("completed", "no `end`");
}

/// Whoever re-seals an edited log leaves its seals whole; the figures of the log still contradict each other.
#[test]
fn a_forged_seal() {
    let log = String::from_utf8(Draft::valid(1).bytes()).unwrap();
    let seal = log.lines().nth(2).unwrap();
    let digest = seal.split('"').rev().nth(1).unwrap();
    let mut submission = Submission::valid();
    submission.runs[0] = logged("forged", log.replace(digest, &hex('7')).as_bytes());
    submission.fails_at("seals-whole", 3, "does not match");

    let resealed = Submission::with(|draft| draft.step(9).at.train_s -= 0.3);
    resealed.passes("seals-whole");
    resealed.fails("rates", "the clock went on by 0.2000 s");
}

#[test]
fn a_log_that_is_read_and_sealed_again_is_the_same_log() {
    let bytes = Draft::valid(1).bytes();
    let log = read(bytes.as_slice(), &Limits::default()).unwrap();
    let mut writer = Writer::new(Vec::new(), &log.run).unwrap();
    for line in &log.lines {
        match &line.event {
            Event::Seal(_) => writer.seal().unwrap(),
            event => writer.write(event).unwrap(),
        }
    }
    assert_eq!(writer.into_output(), bytes);
}
