//! The optimiser's operations on the CPU against their references, at shapes that fill no vector and no tile, on inputs
//! that are drawn anew in every run (the seed is printed, and `BLUEBERRY_SEED` repeats it).
#![cfg(feature = "native")]

#[allow(dead_code)] // This file needs only some of it.
mod common;
#[path = "common/poison.rs"]
mod poison;

use blueberry_kernels::{
    AdamwState, AdamwStep, AdamwUpdate, MuonIteration, MuonState, MuonStep, MuonUpdate, Orthogonalize, adamw,
    adamw_plain, muon, muon_plain, orthogonalize, orthogonalize_plain, squared_norms, squared_norms_plain,
};
use burn::backend::Flex;
use burn::tensor::{Device, Tensor};
use common::{Random, assert_close, values};

/// One row, one column, one value, wide, tall, nearly square, and more than one chunk of a pass.
const SHAPES: [[usize; 2]; 11] = [
    [1, 1],
    [1, 5],
    [5, 1],
    [7, 20],
    [20, 7],
    [16, 16],
    [33, 47],
    [47, 33],
    [130, 131],
    [129, 300],
    [300, 129],
];

const METHODS: [Orthogonalize; 2] = [Orthogonalize::NewtonSchulz, Orthogonalize::PolarExpress];

fn on_threads<T: Send>(threads: usize, run: impl FnOnce() -> T + Send) -> T {
    let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build();
    pool.expect("a pool").install(run)
}

/// Where the values of a tensor lie.
fn address(tensor: &Tensor<2>) -> usize {
    let primitive = tensor.clone().try_into_primitive::<Flex>().expect("on the CPU");
    primitive.bytes().as_ptr() as usize
}

fn factor() -> Tensor<1> {
    Tensor::from_data([0.37f32], &Device::flex())
}

fn gradients(random: &mut Random) -> Vec<Tensor<2>> {
    SHAPES.iter().map(|&shape| random.tensor(shape, 2.0)).collect()
}

#[test]
fn squared_norms_are_those_of_the_reference() {
    let mut random = Random::new();
    let mut gradients = gradients(&mut random);
    gradients.push(random.tensor([19, 5], 1.0).swap_dims(0, 1));
    gradients.push(random.tensor([9, 5], 1.0).narrow(0, 3, 4));
    let found = values(squared_norms(&gradients));
    for (index, gradient) in gradients.iter().enumerate() {
        let expected = values(squared_norms_plain(std::slice::from_ref(gradient)))[0];
        assert!(
            (found[index] - expected).abs() <= 1e-5 * expected,
            "gradient {index}: {} for {expected}",
            found[index]
        );
    }
}

#[test]
fn squared_norms_do_not_depend_on_the_number_of_threads() {
    let gradients = gradients(&mut Random::new());
    let on = |threads| on_threads(threads, || values(squared_norms(&gradients)));
    assert_eq!(on(1), on(2));
    assert_eq!(on(1), on(7));
}

#[test]
fn a_gradient_that_is_not_finite_has_no_finite_norm() {
    let gradients = [f32::NAN, f32::INFINITY, 1e30].map(|x| {
        let zeros = Tensor::<2>::zeros([3, 9], &Device::flex());
        zeros.slice_assign([2..3, 8..9], Tensor::from_data([[x]], &Device::flex()))
    });
    let found = values(squared_norms(&gradients));
    assert!(found.iter().all(|norm| !norm.is_finite()), "{found:?}");
}

const ADAMW: AdamwStep = AdamwStep {
    keep: 0.99,
    rate: 0.02,
    beta1: 0.9,
    beta2: 0.95,
    root_correction: 0.7,
    eps: 1e-6,
};

fn adamw_updates(random: &mut Random) -> Vec<AdamwUpdate> {
    let update = |(index, &shape): (usize, &[usize; 2])| AdamwUpdate {
        // Not the same decay for all, as gains have none.
        step: AdamwStep {
            keep: if index % 2 == 0 { 1.0 } else { ADAMW.keep },
            ..ADAMW
        },
        state: AdamwState {
            parameter: random.tensor(shape, 1.0),
            mean: random.tensor(shape, 0.1),
            square: random.tensor(shape, 0.1).abs(),
        },
        gradient: random.tensor(shape, 1.0),
    };
    SHAPES.iter().enumerate().map(update).collect()
}

#[test]
fn adamw_has_the_values_of_its_reference_and_spares_what_others_hold() {
    let updates = adamw_updates(&mut Random::new());
    let before: Vec<Vec<f32>> = updates.iter().map(|u| values(u.state.mean.clone())).collect();
    for clip in [None, Some(factor())] {
        let expected = adamw_plain(updates.clone(), clip.as_ref());
        let found = adamw(updates.clone(), clip.as_ref());
        for ((found, expected), shape) in found.into_iter().zip(expected).zip(SHAPES) {
            for (what, found, expected) in [
                ("parameter", found.parameter, expected.parameter),
                ("mean", found.mean, expected.mean),
                ("square", found.square, expected.square),
            ] {
                let what = format!("{what}, {shape:?}, clip {}", clip.is_some());
                assert_close(&what, &values(found), &values(expected), 1e-6);
            }
        }
    }
    for (update, before) in updates.into_iter().zip(before) {
        assert_eq!(
            values(update.state.mean),
            before,
            "a mean that is held elsewhere was changed"
        );
    }
}

#[test]
fn adamw_updates_in_place_what_nobody_else_holds() {
    let updates = adamw_updates(&mut Random::new());
    let addresses = |state: &AdamwState| [&state.parameter, &state.mean, &state.square].map(address);
    let before: Vec<[usize; 3]> = updates.iter().map(|update| addresses(&update.state)).collect();
    let after: Vec<[usize; 3]> = adamw(updates, None).iter().map(addresses).collect();
    assert_eq!(before, after);
}

#[test]
fn orthogonalize_has_the_values_of_its_reference() {
    let mut random = Random::new();
    for [rows, cols] in SHAPES {
        for matrices in [1, 3] {
            let x = random.tensor([matrices, rows, cols], 1.0);
            for method in METHODS {
                let what = format!("{matrices} x {rows} x {cols}, {method:?}");
                let found = values(orthogonalize(x.clone(), method));
                let expected = values(orthogonalize_plain(x.clone(), method));
                assert_close(&what, &found, &expected, 1e-4);
            }
        }
    }
}

#[test]
fn orthogonalize_reads_views_as_they_are_seen() {
    let x = Random::new().tensor([2, 9, 30], 1.0);
    let view = || x.clone().swap_dims(1, 2);
    let found = values(orthogonalize(view(), Orthogonalize::NewtonSchulz));
    let expected = values(orthogonalize_plain(view(), Orthogonalize::NewtonSchulz));
    assert_close("a view", &found, &expected, 1e-4);
}

#[test]
fn a_matrix_of_zeros_stays_one() {
    for shape in [[2, 4, 4], [2, 3, 40]] {
        let zeros = Tensor::<3>::zeros(shape, &Device::flex());
        for method in METHODS {
            let found = values(orthogonalize(zeros.clone(), method));
            assert!(found.iter().all(|&x| x == 0.0), "{shape:?}, {method:?}");
        }
    }
}

fn muon_updates(random: &mut Random) -> Vec<MuonUpdate> {
    let update = |(index, &shape): (usize, &[usize; 2])| MuonUpdate {
        step: MuonStep {
            momentum: 0.95,
            keep: 0.99,
            rate: 0.02 * (index + 1) as f64,
        },
        state: MuonState {
            parameter: random.tensor(shape, 1.0),
            momentum: random.tensor(shape, 0.3),
        },
        gradient: random.tensor(shape, 1.0),
    };
    SHAPES.iter().enumerate().map(update).collect()
}

fn iteration(method: Orthogonalize) -> MuonIteration {
    MuonIteration { method, half: None }
}

#[test]
fn muon_has_the_values_of_its_reference_and_spares_what_others_hold() {
    let updates = muon_updates(&mut Random::new());
    let before: Vec<Vec<f32>> = updates.iter().map(|u| values(u.state.momentum.clone())).collect();
    for (clip, method) in [None, Some(factor())].into_iter().zip(METHODS) {
        let expected = muon_plain(updates.clone(), clip.as_ref(), iteration(method));
        let found = muon(updates.clone(), clip.as_ref(), iteration(method));
        for ((found, expected), shape) in found.into_iter().zip(expected).zip(SHAPES) {
            let what = format!("{shape:?}, {method:?}, clip {}", clip.is_some());
            let [found, expected] = [found, expected].map(|s| (values(s.parameter), values(s.momentum)));
            assert_close(&format!("parameter, {what}"), &found.0, &expected.0, 2e-5);
            assert_close(&format!("momentum, {what}"), &found.1, &expected.1, 1e-6);
        }
    }
    for (update, before) in updates.into_iter().zip(before) {
        assert_eq!(
            values(update.state.momentum),
            before,
            "a momentum that is held elsewhere was changed"
        );
    }
}

#[test]
fn muon_updates_in_place_what_nobody_else_holds() {
    let updates = muon_updates(&mut Random::new());
    let addresses = |state: &MuonState| [&state.parameter, &state.momentum].map(address);
    let before: Vec<[usize; 2]> = updates.iter().map(|update| addresses(&update.state)).collect();
    let after = muon(updates, None, iteration(Orthogonalize::NewtonSchulz));
    assert_eq!(before, after.iter().map(addresses).collect::<Vec<_>>());
}

/// One thread a matrix, or all threads on one matrix after the other: with 32 threads there are fewer matrices.
#[test]
fn muon_does_not_depend_on_the_number_of_threads() {
    let updates = muon_updates(&mut Random::new());
    let on = |threads| {
        let run = || {
            muon(
                updates.clone(),
                Some(&factor()),
                iteration(Orthogonalize::NewtonSchulz),
            )
        };
        let states = on_threads(threads, run);
        states
            .into_iter()
            .map(|state| values(state.parameter))
            .collect::<Vec<_>>()
    };
    let one = on(1);
    assert!(one == on(3), "one thread and three differ");
    assert!(one == on(32), "one thread and thirty-two differ");
}
