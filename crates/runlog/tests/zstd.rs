//! The zstd decoder against the encoder that everybody uses, at every level.

use std::io::{self, Read, Write};

use blueberry_runlog::{DecompressError, decompress};
use proptest::prelude::*;

const LIMIT: u64 = 64 << 20;

fn unpack(packed: &[u8]) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    decompress(packed, LIMIT)?.read_to_end(&mut bytes)?;
    Ok(bytes)
}

fn reason(packed: &[u8]) -> String {
    let error = unpack(packed).expect_err("a stream that is wrong");
    assert!(
        error.get_ref().is_some_and(|cause| cause.is::<DecompressError>()),
        "{error}"
    );
    error.to_string()
}

/// Numbers that look like chance, the same each time.
fn noise(count: usize) -> Vec<u8> {
    let mut state = 1u32;
    let next = |state: &mut u32| {
        *state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (*state >> 24) as u8
    };
    (0..count).map(|_| next(&mut state)).collect()
}

/// Inputs that drive an encoder into every kind of block and table.
fn inputs() -> Vec<Vec<u8>> {
    let line = |row: u32| {
        let loss = 10.0 / f64::from(row + 1) + f64::from(row * 7919 % 1000) * 1e-4;
        format!(
            "{{\"event\":\"step\",\"step\":{row},\"tokens\":{},\"loss\":{loss}}}\n",
            row * 16_384
        )
    };
    let log: Vec<u8> = (0..20_000).flat_map(|row| line(row).into_bytes()).collect();
    let noise = noise(300_000);
    let few: Vec<u8> = noise.iter().map(|byte| b'a' + byte % 5).collect();
    let skewed: Vec<u8> = noise
        .iter()
        .map(|byte| if *byte < 250 { b'x' } else { *byte })
        .collect();
    vec![
        Vec::new(),
        b"a".to_vec(),
        b"abcabcabcabcabcabcabcabcabcabcabcabc".to_vec(),
        vec![0; 1 << 20],
        [&noise[..], &log[..], &noise[..]].concat(),
        log,
        few,
        skewed,
        noise,
    ]
}

#[test]
fn everything_that_is_packed_is_unpacked() {
    for (which, input) in inputs().into_iter().enumerate() {
        for level in [-5, 1, 2, 3, 5, 9, 13, 19] {
            let packed = zstd::encode_all(&input[..], level).unwrap();
            assert!(
                unpack(&packed).unwrap() == input,
                "input {which} at level {level}"
            );
        }
    }
}

#[test]
fn long_windows_and_checksums_are_read() {
    let part = noise(3 << 20);
    let input = [&part[..], &vec![7; 5 << 20], &part].concat();
    let mut encoder = zstd::Encoder::new(Vec::new(), 3).unwrap();
    encoder.long_distance_matching(true).unwrap();
    encoder.window_log(24).unwrap();
    encoder.include_checksum(true).unwrap();
    encoder.write_all(&input).unwrap();
    let packed = encoder.finish().unwrap();
    assert!(
        packed.len() < input.len() / 2,
        "the second part is a match far back"
    );
    assert!(unpack(&packed).unwrap() == input);
}

#[test]
fn frames_one_after_another_are_one_stream() {
    let packed = [
        zstd::encode_all(&b"one "[..], 3).unwrap(),
        // A frame to skip: its magic number, its length, its bytes.
        [&0x184d_2a53_u32.to_le_bytes()[..], &3u32.to_le_bytes(), b"xyz"].concat(),
        zstd::encode_all(&b""[..], 3).unwrap(),
        zstd::encode_all(&b"two"[..], 19).unwrap(),
    ]
    .concat();
    assert_eq!(unpack(&packed).unwrap(), b"one two");
    assert!(reason(&[&packed[..], b"junk"].concat()).contains("no frame begins here"));
}

/// A frame with a window of 1 MiB and these blocks.
fn frame(blocks: &[(u8, u32, &[u8])]) -> Vec<u8> {
    let mut frame = [&0xfd2f_b528_u32.to_le_bytes()[..], &[0x00, 0x50]].concat();
    for (index, (kind, bytes, content)) in blocks.iter().enumerate() {
        let is_last = u32::from(index + 1 == blocks.len());
        frame.extend_from_slice(&(bytes << 3 | u32::from(*kind) << 1 | is_last).to_le_bytes()[..3]);
        frame.extend_from_slice(content);
    }
    frame
}

#[test]
fn a_small_block_does_not_unfold_without_bound() {
    // No literals; two sequences of one code each: no literals, a recent offset, 65,539 bytes and 16 bits more.
    let bomb = [0x00, 0x02, 0x54, 0, 0, 52, 0xff, 0xff, 0xff, 0xff, 0x01];
    let frame = frame(&[(0, 4, b"abcd"), (2, bomb.len() as u32, &bomb)]);
    assert!(reason(&frame).contains("unfolds to more than 128 KiB"));
}

#[test]
fn what_is_wrong_is_said() {
    let no_history = [0x00, 0x01, 0x54, 0, 0, 0, 0x01];
    for (packed, said) in [
        (frame(&[(3, 0, b"")]), "not in use"),
        (frame(&[(0, 200_000, b"")]), "above 128 KiB"),
        (frame(&[(0, 5, b"abc")]), "cut short"),
        (
            frame(&[(2, no_history.len() as u32, &no_history)]),
            "behind the window",
        ),
        (
            [&0xfd2f_b528_u32.to_le_bytes()[..], &[0x00, 0xff]].concat(),
            "window is above",
        ),
        (
            [&0xfd2f_b528_u32.to_le_bytes()[..], &[0x01, 0x50, 9]].concat(),
            "dictionary",
        ),
        (
            [&0xfd2f_b528_u32.to_le_bytes()[..], &[0x08, 0x50]].concat(),
            "later version",
        ),
        (0xfd2f_b528_u32.to_le_bytes().to_vec(), "cut short"),
    ] {
        let reason = reason(&packed);
        assert!(reason.contains(said), "{reason}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 128, failure_persistence: None, ..Default::default() })]

    #[test]
    fn any_bytes_survive(bytes in proptest::collection::vec(0u8..8, 0..5000), level in 1i32..20) {
        let packed = zstd::encode_all(&bytes[..], level).unwrap();
        prop_assert_eq!(unpack(&packed).unwrap(), bytes);
    }

    #[test]
    fn damage_gives_bytes_or_an_error(
        which in any::<prop::sample::Index>(),
        changes in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
    ) {
        let text = noise(20_000).iter().map(|byte| b"the quick brown fox"[usize::from(byte % 19)]).collect::<Vec<_>>();
        let level = [1, 9, 19][which.index(3)];
        let mut packed = zstd::encode_all(&text[..], level).unwrap();
        for (place, byte) in changes {
            let place = 4 + place.index(packed.len() - 4);
            packed[place] = byte;
        }
        if let Ok(bytes) = unpack(&packed) {
            prop_assert!(bytes.len() as u64 <= LIMIT);
        }
    }

    #[test]
    fn blocks_of_any_bytes_give_bytes_or_an_error(content in proptest::collection::vec(any::<u8>(), 0..200)) {
        let frame = frame(&[(0, 16, b"some bytes first"), (2, content.len() as u32, &content)]);
        let _ = unpack(&frame);
    }
}
