//! The quick ways against the long one.

use blueberry_runlog::{Event, Step};
use proptest::prelude::*;

use super::{StepLine, in_any_order, in_order, number, parse, run_of_digits};

fn line(fields: &str) -> String {
    format!(
        "{{\"event\":\"step\",\"step\":7,\"tokens\":7168,\"train_s\":0.30000000000000004,\"wall_s\":1e2,\
         \"loss\":\"NaN\",\"lr\":0.02,\"lr_adamw\":3e-4,\"grad_norm\":-1.5E+3,\"tokens_per_s\":2048,\
         \"data_wait_s\":0.0{fields}}}\n"
    )
}

#[test]
fn reads_what_the_long_way_reads() {
    let line = line(",\"mfu\":0.4,\"memory_bytes\":1073741824,\"remark\":\"warm\"");
    let (quick, length) = parse(&[line.as_bytes(), b"{}"].concat()).unwrap();
    assert_eq!(length, line.len());
    let Event::Step(slow) = Event::parse(line.as_bytes()).unwrap() else {
        panic!("no step")
    };
    assert!(quick.loss.is_nan() && slow.loss.is_nan());
    assert_eq!(bits(&quick), bits(&read_slowly(&slow)));
}

#[test]
fn gives_up_on_what_is_not_plain() {
    for fields in [
        ",\"step\":7",
        ",\"x\":[1]",
        ",\"x\":\"\\n\"",
        ",",
        ",\"mfu\":null",
        ",\"memory_bytes\":1.5",
    ] {
        assert_eq!(parse(line(fields).as_bytes()), None, "{fields}");
    }
    assert_eq!(
        parse(b"{\"event\":\"step\",\"step\":1}\n"),
        None,
        "a field is missing"
    );
    assert_eq!(parse(line("").trim_end().as_bytes()), None, "no newline");
    assert_eq!(
        parse(line("").replace("7168", "-7168").as_bytes()),
        None,
        "a negative count"
    );
}

#[test]
fn numbers_are_exact() {
    for text in [
        "0",
        "-0.0",
        "0.1",
        "123456789012345678",
        "1.7976931348623157e308",
        "5e-324",
        "9007199254740993",
        "0.000000000000000000000001",
        "3.141592653589793",
        "1e22",
        "1e23",
        "12345678901234567890.5",
    ] {
        let found = number(text.as_bytes()).unwrap();
        assert_eq!(found.bytes, text.len(), "{text}");
        assert_eq!(
            found.value.to_bits(),
            text.parse::<f64>().unwrap().to_bits(),
            "{text}"
        );
    }
    for text in ["", "-", "01", "1.", ".5", "1e", "1e99999", "1e309", "NaN"] {
        assert!(number(text.as_bytes()).is_none(), "{text}");
    }
}

#[test]
fn the_writers_own_order_is_read_without_looking_keys_up() {
    for fields in [
        "",
        ",\"mfu\":0.4",
        ",\"memory_bytes\":12",
        ",\"mfu\":1e-3,\"memory_bytes\":12",
    ] {
        assert!(in_order(line(fields).as_bytes()).is_some(), "{fields}");
    }
    for fields in [
        ",\"memory_bytes\":12,\"mfu\":0.4",
        ",\"mfu\":\"x\"",
        ",\"memory_bytes\":1.5",
        ",\"mfu\":0.4,\"mfu\":0.4",
        ",\"x\":1",
    ] {
        assert_eq!(in_order(line(fields).as_bytes()), None, "{fields}");
    }
}

#[test]
fn digits_are_counted_up_to_the_first_other_letter() {
    for (text, count, value) in [
        ("", 0, 7),
        ("x", 0, 7),
        ("3", 1, 73),
        ("12345678", 8, 712_345_678),
        ("123456789,", 9, 7_123_456_789),
        ("0000000000000001x", 16, 70_000_000_000_000_001),
        ("1234567\u{ff}89", 7, 71_234_567),
        ("12/45678", 2, 712),
        ("12:45678", 2, 712),
    ] {
        assert_eq!(run_of_digits(text.as_bytes(), 7), (count, value), "{text}");
    }
}

/// All numbers as bits, so that NaN is equal to itself.
fn bits(line: &StepLine) -> Vec<Option<u64>> {
    let all = line
        .required()
        .map(Some)
        .into_iter()
        .chain([line.mfu, line.memory_bytes]);
    all.map(|value| value.map(f64::to_bits)).collect()
}

fn read_slowly(step: &Step) -> StepLine {
    StepLine {
        step: step.at.step as f64,
        tokens: step.at.tokens as f64,
        train_s: step.at.train_s,
        wall_s: step.at.wall_s,
        loss: step.loss,
        lr: step.lr,
        grad_norm: step.grad_norm,
        tokens_per_s: step.tokens_per_s,
        mfu: step.mfu,
        memory_bytes: step.memory_bytes.map(|bytes| bytes as f64),
    }
}

/// What the quick ways read, the long way reads too, to the last bit.
fn check(text: &[u8]) {
    for quick in [in_order(text), in_any_order(text)] {
        let Some((quick, length)) = quick else { continue };
        let Ok(Event::Step(slow)) = Event::parse(&text[..length]) else {
            panic!("the long way refuses {:?}", String::from_utf8_lossy(text))
        };
        assert_eq!(
            bits(&quick),
            bits(&read_slowly(&slow)),
            "{:?}",
            String::from_utf8_lossy(text)
        );
    }
    // The quickest is never alone.
    if let Some(first) = in_order(text) {
        let second = in_any_order(text).map(|(line, length)| (bits(&line), length));
        assert_eq!(second, Some((bits(&first.0), first.1)));
    }
}

/// A number as JSON allows, or nearly.
fn numbers() -> impl Strategy<Value = String> {
    prop_oneof![
        any::<u64>().prop_map(|value| value.to_string()),
        any::<f64>().prop_map(|value| format!("{value}")),
        any::<f64>().prop_map(|value| format!("{value:e}")),
        "-?[0-9]{1,22}(\\.[0-9]{1,22})?([eE][+-]?[0-9]{1,4})?",
        (1u32..1_000_000, 1u32..8).prop_map(|(value, digits)| format!(
            "{:.*}",
            digits as usize,
            f64::from(value) / 1e3
        )),
        prop::sample::select(vec![
            "\"NaN\"",
            "\"Infinity\"",
            "\"-Infinity\"",
            "\"nan\"",
            "null",
            "true",
            "-0",
            "01",
            "1.",
            ".5",
            "1e",
            "[1]",
            "{}",
            "\"\\u004eaN\"",
            "18446744073709551615",
            "18446744073709551616",
            "9007199254740993",
            " 1",
            "1 ",
        ])
        .prop_map(str::to_owned),
    ]
}

const KEYS: [&str; 12] = [
    "step",
    "tokens",
    "train_s",
    "wall_s",
    "loss",
    "lr",
    "lr_adamw",
    "grad_norm",
    "tokens_per_s",
    "data_wait_s",
    "mfu",
    "memory_bytes",
];

/// A line of these numbers; the first two are counts unless `hostile` says otherwise.
fn step(values: &[String], keys: &[&str]) -> String {
    let fields: Vec<String> = keys
        .iter()
        .zip(values)
        .map(|(key, value)| format!("\"{key}\":{value}"))
        .collect();
    format!("{{\"event\":\"step\",{}}}\n", fields.join(","))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 3000, failure_persistence: None, ..Default::default() })]

    #[test]
    fn random_lines_are_read_as_the_long_way_reads_them(
        counts in prop::collection::vec(any::<u32>(), 2),
        values in prop::collection::vec(numbers(), 10),
        order in prop::option::of(Just(KEYS.to_vec()).prop_shuffle()),
        length in 9usize..=12,
        double in prop::option::weighted(0.2, 0usize..12),
        cut in prop::option::weighted(0.2, any::<prop::sample::Index>()),
    ) {
        let counts = counts.iter().map(ToString::to_string);
        let values: Vec<String> = counts.chain(values).collect();
        let mut keys = order.unwrap_or_else(|| KEYS.to_vec());
        keys.truncate(length);
        if let Some(double) = double {
            keys[length / 2] = KEYS[double];
        }
        let mut text = step(&values, &keys).into_bytes();
        if let Some(cut) = cut {
            text.truncate(cut.index(text.len()));
        }
        check(&text);
        text.extend_from_slice(b"{\"event\":\"step\",\"step\":1");
        check(&text);
    }

    #[test]
    fn damaged_lines_are_read_as_the_long_way_reads_them(
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
    ) {
        let mut text = line(",\"mfu\":0.41934,\"memory_bytes\":9000000000").into_bytes();
        for (place, byte) in changes {
            let place = place.index(text.len());
            text[place] = byte;
        }
        check(&text);
    }

    #[test]
    fn any_number_is_exact(text in numbers()) {
        if let Some(found) = number(text.as_bytes()) {
            let read = text[..found.bytes].parse::<f64>().unwrap();
            prop_assert_eq!(found.value.to_bits(), read.to_bits(), "{}", text);
        }
    }
}
