//! What the optimisers do.

use blueberry_kernels::{
    AdamwState, AdamwStep, AdamwUpdate, MuonIteration, MuonState, MuonStep, MuonUpdate, Orthogonalize, adamw,
    adamw_plain, may_round_products, muon, muon_plain, squared_norms, squared_norms_plain,
};
use burn::tensor::{FloatDType, Tensor};

use crate::common::{Random, values};
use crate::device::{Gpu, check, is_own, on};

const STEP: AdamwStep = AdamwStep {
    keep: 0.99,
    rate: 0.03,
    beta1: 0.8,
    beta2: 0.95,
    root_correction: 0.7,
    eps: 1e-8,
};

#[test]
fn adamw_is_its_reference() {
    let (gpu, mut random) = (Gpu::open(), Random::new());
    // More than two groups of small ones, of two kinds, and some that are left over; the last is too large for a group.
    let mut shapes = vec![
        [1, 1],
        [1, 5],
        [7, 20],
        [33, 47],
        [1, 255],
        [1, 256],
        [1, 257],
        [300, 129],
    ];
    shapes.extend((0..15).map(|i| [1, 64 + i]));
    shapes.push([257, 259]);
    let draw = |random: &mut Random| -> Vec<Tensor<2>> {
        shapes.iter().map(|&shape| random.tensor(shape, 1.0)).collect()
    };
    let (parameters, means, gradients) = (draw(&mut random), draw(&mut random), draw(&mut random));
    for clip in [None, Some(0.37f32)] {
        let both = gpu.run(|device, _| {
            let updates = (0..shapes.len()).map(|i| AdamwUpdate {
                step: if i % 4 == 1 {
                    AdamwStep { keep: 1.0, ..STEP }
                } else {
                    STEP
                },
                state: AdamwState {
                    parameter: on(&parameters[i], device),
                    mean: on(&means[i], device),
                    square: on(&means[i], device).abs(),
                },
                gradient: on(&gradients[i], device),
            });
            let clip = clip.map(|clip| Tensor::<1>::from_data([clip], device));
            let f = if is_own(device) { adamw } else { adamw_plain };
            let (first, held): (Vec<AdamwUpdate>, Vec<AdamwState>) =
                updates.map(|update| (update.clone(), update.state)).unzip();
            let mut all = Vec::new();
            for state in f(first, clip.as_ref()).into_iter().chain(held) {
                all.extend([state.parameter, state.mean, state.square].map(values));
            }
            all
        });
        let names = ["parameter", "mean", "square"].repeat(2 * shapes.len());
        // What was held is as it was.
        check(&format!("clip {clip:?}"), &names, both, 2e-6);
    }
}

/// Burn gives a tensor of one row the strides of a column, and then reads such a gradient wrongly.
#[test]
fn the_reference_of_adamw_reads_rows_that_were_columns() {
    let (gpu, mut random) = (Gpu::open(), Random::new());
    let columns: Vec<Tensor<2>> = (0..3).map(|_| random.tensor([48, 1], 1.0)).collect();
    let weights: Vec<Tensor<2>> = (0..3).map(|_| random.tensor([1, 48], 1.0)).collect();
    let both = gpu.run(|device, _| {
        let rows: Vec<Tensor<2>> = columns
            .iter()
            .map(|column| on(column, device).transpose())
            .collect();
        // They are there when the update is fused, as gradients are.
        device.sync().expect("computes");
        let update = |(weight, gradient): (&Tensor<2>, Tensor<2>)| AdamwUpdate {
            step: AdamwStep { eps: 1e-3, ..STEP },
            state: AdamwState {
                parameter: on(weight, device),
                mean: gradient.zeros_like(),
                square: gradient.zeros_like(),
            },
            gradient,
        };
        let updates = weights.iter().zip(rows).map(update).collect();
        let states = adamw_plain(updates, None).into_iter();
        states
            .flat_map(|state| [state.parameter, state.mean, state.square].map(values))
            .collect()
    });
    check(
        "of a column",
        &["parameter", "mean", "square"].repeat(3),
        both,
        2e-6,
    );
}

#[test]
fn squared_norms_are_their_reference() {
    let (gpu, mut random) = (Gpu::open(), Random::new());
    let shapes = [[1, 1], [1, 300], [33, 47], [1000, 70], [1, 4096], [257, 9001]];
    let gradients = shapes.map(|shape| random.tensor(shape, 0.1));
    let both = gpu.run(|device, _| {
        let gradients = gradients.each_ref().map(|gradient| on(gradient, device));
        // One of them as a view.
        let [first, rest @ ..] = gradients;
        let all: Vec<Tensor<2>> = [first].into_iter().chain(rest.map(Tensor::transpose)).collect();
        let f = if is_own(device) {
            squared_norms
        } else {
            squared_norms_plain
        };
        values(f(&all)).into_iter().map(|norm| vec![norm]).collect()
    });
    check("squares", &["norm"; 6], both, 1e-5);
}

#[test]
fn muon_is_its_reference() {
    let (gpu, mut random) = (Gpu::open(), Random::new());
    // Products of f32 are rounded on some devices, five times one after the other.
    let bound = if may_round_products(&gpu.device) {
        5e-2
    } else {
        1e-4
    };
    for method in [Orthogonalize::NewtonSchulz, Orthogonalize::PolarExpress] {
        for clip in [None, Some(0.37)] {
            check_muon(&gpu, &mut random, method, clip, None, bound);
        }
        // What the iteration multiplies is what a half type rounds: 6 % in bf16 on an H200.
        for half in [FloatDType::F16, FloatDType::BF16] {
            if gpu.device.supports_dtype(half) {
                check_muon(&gpu, &mut random, method, Some(0.37), Some(half), 0.15);
            } else {
                println!("{half:?}: not on this device, so not checked");
            }
        }
    }
}

fn check_muon(
    gpu: &Gpu,
    random: &mut Random,
    method: Orthogonalize,
    clip: Option<f32>,
    half: Option<FloatDType>,
    bound: f32,
) {
    // Three of one shape, so a batch; wide, tall and square ones.
    let shapes = [[5, 20], [48, 33], [5, 20], [16, 16], [5, 20], [33, 70]];
    let mut draw = || shapes.map(|shape| random.tensor(shape, 1.0));
    let (parameters, momenta, gradients) = (draw(), draw(), draw());
    let both = gpu.run(|device, _| {
        let own = is_own(device);
        let updates = (0..shapes.len()).map(|i| MuonUpdate {
            step: MuonStep {
                momentum: 0.9,
                keep: 0.99,
                // So large that an error in a direction is one in the parameter.
                rate: 3.0 + i as f64 * 0.3,
            },
            state: MuonState {
                parameter: on(&parameters[i], device),
                momentum: on(&momenta[i], device),
            },
            gradient: on(&gradients[i], device),
        });
        let clip = clip.map(|clip| Tensor::<1>::from_data([clip], device));
        let iteration = MuonIteration {
            method,
            half: half.filter(|_| own),
        };
        let f = if own { muon } else { muon_plain };
        let (updates, held): (Vec<MuonUpdate>, Vec<MuonState>) =
            updates.map(|update| (update.clone(), update.state)).unzip();
        let mut all = Vec::new();
        for state in f(updates, clip.as_ref(), iteration).into_iter().chain(held) {
            all.extend([state.parameter, state.momentum].map(values));
        }
        all
    });
    let names = ["parameter", "momentum"].repeat(2 * shapes.len());
    // What was held is as it was.
    check(
        &format!("{method:?}, clip {clip:?}, half {half:?}"),
        &names,
        both,
        bound,
    );
}
