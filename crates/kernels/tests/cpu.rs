//! The CPU's own versions against their references: values and gradients, at shapes that fill no vector and no tile,
//! on inputs that are drawn anew in every run (the seed is printed, and `BLUEBERRY_SEED` repeats it).
#![cfg(feature = "native")]

use std::time::{SystemTime, UNIX_EPOCH};

use blueberry_kernels::{
    AdamwState, AdamwStep, AttentionMask, RopeTable, adamw, adamw_plain, attention, attention_plain,
    cross_entropy, cross_entropy_plain, rms_norm, rms_norm_plain, rope, rope_plain, swiglu, swiglu_plain,
};
use burn::tensor::{Device, Int, Tensor, TensorData};
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{RngCore, SeedableRng};

struct Random(ChaCha8Rng);

impl Random {
    fn new() -> Self {
        let now = || {
            SystemTime::now()
                .duration_since(UNIX_EPOCH)
                .map_or(0, |since| since.as_nanos() as u64)
        };
        let seed = std::env::var("BLUEBERRY_SEED")
            .ok()
            .and_then(|seed| seed.parse().ok())
            .unwrap_or_else(now);
        println!("BLUEBERRY_SEED={seed}");
        Self(ChaCha8Rng::seed_from_u64(seed))
    }

    /// Uniform in `-scale..scale`.
    fn tensor<const D: usize>(&mut self, shape: [usize; D], scale: f32) -> Tensor<D> {
        let mut draw = || (self.0.next_u32() as f32 / u32::MAX as f32 * 2.0 - 1.0) * scale;
        let values: Vec<f32> = (0..shape.iter().product()).map(|_| draw()).collect();
        Tensor::from_data(TensorData::new(values, shape), &Device::flex())
    }

    fn targets(&mut self, rows: usize, vocab: usize) -> Tensor<1, Int> {
        let values: Vec<i32> = (0..rows)
            .map(|_| (self.0.next_u32() as usize % vocab) as i32)
            .collect();
        Tensor::from_data(TensorData::new(values, [rows]), &Device::flex())
    }
}

fn values<const D: usize>(tensor: Tensor<D>) -> Vec<f32> {
    tensor.into_data().try_into_vec().expect("f32")
}

/// The largest difference over the largest expected value stays under `bound`. With one key, or one value in a row,
/// the exact gradient is 0 and both versions give the rounding of terms of order 1 to 10, so values under a tenth
/// are not what a difference is held against.
fn assert_close(what: &str, found: &[f32], expected: &[f32], bound: f32) {
    assert_eq!(found.len(), expected.len(), "{what}");
    let largest = expected.iter().fold(0.1f32, |largest, x| largest.max(x.abs()));
    for (index, (found, expected)) in found.iter().zip(expected).enumerate() {
        let error = (found - expected).abs() / largest;
        // Written so that a NaN fails.
        assert!(
            error <= bound,
            "{what}[{index}]: {found} for {expected}, off by {error:e}"
        );
    }
}

fn leaf<const D: usize>(tensor: &Tensor<D>) -> Tensor<D> {
    tensor.clone().autodiff().require_grad()
}

#[test]
fn cross_entropy_has_the_values_and_gradients_of_its_reference() {
    let mut random = Random::new();
    for (rows, vocab, scale) in [
        (1, 1, 1.0),
        (1, 257, 3.0),
        (7, 15, 1.0),
        (127, 257, 30.0),
        (33, 1000, 80.0),
        (5, 49_152, 5.0),
    ] {
        let what = format!("{rows} x {vocab}");
        let logits = random.tensor([rows, vocab], scale);
        let targets = random.targets(rows, vocab);
        let run = |f: fn(Tensor<2>, Tensor<1, Int>) -> Tensor<1>| {
            let logits = leaf(&logits);
            // Times 3, so that the upstream gradient is not 1.
            let loss = f(logits.clone(), targets.clone()) * 3.0;
            let tape = loss.backward();
            (
                values(loss.inner()),
                values(logits.grad(&tape).expect("a gradient")),
            )
        };
        let (found, expected) = (run(cross_entropy), run(cross_entropy_plain));
        assert_close(&format!("loss, {what}"), &found.0, &expected.0, 1e-5);
        assert_close(&format!("gradient, {what}"), &found.1, &expected.1, 1e-5);
        let untracked = values(cross_entropy(logits.clone(), targets.clone()) * 3.0);
        assert_close(
            &format!("loss without autodiff, {what}"),
            &untracked,
            &expected.0,
            1e-5,
        );
    }
}

#[test]
fn attention_has_the_values_and_gradients_of_its_reference() {
    let mut random = Random::new();
    // batch, kv_heads, group, seq, head_dim, window
    for (batch, kv_heads, group, seq, d, window) in [
        (1, 1, 1, 1, 32, None),
        (2, 3, 1, 7, 48, None),
        (1, 2, 2, 63, 64, Some(5)),
        (1, 1, 4, 64, 32, Some(64)),
        (2, 1, 3, 65, 12, Some(1)),
        (1, 3, 2, 127, 48, Some(100)),
        (1, 1, 4, 130, 128, None),
        (1, 1, 2, 1000, 32, Some(130)),
        (1, 1, 1, 1000, 64, None),
    ] {
        let what = format!("{batch} x {kv_heads} x {group}, {seq} x {d}, window {window:?}");
        let q = random.tensor([batch, kv_heads * group, seq, d], 3.0);
        let k = random.tensor([batch, kv_heads, seq, d], 3.0);
        let v = random.tensor([batch, kv_heads, seq, d], 1.0);
        let weight = random.tensor([batch, kv_heads * group, seq, d], 1.0);
        let mask = AttentionMask::new(seq, window, &Device::flex());
        let run = |f: fn(Tensor<4>, Tensor<4>, Tensor<4>, &AttentionMask) -> Tensor<4>| {
            let leaves = [leaf(&q), leaf(&k), leaf(&v)];
            let [q, k, v] = leaves.clone();
            let out = f(q, k, v, &mask);
            let tape = (out.clone() * weight.clone()).sum().backward();
            let gradients = leaves.map(|leaf| values(leaf.grad(&tape).expect("a gradient")));
            (values(out.inner()), gradients)
        };
        let (found, expected) = (run(attention), run(attention_plain));
        assert_close(&format!("values, {what}"), &found.0, &expected.0, 1e-5);
        for (name, (found, expected)) in ["q", "k", "v"].iter().zip(found.1.into_iter().zip(expected.1)) {
            assert_close(&format!("gradient of {name}, {what}"), &found, &expected, 2e-5);
        }
    }
}

#[test]
fn attention_reads_views_as_they_are_seen() {
    let mut random = Random::new();
    let [q, k, v] = [(); 3].map(|()| random.tensor([2, 9, 3, 8], 1.0));
    let mask = AttentionMask::new(9, None, &Device::flex());
    let run = |f: fn(Tensor<4>, Tensor<4>, Tensor<4>, &AttentionMask) -> Tensor<4>| {
        let [q, k, v] = [&q, &k, &v].map(|x| x.clone().swap_dims(1, 2));
        values(f(q, k, v, &mask))
    };
    assert_close("views", &run(attention), &run(attention_plain), 1e-5);
}

#[test]
fn a_logit_far_above_the_others_neither_overflows_nor_hides_its_loss() {
    let logits = Tensor::<2>::from_data([[1e4f32, 0.0, -1e4], [0.0, 0.0, 0.0]], &Device::flex());
    let targets = Tensor::<1, Int>::from_data([2, 1], &Device::flex());
    // Rows: 1e4 - (-1e4), and ln 3.
    assert_close(
        "loss",
        &values(cross_entropy(logits, targets)),
        &[(2e4 + 3f32.ln()) / 2.0],
        1e-6,
    );
}

#[test]
fn rms_norm_has_the_values_and_gradients_of_its_reference() {
    let mut random = Random::new();
    for (rows, n) in [(1, 1), (1, 33), (3, 7), (64, 16), (65, 32), (127, 48), (200, 130)] {
        let what = format!("{rows} x {n}");
        let x = random.tensor([rows, n], 4.0);
        let gain = random.tensor([1, n], 2.0);
        let weight = random.tensor([rows, n], 1.0);
        let run = |f: fn(Tensor<2>, Tensor<2>, f64) -> Tensor<2>| {
            let (x, gain) = (leaf(&x), leaf(&gain));
            let out = f(x.clone(), gain.clone(), 1e-6);
            let tape = (out.clone() * weight.clone()).sum().backward();
            let gradient = |leaf: Tensor<2>| values(leaf.grad(&tape).expect("a gradient"));
            (values(out.inner()), gradient(x), gradient(gain))
        };
        let (found, expected) = (run(rms_norm::<2>), run(rms_norm_plain::<2>));
        assert_close(&format!("values, {what}"), &found.0, &expected.0, 1e-5);
        assert_close(&format!("gradient of x, {what}"), &found.1, &expected.1, 1e-4);
        assert_close(
            &format!("gradient of the gain, {what}"),
            &found.2,
            &expected.2,
            1e-5,
        );
        let untracked = values(rms_norm(x.clone(), gain.clone(), 1e-6));
        assert_close(
            &format!("values without autodiff, {what}"),
            &untracked,
            &expected.0,
            1e-5,
        );
    }
}

#[test]
fn rms_norm_reads_views_as_they_are_seen() {
    let mut random = Random::new();
    let (x, gain) = (random.tensor([5, 9, 4], 1.0), random.tensor([1, 5], 1.0));
    let view = || x.clone().swap_dims(0, 2);
    assert_close(
        "a view",
        &values(rms_norm(view(), gain.clone(), 1e-6)),
        &values(rms_norm_plain(view(), gain, 1e-6)),
        1e-5,
    );
}

#[test]
fn a_frozen_gain_gets_no_gradient_and_hinders_none() {
    let mut random = Random::new();
    let (x, gain) = (random.tensor([3, 8], 1.0), random.tensor([1, 8], 1.0));
    let run = |f: fn(Tensor<2>, Tensor<2>, f64) -> Tensor<2>| {
        let x = leaf(&x);
        let tape = f(x.clone(), gain.clone(), 1e-6).sum().backward();
        values(x.grad(&tape).expect("a gradient"))
    };
    assert_close(
        "gradient of x",
        &run(rms_norm::<2>),
        &run(rms_norm_plain::<2>),
        1e-4,
    );
}

#[test]
fn adamw_has_the_values_of_its_reference_and_spares_what_others_hold() {
    let mut random = Random::new();
    let step = AdamwStep {
        keep: 0.99,
        rate: 0.02,
        beta1: 0.9,
        beta2: 0.95,
        root_correction: 0.7,
        eps: 1e-6,
    };
    for shape in [[1, 1], [3, 5], [1, 1000], [130, 257]] {
        let state = AdamwState {
            parameter: random.tensor(shape, 1.0),
            mean: random.tensor(shape, 0.1),
            square: random.tensor(shape, 0.1).abs(),
        };
        let gradient = random.tensor(shape, 1.0);
        let before = values(state.mean.clone());
        let expected = adamw_plain(step, state.clone(), gradient.clone());
        let found = adamw(step, state.clone(), gradient);
        for (what, found, expected) in [
            ("parameter", found.parameter, expected.parameter),
            ("mean", found.mean, expected.mean),
            ("square", found.square, expected.square),
        ] {
            assert_close(
                &format!("{what}, {shape:?}"),
                &values(found),
                &values(expected),
                1e-6,
            );
        }
        assert_eq!(
            values(state.mean),
            before,
            "a mean that is held elsewhere was changed"
        );
    }
}

#[test]
fn swiglu_has_the_values_and_gradients_of_its_reference() {
    let mut random = Random::new();
    for (shape, scale) in [
        ([1, 1], 1.0),
        ([3, 7], 90.0),
        ([127, 130], 5.0),
        ([3, 16_385], 2.0),
    ] {
        let (gate, up) = (random.tensor(shape, scale), random.tensor(shape, 2.0));
        let weight = random.tensor(shape, 1.0);
        let run = |f: fn(Tensor<2>, Tensor<2>) -> Tensor<2>| {
            let (gate, up) = (leaf(&gate), leaf(&up));
            let out = f(gate.clone(), up.clone());
            let tape = (out.clone() * weight.clone()).sum().backward();
            [
                out.inner(),
                gate.grad(&tape).expect("a gradient"),
                up.grad(&tape).expect("a gradient"),
            ]
            .map(values)
        };
        let names = ["values", "gradient of the gate", "gradient of up"];
        for ((name, found), expected) in names.iter().zip(run(swiglu)).zip(run(swiglu_plain)) {
            assert_close(&format!("{name}, {shape:?}"), &found, &expected, 1e-6);
        }
    }
}

#[test]
fn rope_has_the_values_and_gradients_of_its_reference() {
    let mut random = Random::new();
    for shape in [[1, 1, 1, 2], [2, 3, 7, 48], [1, 5, 127, 12], [1, 1, 1000, 32]] {
        let table = RopeTable::new(shape[2], shape[3], 10_000.0, &Device::flex());
        let (x, weight) = (random.tensor(shape, 2.0), random.tensor(shape, 1.0));
        let run = |f: fn(Tensor<4>, &RopeTable) -> Tensor<4>| {
            let x = leaf(&x);
            let out = f(x.clone(), &table);
            let tape = (out.clone() * weight.clone()).sum().backward();
            [out.inner(), x.grad(&tape).expect("a gradient")].map(values)
        };
        for (found, expected) in run(rope).into_iter().zip(run(rope_plain)) {
            assert_close(&format!("{shape:?}"), &found, &expected, 1e-6);
        }
    }
}
