//! One model, run in several ways that must agree: fused and plain operations, activations kept and recomputed,
//! products in f32 and in bf16.
#![cfg(feature = "native")]

use blueberry_model::{Activation, ModelConfig};
use blueberry_optim::OptimConfig;
use blueberry_train::{Activations, Batch, Kernels, Precision, Preset, Trainer, check_config};
use burn::tensor::{Device, FloatDType, Tensor};

/// More than one of attention's tiles, the last of them a part of one.
const SEQ: usize = 100;

fn optim() -> OptimConfig {
    serde_json::from_value(serde_json::json!({"muon": {"lr": 0.02}, "adamw": {"lr": 0.003}})).expect("valid")
}

/// A text with a rule in it, so that there is something to learn: each token follows from the one before.
fn batches(config: &ModelConfig, step: usize) -> [Batch; 2] {
    [0, 1].map(|pass| {
        let vocab = config.vocab_size;
        let mut token = (step * 7 + pass * 3) % vocab;
        let tokens = (0..2 * (SEQ + 1)).map(|_| {
            token = (token * 3 + 1) % vocab;
            token as u16
        });
        Batch::new(tokens.collect(), SEQ).expect("a batch")
    })
}

fn configs() -> [ModelConfig; 3] {
    let base = check_config();
    [
        ModelConfig {
            activation: Activation::Swiglu,
            ..base.clone()
        },
        ModelConfig {
            activation: Activation::Relu2,
            tied: !base.tied,
            qk_norm: false,
            ..base.clone()
        },
        ModelConfig {
            softcap: None,
            attention_softcap: None,
            value_embeddings: vec![],
            window: vec![0, 40],
            embed_scale: true,
            ..base
        },
    ]
}

fn trainer(config: &ModelConfig) -> Trainer {
    Trainer::new(config, &optim(), 5, &Device::flex(), None)
}

fn kernels(config: &ModelConfig, kernels: Kernels) -> Trainer {
    trainer(config).with_operations(blueberry_kernels::Operations::new(kernels))
}

fn values<const D: usize>(tensor: Tensor<D>) -> Vec<f32> {
    tensor.into_data().try_into_vec().expect("f32")
}

/// Loss and every gradient by name.
fn gradients(trainer: &mut Trainer, config: &ModelConfig) -> Vec<(String, Vec<f32>)> {
    let (loss, gradients) = trainer
        .loss_and_gradients(&batches(config, 0), None)
        .expect("computes");
    let names: Vec<String> = trainer.parameters().map(|(spec, _)| spec.name.clone()).collect();
    let mut all = vec![("loss".to_owned(), values(loss))];
    all.extend(names.into_iter().zip(gradients.into_iter().map(values)));
    all
}

fn assert_alike(what: &str, a: &mut Trainer, b: &mut Trainer, config: &ModelConfig, bound: f32) {
    for ((name, a), (_, b)) in gradients(a, config).into_iter().zip(gradients(b, config)) {
        let norm = b.iter().map(|x| x * x).sum::<f32>().sqrt();
        let error = a.iter().zip(&b).map(|(a, b)| (a - b).powi(2)).sum::<f32>().sqrt();
        assert!(norm > 0.0, "{what}: `{name}` is zero, so the test tells nothing");
        // Written so that a NaN fails.
        assert!(
            error <= bound * norm,
            "{what}: `{name}` is off by {error:e} of {norm:e}"
        );
    }
}

fn losses(trainer: &mut Trainer, config: &ModelConfig, steps: usize) -> Vec<f64> {
    let one = |step| pollster::block_on(trainer.step(&batches(config, step), None, 1.0));
    (0..steps)
        .map(one)
        .map(|report| report.expect("computes").loss)
        .collect()
}

/// The gradient of a mean over 4,096 targets, at the weights that training begins with: in f16 most of what goes back to
/// queries and keys would be nothing.
#[test]
fn products_of_f16_lose_no_gradient() {
    let config = ModelConfig {
        init_std: 0.02,
        d_model: 64,
        head_dim: 16,
        ..check_config()
    };
    let seq = 256;
    let tokens = |salt: usize| (0..8 * (seq + 1)).map(move |i| ((i * i * 7 + i * 13 + salt) % 89) as u16);
    let batches = [0, 1].map(|salt| Batch::new(tokens(salt).collect(), seq).expect("a batch"));
    let gradients = |half| {
        let mut trainer = trainer(&config).with_half(half);
        trainer.loss_and_gradients(&batches, None).expect("computes")
    };
    let (f32_loss, f32_gradients) = gradients(None);
    let (loss, gradients) = gradients(Some(FloatDType::F16));
    let (loss, f32_loss) = (values(loss)[0], values(f32_loss)[0]);
    assert!((loss - f32_loss).abs() < 1e-3, "{loss} for {f32_loss}");
    for (index, (found, expected)) in gradients.into_iter().zip(f32_gradients).enumerate() {
        let (found, expected) = (values(found), values(expected));
        let norm = expected.iter().map(|x| x * x).sum::<f32>().sqrt();
        let error = found
            .iter()
            .zip(&expected)
            .map(|(a, b)| (a - b).powi(2))
            .sum::<f32>()
            .sqrt();
        println!("parameter {index}: off by {:e} of {norm:e}", error / norm);
        assert!(
            error <= 1e-2 * norm,
            "parameter {index} is off by {error:e} of {norm:e}"
        );
    }
}

#[test]
fn the_fused_model_is_the_plain_one() {
    for config in configs() {
        let (mut fused, mut plain) = (kernels(&config, Kernels::Fused), kernels(&config, Kernels::Plain));
        assert_alike("fused", &mut fused, &mut plain, &config, 2e-5);
        let (fused, plain) = (losses(&mut fused, &config, 10), losses(&mut plain, &config, 10));
        for (step, (fused, plain)) in fused.iter().zip(&plain).enumerate() {
            assert!(
                (fused - plain).abs() <= 1e-4 * plain,
                "step {step}: {fused} for {plain}"
            );
        }
        assert!(plain[9] < plain[0], "nothing was learned: {plain:?}");
    }
}

#[test]
fn activations_made_again_are_those_that_were_kept() {
    for config in configs() {
        for version in [Kernels::Fused, Kernels::Plain] {
            let mut kept = kernels(&config, version);
            let mut again = kernels(&config, version).with_activations(Activations::Recompute);
            assert_alike("recomputed", &mut again, &mut kept, &config, 1e-5);
        }
    }
}

#[test]
fn a_z_loss_adds_to_training_and_not_to_evaluation() {
    let config = &configs()[2];
    let (mut without, mut with) = (trainer(config), trainer(config).with_z_loss(0.5));
    let [batch, _] = batches(config, 0);
    let loss = |trainer: &mut Trainer| {
        let (loss, _) = trainer
            .loss_and_gradients(&batches(config, 0), None)
            .expect("computes");
        values(loss)[0]
    };
    assert!(loss(&mut with) > loss(&mut without) + 0.1);
    let evaluated = |trainer: &mut Trainer| pollster::block_on(trainer.loss(&batch)).expect("computes");
    assert_eq!(evaluated(&mut with), evaluated(&mut without));
}

#[test]
fn bf16_products_learn_as_f32_does() {
    let config = &configs()[0];
    let f32_losses = losses(&mut trainer(config), config, 40);
    let bf16_losses = losses(&mut trainer(config).with_half(Some(FloatDType::BF16)), config, 40);
    assert_ne!(
        f32_losses, bf16_losses,
        "bf16 made no difference, so it was not used"
    );
    for (step, (a, b)) in f32_losses.iter().zip(&bf16_losses).enumerate() {
        // The largest difference asked of a 10M model over 200 steps.
        assert!((a - b).abs() <= 0.02, "step {step}: {b} in bf16, {a} in f32");
    }
}

#[test]
fn a_preset_chooses_all_of_it() {
    let json = serde_json::json!({
        "description": "for tests", "kernels": "plain", "model": check_config(),
        "optim": {"muon": {"lr": 0.02}, "adamw": {"lr": 0.003}},
        "schedule": {"kind": "constant"},
        "train": {"tokens": 1000, "seq_len": 32, "micro_batch": 1, "activations": "recompute",
                  "precision": "bf16", "z_loss": 1e-4},
        "eval": {"every_tokens": 500, "tokens": 64, "seq_len": 32, "batch": 1},
    });
    let preset: Preset = serde_json::from_value(json).expect("a valid preset");
    preset.validate().expect("valid");
    assert_eq!(preset.kernels, Kernels::Plain);
    assert_eq!(preset.train.activations, Activations::Recompute);
    assert_eq!(preset.train.precision, Precision::Bf16);
}
