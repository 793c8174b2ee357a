//! Feeds damaged and hostile bytes to the parsers of presets, of checkpoints and of questions about a model, and counts
//! memory.
//!
//! ```sh
//! cargo run --release --workspace --example fuzz_settings -- 600            # ten minutes for each parser
//! cargo run --release --workspace --example fuzz_settings -- 60 preset 7    # one minute, one parser, another seed
//! ```
//!
//! A preset that is taken is counted, planned and its memory predicted. Of a checkpoint, the state and the weights are
//! damaged, and what is taken is put into a model.

#![allow(clippy::unwrap_used)] // of files of its own

#[path = "../../runlog/examples/fuzzing/mod.rs"]
mod fuzzing;

use std::collections::BTreeMap;
use std::fs;

use blueberry_model::ModelConfig;
use blueberry_train::native::{Checkpoint, LogitRows, PRESETS, load_preset};
use blueberry_train::{Curriculum, Place, Trainer, check_config, predict_memory};
use burn::tensor::Device;
use fuzzing::{Target, folder};
use safetensors::Dtype;
use safetensors::tensor::TensorView;

const TARGETS: [Target; 4] = [
    Target::new("preset", preset, || {
        PRESETS.map(|(_, text)| text.as_bytes().to_vec()).to_vec()
    }),
    Target::new("state", state, || vec![STATE.as_bytes().to_vec()]),
    Target::new("weights", weights, || vec![model()]),
    Target::new("rows", rows, || vec![ROWS.as_bytes().to_vec()]),
];

const STATE: &str = r#"{"version":1,"step":3,"tokens":192,"train_s":1.5,"loader":{"epoch":0,"position":12,"tokens":192,
    "ledger_sha256":"00"},"files":{"model.safetensors":"aa","optimizer.safetensors":"bb"}}"#;
const ROWS: &str = r#"{"rows":[{"tokens":[1,2,3,65535],"positions":[0,2]},{"tokens":[4],"positions":[]}]}"#;

fn main() -> std::process::ExitCode {
    fuzzing::run_with_folder(&TARGETS)
}

fn preset(bytes: &[u8]) {
    let path = folder().join("preset.toml");
    fs::write(&path, bytes).unwrap();
    let Ok(preset) = load_preset(&path.to_string_lossy(), &[]) else {
        return;
    };
    let place = Place {
        cpu: true,
        cuda: false,
        threads: 2,
        half: false,
    };
    drop(Curriculum::new(&preset).map(|curriculum| curriculum.total_tokens()));
    let _ = preset.model.counts();
    drop(predict_memory(&preset, place));
}

fn state(bytes: &[u8]) {
    fs::write(folder().join("state.json"), bytes).unwrap();
    if let Ok(checkpoint) = Checkpoint::open(&folder()) {
        drop(checkpoint.verify());
    }
}

fn config() -> ModelConfig {
    ModelConfig {
        n_layers: 1,
        window: Vec::new(),
        value_embeddings: Vec::new(),
        ..check_config()
    }
}

fn trainer() -> Trainer {
    let optim = serde_json::json!({"muon": {"lr": 0.02}, "adamw": {"lr": 0.003}});
    Trainer::new(
        &config(),
        &serde_json::from_value(optim).unwrap(),
        1,
        &Device::flex(),
        None,
    )
}

/// The weights of a small model, as a checkpoint holds them.
fn model() -> Vec<u8> {
    let trainer = trainer();
    let bytes: BTreeMap<String, ([usize; 2], Vec<u8>)> = trainer
        .parameters()
        .map(|(spec, tensor)| {
            let values: Vec<f32> = tensor.to_data().iter::<f32>().collect();
            let bytes = values.into_iter().flat_map(f32::to_le_bytes).collect();
            (spec.name.clone(), (spec.shape, bytes))
        })
        .collect();
    let views = bytes.iter().map(|(name, (shape, bytes))| {
        (
            name.as_str(),
            TensorView::new(Dtype::F32, shape.to_vec(), bytes).unwrap(),
        )
    });
    safetensors::serialize(views, None).unwrap()
}

fn weights(bytes: &[u8]) {
    let place = folder();
    fs::write(place.join("state.json"), STATE).unwrap();
    fs::write(place.join("model.safetensors"), bytes).unwrap();
    // Where the weights are taken, the same bytes stand for the optimiser's state.
    fs::write(place.join("optimizer.safetensors"), bytes).unwrap();
    if let Ok(checkpoint) = Checkpoint::open(&place) {
        drop(checkpoint.restore(&mut trainer()));
    }
}

fn rows(bytes: &[u8]) {
    drop(serde_json::from_slice::<LogitRows>(bytes));
}
