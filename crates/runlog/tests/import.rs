//! Foreign logs: the numbers in them, what is left out, and what they lack.

mod assets;
mod common;

use blueberry_runlog::import::{
    Axis, Follow, Format, ImportError, Imported, Metric, Position, Reason, RunData, import,
};
use blueberry_runlog::{EndStatus, Event, Limits, Writer};

fn read(name: &str, bytes: &[u8]) -> Result<Imported, ImportError> {
    import(name, bytes, &Limits::default())
}

fn one(name: &str) -> Option<RunData> {
    let bytes = assets::log(name)?;
    let mut imported = read(name, &bytes).expect("it is there");
    assert_eq!(imported.runs.len(), 1, "{name}");
    imported.runs.pop()
}

fn ends(run: &RunData, metric: &Metric) -> (usize, f64, f64) {
    let values = run
        .table(metric)
        .and_then(|table| table.column(metric))
        .expect("it is there");
    (values.len(), values[0], values[values.len() - 1])
}

fn last(run: &RunData, metric: &Metric, axis: Axis) -> f64 {
    *run.series(metric, axis)
        .expect("it is there")
        .0
        .last()
        .expect("it is there")
}

#[test]
fn the_asset_of_llm_c() {
    let Some(run) = one("modded_2024-10-13_llmc_main.log") else {
        return;
    };
    assert_eq!(run.format, Format::LlmC);
    assert_eq!(ends(&run, &Metric::TrainLoss), (19_560, 11.0091, 3.2217));
    assert_eq!(ends(&run, &Metric::ValLoss), (80, 11.0092, 3.2722));
    assert_eq!(ends(&run, &Metric::Lr), (19_560, 0.000_001, 0.0));
    assert_eq!(ends(&run, &Metric::GradNorm), (19_560, 15.37, 0.22));
    assert_eq!(last(&run, &Metric::ValLoss, Axis::Step), 19_560.0);
    for axis in [Axis::Tokens, Axis::TrainS, Axis::WallS] {
        assert!(!run.has_axis(axis), "the file says nothing of {axis:?}");
    }
}

#[test]
fn the_asset_of_early_modded_nanogpt() {
    let Some(run) = one("modded_2024-06-06_AdamW.log") else {
        return;
    };
    assert_eq!(ends(&run, &Metric::TrainLoss), (9_536, 10.965_596, 3.340_180));
    assert_eq!(ends(&run, &Metric::ValLoss), (76, 10.968_871, 3.275_959));
}

#[test]
fn the_asset_of_modded_nanogpt_whose_clock_restarts() {
    let name = "modded_2024-10-10_Muon.nosrc.txt";
    let Some(bytes) = assets::log(name) else { return };
    let imported = read(name, &bytes).unwrap();
    let run = &imported.runs[0];
    assert_eq!(
        (imported.format, run.end),
        (Format::Modded, Some(EndStatus::Completed))
    );
    assert_eq!(ends(run, &Metric::TrainLoss), (6_200, 10.9184, 3.2533));
    assert_eq!(ends(run, &Metric::ValLoss), (51, 10.9264, 3.2785));
    let (times, losses) = run.series(&Metric::TrainLoss, Axis::TrainS).unwrap();
    assert_eq!(
        (&times[8..12], losses[10]),
        (&[0.0, 0.0, 0.214, 0.428][..], 6.6933)
    );
    assert_eq!(last(run, &Metric::ValLoss, Axis::TrainS), 1339.067);
    let restart = Reason::ClockRestarts { step: 11.0 };
    assert_eq!(
        imported
            .problems
            .iter()
            .map(|p| (p.line, &p.reason))
            .collect::<Vec<_>>(),
        [(Some(74), &restart)]
    );
    assert!(!run.has_axis(Axis::Tokens) && !run.has_axis(Axis::WallS));
}

#[test]
fn the_assets_of_late_modded_nanogpt() {
    for (name, val_loss, seconds) in [
        ("modded_2026-07-17_baseline_1.nosrc.txt", 3.2821, 80.694),
        ("modded_2026-07-17_challenger_1.nosrc.txt", 3.2775, 79.532),
        ("modded_2026-07-17_challenger_2.nosrc.txt", 3.2779, 79.682),
    ] {
        let Some(run) = one(name) else { return };
        let (count, _, end) = ends(&run, &Metric::ValLoss);
        assert_eq!((count, end), (7, val_loss));
        assert_eq!(last(&run, &Metric::ValLoss, Axis::TrainS), seconds);
        // It logs the time of steps, but no training loss.
        assert!(run.table(&Metric::TrainLoss).is_none());
        assert_eq!(run.tables[0].rows(), 1390);
        assert!(run.marks[0].text.starts_with("peak memory allocated: 30"));
    }
}

#[test]
fn the_assets_of_the_reference() {
    for (name, count, end, tokens, seconds) in [
        (
            "100M_RTX4090_Xeon8473C.json",
            8,
            3.7108096933364867,
            100_007_936.0,
            1_004.139_284,
        ),
        (
            "8M_RTX4090_Xeon8473C.json",
            8,
            4.838_702_368_736_267,
            8_011_776.0,
            119.044_030,
        ),
    ] {
        let Some(run) = one(name) else { return };
        assert_eq!(ends(&run, &Metric::ValLoss), (count, 10.886_784_811_019_897, end));
        assert_eq!(last(&run, &Metric::ValLoss, Axis::Tokens), tokens);
        assert!(
            (last(&run, &Metric::ValLoss, Axis::WallS) - seconds).abs() < 0.01,
            "{name}"
        );
        assert_eq!(ends(&run, &Metric::Lr), (count, 0.024, 0.024));
        assert_eq!(
            (run.end, run.has_axis(Axis::TrainS)),
            (Some(EndStatus::Completed), false)
        );
    }
}

#[test]
fn the_asset_of_tensorboard() {
    let Some(run) = one("strict_run_1.tfevents") else {
        return;
    };
    let metric = Metric::Other("strict/foo".into());
    let (count, first, end) = ends(&run, &metric);
    assert_eq!((count, first as f32, end as f32), (100, 1.496_256_6, 1.212_090_3));
    let (steps, _) = run.series(&metric, Axis::Step).unwrap();
    assert_eq!((steps[0], steps[1], steps[99]), (0.0, 5.0, 495.0));
    assert!(run.has_axis(Axis::WallS) && last(&run, &metric, Axis::WallS) > 0.0);
}

#[test]
fn the_asset_of_wandb() {
    let name = "trackio_example_wandb_export.csv";
    let Some(bytes) = assets::log(name) else { return };
    let imported = read(name, &bytes).unwrap();
    let run = &imported.runs[0];
    assert_eq!(run.name, "17/04/2025_22:06:37_elie-48n-1704-part1_tp_group_0");
    assert_eq!(
        ends(run, &Metric::TrainLoss),
        (2270, 12.171_820_640_563_965, 2.329_497_814_178_467)
    );
    assert_eq!(last(run, &Metric::TrainLoss, Axis::Step), 42_509.0);
    // The columns of bounds.
    assert_eq!(imported.problems.len(), 2);
}

#[test]
fn packed_logs_are_the_same() {
    use std::io::Write;
    let plain = common::log();
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    gzip.write_all(&plain).unwrap();
    let zstd = zstd::encode_all(&plain[..], 3).unwrap();
    let expected = format!("{:?}", read("a", &plain).unwrap());
    for packed in [gzip.finish().unwrap(), zstd] {
        assert!(packed.len() < plain.len());
        assert_eq!(format!("{:?}", read("a", &packed).unwrap()), expected);
    }
}

#[test]
fn an_own_log_has_every_series() {
    let log = common::log();
    let imported = read("x", &log).unwrap();
    assert!(imported.problems.is_empty(), "{:?}", imported.problems);
    let run = &imported.runs[0];
    assert_eq!((&run.name[..], run.end), ("tiny-1", Some(EndStatus::Completed)));
    let losses = run.series(&Metric::TrainLoss, Axis::Tokens).unwrap();
    assert_eq!(losses.0, [1024.0, 2048.0, 3072.0]);
    assert_eq!((losses.1[0], losses.1[2]), (10.8, 9.5));
    assert!(losses.1[1].is_nan());
    assert_eq!(
        run.series(&Metric::ValLoss, Axis::WallS).unwrap(),
        (&[1.6][..], &[3.25][..])
    );
    assert_eq!(run.samples[0].text, " upon\na \"time\"");
    assert_eq!(run.config["optim"]["lr"], 0.02);
}

#[test]
fn steps_done_again_after_a_kill_replace_the_first_ones() {
    let mut writer = Writer::new(Vec::new(), &common::run()).unwrap();
    let mut write = |event: &Event| writer.write(event).unwrap();
    for (step, loss) in [(1, 10.0), (2, 9.0), (3, 8.0)] {
        write(&common::step(step, loss));
    }
    write(&common::resume()); // from step 1
    for (step, loss) in [(2, 9.5), (3, 8.5), (4, 7.5)] {
        write(&common::step(step, loss));
    }
    let imported = read("x", &writer.into_output()).unwrap();
    let (steps, losses) = imported.runs[0].series(&Metric::TrainLoss, Axis::Step).unwrap();
    assert_eq!(
        (steps, losses),
        (&[1.0, 2.0, 3.0, 4.0][..], &[10.0, 9.5, 8.5, 7.5][..])
    );
    assert!(imported.problems.is_empty() && imported.runs[0].end.is_none());
}

#[test]
fn a_log_in_pieces_is_the_log_in_one() {
    let log = common::log();
    let whole = format!("{:?}", read("x", &log).unwrap().runs);
    for size in [1, 2, 7, 64, 1000] {
        let mut follow = Follow::new("x", &Limits::default());
        for piece in log.chunks(size) {
            follow.push(piece).unwrap();
        }
        assert_eq!(follow.whole_bytes(), log.len() as u64);
        assert_eq!(format!("{:?}", follow.finish().unwrap().runs), whole, "{size}");
    }
}

#[test]
fn a_torn_end_is_forgotten_when_the_run_goes_on() {
    let log = common::log();
    let cut = log.len() - 10;
    let mut follow = Follow::new("x", &Limits::default());
    follow.push(&log[..cut]).unwrap();
    let torn = follow.clone().finish().unwrap();
    assert!(matches!(torn.problems[..], [ref p] if matches!(p.reason, Reason::CutShort { .. })));
    follow.forget_partial();
    let from = usize::try_from(follow.whole_bytes()).unwrap();
    follow.push(&log[from..]).unwrap();
    assert!(follow.finish().unwrap().problems.is_empty());
}

#[test]
fn what_is_wrong_in_a_line_is_listed_and_the_rest_is_used() {
    let log = common::after_run("{\"event\":\"step\",\"step\":\"x\"}\n");
    let good = serde_json::to_string(&common::step(1, 5.0)).unwrap();
    let imported = read("x", &[&log[..], good.as_bytes(), b"\n"].concat()).unwrap();
    assert_eq!(imported.problems[0].line, Some(2));
    assert_eq!(
        imported.runs[0].series(&Metric::TrainLoss, Axis::Step).unwrap().1,
        [5.0]
    );

    let text = b"s:0 trl:11.0\ns:1 trl:what\ns:2 trl:10.0\nhello\n";
    let imported = read("x", text).unwrap();
    let said: Vec<String> = imported.problems.iter().map(ToString::to_string).collect();
    assert_eq!(
        said,
        [
            "line 2: `trl` is not a number: \"what\"",
            "line 4: `trl or tel` is missing"
        ]
    );
    assert_eq!(ends(&imported.runs[0], &Metric::TrainLoss), (2, 11.0, 10.0));
}

#[test]
fn a_long_table_holds_many_runs() {
    let text = b"run,_step,metric,value\nb,2,loss,4.5\na,1,loss,5\nb,1,loss,6\na,1,val/loss,5.5\na,2,\"odd, \"\"name\"\"\",nan\n";
    let imported = read("x", text).unwrap();
    assert!(imported.problems.is_empty(), "{:?}", imported.problems);
    let [a, b] = &imported.runs[..] else {
        panic!("two runs")
    };
    assert_eq!(ends(b, &Metric::TrainLoss), (2, 6.0, 4.5));
    assert_eq!(
        (ends(a, &Metric::TrainLoss), ends(a, &Metric::ValLoss)),
        ((1, 5.0, 5.0), (1, 5.5, 5.5))
    );
    assert!(ends(a, &Metric::Other("odd, \"name\"".into())).1.is_nan());
}

#[test]
fn a_wide_table_may_have_holes_and_its_own_axes() {
    let text = b"_step,_runtime,tokens,train/loss,val_loss\r\n10,1.5,1000,5.0,\r\n20,3.0,2000,4.5,4.75\r\n";
    let run = &read("x", text).unwrap().runs[0];
    assert_eq!(ends(run, &Metric::TrainLoss), (2, 5.0, 4.5));
    let at = run.table(&Metric::ValLoss).unwrap().position(0);
    assert_eq!(
        at,
        Position {
            step: Some(20.0),
            tokens: Some(2000.0),
            train_s: None,
            wall_s: Some(3.0)
        }
    );
}

#[test]
fn times_of_day_are_counted_from_each_runs_own_first() {
    let table =
        "run,_step,loss,_timestamp\nb,1,5,1790000100\na,2,4,1790000030\nb,2,3,1790000160\na,1,6,1790000000\n";
    let runs = read("x", table.as_bytes()).unwrap().runs;
    let times = runs
        .iter()
        .map(|run| run.series(&Metric::TrainLoss, Axis::WallS).unwrap());
    let times: Vec<_> = times
        .map(|(times, losses)| (times.to_vec(), losses.to_vec()))
        .collect();
    assert_eq!(
        times,
        [
            (vec![0.0, 30.0], vec![6.0, 4.0]),
            (vec![0.0, 60.0], vec![5.0, 3.0])
        ]
    );
    let own = read(
        "x",
        "_step,loss,_runtime,_timestamp\n1,5,7,1790000100\n".as_bytes(),
    )
    .unwrap();
    let (times, _) = own.runs[0].series(&Metric::TrainLoss, Axis::WallS).unwrap();
    assert_eq!(times, [7.0], "what the log counts itself goes before");
}

#[test]
fn nan_in_pythons_json() {
    let text =
        br#"{"history": {"steps": [0, 1], "val_losses": [NaN, -Infinity], "note": []}, "x": "NaN \" NaN"}"#;
    let imported = read("x", text).unwrap();
    let (_, first, last) = ends(&imported.runs[0], &Metric::ValLoss);
    assert!(first.is_nan() && last == f64::NEG_INFINITY);
    assert_eq!(
        imported.problems.len(),
        1,
        "a column of another length: {:?}",
        imported.problems
    );
}

#[test]
fn times_of_unknown_unit_are_left_out() {
    let text = br#"{"history": {"steps": [0, 1], "val_losses": [2, 1], "elapsed_times": [1, 2]},
        "active_training_time_seconds": 77, "tokens_seen": 10, "actual_steps": 3}"#;
    let imported = read("x", text).unwrap();
    assert_eq!(imported.problems.len(), 2);
    assert!(!imported.runs[0].has_axis(Axis::WallS) && !imported.runs[0].has_axis(Axis::Tokens));
}
