use std::collections::HashMap;
use std::sync::Mutex;

use proptest::prelude::*;

use super::*;
use crate::permutation::mix;
use crate::testing::dataset_with;

/// What [`scan`] has to find, by comparing every window with every other.
fn naive(shards: &[Vec<u16>], validation: &[u16]) -> (u64, u64, Vec<u64>, Vec<Place>) {
    let stream = shards.concat();
    let windows: Vec<&[u16]> = validation.windows(WINDOW).collect();
    let mut covered = vec![false; validation.len()];
    let mut by_file = vec![0; shards.len()];
    let mut places: Vec<Place> = Vec::new();
    let mut previous = None;
    let mut overlapping = 0;
    for (start, window) in stream.windows(WINDOW).enumerate() {
        let equal: Vec<usize> = (0..windows.len()).filter(|&at| windows[at] == window).collect();
        equal.iter().for_each(|&at| covered[at..at + WINDOW].fill(true));
        let Some(&first) = equal.first() else { continue };
        overlapping += 1;
        let (mut file, mut offset) = (0, start);
        while offset >= shards[file].len() {
            offset -= shards[file].len();
            file += 1;
        }
        by_file[file] += 1;
        match places.last_mut() {
            Some(place) if previous == Some(start) => place.tokens += 1,
            _ => places.push(Place {
                file: format!("train_{file:06}.bin"),
                offset: offset as u64,
                tokens: WINDOW as u64,
                validation_offset: first as u64,
            }),
        }
        previous = Some(start + 1);
    }
    let targets = covered[1..].iter().filter(|&&covered| covered).count();
    (overlapping, targets as u64, by_file, places)
}

/// Pieces of noise, of the validation set, and of one token over and over.
fn streams() -> impl Strategy<Value = (Vec<u16>, Vec<Vec<u16>>)> {
    let noise = prop::collection::vec(0u16..3, 0..90);
    let same = (0u16..3, 0usize..150).prop_map(|(token, length)| vec![token; length]);
    let validation =
        prop::collection::vec(prop_oneof![noise.clone(), same.clone()], 1..5).prop_map(|parts| {
            let mut tokens = parts.concat();
            tokens.resize(tokens.len().max(WINDOW), 1);
            tokens
        });
    validation.prop_flat_map(move |validation| {
        let length = validation.len();
        let source = validation.clone();
        let quoted = (0..length, 0..=length)
            .prop_map(move |(start, tokens)| source[start..length.min(start + tokens)].to_vec());
        let shard = prop_oneof![noise.clone(), same.clone(), quoted];
        let shards = prop::collection::vec(shard, 1..8);
        (Just(validation), shards)
    })
}

proptest! {
    #[test]
    fn finds_what_a_comparison_of_all_windows_finds((validation, shards) in streams(), limit in 0usize..4) {
        let parts: Vec<&[u16]> = shards.iter().map(Vec::as_slice).collect();
        let (_dir, dataset) = dataset_with(&parts, &validation);
        let found = scan(&dataset, limit, &|_, _| ()).unwrap();
        let (overlapping, covered, by_file, places) = naive(&shards, &validation);
        prop_assert_eq!(found.overlapping_windows, overlapping);
        prop_assert_eq!(found.covered_targets, covered);
        let files: Vec<u64> = found.files.iter().map(|file| file.overlapping_windows).collect();
        prop_assert_eq!(files, by_file);
        prop_assert_eq!(found.places_in_all, places.len() as u64);
        prop_assert_eq!(&found.places, &places[..places.len().min(limit)]);
        let stream: usize = shards.iter().map(Vec::len).sum();
        prop_assert_eq!(found.train_windows, (stream + 1).saturating_sub(WINDOW) as u64);
        prop_assert_eq!(found.is_clean(), overlapping == 0);
    }
}

/// Noise, in which no window comes twice.
fn noise(seed: u64, length: usize) -> Vec<u16> {
    (0..length as u64)
        .map(|i| (mix(seed << 32 | i) % 257) as u16)
        .collect()
}

#[test]
fn a_leak_in_a_long_stream_is_found_in_every_chunk_that_it_touches() {
    let validation = noise(1, 1000);
    let border = CHUNK_WINDOWS as usize;
    let mut stream = noise(2, 1_400_000);
    stream[border - 600..border + 400].copy_from_slice(&validation);
    let (head, tail) = stream.split_at(border - 10);
    let (_dir, dataset) = dataset_with(&[head, tail], &validation);
    let seen = Mutex::new(HashMap::new());
    let tell = |done, total| {
        seen.lock().unwrap().insert(done, total);
    };
    let found = scan(&dataset, 9, &tell).unwrap();
    let place = Place {
        file: "train_000000.bin".to_owned(),
        offset: border as u64 - 600,
        tokens: 1000,
        validation_offset: 0,
    };
    assert_eq!(found.places, [place]);
    assert_eq!((found.overlapping_windows, found.places_in_all), (937, 1));
    assert_eq!((found.covered_targets, found.covered_share()), (999, 1.0));
    // The head ends 590 tokens into the leak.
    assert_eq!(
        [
            found.files[0].overlapping_windows,
            found.files[1].overlapping_windows
        ],
        [590, 347]
    );
    let seen = seen.into_inner().unwrap();
    assert!(seen.values().all(|&total| total == found.train_windows));
    assert!(
        seen.contains_key(&found.train_windows),
        "the last report says that all is done"
    );
}

#[test]
fn a_quotation_of_63_tokens_is_none_of_64() {
    let validation = noise(1, 400);
    for (length, overlapping) in [(63, 0), (64, 1), (65, 2)] {
        let mut stream = vec![7; 500];
        stream[100..100 + length].copy_from_slice(&validation[50..50 + length]);
        let (_dir, dataset) = dataset_with(&[&stream], &validation);
        assert_eq!(
            scan(&dataset, 1, &|_, _| ()).unwrap().overlapping_windows,
            overlapping
        );
    }
}

#[test]
fn a_validation_set_shorter_than_a_window_cannot_be_looked_for() {
    let (_dir, dataset) = dataset_with(&[&[1; 200]], &[1; 63]);
    let error = scan(&dataset, 1, &|_, _| ()).unwrap_err().to_string();
    assert!(
        error.contains("63 tokens") && error.contains("windows of 64"),
        "{error}"
    );
}

#[test]
fn the_report_reads_back_from_json() {
    let (_dir, dataset) = dataset_with(&[&[1; 200]], &[1; 80]);
    let found = scan(&dataset, 1, &|_, _| ()).unwrap();
    let json = serde_json::to_string(&found).unwrap();
    assert_eq!(serde_json::from_str::<Overlap>(&json).unwrap(), found);
    assert!(json.contains(r#""overlapping_windows":137"#), "{json}");
}
