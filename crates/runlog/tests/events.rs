//! Every event is read as it was written, and the format is what `small.jsonl` shows.

mod common;

use blueberry_runlog::*;
use common::*;

fn line(event: &Event) -> String {
    serde_json::to_string(event).expect("an event as JSON")
}

#[test]
fn the_format_is_the_one_on_record() {
    let text = String::from_utf8(log()).unwrap();
    assert_eq!(text, include_str!("small.jsonl"));
}

#[test]
fn every_event_round_trips() {
    let log = read_all(&log()).unwrap();
    assert_eq!(log.run, run());
    let seals = |line: &&Line| !matches!(line.event, Event::Seal(_));
    let read: Vec<_> = log.lines.iter().filter(seals).map(|l| line(&l.event)).collect();
    let mut written: Vec<_> = events().iter().map(line).collect();
    written.push(line(&Event::End(end(EndStatus::Completed))));
    assert_eq!(read, written);
}

#[test]
fn a_log_that_is_read_and_written_again_is_the_same_bytes() {
    let before = log();
    let log = read_all(&before).unwrap();
    let mut writer = Writer::new(Vec::new(), &log.run).unwrap();
    for line in &log.lines {
        match &line.event {
            Event::Seal(_) => writer.seal().unwrap(),
            event => writer.write(event).unwrap(),
        }
    }
    assert_eq!(writer.into_output(), before);
}

#[test]
fn the_readers_views_find_their_events() {
    let log = read_all(&log()).unwrap();
    let steps: Vec<_> = log.steps().map(|step| step.at.step).collect();
    assert_eq!(steps, [1, 2, 3]);
    assert_eq!(log.evals().map(|eval| eval.val_loss).collect::<Vec<_>>(), [3.25]);
    assert_eq!(log.end().unwrap().status, EndStatus::Completed);
    assert!(
        log.lines
            .iter()
            .map(|line| line.number)
            .eq(2..=1 + log.lines.len() as u64)
    );
}

#[test]
fn a_resumed_run_has_not_ended() {
    let mut writer = Writer::new(Vec::new(), &run()).unwrap();
    writer.finish(end(EndStatus::Interrupted)).unwrap();
    let stopped = read_all(&writer.output().clone()).unwrap();
    assert_eq!(stopped.end().unwrap().status, EndStatus::Interrupted);
    writer.write(&resume()).unwrap();
    assert_eq!(read_all(&writer.into_output()).unwrap().end(), None);
}

#[test]
fn unknown_events_keep_their_bytes() {
    let text = r#"{"zeta":1,"event":"weather","alpha":{"y":[0.1,1e-7,-0.0,18446744073709551615],"x":null},"text":"\"\\é\u0001"}"#;
    let event = Event::parse(text.as_bytes()).unwrap();
    assert!(matches!(event, Event::Unknown(_)));
    assert_eq!(event.at(), None);
    assert_eq!(line(&event), text);
}

#[test]
fn unknown_fields_keep_their_bytes() {
    let text = r#"{"event":"eval","step":1,"tokens":2,"train_s":0.5,"wall_s":0.5,"val_loss":3.5,"targets":4,"seconds":0.1,"ledger":{"tokens":2,"sha256":"ab","rows":7},"zeta":[1,{"b":2,"a":null}],"alpha":"x"}"#;
    let event = Event::parse(text.as_bytes()).unwrap();
    let Event::Eval(eval) = &event else {
        panic!("{event:?}")
    };
    assert!(eval.extra.keys().eq(["zeta", "alpha"]));
    assert_eq!(line(&event), text);
}

#[test]
fn unknown_fields_of_the_first_line_are_kept() {
    let mut value = serde_json::to_value(run()).unwrap();
    value["weather"] = "warm".into();
    value["hardware"]["fans"] = 3.into();
    let text = serde_json::to_string(&value).unwrap();
    let read = Run::parse(text.as_bytes()).unwrap();
    assert_eq!(read.hardware.extra["fans"], 3);
    assert_eq!(serde_json::to_value(read).unwrap(), value);
}

#[test]
fn fields_that_a_log_may_lack_are_kept_where_it_has_them() {
    let mut declared = run();
    declared.attempts_sha256 = Some("ab".into());
    declared.source.patch_sha256 = Some("cd".into());
    declared.source.build_flags = Some("-C target-cpu=native".into());
    declared.device_check.status = CheckStatus::Unchecked;
    let text = serde_json::to_string(&declared).unwrap();
    assert!(text.contains(r#""status":"unchecked""#), "{text}");
    assert_eq!(Run::parse(text.as_bytes()).unwrap(), declared);
    let bare = serde_json::to_string(&run()).unwrap();
    assert!(
        !bare.contains("attempts_sha256") && !bare.contains("build_flags"),
        "{bare}"
    );
}

#[test]
fn floats_that_json_lacks_are_strings() {
    for (loss, text) in [
        (f64::NAN, r#""loss":"NaN""#),
        (f64::INFINITY, r#""loss":"Infinity""#),
        (f64::NEG_INFINITY, r#""loss":"-Infinity""#),
    ] {
        let written = line(&step(1, loss));
        assert!(written.contains(text), "{written}");
        let Event::Step(read) = Event::parse(written.as_bytes()).unwrap() else {
            panic!("{written}")
        };
        assert_eq!(read.loss.is_nan(), loss.is_nan());
        assert!(loss.is_nan() || read.loss == loss);
    }
}

#[test]
fn optional_and_named_floats_may_be_infinite() {
    let mut end = end(EndStatus::Diverged);
    end.val_loss = Some(f64::INFINITY);
    end.summary.insert("worst".into(), f64::NEG_INFINITY);
    let event = Event::End(end);
    assert_eq!(Event::parse(line(&event).as_bytes()).unwrap(), event);
}

#[test]
fn floats_are_read_from_whole_numbers_but_not_from_null() {
    let with = |loss: &str| line(&step(1, 0.5)).replace(r#""loss":0.5"#, &format!(r#""loss":{loss}"#));
    assert_eq!(Event::parse(with("3").as_bytes()).unwrap(), step(1, 3.0));
    assert_eq!(Event::parse(with("-3").as_bytes()).unwrap(), step(1, -3.0));
    for wrong in ["null", r#""nan""#, "1e999", "NaN", "[]"] {
        let error = Event::parse(with(wrong).as_bytes()).unwrap_err();
        assert!(matches!(error, ParseError::Json { .. }), "{wrong}: {error}");
    }
}

#[test]
fn every_float_survives() {
    for loss in [0.1 + 0.2, f64::MIN_POSITIVE, 5e-324, f64::MAX, 1.0 / 3.0, -0.0] {
        let Event::Step(read) = Event::parse(line(&step(1, loss)).as_bytes()).unwrap() else {
            panic!("{loss}")
        };
        assert_eq!(read.loss.to_bits(), loss.to_bits());
    }
}
