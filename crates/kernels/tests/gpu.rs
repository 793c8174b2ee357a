//! The kernels of GPUs against the references on the CPU: values and gradients, at shapes that fill no tile, on inputs
//! that are drawn anew in every run (the seed is printed, and `BLUEBERRY_SEED` repeats it). They run on the software
//! driver, so that every machine with Vulkan can; `BLUEBERRY_TEST_GPU=1` takes the default device instead.
//!
//! A driver can hang for good (seen on llvmpipe), so a watchdog ends the process with the cause.
#![cfg(feature = "gpu")]

#[allow(dead_code)] // This file needs only some of it.
mod common;

use std::process::exit;
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use blueberry_kernels::{
    AdamwState, AdamwStep, AdamwUpdate, AttentionMask, Head, Kernels, LossTerms, MuonIteration, MuonState,
    MuonStep, MuonUpdate, Orthogonalize, Recording, RopeTable, adamw, adamw_plain, add_rms_norm,
    add_rms_norm_plain, attention, attention_plain, can_record, embedding, embedding_plain, head_loss,
    head_loss_plain, may_round_products, muon, muon_plain, orthogonalize, product, qk_norm_rope,
    qk_norm_rope_plain, refill, relu_squared, relu_squared_plain, rms_norm, rms_norm_plain, squared_norms,
    squared_norms_plain, swiglu, swiglu_plain, versions,
};
use burn::tensor::{Device, DeviceKind, FloatDType, Int, Tensor};
use common::{Random, assert_close, values};
use cubecl::config::autotune::AutotuneLevel;
use cubecl::config::cache::CacheConfig;
use cubecl::config::{CubeClRuntimeConfig, RuntimeConfig};

/// The longest of these takes a minute or two with nothing tuned yet.
const PATIENCE: Duration = Duration::from_secs(600);

/// One process must not tune a device from several threads at once.
static ALONE: Mutex<()> = Mutex::new(());

/// The device, alone on it, under a watchdog.
struct Gpu {
    device: Device,
    _alone: MutexGuard<'static, ()>,
    _watchdog: Sender<()>,
}

impl Gpu {
    fn open() -> Self {
        let alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
        let (sender, receiver) = channel();
        std::thread::spawn(move || {
            if receiver.recv_timeout(PATIENCE) == Err(RecvTimeoutError::Timeout) {
                eprintln!("the device did not answer for {PATIENCE:?}; its driver hangs");
                exit(101);
            }
        });
        tune_little();
        let device = if std::env::var_os("BLUEBERRY_TEST_GPU").is_some() {
            Device::default()
        } else {
            Device::wgpu(DeviceKind::Cpu)
        };
        Self {
            device,
            _alone: alone,
            _watchdog: sender,
        }
    }

    /// Leaves NaN in the memory that the next results are written to.
    fn poison(&self) {
        for len in [1 << 8, 1 << 12, 1 << 16, 1 << 19] {
            let poison = Tensor::<1>::full([len], f32::NAN, &self.device);
            assert!(values(poison)[len - 1].is_nan());
        }
    }

    fn run<R>(&self, run: impl Fn(&Device, Option<FloatDType>) -> R) -> (R, R) {
        self.poison();
        (run(&self.device, None), run(&Device::flex(), None))
    }
}

/// Burn times its products' candidates before it takes one, which a software driver is slow at. What was found is kept
/// beside what was built.
fn tune_little() {
    let mut config = CubeClRuntimeConfig::default().override_from_env();
    config.autotune.level = AutotuneLevel::Minimal;
    config.environment.path = CacheConfig::Directory(env!("CARGO_TARGET_TMPDIR").into());
    // Refused where a device was opened before, which has set it already.
    CubeClRuntimeConfig::try_set(config);
}

fn on<const D: usize>(tensor: &Tensor<D>, device: &Device) -> Tensor<D> {
    Tensor::from_data(tensor.to_data(), device)
}

fn ids_on(tensor: &Tensor<1, Int>, device: &Device) -> Tensor<1, Int> {
    Tensor::from_data(tensor.to_data(), device)
}

fn leaf<const D: usize>(tensor: &Tensor<D>, device: &Device, half: Option<FloatDType>) -> Tensor<D> {
    let tensor = on(tensor, device);
    let tensor = half.map_or(tensor.clone(), |half| tensor.cast(half));
    tensor.autodiff().require_grad()
}

fn gradient<const D: usize>(leaf: &Tensor<D>, tape: &burn::tensor::Gradients) -> Vec<f32> {
    values(leaf.grad(tape).expect("a gradient"))
}

fn check(what: &str, names: &[&str], (found, expected): (Vec<Vec<f32>>, Vec<Vec<f32>>), bound: f32) {
    assert_eq!(found.len(), expected.len());
    for ((name, found), expected) in names.iter().zip(found).zip(expected) {
        assert_close(&format!("{name}, {what}"), &found, &expected, bound);
    }
}

/// Whether this is the GPU's side of a comparison.
fn is_own(device: &Device) -> bool {
    *device != Device::flex()
}

#[test]
fn every_operation_says_which_version_it_uses() {
    let gpu = Gpu::open();
    let versions = |kernels| versions(&gpu.device, kernels, None);
    let own = versions(Kernels::Fused);
    for name in [
        "attention",
        "adamw",
        "head_loss",
        "embedding",
        "rms_norm",
        "swiglu",
        "qk_norm_rope",
        "global_norm",
        "muon_momentum",
    ] {
        assert_eq!(own[name], "gpu", "{name}");
    }
    // What has tensor cores has products of its own.
    let product = if may_round_products(&gpu.device) {
        "gpu"
    } else {
        "plain"
    };
    for name in ["orthogonalize", "product"] {
        assert_eq!(own[name], product, "{name}");
    }
    assert!(
        versions(Kernels::Plain)
            .values()
            .all(|version| version == "plain")
    );
}

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
            let out = f(x.clone(), gain.clone(), 1e-6);
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
            let [sum, normed] = f(x.clone(), delta.clone(), gain.clone(), 1e-6);
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
        vec![values(f(on(&x, device).swap_dims(0, 2), on(&gain, device), 1e-6))]
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
        let both = gpu.run(|device, half| {
            let x = leaf(&gate, device, half);
            let f = if is_own(device) {
                relu_squared::<2>
            } else {
                relu_squared_plain::<2>
            };
            let out = f(x.clone());
            let tape = (out.clone() * on(&weight, device)).sum().backward();
            vec![values(out.inner()), gradient(&x, &tape)]
        });
        check(&format!("{shape:?}"), &["values", "x"], both, 1e-6);
    }
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

#[test]
fn attention_is_its_reference() {
    let (gpu, mut random) = (Gpu::open(), Random::new());
    // batch, kv_heads, group, seq, head_dim, window, soft-cap
    for (batch, kv_heads, group, seq, d, window, softcap) in [
        (1, 1, 1, 1, 32, None, None),
        (2, 3, 1, 7, 48, None, Some(2.0)),
        (1, 2, 2, 63, 64, Some(5), None),
        (1, 1, 4, 64, 32, Some(64), Some(30.0)),
        (2, 1, 3, 65, 12, Some(1), None),
        (1, 3, 2, 127, 48, Some(100), Some(5.0)),
        (1, 1, 4, 130, 128, None, None),
        (1, 3, 1, 33, 128, Some(7), Some(0.5)),
        (2, 1, 1, 300, 32, Some(257), None),
        (1, 1, 2, 1000, 32, Some(130), Some(10.0)),
        (1, 1, 1, 1000, 64, None, None),
    ] {
        let what = format!("{batch} x {kv_heads} x {group}, {seq} x {d}, window {window:?}, cap {softcap:?}");
        let q = random.tensor([batch, seq, kv_heads * group, d], 3.0);
        let k = random.tensor([batch, seq, kv_heads, d], 3.0);
        let v = random.tensor([batch, seq, kv_heads, d], 1.0);
        let weight = random.tensor([batch, seq, kv_heads * group, d], 1.0);
        let both = gpu.run(|device, half| {
            let mask = AttentionMask::new(seq, window, device).with_softcap(softcap);
            let leaves = [
                leaf(&q, device, half),
                leaf(&k, device, half),
                leaf(&v, device, half),
            ];
            let [q, k, v] = leaves.clone();
            let f = if is_own(device) {
                attention
            } else {
                attention_plain
            };
            let out = f(q, k, v, &mask);
            let tape = (out.clone() * on(&weight, device)).sum().backward();
            let gradients = leaves.map(|leaf| gradient(&leaf, &tape));
            [values(out.inner())].into_iter().chain(gradients).collect()
        });
        check(&what, &["values", "q", "k", "v"], both, 2e-5);
    }
}

/// Tokens, `d_model`, vocabulary.
type LossSizes = (usize, usize, usize);

fn check_head_loss(gpu: &Gpu, (tokens, d, vocab): LossSizes, scale: f32, terms: LossTerms, tied: bool) {
    let mut random = Random::new();
    let what = format!("{tokens} x {d} x {vocab}, tied {tied}, {terms:?}");
    let x = random.tensor([tokens, d], scale);
    let head = random.tensor(if tied { [vocab, d] } else { [d, vocab] }, 1.0);
    let targets = random.targets(tokens, vocab);
    let matrix = |head| if tied { Head::Tied(head) } else { Head::Own(head) };
    let both = gpu.run(|device, half| {
        let (x, head) = (leaf(&x, device, half), leaf(&head, device, half));
        let f = if is_own(device) {
            head_loss
        } else {
            head_loss_plain
        };
        let loss = f(x.clone(), matrix(head.clone()), ids_on(&targets, device), terms) * 3.0;
        let tape = loss.backward();
        vec![values(loss.inner()), gradient(&x, &tape), gradient(&head, &tape)]
    });
    // The products may be those of TF32.
    let bound = if may_round_products(&gpu.device) {
        5e-3
    } else {
        2e-5
    };
    check(&what, &["loss", "x", "head"], both, bound);
    let both = gpu.run(|device, _| {
        let f = if is_own(device) {
            head_loss
        } else {
            head_loss_plain
        };
        let loss = f(
            on(&x, device),
            matrix(on(&head, device)),
            ids_on(&targets, device),
            terms,
        );
        vec![values(loss)]
    });
    check(&what, &["loss without autodiff"], both, bound);
}

fn terms(softcap: Option<f64>, z_loss: f64) -> LossTerms {
    LossTerms {
        softcap,
        z_loss,
        half: None,
    }
}

#[test]
fn head_loss_is_its_reference() {
    let gpu = Gpu::open();
    // Burn makes the products, and a software driver compiles its kernels for matrices of odd sizes for minutes: with
    // one hidden value they are of vectors. Real ones are in the device check of a whole model.
    check_head_loss(&gpu, (1, 7, 257), 3.0, terms(None, 0.0), true);
    check_head_loss(&gpu, (7, 1, 15), 3.0, terms(Some(4.0), 0.0), false);
    check_head_loss(&gpu, (127, 1, 257), 30.0, terms(Some(15.0), 0.1), true);
    check_head_loss(&gpu, (33, 1, 1000), 30.0, terms(None, 0.01), false);
}

#[test]
fn head_loss_of_more_than_one_chunk_is_its_reference() {
    // A chunk of this vocabulary is 640 tokens.
    check_head_loss(
        &Gpu::open(),
        (650, 1, 49_152),
        20.0,
        terms(Some(15.0), 1e-4),
        true,
    );
}

#[test]
fn adamw_is_its_reference() {
    let (gpu, mut random) = (Gpu::open(), Random::new());
    let step = AdamwStep {
        keep: 0.99,
        rate: 0.03,
        beta1: 0.8,
        beta2: 0.95,
        root_correction: 0.7,
        eps: 1e-8,
    };
    let shapes = [[1, 1], [1, 5], [7, 20], [33, 47], [300, 129]];
    let draw = |random: &mut Random| shapes.map(|shape| random.tensor(shape, 1.0));
    let (parameters, means, gradients) = (draw(&mut random), draw(&mut random), draw(&mut random));
    for clip in [None, Some(0.37f32)] {
        let both = gpu.run(|device, _| {
            let updates = (0..shapes.len()).map(|i| AdamwUpdate {
                step,
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
    // Three of one shape, so a batch; wide, tall and square ones.
    let shapes = [[5, 20], [48, 33], [5, 20], [16, 16], [5, 20], [33, 70]];
    let draw = |random: &mut Random| shapes.map(|shape| random.tensor(shape, 1.0));
    let (parameters, momenta, gradients) = (draw(&mut random), draw(&mut random), draw(&mut random));
    let iteration = MuonIteration {
        method: Orthogonalize::NewtonSchulz,
        half: None,
    };
    // Products of f32 are rounded on some devices, five times one after the other.
    let bound = if may_round_products(&gpu.device) {
        5e-2
    } else {
        1e-4
    };
    for clip in [None, Some(0.37f32)] {
        let both = gpu.run(|device, _| {
            let updates = (0..shapes.len()).map(|i| MuonUpdate {
                step: MuonStep {
                    momentum: 0.9,
                    keep: 0.99,
                    rate: 0.1 + i as f64 * 0.01,
                },
                state: MuonState {
                    parameter: on(&parameters[i], device),
                    momentum: on(&momenta[i], device),
                },
                gradient: on(&gradients[i], device),
            });
            let clip = clip.map(|clip| Tensor::<1>::from_data([clip], device));
            let f = if is_own(device) { muon } else { muon_plain };
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
        check(&format!("clip {clip:?}"), &names, both, bound);
    }
}

/// A recording reads what its inputs hold when it is replayed, and its results stay where they are.
#[test]
fn a_recording_is_replayed_on_new_inputs() {
    let (gpu, mut random) = (Gpu::open(), Random::new());
    let device = &gpu.device;
    assert!(can_record(device));
    let table = on(&random.tensor([90, 40], 1.0), device);
    let gain = on(&random.tensor([1, 40], 1.0), device);
    let ids = |shift: i32| {
        let ids: Vec<i32> = (0..70).map(|id| (id * 7 + shift) % 90).collect();
        Tensor::<1, Int>::from_data(ids.as_slice(), device).reshape([2, 35])
    };
    let compute = |tokens: Tensor<2, Int>| {
        let rows = embedding(table.clone(), tokens.flatten(0, 1));
        let x = rms_norm(rows, gain.clone(), 1e-6);
        x.clone().matmul(x.transpose()) + 1.0
    };
    let mut input = ids(0);
    let recording = Recording::new(device, || compute(input.clone())).expect("records");
    // Memory that is handed out now must not be the recording's.
    let others: Vec<Tensor<2>> = (0..8).map(|i| Tensor::full([70, 70], i as f32, device)).collect();
    for shift in [3, 11, 3] {
        input = refill(input, ids(shift));
        // SAFETY: the input is refilled where it lies; table and gain are held.
        unsafe { recording.replay() }.expect("replays");
        let found = values(recording.output().clone());
        let expected = values(compute(ids(shift)));
        assert_close(&format!("shift {shift}"), &found, &expected, 1e-5);
    }
    for (i, other) in others.into_iter().enumerate() {
        assert!(
            values(other).iter().all(|&x| x == i as f32),
            "a replay wrote elsewhere"
        );
    }
}

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
    let rounded = |x: Tensor<2>| {
        on(
            &on(&x, &gpu.device).cast(half).cast(FloatDType::F32),
            &Device::flex(),
        )
    };
    for [rows, width, columns] in [
        [128, 64, 192],
        [256, 512, 512],
        [33, 16, 24],
        [7, 5, 3],
        [130, 72, 48],
    ] {
        let [x, w, weight] = [[rows, width], [width, columns], [rows, columns]]
            .map(|shape| rounded(random.tensor(shape, 1.0)));
        let run = |device: &Device| {
            let leaves = [leaf(&x, device, None), leaf(&w, device, None)];
            let [x, w] = leaves.clone();
            let out = product(x, w, is_own(device).then_some(half), true);
            let tape = (out.clone() * leaf(&weight, device, None)).sum().backward();
            let gradients = leaves.map(|leaf| gradient(&leaf, &tape));
            [values(out.inner())].into_iter().chain(gradients).collect()
        };
        let both = (run(&gpu.device), run(&Device::flex()));
        check(
            &format!("{rows} x {width} x {columns}"),
            &["product", "x", "w"],
            both,
            1e-2,
        );
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
