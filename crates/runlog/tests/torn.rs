//! A log that stops anywhere, and how it goes on.

mod common;

use blueberry_runlog::*;
use common::*;

fn whole_lines(log: &[u8]) -> usize {
    log.iter().filter(|&&byte| byte == b'\n').count()
}

#[test]
fn a_log_cut_at_any_byte_keeps_its_whole_lines() {
    let whole = log();
    let first = whole.iter().position(|&byte| byte == b'\n').unwrap() + 1;
    for length in 0..first {
        let error = read_all(&whole[..length]).unwrap_err();
        assert!(
            matches!(error, ReadError::NoRun { bytes } if bytes == length as u64),
            "{error}"
        );
    }
    for length in first..=whole.len() {
        let (log, part) = (read_all(&whole[..length]).unwrap(), &whole[..length]);
        let intact = part.iter().rposition(|&byte| byte == b'\n').unwrap() + 1;
        assert_eq!(1 + log.lines.len(), whole_lines(part));
        assert_eq!(log.intact_bytes, intact as u64);
        assert_eq!(log.seals.broken, None);
        let torn = (intact < length).then(|| Torn {
            line: whole_lines(part) as u64 + 1,
            byte_offset: intact as u64,
            bytes: (length - intact) as u64,
            reason: TornReason::NoNewline,
        });
        assert_eq!(log.torn, torn);
    }
}

#[test]
fn a_torn_log_goes_on() {
    let whole = log();
    let torn = read_all(&whole[..whole.len() - 300]).unwrap();
    assert!(torn.torn.is_some());
    let kept = whole[..torn.intact_bytes as usize].to_vec();
    let mut writer = Writer::resume(kept, torn.chain);
    writer.write(&resume()).unwrap();
    writer.finish(end(EndStatus::Completed)).unwrap();
    let log = read_all(&writer.into_output()).unwrap();
    assert_eq!((log.torn, log.seals.unsealed_lines), (None, 0));
    assert_eq!(log.seals.broken, None);
}

#[test]
fn a_last_line_of_garbage_is_torn() {
    for garbage in ["\n", "{\"event\":\"step\"}\n", "\0\0\0\0\n", "[]\n"] {
        let log = read_all(&after_run(garbage)).unwrap();
        let torn = log.torn.unwrap();
        assert!(matches!(torn.reason, TornReason::Malformed(_)), "{torn}");
        assert_eq!((torn.line, torn.bytes), (2, garbage.len() as u64));
        assert_eq!(torn.byte_offset, log.intact_bytes);
        assert!(log.lines.is_empty());
    }
}

#[test]
fn a_tail_of_zeros_is_torn() {
    let log = read_all(&after_run(&"\0".repeat(4096))).unwrap();
    assert_eq!(
        log.torn.unwrap().to_string(),
        format!(
            "line 2 (byte {}, 4096 bytes) is torn and was left out: it does not end in a newline",
            log.intact_bytes
        )
    );
}
