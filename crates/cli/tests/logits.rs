//! `blueberry logits`: what a saved model gives for rows of somebody else's.

mod common;

use std::fs;
use std::path::Path;

use common::{Finished, blueberry, finish, place, train};

const VOCAB: usize = 257;

fn logits(run: &Path, rows: &str) -> (Finished, Vec<f32>) {
    let (asked, to) = (run.join("rows.json"), run.join("logits.bin"));
    fs::write(&asked, rows).expect("a file");
    let mut command = blueberry(["logits", "--device", "cpu", "--rows"]);
    command.arg(&asked).arg("--to").arg(&to).arg(run);
    let finished = finish(command);
    let bytes = fs::read(&to).unwrap_or_default();
    let (numbers, rest) = bytes.as_chunks();
    assert!(rest.is_empty());
    (
        finished,
        numbers.iter().map(|&number| f32::from_le_bytes(number)).collect(),
    )
}

#[test]
fn places_are_answered_in_order_and_see_nothing_behind_them() {
    let place = place();
    let run = place.path().join("run");
    finish(train(&run, &["train.tokens=1_280"])).expect_code(0);
    let (finished, given) = logits(
        &run,
        r#"{"rows": [{"tokens": [84, 104, 101, 32, 99], "positions": [0, 3]}, {"tokens": [84, 104, 101, 32, 7, 8], "positions": [3, 5]}]}"#,
    );
    finished.expect_code(0);
    assert_eq!(given.len(), 4 * VOCAB, "the whole vocabulary for each place");
    assert!(given.iter().all(|logit| logit.is_finite()));
    let place = |number: usize| &given[number * VOCAB..(number + 1) * VOCAB];
    // The two rows are the same up to place 3.
    let apart = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
    assert!(apart(place(1), place(2)) < 1e-4, "{}", apart(place(1), place(2)));
    assert!(apart(place(2), place(3)) > 1e-3 && apart(place(0), place(1)) > 1e-3);
}

#[test]
fn rows_that_do_not_go_with_the_model_are_bad_input() {
    let place = place();
    let run = place.path().join("run");
    finish(train(&run, &["train.tokens=64"])).expect_code(0);
    for (rows, words) in [
        (
            r#"{"rows": [{"tokens": [], "positions": []}]}"#.to_owned(),
            "row 1: it has 0 tokens; the model takes 1 to 32",
        ),
        (
            format!(r#"{{"rows": [{{"tokens": {:?}, "positions": [0]}}]}}"#, [1; 33]),
            "it has 33 tokens",
        ),
        (
            r#"{"rows": [{"tokens": [1], "positions": [0]}, {"tokens": [60000], "positions": [0]}]}"#
                .to_owned(),
            "row 2: token 60000",
        ),
        (
            r#"{"rows": [{"tokens": [1], "positions": [1]}]}"#.to_owned(),
            "place 1 is behind its 1 tokens",
        ),
        (
            r#"{"rows": [{"tokens": [-1], "positions": [0]}]}"#.to_owned(),
            "rows of tokens and places",
        ),
        ("[[[[".to_owned(), "rows of tokens and places"),
    ] {
        let (finished, given) = logits(&run, &rows);
        finished.expect_code(2).expect_error(&[words]);
        assert!(given.is_empty(), "{rows}");
    }
}
