//! The passes between products.

use blueberry_kernels::{
    RopeTable, add_rms_norm, add_rms_norm_plain, embedding, embedding_plain, qk_norm_rope,
    qk_norm_rope_plain, relu_squared, relu_squared_plain, rms_norm, rms_norm_plain, swiglu, swiglu_plain,
};
use burn::tensor::Tensor;

use crate::common::{Random, values};
use crate::device::{Gpu, check, gradient, ids_on, is_own, leaf, on};

#[test]
fn rms_norm_is_its_reference() {
    let (gpu, mut random) = (Gpu::open(), Random::new());
    for (rows, n) in [
        (1, 1),
        (1, 33),
        (3, 7),
        (65, 32),
        (127, 48),
        (200, 130),
        (1000, 257),
        (9, 1024),
        // So many rows that several units share a column of their sum.
        (2500, 33),
    ] {
        let (x, gain) = (random.tensor([rows, n], 4.0), random.tensor([1, n], 2.0));
        let weight = random.tensor([rows, n], 1.0);
        let both = gpu.run(|device, half| {
            let (x, gain) = (leaf(&x, device, half), leaf(&gain, device, half));
            let f = if is_own(device) {
                rms_norm::<2>
            } else {
                rms_norm_plain::<2>
            };
            let out = f(x.clone(), gain.clone(), 1e-6, None);
            let tape = (out.clone() * on(&weight, device)).sum().backward();
            vec![values(out.inner()), gradient(&x, &tape), gradient(&gain, &tape)]
        });
        check(&format!("{rows} x {n}"), &["values", "x", "gain"], both, 1e-4);
    }
}

#[test]
fn add_rms_norm_is_its_reference() {
    let (gpu, mut random) = (Gpu::open(), Random::new());
    for shape in [[1, 1, 1], [1, 3, 7], [2, 64, 16], [5, 13, 33], [1, 127, 300]] {
        let (x, delta) = (random.tensor(shape, 4.0), random.tensor(shape, 2.0));
        let gain = random.tensor([1, shape[2]], 2.0);
        let (weight, other) = (random.tensor(shape, 1.0), random.tensor(shape, 1.0));
        let both = gpu.run(|device, half| {
            let (x, delta) = (leaf(&x, device, half), leaf(&delta, device, half));
            let gain = leaf(&gain, device, half);
            let f = if is_own(device) {
                add_rms_norm::<3>
            } else {
                add_rms_norm_plain::<3>
            };
            let [sum, normed] = f(x.clone(), delta.clone(), gain.clone(), 1e-6, None);
            // Both results are used, as in a model.
            let loss =
                (sum.clone() * on(&weight, device)).sum() + (normed.clone() * on(&other, device)).sum();
            let tape = loss.backward();
            let gradients = [
                gradient(&x, &tape),
                gradient(&delta, &tape),
                gradient(&gain, &tape),
            ];
            [values(sum.inner()), values(normed.inner())]
                .into_iter()
                .chain(gradients)
                .collect()
        });
        check(
            &format!("{shape:?}"),
            &["sum", "normed", "x", "delta", "gain"],
            both,
            1e-4,
        );
    }
}

#[test]
fn views_are_read_as_they_are_seen() {
    let (gpu, mut random) = (Gpu::open(), Random::new());
    let (x, gain) = (random.tensor([5, 9, 4], 1.0), random.tensor([1, 5], 1.0));
    let both = gpu.run(|device, _| {
        let f = if is_own(device) {
            rms_norm::<3>
        } else {
            rms_norm_plain::<3>
        };
        vec![values(f(
            on(&x, device).swap_dims(0, 2),
            on(&gain, device),
            1e-6,
            None,
        ))]
    });
    check("a view", &["values"], both, 1e-5);
}

#[test]
fn activations_are_their_references() {
    let (gpu, mut random) = (Gpu::open(), Random::new());
    for (shape, scale) in [
        ([1, 1], 1.0),
        ([3, 7], 200.0),
        ([127, 130], 5.0),
        ([3, 16_385], 2.0),
    ] {
        let (gate, up) = (random.tensor(shape, scale), random.tensor(shape, 2.0));
        let weight = random.tensor(shape, 1.0);
        let both = gpu.run(|device, half| {
            let (gate, up) = (leaf(&gate, device, half), leaf(&up, device, half));
            let f = if is_own(device) {
                swiglu::<2>
            } else {
                swiglu_plain::<2>
            };
            let out = f(gate.clone(), up.clone());
            let tape = (out.clone() * on(&weight, device)).sum().backward();
            vec![values(out.inner()), gradient(&gate, &tape), gradient(&up, &tape)]
        });
        check(&format!("{shape:?}"), &["values", "gate", "up"], both, 2e-6);
        check_relu_squared(&gpu, &gate, &weight);
    }
}

fn check_relu_squared(gpu: &Gpu, x: &Tensor<2>, weight: &Tensor<2>) {
    let both = gpu.run(|device, half| {
        let x = leaf(x, device, half);
        let f = if is_own(device) {
            relu_squared::<2>
        } else {
            relu_squared_plain::<2>
        };
        let out = f(x.clone());
        let tape = (out.clone() * on(weight, device)).sum().backward();
        vec![values(out.inner()), gradient(&x, &tape)]
    });
    check(&format!("{:?}", x.dims()), &["values", "x"], both, 1e-6);
}

/// The embedding of `reference` has more values, and so has a pass over its feed-forward's.
#[test]
fn a_pass_over_more_values_than_a_line_of_the_grid_has_units_reaches_each() {
    let (gpu, mut random) = (Gpu::open(), Random::new());
    let shape = [1, 65_535 * 256 + 257];
    check_relu_squared(&gpu, &random.tensor(shape, 2.0), &random.tensor(shape, 1.0));
}

#[test]
fn qk_norm_rope_is_its_reference() {
    let (gpu, mut random) = (Gpu::open(), Random::new());
    // [batch, seq, heads, head_dim]
    for shape in [
        [1, 1, 1, 2],
        [2, 7, 3, 48],
        [1, 127, 5, 12],
        [3, 33, 2, 64],
        [1, 1000, 1, 32],
        [1, 9, 3, 128],
        [2, 600, 2, 12],
    ] {
        let (x, gain) = (random.tensor(shape, 2.0), random.tensor([1, shape[3]], 2.0));
        let weight = random.tensor(shape, 1.0);
        for normed in [true, false] {
            let both = gpu.run(|device, half| {
                let table = RopeTable::new(shape[1], shape[3], 10_000.0, device);
                let (x, gain) = (leaf(&x, device, half), leaf(&gain, device, half));
                let f = if is_own(device) {
                    qk_norm_rope
                } else {
                    qk_norm_rope_plain
                };
                let out = f(x.clone(), normed.then(|| gain.clone()), &table, 1e-6);
                let tape = (out.clone() * on(&weight, device)).sum().backward();
                let mut all = vec![values(out.inner()), gradient(&x, &tape)];
                if normed {
                    all.push(gradient(&gain, &tape));
                }
                all
            });
            check(
                &format!("{shape:?}, normed {normed}"),
                &["values", "x", "gain"],
                both,
                1e-4,
            );
        }
    }
}

#[test]
fn embedding_is_its_reference() {
    let (gpu, mut random) = (Gpu::open(), Random::new());
    for (tokens, vocab, n) in [
        (1, 1, 1),
        (7, 257, 33),
        (127, 5, 48),
        (1000, 1000, 7),
        (300, 257, 300),
    ] {
        let (table, weight) = (random.tensor([vocab, n], 1.0), random.tensor([tokens, n], 1.0));
        let ids = random.targets(tokens, vocab);
        let both = gpu.run(|device, half| {
            let table = leaf(&table, device, half);
            let f = if is_own(device) {
                embedding
            } else {
                embedding_plain
            };
            let rows = f(table.clone(), ids_on(&ids, device));
            let tape = (rows.clone() * on(&weight, device)).sum().backward();
            vec![values(rows.inner()), gradient(&table, &tape)]
        });
        check(
            &format!("{tokens} of {vocab} x {n}"),
            &["values", "table"],
            both,
            1e-6,
        );
    }
}
