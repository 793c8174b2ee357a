//! Reads the fixtures of `tests/reference`.
#![allow(dead_code)]

use std::path::{Path, PathBuf};

use blueberry_kernels::Orthogonalize;
use blueberry_model::{Activation, ModelConfig, Weights};
use blueberry_optim::{AdamwConfig, MuonConfig, MuonPrecision, OptimConfig};
use blueberry_train::{Batch, Trainer};
use burn::tensor::{Device, Tensor, TensorData};
use safetensors::SafeTensors;
use serde_json::Value;

pub struct Fixture {
    config: Value,
    bytes: Vec<u8>,
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/reference")
}

impl Fixture {
    pub fn open(name: &str) -> Self {
        let read = |file: String| {
            let path = folder().join(file);
            std::fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
        };
        let config = serde_json::from_slice(&read(format!("{name}.json"))).expect("JSON");
        Self {
            config,
            bytes: read(format!("{name}.safetensors")),
        }
    }

    pub fn model(&self) -> ModelConfig {
        let c = &self.config;
        let size = |key: &str| c[key].as_u64().expect(key) as usize;
        let list = |key: &str| -> Vec<usize> {
            c[key]
                .as_array()
                .expect(key)
                .iter()
                .map(|v| v.as_u64().expect(key) as usize)
                .collect()
        };
        ModelConfig {
            vocab_size: size("vocab_size"),
            d_model: size("d_model"),
            n_layers: size("n_layers"),
            n_heads: size("n_heads"),
            n_kv_heads: size("n_kv_heads"),
            head_dim: size("head_dim"),
            d_ff: size("d_ff"),
            activation: if c["activation"] == "swiglu" {
                Activation::Swiglu
            } else {
                Activation::Relu2
            },
            tied: c["tied"].as_bool().expect("tied"),
            embed_scale: c["embed_scale"].as_bool().expect("embed_scale"),
            qk_norm: true,
            softcap: c["softcap"].as_f64(),
            attention_softcap: None,
            value_embeddings: list("value_embeddings"),
            window: list("window"),
            zero_init_outputs: false,
            init_std: 0.02,
            rope_base: c["rope_theta"].as_f64().expect("rope_theta"),
            norm_eps: c["norm_eps"].as_f64().expect("norm_eps"),
        }
    }

    pub fn optim(&self) -> OptimConfig {
        let c = &self.config;
        let (muon, adamw) = (&c["muon"], &c["adamw"]);
        let number = |value: &Value| value.as_f64().expect("a number");
        OptimConfig {
            clip: number(&c["clip_norm"]),
            muon: MuonConfig {
                lr: number(&muon["lr"]),
                momentum: number(&muon["momentum"]),
                weight_decay: number(&muon["weight_decay"]),
                method: match muon["orthogonalize"].as_str().expect("a name") {
                    "newton_schulz" => Orthogonalize::NewtonSchulz,
                    "polar_express" => Orthogonalize::PolarExpress,
                    other => panic!("{other}"),
                },
                precision: MuonPrecision::F32,
            },
            adamw: AdamwConfig {
                lr: number(&adamw["lr"]),
                beta1: number(&adamw["beta1"]),
                beta2: number(&adamw["beta2"]),
                eps: number(&adamw["eps"]),
                weight_decay: number(&adamw["weight_decay"]),
                decay_gains: false,
            },
        }
    }

    /// Names of the parameters in the order of the model.
    pub fn names(&self) -> Vec<String> {
        Weights::specs(&self.model())
            .into_vec()
            .into_iter()
            .map(|spec| spec.name)
            .collect()
    }

    /// A trainer with the fixture's weights.
    pub fn trainer(&self, device: &Device) -> Trainer {
        let mut trainer = Trainer::new(&self.model(), &self.optim(), 0, device, None);
        let parameters = trainer
            .parameters()
            .map(|(spec, _)| {
                let values = self.tensor(&format!("param.{}", spec.name));
                assert_eq!(values.len(), spec.len(), "{}", spec.name);
                Tensor::from_data(TensorData::new(values, spec.shape), device)
            })
            .collect();
        trainer.set_parameters(parameters);
        trainer
    }

    pub fn tensor(&self, name: &str) -> Vec<f32> {
        let tensors = SafeTensors::deserialize(&self.bytes).expect("safetensors");
        let view = tensors
            .tensor(name)
            .unwrap_or_else(|error| panic!("{name}: {error}"));
        view.data()
            .chunks_exact(4)
            .map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]]))
            .collect()
    }

    fn tokens(&self, step: usize) -> Vec<Vec<u16>> {
        let tensors = SafeTensors::deserialize(&self.bytes).expect("safetensors");
        let view = tensors.tensor("tokens").expect("tokens");
        let &[_, rows, width] = view.shape() else {
            panic!("tokens are [steps, rows, seq + 1]")
        };
        let values: Vec<u16> = view
            .data()
            .chunks_exact(4)
            .map(|b| u16::try_from(i32::from_le_bytes([b[0], b[1], b[2], b[3]])).expect("a token"))
            .collect();
        values[step * rows * width..(step + 1) * rows * width]
            .chunks(width)
            .map(<[u16]>::to_vec)
            .collect()
    }

    /// The inputs of a step, a sequence a row.
    pub fn inputs(&self, step: usize) -> Vec<Vec<u16>> {
        self.tokens(step)
            .into_iter()
            .map(|row| row[..row.len() - 1].to_vec())
            .collect()
    }

    pub fn batch(&self, step: usize) -> Batch {
        let rows = self.tokens(step);
        let seq = rows[0].len() - 1;
        Batch::new(rows.concat(), seq).expect("whole rows")
    }

    /// The rows of a step as batches of their own.
    pub fn rows(&self, step: usize) -> Vec<Batch> {
        self.tokens(step)
            .into_iter()
            .filter_map(|row| Batch::new(row.clone(), row.len() - 1))
            .collect()
    }

    pub fn assert_close(&self, name: &str, found: &[f32], bound: f32) {
        let error = largest_error(found, &self.tensor(name));
        assert!(
            error < bound,
            "{name}: off by {error:e} of the largest value, allowed {bound:e}"
        );
    }
}

/// The largest difference over the largest expected value.
pub fn largest_error(found: &[f32], expected: &[f32]) -> f32 {
    assert_eq!(found.len(), expected.len());
    let largest = expected
        .iter()
        .fold(0.0f32, |largest, value| largest.max(value.abs()));
    let difference = |(f, e): (&f32, &f32)| (f - e).abs();
    let worst = found
        .iter()
        .zip(expected)
        .map(difference)
        .fold(0.0f32, |worst, d| {
            // A NaN must not be lost in a `max`.
            if d.is_nan() { f32::INFINITY } else { worst.max(d) }
        });
    worst / largest
}

pub fn values<const D: usize>(tensor: Tensor<D>) -> Vec<f32> {
    tensor.into_data().try_into_vec().expect("f32")
}
