//! The built model against its formulas, and properties that any language model must have.

use blueberry_model::{Activation, Model, ModelConfig, Weights, init_data, init_weights};
use burn::tensor::{Device, Int, Tensor, TensorData};

fn config() -> ModelConfig {
    ModelConfig {
        vocab_size: 57,
        d_model: 20,
        n_layers: 3,
        n_heads: 6,
        n_kv_heads: 3,
        head_dim: 6,
        d_ff: 28,
        activation: Activation::Swiglu,
        tied: true,
        embed_scale: true,
        qk_norm: true,
        softcap: None,
        attention_softcap: None,
        value_embeddings: vec![],
        window: vec![],
        zero_init_outputs: false,
        init_std: 0.3,
        rope_base: 10_000.0,
        norm_eps: 1e-6,
    }
}

fn variants() -> Vec<ModelConfig> {
    let base = config();
    vec![
        base.clone(),
        ModelConfig {
            activation: Activation::Relu2,
            tied: false,
            qk_norm: false,
            ..base.clone()
        },
        ModelConfig {
            value_embeddings: vec![0, 2],
            window: vec![3, 0],
            softcap: Some(5.0),
            attention_softcap: Some(3.0),
            ..base
        },
    ]
}

fn logits(config: &ModelConfig, tokens: &[i32]) -> Vec<Vec<f32>> {
    let device = Device::flex();
    let weights = init_weights(config, 3, &device);
    let model = Model::new(config, tokens.len(), None, &device);
    let input: Tensor<2, Int> =
        Tensor::from_data(TensorData::new(tokens.to_vec(), [1, tokens.len()]), &device);
    let values: Vec<f32> = model
        .logits(&weights, input)
        .into_data()
        .try_into_vec()
        .expect("f32");
    values.chunks(config.vocab_size).map(<[f32]>::to_vec).collect()
}

#[test]
fn counts_are_those_of_the_built_model() {
    for config in variants() {
        let built: u64 = init_weights(&config, 0, &Device::flex())
            .into_vec()
            .iter()
            .map(|tensor| tensor.dims().iter().product::<usize>() as u64)
            .sum();
        let counts = config.counts();
        assert_eq!(counts.parameters, built);
        assert!(
            counts.matmul_parameters + counts.table_parameters < built,
            "gains are in neither"
        );
    }
}

#[test]
fn counts_by_hand() {
    // Embedding 57 * 20 = 1,140. A block: q 20 * 36, k and v 20 * 18 each, o 36 * 20, three of 20 * 28:
    // 720 + 720 + 720 + 1,680 = 3,840; gains 20 + 20 + 6 + 6 = 52. Final gain 20.
    let counts = config().counts();
    assert_eq!(counts.parameters, 1_140 + 3 * (3_840 + 52) + 20);
    assert_eq!(counts.matmul_parameters, 1_140 + 3 * 3_840);
    assert_eq!(counts.table_parameters, 0);
    let untied = ModelConfig {
        tied: false,
        value_embeddings: vec![1],
        ..config()
    }
    .counts();
    assert_eq!(untied.table_parameters, 1_140 + 57 * 18);
    assert_eq!(untied.matmul_parameters, 1_140 + 3 * 3_840);
}

#[test]
fn flops_count_only_what_a_window_shows() {
    let full = config().flops_per_token(64);
    // 12 * 36 * 32 a layer for the whole of 64 tokens.
    assert_eq!(full, 6.0 * 12_660.0 + 3.0 * 12.0 * 36.0 * 32.0);
    let windowed = ModelConfig {
        window: vec![8],
        ..config()
    }
    .flops_per_token(64);
    // A window of 8 shows 8 - 64 / 128 = 7.5 positions in the mean.
    assert_eq!(windowed, 6.0 * 12_660.0 + 3.0 * 12.0 * 36.0 * 7.5);
    assert_eq!(
        ModelConfig {
            window: vec![64],
            ..config()
        }
        .flops_per_token(64),
        full
    );
}

/// The built tensors that every token is multiplied with, and the pairs of positions that see one another, counted one by
/// one: a product of `n` parameters is `2 n` operations a token forward and twice that backward, a pair of positions
/// `2 n_heads head_dim` for the score and as many for the value.
#[test]
fn flops_are_those_of_the_built_model() {
    for config in variants() {
        let built = init_weights(&config, 0, &Device::flex()).into_vec();
        let specs = Weights::specs(&config).into_vec();
        let is_product = |name: &str| match name {
            "embed" => config.tied,
            name => !name.ends_with("norm") && !name.ends_with("value_embed"),
        };
        let products: usize = specs
            .iter()
            .zip(&built)
            .filter(|(spec, _)| is_product(&spec.name))
            .map(|(_, tensor)| tensor.dims().iter().product::<usize>())
            .sum();
        let seq = 512;
        let seen = |layer: usize| -> usize {
            let window = config.layer_window(layer).unwrap_or(seq);
            (0..seq).map(|i| (0..=i).filter(|j| i - j < window).count()).sum()
        };
        let pairs: usize = (0..config.n_layers).map(seen).sum();
        let attention = 3 * 4 * config.n_heads * config.head_dim * pairs / seq;
        let counted = (6 * products + attention) as f64;
        let by_formula = config.flops_per_token(seq);
        // The formula takes half a position less a layer.
        let half = (config.n_layers * 6 * config.n_heads * config.head_dim) as f64;
        assert!(
            (counted - by_formula).abs() <= half + 1.0,
            "{counted} counted, {by_formula} by the formula, {config:?}"
        );
    }
}

#[test]
fn a_later_token_changes_no_earlier_logit() {
    let tokens = [3, 14, 15, 9, 26, 5, 35, 8, 9, 7];
    for config in variants() {
        let before = logits(&config, &tokens);
        let mut changed = tokens;
        changed[6] = 50;
        let after = logits(&config, &changed);
        assert_eq!(before[..6], after[..6]);
        assert_ne!(before[6], after[6]);
    }
}

#[test]
fn a_window_hides_what_lies_before_it() {
    // One layer that sees 3 tokens: position 9 does not depend on position 6.
    let config = ModelConfig {
        n_layers: 1,
        window: vec![3],
        ..config()
    };
    let tokens = [3, 14, 15, 9, 26, 5, 35, 8, 9, 7];
    let mut changed = tokens;
    changed[6] = 50;
    let (before, after) = (logits(&config, &tokens), logits(&config, &changed));
    assert_eq!(before[9], after[9]);
    assert_ne!(before[8], after[8]);
}

#[test]
fn a_soft_cap_bounds_the_logits() {
    let config = ModelConfig {
        softcap: Some(0.5),
        ..config()
    };
    assert!(
        logits(&config, &[1, 2, 3])
            .concat()
            .iter()
            .all(|logit| logit.abs() <= 0.5)
    );
}

#[test]
fn zero_init_makes_every_block_the_identity() {
    let config = ModelConfig {
        zero_init_outputs: true,
        ..config()
    };
    // Without the blocks' contributions a position's logits depend on its own token alone.
    let found = logits(&config, &[4, 9, 4, 30, 4]);
    assert_eq!(found[0], found[2]);
    assert_eq!(found[0], found[4]);
    assert_ne!(found[0], found[1]);
}

#[test]
fn initial_values_depend_on_seed_and_place_alone() {
    let specs = Weights::specs(&config()).into_vec();
    let draw = |index: usize, seed| init_data(&specs[index], index, seed);
    assert_eq!(draw(2, 1), draw(2, 1));
    assert_ne!(draw(2, 1), draw(2, 2));
    let other_place = init_data(&specs[2], 7, 1);
    assert_ne!(draw(2, 1), other_place);
    let embed = draw(0, 1);
    let mean_square = embed.iter().map(|x| x * x).sum::<f32>() / embed.len() as f32;
    // 1,140 draws: the standard error of the variance is 0.09 * sqrt(2 / 1,140) = 0.004.
    assert!((mean_square - 0.09).abs() < 0.02, "{mean_square}");
}
