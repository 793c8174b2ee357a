//! Times whole optimiser steps of a preset on made-up tokens, beside `bench/pytorch/train.py`.

use std::time::Instant;

use blueberry_kernels::Orthogonalize;
use blueberry_optim::{AdamwConfig, MuonConfig, OptimConfig};
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{RngCore, SeedableRng};
use serde_json::{Value, json};

use super::{Ceilings, Profile, time_operations};
use crate::native::devices::precision_name;
use crate::native::graph::wanted;
use crate::native::hardware::keep_freed_memory;
use crate::native::{OpenDevice, peak_resident_bytes, processor};
use crate::{Batch, Curriculum, Graph, Halves, Preset, StepError, StepShape, Trainer};
use blueberry_model::Activation;

/// A preset's step, ready to be timed.
pub struct StepBench {
    trainer: Trainer,
    steps_are: String,
    shape: StepShape,
    vocab: u64,
    random: ChaCha8Rng,
    device: OpenDevice,
    halves: Halves,
    preset: Preset,
    parameters: u64,
    flops_per_token: f64,
}

impl StepBench {
    /// Fresh weights for the first step of `preset`.
    pub fn new(
        preset: &Preset,
        device: OpenDevice,
        halves: Halves,
        seed: u64,
    ) -> Result<Self, crate::SettingsError> {
        keep_freed_memory(preset.train.activations);
        let shape = Curriculum::new(preset)?.shape(0);
        let trainer = Trainer::for_preset(preset, seed, &device.device, halves);
        let mut bench = Self {
            trainer,
            steps_are: "launched".into(),
            shape,
            vocab: preset.model.vocab_size as u64,
            random: ChaCha8Rng::seed_from_u64(seed),
            parameters: preset.model.counts().parameters,
            flops_per_token: preset.model.flops_per_token(shape.seq_len),
            halves,
            preset: preset.clone(),
            device,
        };
        if wanted(preset.train.graph, &bench.device.info) {
            bench.record();
        }
        Ok(bench)
    }

    fn record(&mut self) {
        let (first, second, window) = (self.batches(), self.batches(), self.shape.window);
        let trainer = &mut self.trainer;
        // What a run's warm-up does: nothing may be compiled while steps are recorded, and no recording is believed.
        let recorded = pollster::block_on(async {
            let step = trainer.step(&first, window, 0.0).await;
            step.map_err(|error| error.to_string())?;
            trainer.record(&first, window)?;
            let checked = trainer.check_recording(&first, &second, window).await;
            // The check gave it up.
            trainer.record(&first, window)?;
            checked
        });
        self.steps_are = match recorded {
            Ok(()) => "replayed".into(),
            // Asked for, it is measured: so what a step costs the host is seen on a driver that computes nothing, too.
            Err(reason) if self.preset.train.graph == Graph::On && self.trainer.has_recording() => {
                format!("replayed, and wrong: {reason}")
            }
            Err(reason) => {
                self.trainer.forget_recording();
                format!("launched, since they could not be recorded: {reason}")
            }
        };
    }

    /// The device and the build.
    pub fn describe(&self) -> Value {
        let info = &self.device.info;
        let (cpu, threads) = processor();
        json!({
            "version": env!("CARGO_PKG_VERSION"),
            "device": info.name,
            "api": info.api,
            "driver": info.driver,
            "compiler": info.compiler,
            "precision": precision_name(self.halves.products),
            "steps_are": self.steps_are,
            "cpu": cpu,
            "threads": threads,
            "peak_rss_bytes": peak_resident_bytes(),
        })
    }

    /// Takes `steps` steps and reports their seconds, in the form of the PyTorch baseline.
    ///
    /// # Errors
    /// [`StepError`].
    pub fn run(&mut self, steps: usize) -> Result<Value, StepError> {
        let (seconds, loss) = self.time(steps)?;
        let tokens_per_s = self.shape.tokens() as f64 / median(&seconds);
        Ok(json!({
            "framework": "blueberry",
            "version": env!("CARGO_PKG_VERSION"),
            "device": self.device.info.id,
            "device_name": self.device.info.name,
            "threads": processor().1,
            "dtype": precision_name(self.halves.products),
            "steps_are": self.steps_are,
            "tokens_per_step": self.shape.tokens(),
            "step_s": seconds,
            "tokens_per_s": tokens_per_s,
            "flops_per_token": self.flops_per_token,
            "gflops": tokens_per_s * self.flops_per_token / 1e9,
            "peak_rss_bytes": peak_resident_bytes(),
            "loss": loss,
            "parameters": self.parameters,
        }))
    }

    /// Takes `steps` steps; their seconds, and the last loss.
    fn time(&mut self, steps: usize) -> Result<(Vec<f64>, f64), StepError> {
        let mut seconds = Vec::with_capacity(steps);
        let mut loss = f64::NAN;
        for _ in 0..steps {
            let started = Instant::now();
            let batches = self.batches();
            // The read-back of the loss waits for the whole step.
            loss = pollster::block_on(self.trainer.step(&batches, self.shape.window, 1.0))?.loss;
            seconds.push(started.elapsed().as_secs_f64());
        }
        Ok((seconds, loss))
    }

    /// Times `steps` steps, then the device's ceilings and every operation. `progress` is told what comes next.
    ///
    /// # Errors
    /// [`StepError`].
    pub fn profile(&mut self, steps: usize, progress: impl Fn(&str)) -> Result<Profile, StepError> {
        progress("steps");
        let (seconds, _) = self.time(steps)?;
        progress("the device's ceilings");
        let (device, half) = (&self.device.device, self.halves.products);
        let ceilings = Ceilings::measure(device, half);
        let tokens = self.shape.tokens();
        Ok(Profile {
            ceilings,
            step_s: median(&seconds),
            tokens,
            flops: self.flops_per_token * tokens as f64,
            operations: time_operations(&self.preset, self.shape, device, self.halves, progress),
        })
    }

    fn batches(&mut self) -> Vec<Batch> {
        let StepShape {
            seq_len,
            micro_batch,
            accumulation,
            ..
        } = self.shape;
        (0..accumulation)
            .filter_map(|_| {
                let tokens =
                    (0..micro_batch * (seq_len + 1)).map(|_| (self.random.next_u64() % self.vocab) as u16);
                Batch::new(tokens.collect(), seq_len)
            })
            .collect()
    }
}

fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted.get(sorted.len() / 2).copied().unwrap_or(f64::NAN)
}

/// The first step of a preset as `bench/pytorch/train.py --config` reads it.
///
/// # Errors
/// The curriculum, or something that the baseline cannot do.
pub fn pytorch_config(preset: &Preset) -> Result<Value, crate::SettingsError> {
    let shape = Curriculum::new(preset)?.shape(0);
    let m = &preset.model;
    // Taken apart, so that a new number does not compile before somebody says what the baseline does with it. Muon's
    // precision is that of the baseline's products: half on a card, where ours is.
    let OptimConfig { clip, muon, adamw } = &preset.optim;
    let MuonConfig {
        lr: muon_lr,
        momentum,
        weight_decay: muon_decay,
        method,
        precision: _,
    } = muon;
    let AdamwConfig {
        lr,
        beta1,
        beta2,
        eps,
        weight_decay,
        decay_gains,
    } = adamw;
    for (lacks, what) in [
        (!m.qk_norm, "model.qk_norm = false"),
        (m.attention_softcap.is_some(), "model.attention_softcap"),
        (preset.train.z_loss != 0.0, "train.z_loss"),
    ] {
        if lacks {
            return Err(crate::SettingsError::NoBaseline(what));
        }
    }
    Ok(json!({
        "vocab_size": m.vocab_size, "d_model": m.d_model, "n_layers": m.n_layers,
        "n_heads": m.n_heads, "n_kv_heads": m.n_kv_heads, "head_dim": m.head_dim, "d_ff": m.d_ff,
        "activation": match m.activation { Activation::Swiglu => "swiglu", Activation::Relu2 => "relu2" },
        "tied": m.tied, "embed_scale": m.embed_scale, "softcap": m.softcap,
        "value_embeddings": m.value_embeddings,
        "window": if m.window.is_empty() { vec![] } else {
            (0..m.n_layers).map(|layer| m.layer_window(layer).unwrap_or(0)).collect::<Vec<_>>()
        },
        "rope_theta": m.rope_base, "norm_eps": m.norm_eps,
        "seq_len": shape.seq_len, "micro_batch": shape.micro_batch, "accumulation": shape.accumulation,
        "clip_norm": clip,
        "muon": {
            "lr": muon_lr, "momentum": momentum, "weight_decay": muon_decay,
            "orthogonalize": match method {
                Orthogonalize::NewtonSchulz => "newton_schulz",
                Orthogonalize::PolarExpress => "polar_express",
            },
        },
        "adamw": {
            "lr": lr, "beta1": beta1, "beta2": beta2, "eps": eps, "weight_decay": weight_decay,
            "decay_gains": decay_gains,
        },
    }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::test_preset;

    #[test]
    fn what_the_baseline_lacks_is_not_left_out_in_silence() {
        let mut preset = test_preset();
        (
            preset.model.qk_norm,
            preset.model.attention_softcap,
            preset.train.z_loss,
        ) = (true, None, 0.0);
        assert_eq!(
            pytorch_config(&preset).expect("is the baseline's")["d_model"],
            preset.model.d_model
        );
        for change in [
            (|preset: &mut Preset| preset.model.qk_norm = false) as fn(&mut Preset),
            |preset| preset.model.attention_softcap = Some(20.0),
            |preset| preset.train.z_loss = 1e-4,
        ] {
            let mut changed = preset.clone();
            change(&mut changed);
            let error = pytorch_config(&changed).expect_err("is not").to_string();
            assert!(error.contains("PyTorch baseline"), "{error}");
        }
    }
}
