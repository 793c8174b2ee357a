//! The CPU's own versions against their references: values and gradients, at shapes that fill no vector and no tile,
//! on inputs that are drawn anew in every run (the seed is printed, and `BLUEBERRY_SEED` repeats it).
#![cfg(feature = "native")]

mod common;
#[path = "common/poison.rs"]
mod poison;

use blueberry_kernels::{
    AttentionMask, Head, LossTerms, RopeTable, add_rms_norm, add_rms_norm_plain, attention, attention_plain,
    embedding, embedding_plain, head_loss, head_loss_plain, qk_norm_rope, qk_norm_rope_plain, relu_squared,
    relu_squared_plain, rms_norm, rms_norm_plain, swiglu, swiglu_plain,
};
use burn::tensor::{Device, FloatDType, Int, Tensor};
use common::{Random, assert_close, leaf, values};

type HeadLoss = fn(Tensor<2>, Head, Tensor<1, Int>, LossTerms) -> Tensor<1>;

/// The loss and the gradients of both parents, for an upstream gradient of 3.
fn head_loss_run(
    f: HeadLoss,
    (x, head): (&Tensor<2>, &Tensor<2>),
    tied: bool,
    targets: &Tensor<1, Int>,
    terms: LossTerms,
) -> [Vec<f32>; 3] {
    let (x, head) = (leaf(x), leaf(head));
    let matrix = if tied {
        Head::Tied(head.clone())
    } else {
        Head::Own(head.clone())
    };
    let loss = f(x.clone(), matrix, targets.clone(), terms) * 3.0;
    let tape = loss.backward();
    [
        values(loss.inner()),
        values(x.grad(&tape).expect("a gradient")),
        values(head.grad(&tape).expect("a gradient")),
    ]
}

#[test]
fn head_loss_has_the_values_and_gradients_of_its_reference() {
    let mut random = Random::new();
    let terms = [
        LossTerms::default(),
        LossTerms {
            softcap: Some(4.0),
            z_loss: 0.0,
            ..LossTerms::default()
        },
        LossTerms {
            softcap: None,
            z_loss: 0.01,
            ..LossTerms::default()
        },
        LossTerms {
            softcap: Some(15.0),
            z_loss: 0.1,
            ..LossTerms::default()
        },
    ];
    // tokens, d_model, vocab, scale; 49,152 x 257 needs more than one chunk of tokens.
    for (tokens, d, vocab, scale) in [
        (1, 1, 1, 1.0),
        (1, 7, 257, 3.0),
        (7, 33, 15, 1.0),
        (127, 48, 257, 3.0),
        (33, 20, 1000, 9.0),
        (257, 8, 49_152, 2.0),
    ] {
        for (index, terms) in terms.into_iter().enumerate() {
            let tied = index % 2 == 0;
            let what = format!("{tokens} x {d} x {vocab}, tied {tied}, {terms:?}");
            let x = random.tensor([tokens, d], scale);
            let head = random.tensor(if tied { [vocab, d] } else { [d, vocab] }, 1.0);
            let targets = random.targets(tokens, vocab);
            let run = |f| head_loss_run(f, (&x, &head), tied, &targets, terms);
            let names = ["loss", "gradient of x", "gradient of the head"];
            for ((name, found), expected) in names.iter().zip(run(head_loss)).zip(run(head_loss_plain)) {
                assert_close(&format!("{name}, {what}"), &found, &expected, 2e-5);
            }
            let matrix = if tied {
                Head::Tied(head.clone())
            } else {
                Head::Own(head.clone())
            };
            let untracked = values(head_loss(x.clone(), matrix, targets.clone(), terms) * 3.0);
            let expected = &run(head_loss_plain)[0];
            assert_close(
                &format!("loss without autodiff, {what}"),
                &untracked,
                expected,
                1e-5,
            );
        }
    }
}

#[test]
fn a_frozen_head_gets_no_gradient_and_hinders_none() {
    let mut random = Random::new();
    let (x, head, targets) = (
        random.tensor([5, 8], 1.0),
        random.tensor([11, 8], 1.0),
        random.targets(5, 11),
    );
    let run = |f: HeadLoss| {
        let x = leaf(&x);
        let loss = f(
            x.clone(),
            Head::Tied(head.clone()),
            targets.clone(),
            LossTerms::default(),
        );
        values(x.grad(&loss.backward()).expect("a gradient"))
    };
    assert_close("gradient of x", &run(head_loss), &run(head_loss_plain), 1e-5);
}

#[test]
fn a_logit_far_above_the_others_neither_overflows_nor_hides_its_loss() {
    // One hidden value of 1, so that the head is the logits.
    let x = Tensor::<2>::from_data([[1.0f32], [0.0]], &Device::flex());
    let head = Tensor::<2>::from_data([[1e4f32, 0.0, -1e4]], &Device::flex());
    let targets = Tensor::<1, Int>::from_data([2, 1], &Device::flex());
    // Rows: 1e4 - (-1e4), and ln 3.
    let loss = head_loss(x, Head::Own(head), targets, LossTerms::default());
    assert_close("loss", &values(loss), &[(2e4 + 3f32.ln()) / 2.0], 1e-6);
}

#[test]
fn embedding_has_the_values_and_gradients_of_its_reference() {
    let mut random = Random::new();
    for (tokens, vocab, n) in [(1, 1, 1), (7, 257, 33), (127, 5, 48), (1000, 1000, 7)] {
        let table = random.tensor([vocab, n], 1.0);
        let weight = random.tensor([tokens, n], 1.0);
        let ids = random.targets(tokens, vocab);
        let run = |f: fn(Tensor<2>, Tensor<1, Int>) -> Tensor<2>| {
            let table = leaf(&table);
            let rows = f(table.clone(), ids.clone());
            let tape = (rows.clone() * weight.clone()).sum().backward();
            [rows.inner(), table.grad(&tape).expect("a gradient")].map(values)
        };
        for (found, expected) in run(embedding).into_iter().zip(run(embedding_plain)) {
            assert_close(&format!("{tokens} of {vocab} x {n}"), &found, &expected, 1e-6);
        }
    }
}

#[test]
fn attention_has_the_values_and_gradients_of_its_reference() {
    let mut random = Random::new();
    // batch, kv_heads, group, seq, head_dim, window, soft-cap
    for (batch, kv_heads, group, seq, d, window, softcap) in [
        (1, 1, 1, 1, 32, None, None),
        (2, 3, 1, 7, 48, None, Some(2.0)),
        (1, 2, 2, 63, 64, Some(5), None),
        (1, 1, 4, 64, 32, Some(64), Some(30.0)),
        (2, 1, 3, 65, 12, Some(1), None),
        (1, 3, 2, 127, 48, Some(100), Some(5.0)),
        (1, 1, 4, 130, 128, None, None),
        (2, 1, 1, 300, 32, Some(257), None),
        (1, 1, 2, 1000, 32, Some(130), Some(10.0)),
        (1, 1, 1, 1000, 64, None, None),
        // A window that nothing is beyond; more tasks than are handed out at once.
        (2, 2, 4, 96, 64, Some(4096), None),
        (3, 2, 4, 300, 32, Some(90), None),
    ] {
        let what = format!("{batch} x {kv_heads} x {group}, {seq} x {d}, window {window:?}, cap {softcap:?}");
        let q = random.tensor([batch, seq, kv_heads * group, d], 3.0);
        let k = random.tensor([batch, seq, kv_heads, d], 3.0);
        let v = random.tensor([batch, seq, kv_heads, d], 1.0);
        let weight = random.tensor([batch, seq, kv_heads * group, d], 1.0);
        let mask = AttentionMask::new(seq, window, &Device::flex()).with_softcap(softcap);
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
    let [q, k, v] = [(); 3].map(|()| random.tensor([2, 3, 9, 8], 1.0));
    let mask = AttentionMask::new(9, None, &Device::flex());
    let run = |f: fn(Tensor<4>, Tensor<4>, Tensor<4>, &AttentionMask) -> Tensor<4>| {
        let [q, k, v] = [&q, &k, &v].map(|x| x.clone().swap_dims(1, 2));
        values(f(q, k, v, &mask))
    };
    assert_close("views", &run(attention), &run(attention_plain), 1e-5);
}

#[test]
fn rms_norm_has_the_values_and_gradients_of_its_reference() {
    let mut random = Random::new();
    for (rows, n) in [(1, 1), (1, 33), (3, 7), (64, 16), (65, 32), (127, 48), (200, 130)] {
        let what = format!("{rows} x {n}");
        let x = random.tensor([rows, n], 4.0);
        let gain = random.tensor([1, n], 2.0);
        let weight = random.tensor([rows, n], 1.0);
        let run = |f: fn(Tensor<2>, Tensor<2>, f64, Option<FloatDType>) -> Tensor<2>| {
            let (x, gain) = (leaf(&x), leaf(&gain));
            let out = f(x.clone(), gain.clone(), 1e-6, None);
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
        let untracked = values(rms_norm(x.clone(), gain.clone(), 1e-6, None));
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
        &values(rms_norm(view(), gain.clone(), 1e-6, None)),
        &values(rms_norm_plain(view(), gain, 1e-6, None)),
        1e-5,
    );
}

#[test]
fn a_frozen_gain_gets_no_gradient_and_hinders_none() {
    let mut random = Random::new();
    let (x, gain) = (random.tensor([3, 8], 1.0), random.tensor([1, 8], 1.0));
    let run = |f: fn(Tensor<2>, Tensor<2>, f64, Option<FloatDType>) -> Tensor<2>| {
        let x = leaf(&x);
        let tape = f(x.clone(), gain.clone(), 1e-6, None).sum().backward();
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
fn relu_squared_has_the_values_and_gradients_of_its_reference() {
    let mut random = Random::new();
    for shape in [[1, 1], [3, 7], [127, 130], [3, 16_385]] {
        let (x, weight) = (random.tensor(shape, 3.0), random.tensor(shape, 1.0));
        let run = |f: fn(Tensor<2>) -> Tensor<2>| {
            let x = leaf(&x);
            let out = f(x.clone());
            let tape = (out.clone() * weight.clone()).sum().backward();
            [out.inner(), x.grad(&tape).expect("a gradient")].map(values)
        };
        for (found, expected) in run(relu_squared).into_iter().zip(run(relu_squared_plain)) {
            assert_close(&format!("{shape:?}"), &found, &expected, 1e-6);
        }
    }
}

#[test]
fn add_rms_norm_has_the_values_and_gradients_of_its_reference() {
    let mut random = Random::new();
    for shape in [[1, 1, 1], [1, 3, 7], [2, 64, 16], [5, 13, 33]] {
        let (x, delta) = (random.tensor(shape, 4.0), random.tensor(shape, 2.0));
        let gain = random.tensor([1, shape[2]], 2.0);
        let (weight, other) = (random.tensor(shape, 1.0), random.tensor(shape, 1.0));
        let run = |f: fn(Tensor<3>, Tensor<3>, Tensor<2>, f64, Option<FloatDType>) -> [Tensor<3>; 2]| {
            let (x, delta, gain) = (leaf(&x), leaf(&delta), leaf(&gain));
            let [sum, normed] = f(x.clone(), delta.clone(), gain.clone(), 1e-6, None);
            // Both results are used, as in a model.
            let loss = (sum.clone() * weight.clone()).sum() + (normed.clone() * other.clone()).sum();
            let tape = loss.backward();
            let gradient = |leaf: Tensor<3>| values(leaf.grad(&tape).expect("a gradient"));
            [
                values(sum.inner()),
                values(normed.inner()),
                gradient(x),
                gradient(delta),
                values(gain.grad(&tape).expect("a gradient")),
            ]
        };
        let names = [
            "sum",
            "normed",
            "gradient of x",
            "gradient of delta",
            "gradient of the gain",
        ];
        for ((name, found), expected) in names.iter().zip(run(add_rms_norm)).zip(run(add_rms_norm_plain)) {
            assert_close(&format!("{name}, {shape:?}"), &found, &expected, 1e-4);
        }
    }
}

type QkNormRope = fn(Tensor<4>, Option<Tensor<2>>, &RopeTable, f64) -> Tensor<4>;

#[test]
fn qk_norm_rope_has_the_values_and_gradients_of_its_reference() {
    let mut random = Random::new();
    // [batch, seq, heads, head_dim]
    for shape in [
        [1, 1, 1, 2],
        [2, 7, 3, 48],
        [1, 127, 5, 12],
        [3, 33, 2, 64],
        [1, 1000, 1, 32],
    ] {
        let table = RopeTable::new(shape[1], shape[3], 10_000.0, &Device::flex());
        let (x, weight) = (random.tensor(shape, 2.0), random.tensor(shape, 1.0));
        let gain = random.tensor([1, shape[3]], 2.0);
        let with_gain = |f: QkNormRope| {
            let (x, gain) = (leaf(&x), leaf(&gain));
            let out = f(x.clone(), Some(gain.clone()), &table, 1e-6);
            let tape = (out.clone() * weight.clone()).sum().backward();
            let dgain = values(gain.grad(&tape).expect("a gradient"));
            let dx = values(x.grad(&tape).expect("a gradient"));
            [values(out.inner()), dx, dgain]
        };
        let names = ["values", "gradient of x", "gradient of the gain"];
        let runs = with_gain(qk_norm_rope)
            .into_iter()
            .zip(with_gain(qk_norm_rope_plain));
        for (name, (found, expected)) in names.iter().zip(runs) {
            assert_close(&format!("{name}, {shape:?}"), &found, &expected, 1e-4);
        }
        let without = |f: QkNormRope| {
            let x = leaf(&x);
            let out = f(x.clone(), None, &table, 1e-6);
            let tape = (out.clone() * weight.clone()).sum().backward();
            [out.inner(), x.grad(&tape).expect("a gradient")].map(values)
        };
        for (found, expected) in without(qk_norm_rope).into_iter().zip(without(qk_norm_rope_plain)) {
            assert_close(&format!("without a gain, {shape:?}"), &found, &expected, 1e-6);
        }
    }
}
