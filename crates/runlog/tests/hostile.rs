//! Wrong, foreign and hostile logs: an error that says where, never a panic, never without bound.

mod common;

use std::io::{self, BufReader, Read, Write};

use blueberry_runlog::*;
use common::*;
use proptest::prelude::*;

fn message(log: &[u8]) -> String {
    read_all(log).expect_err("a log that is wrong").to_string()
}

#[test]
fn a_malformed_line_in_the_middle_is_an_error() {
    let good = serde_json::to_string(&note("fine")).unwrap();
    let log = after_run(&format!("{good}\n{{\"event\":\"note\",\"step\":x}}\n{good}\n"));
    assert_eq!(message(&log), "line 3, column 24: expected value");
}

#[test]
fn a_wrong_field_is_an_error_with_its_place() {
    let good = serde_json::to_string(&step(1, 0.5)).unwrap();
    let bad = good.replace("\"loss\":0.5", "\"loss\":null");
    let column = bad.find("null").unwrap() + "null".len();
    let log = after_run(&format!("{bad}\n{good}\n"));
    let expected = format!(
        "line 2, column {column}: invalid type: null, expected a number, \"NaN\", \"Infinity\" or \"-Infinity\""
    );
    assert_eq!(message(&log), expected);
}

#[test]
fn a_field_given_twice_is_an_error() {
    let good = serde_json::to_string(&step(1, 0.5)).unwrap();
    for twice in ["\"loss\":1.0", "\"tokens\":7", "\"event\":\"note\""] {
        let bad = good.replacen('{', &format!("{{{twice},"), 1);
        let message = message(&after_run(&format!("{bad}\n{good}\n")));
        assert!(message.contains("duplicate field"), "{message}");
    }
}

#[test]
fn a_later_version_is_named() {
    let mut run = serde_json::to_value(run()).unwrap();
    run["version"] = 3.into();
    run["hardware"] = "described in a way of version 3".into();
    assert_eq!(
        message(format!("{run}\n").as_bytes()),
        "line 1, run log version 3, this build reads up to 1 (versions count from 1); use a build of its version"
    );
}

#[test]
fn version_zero_is_refused() {
    let mut run = run();
    run.version = 0;
    let error = Writer::new(Vec::new(), &run).unwrap_err();
    assert!(matches!(
        error,
        WriteError::Unreadable {
            cause: ParseError::Version { found: 0 }
        }
    ));
}

#[test]
fn the_run_line_is_first_and_once() {
    let good = serde_json::to_string(&note("fine")).unwrap();
    assert_eq!(
        message(format!("{good}\n").as_bytes()),
        "line 1, the first line is `note`, but a run log begins with `run`"
    );
    let run = serde_json::to_string(&run()).unwrap();
    let log = after_run(&format!("{run}\n{good}\n"));
    assert_eq!(message(&log), "line 2, a second `run` line; a log holds one run");
}

#[test]
fn deep_nesting_is_an_error() {
    let (open, close) = ("[".repeat(100_000), "]".repeat(100_000));
    for event in ["weather", "note"] {
        let log = after_run(&format!("{{\"event\":\"{event}\",\"x\":{open}{close}}}\n{{}}\n"));
        let message = message(&log);
        assert!(
            message.starts_with("line 2, column ") && message.ends_with(": recursion limit exceeded"),
            "{message}"
        );
    }
}

#[test]
fn a_line_that_stops_short_names_its_last_column() {
    let log = after_run("{\"event\":[\n{}\n");
    assert_eq!(
        message(&log),
        "line 2, column 9: invalid type: sequence, expected a string"
    );
    let log = after_run("{\"event\"\n{}\n");
    assert_eq!(message(&log), "line 2, column 8: EOF while parsing an object");
}

/// Input that never ends a line and counts what is asked of it.
struct Endless {
    given: usize,
}

impl Read for Endless {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        buffer.fill(b' ');
        self.given += buffer.len();
        Ok(buffer.len())
    }
}

#[test]
fn a_line_without_end_is_not_read_whole() {
    let limits = Limits {
        line_bytes: 10_000,
        ..Limits::default()
    };
    let mut endless = Endless { given: 0 };
    let start = after_run("");
    let error = read(BufReader::new(start.chain(&mut endless)), &limits).unwrap_err();
    assert!(
        matches!(
            error,
            ReadError::LineTooLong {
                line: 2,
                limit: 10_000
            }
        ),
        "{error}"
    );
    assert!(endless.given < 30_000, "{}", endless.given);
}

#[test]
fn limits_are_exact() {
    let log = log();
    let longest = log
        .split_inclusive(|&byte| byte == b'\n')
        .map(<[u8]>::len)
        .max()
        .unwrap();
    let lines = log.iter().filter(|&&byte| byte == b'\n').count() as u64;
    let exact = Limits {
        line_bytes: longest,
        lines,
        bytes: log.len() as u64,
    };
    assert!(read(&log[..], &exact).is_ok());
    let error = |limits: Limits| read(&log[..], &limits).unwrap_err();
    let long = error(Limits {
        line_bytes: longest - 1,
        ..exact
    });
    assert!(matches!(long, ReadError::LineTooLong { limit, .. } if limit == longest - 1));
    let many = error(Limits {
        lines: lines - 1,
        ..exact
    });
    assert!(matches!(many, ReadError::TooManyLines { line, .. } if line == lines));
    let large = error(Limits {
        bytes: exact.bytes - 1,
        ..exact
    });
    assert!(matches!(large, ReadError::TooManyBytes { line, .. } if line == lines));
}

#[test]
fn the_writer_writes_only_what_readers_accept() {
    let mut writer = Writer::new(Vec::new(), &run()).unwrap();
    let before = writer.output().clone();
    let mut clash = step(1, 0.5);
    if let Event::Step(step) = &mut clash {
        step.extra.insert("tokens".into(), 7.into());
    }
    let untagged = Event::Unknown(Extra::new());
    for event in [clash, untagged] {
        let error = writer.write(&event).unwrap_err();
        assert!(matches!(error, WriteError::Unreadable { .. }), "{error}");
    }
    let seal = Event::Seal(writer.chain().seal());
    assert!(matches!(writer.write(&seal), Err(WriteError::GivenSeal)));
    let long = note(&"a".repeat(1 << 20));
    assert!(matches!(writer.write(&long), Err(WriteError::TooLong { .. })));
    assert_eq!(writer.output(), &before);
    writer.seal().unwrap();
    assert_eq!(read_all(&writer.into_output()).unwrap().seals.unsealed_lines, 0);
}

struct Full;

impl Write for Full {
    fn write(&mut self, _: &[u8]) -> io::Result<usize> {
        Err(io::ErrorKind::StorageFull.into())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn a_failing_output_is_an_error_and_leaves_the_chain() {
    let mut writer = Writer::resume(Full, Chain::new());
    assert!(matches!(writer.write(&note("x")), Err(WriteError::Io { .. })));
    assert_eq!(writer.chain().unsealed_lines(), 0);
}

#[test]
fn a_failing_input_is_an_error_with_its_line() {
    struct Broken;
    impl Read for Broken {
        fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
            Err(io::ErrorKind::ConnectionReset.into())
        }
    }
    let start = after_run("");
    let error = read(BufReader::new(start.chain(Broken)), &Limits::default()).unwrap_err();
    assert!(matches!(error, ReadError::Io { line: 2, .. }), "{error}");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..Default::default() })]

    #[test]
    fn any_bytes_give_a_log_or_an_error(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
        let _ = read_all(&bytes);
        // Behind a good first line the events are reached.
        let log = [&after_run("")[..], &bytes].concat();
        if let Ok(read) = read_all(&log) {
            let torn = read.torn.map_or(0, |torn| torn.bytes);
            prop_assert_eq!(read.intact_bytes + torn, log.len() as u64);
        }
    }

    #[test]
    fn a_log_with_any_bytes_changed_gives_a_log_or_an_error(
        changes in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..8),
    ) {
        let mut log = log();
        for (place, byte) in changes {
            let place = place.index(log.len());
            log[place] = byte;
        }
        if let Ok(read) = read_all(&log) {
            let report = &read.seals;
            prop_assert_eq!(report.sealed_lines + report.unsealed_lines, 1 + read.lines.len() as u64);
        }
    }

    #[test]
    fn any_step_round_trips(loss in any::<f64>(), count in any::<u64>(), text in any::<String>()) {
        let mut event = step(count / 2048, loss);
        if let Event::Step(step) = &mut event {
            step.extra.insert("remark".into(), text.into());
        }
        let line = serde_json::to_string(&event).unwrap();
        let again = serde_json::to_string(&Event::parse(line.as_bytes()).unwrap()).unwrap();
        prop_assert_eq!(line, again);
    }
}
