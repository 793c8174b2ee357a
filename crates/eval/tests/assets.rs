//! Real benchmarks, where they are: `BLUEBERRY_ASSETS`, or `shared/assets` beside the checkout.

use std::path::{Path, PathBuf};

use blueberry_data::Tokenizer;
use blueberry_eval::{Benchmark, Kind, rows};

fn assets() -> Option<PathBuf> {
    let beside = || Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/assets");
    let folder = std::env::var_os("BLUEBERRY_ASSETS").map_or_else(beside, PathBuf::from);
    let found = folder.join("eval").is_dir();
    if !found {
        eprintln!(
            "skipped: no benchmarks in {}; set BLUEBERRY_ASSETS",
            folder.display()
        );
    }
    found.then_some(folder)
}

#[test]
fn real_files_are_read_and_every_question_has_its_rows() {
    let Some(assets) = assets() else { return };
    let tokenizer = Tokenizer::from_file(&assets.join("tokenizer/tokenizer.json")).unwrap();
    for (file, kind, items, options) in [
        ("llmfoundry_arc_easy.jsonl", Kind::Choice, 2_376, 3..=5),
        ("llmfoundry_piqa.jsonl", Kind::Choice, 1_838, 2..=2),
        ("llmfoundry_lambada_openai.jsonl", Kind::Cloze, 5_153, 1..=1),
    ] {
        let benchmark = Benchmark::read(&assets.join("eval").join(file)).unwrap();
        assert_eq!((benchmark.kind, benchmark.items.len()), (kind, items), "{file}");
        for item in &benchmark.items {
            assert!(options.contains(&item.options.len()), "{file}: {item:?}");
            let rows = rows(item, &tokenizer, 512).unwrap();
            for (row, pair) in rows.iter().zip(&item.options) {
                // What is asked for spells the continuation, to the last byte.
                let asked = tokenizer.decode(&row.tokens[row.from..]);
                assert!(
                    pair.continuation.ends_with(asked.trim_start()),
                    "{file}: {asked:?} of {pair:?}"
                );
            }
        }
    }
}
