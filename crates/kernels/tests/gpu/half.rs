//! Operations in 16-bit floats.

use blueberry_kernels::{
    AttentionMask, Head, LossTerms, Orthogonalize, RopeTable, add_rms_norm, add_rms_norm_plain, attention,
    attention_plain, embedding, embedding_plain, head_loss, head_loss_plain, orthogonalize, product,
    qk_norm_rope, qk_norm_rope_plain, relu_squared, relu_squared_plain, rms_norm, rms_norm_plain, swiglu,
    swiglu_plain,
};
use burn::tensor::{Device, FloatDType, Tensor};

use crate::common::{Random, values};
use crate::device::{Gpu, check, gradient, ids_on, is_own, leaf, on};

/// Half types against f32 on the CPU with the same, rounded, inputs. Where the device has tensor cores, heads of whole
/// fragments are theirs.
#[test]
fn half_types_are_near_the_reference() {
    let (gpu, mut random) = (Gpu::open(), Random::new());
    for half in [FloatDType::F16, FloatDType::BF16] {
        if !gpu.device.supports_dtype(half) {
            println!("{half:?}: not on this device, so not checked");
            continue;
        }
        for (batch, seq, heads, head_dim, window, softcap) in [
            (1, 127, [2, 1], 48, Some(50), None),
            (2, 200, [4, 2], 64, None, None),
            (1, 192, [3, 3], 64, Some(65), Some(3.0)),
            (2, 65, [2, 1], 128, None, None),
            (1, 33, [4, 1], 16, Some(7), None),
            (1, 70, [2, 1], 20, None, None),
            (2, 1, [2, 1], 32, None, None),
            (1, 7, [4, 1], 48, None, Some(2.0)),
            (1, 1000, [2, 1], 32, Some(300), None),
        ] {
            let x = |n, random: &mut Random| random.tensor([batch, seq, n, head_dim], 1.0);
            let [q, k, v, weight] =
                [heads[0], heads[1], heads[1], heads[0]].map(|heads| x(heads, &mut random));
            let run = |device: &Device| {
                let own = is_own(device);
                let rounded = |x: &Tensor<4>| values(on(x, &gpu.device).cast(half));
                let tensor = |x: &Tensor<4>| {
                    let data = burn::tensor::TensorData::new(rounded(x), x.dims());
                    leaf(&Tensor::from_data(data, device), device, own.then_some(half))
                };
                let mask = AttentionMask::new(seq, window, device).with_softcap(softcap);
                let leaves = [tensor(&q), tensor(&k), tensor(&v)];
                let [q, k, v] = leaves.clone();
                let f = if own { attention } else { attention_plain };
                let out = f(q, k, v, &mask);
                let tape = (out.clone() * tensor(&weight)).sum().backward();
                let gradients = leaves.map(|leaf| gradient(&leaf, &tape));
                [values(out.inner())].into_iter().chain(gradients).collect()
            };
            let both = (run(&gpu.device), run(&Device::flex()));
            let bound = if half == FloatDType::F16 { 2e-3 } else { 1.5e-2 };
            let what = format!("attention in {half:?}, {batch} x {seq} x {heads:?} x {head_dim}, {window:?}");
            check(&what, &["values", "q", "k", "v"], both, bound);
        }
    }
}

/// A product and its gradients, where the device has it by factors of `half`, against f32 on the CPU with the same, rounded,
/// factors.
fn check_product(
    gpu: &Gpu,
    random: &mut Random,
    [rows, width, columns]: [usize; 3],
    half: FloatDType,
    bound: f32,
) {
    let [x, w, weight] = [[rows, width], [width, columns], [rows, columns]]
        .map(|shape| rounded(gpu, &random.tensor(shape, 1.0), half));
    let run = |device: &Device| {
        let leaves = [leaf(&x, device, None), leaf(&w, device, None)];
        let [x, w] = leaves.clone();
        let out = product(x, w, is_own(device).then_some(half), true);
        let tape = (out.clone() * leaf(&weight, device, None)).sum().backward();
        let gradients = leaves.map(|leaf| gradient(&leaf, &tape));
        [values(out.inner())].into_iter().chain(gradients).collect()
    };
    let both = (run(&gpu.device), run(&Device::flex()));
    let what = format!("{half:?}, {rows} x {width} x {columns}");
    check(&what, &["product", "x", "w"], both, bound);
}

/// Of a shape that a software driver is not slow at.
#[test]
fn a_product_in_halves_is_near_the_reference() {
    let (gpu, mut random) = (Gpu::open(), Random::new());
    for (half, bound) in halves(&gpu) {
        check_product(&gpu, &mut random, [96, 32, 64], half, bound);
    }
}

/// Products of bf16, where the device has it, against those of f32 on the CPU with the same, rounded, factors; for Muon's
/// iteration too, which is made of them and multiplies what they round: 6 % on an H200.
#[test]
fn half_products_are_near_the_reference() {
    let (gpu, mut random) = (Gpu::open(), Random::new());
    let half = FloatDType::BF16;
    if !gpu.device.supports_dtype(half) {
        println!("bf16: not on this device, so not checked");
        return;
    }
    for sizes in [
        [128, 64, 192],
        [256, 512, 512],
        [33, 16, 24],
        [7, 5, 3],
        [130, 72, 48],
        // As many rows as take another selection of the routine, and a weight gradient of parts.
        [2304, 512, 512],
        [2304, 512, 256],
    ] {
        check_product(&gpu, &mut random, sizes, half, 1e-2);
    }
    for shape in [[2, 48, 64], [3, 64, 16]] {
        let x = random.tensor(shape, 1.0);
        let run = |device: &Device| {
            let x = on(&x, device);
            let x = if is_own(device) { x.cast(half) } else { x };
            vec![values(orthogonalize(x, Orthogonalize::NewtonSchulz))]
        };
        let both = (run(&gpu.device), run(&Device::flex()));
        check(&format!("{shape:?}"), &["orthogonal"], both, 0.15);
    }
}

/// The passes between products, in the 16-bit floats that the device has, against f32 on the CPU with the same, rounded,
/// inputs; what is f32 in a model (gains, angles) is so here.
#[test]
fn half_passes_are_near_the_reference() {
    let (gpu, mut random) = (Gpu::open(), Random::new());
    for half in [FloatDType::F16, FloatDType::BF16] {
        if !gpu.device.supports_dtype(half) {
            println!("{half:?}: not on this device, so not checked");
            continue;
        }
        let rounded = |x: &Tensor<4>| {
            on(
                &on(x, &gpu.device).cast(half).cast(FloatDType::F32),
                &Device::flex(),
            )
        };
        let bound = if half == FloatDType::F16 { 2e-3 } else { 1.5e-2 };
        let shape = [2, 35, 3, 20];
        let [x, other, weight] = [0; 3].map(|_| rounded(&random.tensor(shape, 2.0)));
        let gain = random.tensor([1, 20], 1.5);
        for normed in [false, true] {
            let run = |device: &Device| {
                let own = is_own(device);
                let (x, gain) = (leaf(&x, device, own.then_some(half)), leaf(&gain, device, None));
                let table = RopeTable::new(35, 20, 10_000.0, device);
                let f = if own { qk_norm_rope } else { qk_norm_rope_plain };
                let out = f(x.clone(), normed.then(|| gain.clone()), &table, 1e-6);
                let weight = leaf(&weight, device, own.then_some(half));
                let tape = (out.clone() * weight).sum().backward();
                let mut all = vec![values(out.inner()), gradient(&x, &tape)];
                all.extend(normed.then(|| gradient(&gain, &tape)));
                all
            };
            let names = &["values", "x", "gain"][..if normed { 3 } else { 2 }];
            let both = (run(&gpu.device), run(&Device::flex()));
            check(
                &format!("qk_norm_rope in {half:?}, normed: {normed}"),
                names,
                both,
                bound,
            );
        }
        let run = |device: &Device| {
            let own = is_own(device);
            let leaves = [&x, &other].map(|x| leaf(x, device, own.then_some(half)));
            let [gate, up] = leaves.clone();
            let (gated, squared) = if own {
                (swiglu(gate, up.clone()), relu_squared(up))
            } else {
                (swiglu_plain(gate, up.clone()), relu_squared_plain(up))
            };
            let weight = leaf(&weight, device, own.then_some(half));
            let tape = (gated.clone() * weight.clone() + squared.clone() * weight)
                .sum()
                .backward();
            let gradients = leaves.map(|leaf| gradient(&leaf, &tape));
            let results = [gated, squared].map(|out| values(out.inner()));
            results.into_iter().chain(gradients).collect()
        };
        let both = (run(&gpu.device), run(&Device::flex()));
        check(
            &format!("activations in {half:?}"),
            &["swiglu", "relu2", "gate", "up"],
            both,
            bound,
        );
    }
}

/// The 16-bit floats that the device has, with the largest difference that their rounding makes here.
fn halves(gpu: &Gpu) -> Vec<(FloatDType, f32)> {
    let all = [(FloatDType::F16, 2e-3), (FloatDType::BF16, 1.5e-2)];
    let (found, lacks): (Vec<_>, Vec<_>) = all
        .into_iter()
        .partition(|(half, _)| gpu.device.supports_dtype(*half));
    for (half, _) in lacks {
        println!("{half:?}: not on this device, so not checked");
    }
    found
}

fn rounded<const D: usize>(gpu: &Gpu, x: &Tensor<D>, half: FloatDType) -> Tensor<D> {
    on(
        &on(x, &gpu.device).cast(half).cast(FloatDType::F32),
        &Device::flex(),
    )
}

/// Norms whose results alone are rounded, as in a model, and of rounded inputs.
#[test]
fn half_norms_are_near_the_reference() {
    let (gpu, mut random) = (Gpu::open(), Random::new());
    for (half, bound) in halves(&gpu) {
        for shape in [[1, 3, 7], [2, 35, 48], [1, 65, 300]] {
            let mut draw = || rounded(&gpu, &random.tensor(shape, 2.0), half);
            let [x, delta, weight, other] = [draw(), draw(), draw(), draw()];
            let gain = rounded(&gpu, &random.tensor([1, shape[2]], 2.0), half);
            for given in [None, Some(half)] {
                let run = |device: &Device| {
                    let own = is_own(device);
                    let given = given.filter(|_| own);
                    let leaves = [&x, &delta].map(|x| leaf(x, device, given));
                    let gain = leaf(&gain, device, given);
                    let result = own.then_some(half);
                    let weights = [&weight, &other].map(|x| leaf(x, device, result));
                    let ([x, delta], [weight, other]) = (leaves.clone(), weights);
                    let (normed, [sum, added]) = if own {
                        let normed = rms_norm(x.clone(), gain.clone(), 1e-6, result);
                        (normed, add_rms_norm(x, delta, gain.clone(), 1e-6, result))
                    } else {
                        let normed = rms_norm_plain(x.clone(), gain.clone(), 1e-6, None);
                        (normed, add_rms_norm_plain(x, delta, gain.clone(), 1e-6, None))
                    };
                    let loss = (normed.clone() * weight + added.clone() * other).cast(FloatDType::F32);
                    let tape = (loss + sum.clone().cast(FloatDType::F32)).sum().backward();
                    let mut all = [normed, sum, added].map(|out| values(out.inner())).to_vec();
                    all.extend(leaves.map(|leaf| gradient(&leaf, &tape)));
                    all.push(gradient(&gain, &tape));
                    all
                };
                let both = (run(&gpu.device), run(&Device::flex()));
                let what = format!("norms of {given:?} in {half:?}, {shape:?}");
                let names = ["rms_norm", "sum", "add_rms_norm", "x", "delta", "gain"];
                check(&what, &names, both, bound);
            }
        }
    }
}

#[test]
fn half_embeddings_are_near_the_reference() {
    let (gpu, mut random) = (Gpu::open(), Random::new());
    for (half, bound) in halves(&gpu) {
        for (tokens, vocab, n) in [(7, 257, 33), (127, 50, 48)] {
            let table = rounded(&gpu, &random.tensor([vocab, n], 1.0), half);
            let weight = rounded(&gpu, &random.tensor([tokens, n], 1.0), half);
            let ids = random.targets(tokens, vocab);
            let run = |device: &Device| {
                let own = is_own(device);
                let table = leaf(&table, device, own.then_some(half));
                let f = if own { embedding } else { embedding_plain };
                let rows = f(table.clone(), ids_on(&ids, device));
                let weight = leaf(&weight, device, own.then_some(half));
                let tape = (rows.clone() * weight).sum().backward();
                vec![values(rows.inner()), gradient(&table, &tape)]
            };
            let both = (run(&gpu.device), run(&Device::flex()));
            let what = format!("embedding in {half:?}, {tokens} of {vocab} x {n}");
            check(&what, &["values", "table"], both, bound);
        }
    }
}

/// Factors are rounded, and so is the gradient of the logits.
#[test]
fn half_losses_are_near_the_reference() {
    let (gpu, mut random) = (Gpu::open(), Random::new());
    for (half, bound) in halves(&gpu) {
        for (softcap, tied, tokens, vocab) in [
            (None, true, 64, 96),
            (Some(15.0), false, 64, 96),
            (None, true, 33, 257),
        ] {
            let d = 16;
            let x = rounded(&gpu, &random.tensor([tokens, d], 2.0), half);
            let shape = if tied { [vocab, d] } else { [d, vocab] };
            let head = rounded(&gpu, &random.tensor(shape, 1.0), half);
            let targets = random.targets(tokens, vocab);
            let run = |device: &Device| {
                let own = is_own(device);
                let (x, head) = (leaf(&x, device, None), leaf(&head, device, None));
                let terms = LossTerms {
                    softcap,
                    z_loss: 1e-3,
                    half: own.then_some(half),
                };
                let matrix = if tied {
                    Head::Tied(head.clone())
                } else {
                    Head::Own(head.clone())
                };
                let f = if own { head_loss } else { head_loss_plain };
                // A sum, so that gradients are not small beside what is counted as one.
                let loss = f(x.clone(), matrix, ids_on(&targets, device), terms) * tokens as f64;
                let tape = loss.backward();
                vec![values(loss.inner()), gradient(&x, &tape), gradient(&head, &tape)]
            };
            let both = (run(&gpu.device), run(&Device::flex()));
            check(
                &format!("head_loss in {half:?}, {softcap:?}, tied {tied}"),
                &["loss", "x", "head"],
                both,
                bound,
            );
        }
    }
}
