//! Hostile logs: an error or a list of problems within limits, never a panic.

mod assets;
mod common;

use std::io::{self, BufReader, Read};

use blueberry_runlog::import::{ImportError, Imported, Metric, RunData, import};
use blueberry_runlog::{DecompressError, Limits, decompress};
use proptest::prelude::*;

fn read(bytes: &[u8]) -> Result<Imported, ImportError> {
    import("x", bytes, &Limits::default())
}

/// What every import promises.
fn check(imported: &Imported) {
    assert!(!imported.runs.is_empty() && imported.problems.len() <= 201);
    for run in &imported.runs {
        check_run(run);
    }
}

fn check_run(run: &RunData) {
    let mut seen: Vec<&Metric> = Vec::new();
    for table in &run.tables {
        for axis in blueberry_runlog::import::Axis::ALL {
            let Some(positions) = table.axis(axis) else {
                continue;
            };
            assert_eq!(positions.len(), table.rows());
            assert!(positions.iter().all(|position| position.is_finite()));
            assert!(positions.is_sorted());
        }
        for column in table.columns() {
            assert_eq!(column.values.len(), table.rows());
            assert!(
                !seen.contains(&&column.metric),
                "{:?} stands in two tables",
                column.metric
            );
            seen.push(&column.metric);
        }
    }
}

#[test]
fn nothing_binary_and_other_texts_are_no_logs() {
    for (bytes, said) in [
        (&b""[..], "nothing in it"),
        (b" \n\n", "nothing in it"),
        (b"\x7fELF\x02\x01\x01\0\0\0\0\0\0\0\0\0", "binary"),
        (b"Once upon a time.\n", "there is no line like"),
        (b"{\"a\": 1}", "missing field `history`"),
        (b"[1, 2", "there is no line like"),
        (b"step,loss\n", "no column holds numbers"),
        (b"step,loss\n\"1,2\n", "cut short"),
        (b"{\"event\":\"run\"}\n", "missing field `version`"),
        (b"{\"event\":\"run\",\"ver", "no whole first line"),
    ] {
        let error = read(bytes).unwrap_err().to_string();
        assert!(error.contains(said), "{error}");
    }
}

/// Input that goes on for so many bytes of one kind behind a beginning.
fn long(start: &str, byte: u8, bytes: u64) -> impl io::BufRead {
    BufReader::new(io::Cursor::new(start.as_bytes().to_vec()).chain(io::repeat(byte).take(bytes)))
}

#[test]
fn a_line_of_500_mb_is_refused_early() {
    let run = String::from_utf8(common::after_run("")).unwrap();
    for start in [
        "step:1/2 ",
        "s:0 trl:",
        "step,loss\n1,",
        "step,loss\n\"",
        &run,
        "step,",
    ] {
        let limits = Limits::default();
        let mut input = long(start, b'7', 500 << 20);
        let error = import("x", &mut input, &limits).unwrap_err();
        assert!(
            matches!(error, ImportError::Limit { .. } | ImportError::Unknown { .. }),
            "{start:.20}: {error}"
        );
        // What was not read is still there.
        assert!(
            io::copy(&mut input, &mut io::sink()).unwrap() > 490 << 20,
            "{start:.20}"
        );
    }
}

#[test]
fn json_that_is_deep_or_long_is_refused() {
    let deep = format!("{{\"history\": {}", "[".repeat(1 << 20));
    assert!(matches!(
        read(deep.as_bytes()).unwrap_err(),
        ImportError::Line { line: 1, .. }
    ));
    let mut input = long("{\"x\": \"", b'a', 500 << 20);
    let error = import("x", &mut input, &Limits::default()).unwrap_err();
    assert!(
        matches!(
            error,
            ImportError::Limit {
                what: "bytes of JSON",
                ..
            }
        ),
        "{error}"
    );
}

#[test]
fn too_many_columns_are_refused() {
    let header = format!("step{}\n1\n", ",a".repeat(300_000));
    assert!(read(header.as_bytes()).is_err());
}

#[test]
fn rows_that_share_no_axis_with_others_are_put_in_some_order() {
    let mut table = "step,_runtime,loss\n".to_owned();
    let mut dice = 1u32;
    for row in 0..600 {
        dice = dice.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        let (step, seconds) = (dice >> 24, (dice >> 16) & 0xff);
        table += &match row % 3 {
            0 => format!("{step},,1\n"),
            1 => format!(",{seconds},2\n"),
            _ => format!("{step},{seconds},3\n"),
        };
    }
    check(&read(table.as_bytes()).unwrap());
}

#[test]
fn a_line_of_training_and_evaluation_gives_each_metric_one_table() {
    let modded = b"step:0/3 val_loss:10.9 train_time:0ms\nstep:1/3 train_loss:9 train_time:90ms\n\
        step:2/3 val_loss:8.5 train_loss:8 train_time:180ms\n";
    let llmc = b"s:0 tel:11.0\ns:1 trl:10.0 lr:0.1\ns:2 tel:9.5 trl:9.0 lr:0.1\n";
    for text in [&modded[..], llmc] {
        let imported = read(text).unwrap();
        check(&imported);
        let values = |metric: &Metric| {
            imported.runs[0]
                .table(metric)
                .unwrap()
                .column(metric)
                .unwrap()
                .len()
        };
        assert_eq!((values(&Metric::ValLoss), values(&Metric::TrainLoss)), (2, 2));
    }
}

#[test]
fn a_short_limit_holds_for_every_format() {
    for name in assets::LOGS {
        let Some(bytes) = assets::log(name) else { return };
        let limits = Limits {
            bytes: 900,
            ..Limits::default()
        };
        let error = import("x", &bytes[..], &limits).unwrap_err();
        assert!(
            matches!(error, ImportError::Limit { .. } | ImportError::Io { .. }),
            "{name}: {error}"
        );
    }
}

#[test]
fn every_asset_cut_anywhere_gives_a_log_or_an_error() {
    for name in assets::LOGS {
        let Some(bytes) = assets::log(name) else { return };
        for part in 0..20 {
            if let Ok(imported) = read(&bytes[..bytes.len() * part / 20]) {
                check(&imported);
            }
        }
    }
}

#[test]
fn a_damaged_record_of_tensorboard_is_left_out() {
    let Some(mut bytes) = assets::log("strict_run_1.tfevents") else {
        return;
    };
    let whole = read(&bytes).unwrap().runs[0].tables[0].rows();
    bytes[100] ^= 1; // in the second scalar
    let imported = read(&bytes).unwrap();
    assert_eq!(imported.runs[0].tables[0].rows(), whole - 1);
    assert_eq!(imported.problems.len(), 1);
    assert!(imported.problems[0].to_string().contains("checksum"));
}

#[test]
fn a_bomb_stops_at_the_limit() {
    use std::io::Write;
    let zeros = vec![b'0'; 4 << 20];
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    gzip.write_all(&zeros).unwrap();
    let zstd = zstd::encode_all(&zeros[..], 3).unwrap();
    for packed in [gzip.finish().unwrap(), zstd, zeros] {
        let mut output = decompress(&packed[..], 1 << 20).unwrap();
        let mut taken = Vec::new();
        let error = output.read_to_end(&mut taken).unwrap_err();
        let cause = error
            .get_ref()
            .and_then(|cause| cause.downcast_ref::<DecompressError>());
        assert_eq!(cause, Some(&DecompressError::TooLarge { limit: 1 << 20 }));
        assert!(taken.len() <= 1 << 20);
    }
}

/// A small text of each format to change.
fn seeds() -> Vec<Vec<u8>> {
    let mut seeds = vec![
        common::log(),
        b"s:0 tel:11.0\ns:0 trl:11.0 lr:0.1 norm:15.3\ns:1 trl:10.0\ns:250 eval:0.25\n".to_vec(),
        b"step:0/2 val_loss:10.9 train_time:0ms step_avg:nanms\nstep:1/2 train_loss:9 train_time:90ms\n"
            .to_vec(),
        b"Step,a - loss,b - loss\n1,\"2\",3\n2,1.5,\n".to_vec(),
        b"run,step,metric,value\na,1,loss,2\nb,1,loss,3\n".to_vec(),
        br#"{"history": {"steps": [0, 5], "val_losses": [3, NaN], "elapsed_times": [0.5, 1]},
            "active_training_time_seconds": 60, "actual_steps": 5, "tokens_seen": 80}"#
            .to_vec(),
    ];
    seeds.extend(assets::log("strict_run_1.tfevents").map(|bytes| bytes[..400].to_vec()));
    seeds
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, failure_persistence: None, ..Default::default() })]

    #[test]
    fn any_bytes_give_a_log_or_an_error(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        if let Ok(imported) = read(&bytes) {
            check(&imported);
        }
    }

    #[test]
    fn logs_with_any_bytes_changed_give_a_log_or_an_error(
        which in any::<prop::sample::Index>(),
        changes in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..12),
        cut in any::<prop::sample::Index>(),
    ) {
        let seeds = seeds();
        let mut bytes = seeds[which.index(seeds.len())].clone();
        for (place, byte) in changes {
            let place = place.index(bytes.len());
            bytes[place] = byte;
        }
        if cut.index(4) == 0 {
            bytes.truncate(cut.index(bytes.len()));
        }
        if let Ok(imported) = read(&bytes) {
            check(&imported);
        }
    }

    #[test]
    fn packed_bytes_that_are_damaged_give_bytes_or_an_error(
        changes in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
        is_zstd in any::<bool>(),
    ) {
        use std::io::Write;
        let log = common::log();
        let mut packed = if is_zstd {
            zstd::encode_all(&log[..], 3).unwrap()
        } else {
            let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
            gzip.write_all(&log).unwrap();
            gzip.finish().unwrap()
        };
        for (place, byte) in changes {
            let place = 4 + place.index(packed.len() - 4);
            packed[place] = byte;
        }
        let mut output = Vec::new();
        let _ = decompress(&packed[..], 1 << 20).unwrap().read_to_end(&mut output);
        prop_assert!(output.len() <= 1 << 20);
    }
}
