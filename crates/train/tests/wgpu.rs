//! WGPU against the CPU: every gradient, and fifty steps. Runs on whatever adapter `wgpu` finds, a software one
//! (llvmpipe) included.
//!
//! A driver can hang for good (seen on llvmpipe), so everything here runs under one watchdog that ends the process
//! with the cause.
#![cfg(feature = "native")]

mod common;

use std::process::exit;
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::time::Duration;

use blueberry_kernels::{AttentionMask, Kernels, Operations, attention};
use blueberry_train::native::{OpenDevice, open};
use blueberry_train::{TOLERANCE, check_device, check_operations};
use burn::tensor::{Device, FloatDType, Tensor};
use common::{Fixture, largest_error, values};

/// The whole file takes about two minutes with nothing tuned yet.
const PATIENCE: Duration = Duration::from_secs(900);

/// Ends the process unless it is dropped in time.
struct Watchdog(#[allow(dead_code)] Sender<()>);

fn watch(what: &'static str) -> Watchdog {
    let (sender, receiver) = channel();
    std::thread::spawn(move || {
        if receiver.recv_timeout(PATIENCE) == Err(RecvTimeoutError::Timeout) {
            eprintln!("{what}: the device did not answer for {PATIENCE:?}; its driver hangs");
            exit(101);
        }
    });
    Watchdog(sender)
}

fn wgpu() -> OpenDevice {
    match open("wgpu") {
        Ok(device) => {
            println!(
                "on {} ({}, {})",
                device.info.name, device.info.api, device.info.driver
            );
            device
        }
        // `cargo xtask ci` installs a software driver where there is none; without one this cannot be shown.
        Err(error) => panic!("{error}"),
    }
}

/// One test, since one process must not tune a device from several threads at once.
#[test]
fn wgpu_computes_what_the_cpu_computes() {
    let _watchdog = watch("wgpu against the CPU");
    let device = wgpu().device;
    let cpu = Device::flex();

    // Shaders have no bf16.
    let half = Some(FloatDType::F16).filter(|&half| device.supports_dtype(half));
    for half in [None].into_iter().chain(half.map(Some)) {
        let report = pollster::block_on(check_device(&device, &cpu, Kernels::Fused, half)).expect("computes");
        println!("device check, half {half:?}: {report:?}");
        assert!(report.passed(), "{report:?}");
    }

    let report = pollster::block_on(check_device(&device, &cpu, Kernels::Plain, None)).expect("computes");
    println!("device check of plain operations: {report:?}");
    assert!(report.passed(), "{report:?}");
    broken_operations(&device, &cpu);

    for name in ["swiglu", "relu2"] {
        every_gradient(name, &device, &cpu);
        fifty_steps(name, &device, &cpu, None, 1e-3);
    }
    if let Some(half) = half {
        // As far as products of bf16 may be.
        fifty_steps("swiglu", &device, &cpu, Some(half), 0.02);
    }
    replayed_steps(&device);
}

/// The right values, and for the keys a gradient that is 1 % too large: the fault that a loss does not show.
fn wrong_key_gradient(q: Tensor<4>, k: Tensor<4>, v: Tensor<4>, mask: &AttentionMask) -> Tensor<4> {
    let extra = (k.clone() - k.clone().detach()) * 0.01;
    attention(q, k + extra, v, mask)
}

fn broken_operations(device: &Device, cpu: &Device) {
    let broken = Operations {
        attention: wrong_key_gradient,
        ..Operations::default()
    };
    let report = pollster::block_on(check_operations(device, cpu, Kernels::Fused, broken)).expect("computes");
    println!("device check of a wrong gradient: {report:?}");
    assert!(!report.passed() && report.worst.what.contains(".k"), "{report:?}");
}

/// Steps that are replayed are those that are launched, to the last bit, evaluations and another shape between them.
fn replayed_steps(device: &Device) {
    let fixture = Fixture::open("swiglu");
    let steps = |records: bool| -> Vec<(u64, u64)> {
        let mut trainer = fixture.trainer(device);
        let micro_batches = |step: usize| [fixture.batch(step % 10), fixture.batch((step + 3) % 10)];
        if records {
            trainer.record(&micro_batches(0), None).expect("records");
            assert!(trainer.is_recorded(&micro_batches(5), None));
        }
        let mut measured = Vec::new();
        for step in 0..8 {
            if step == 3 {
                let loss = pollster::block_on(trainer.loss(&fixture.batch(9))).expect("evaluates");
                measured.push((loss.to_bits(), 0));
            }
            let both = micro_batches(step);
            // The fifth is of a shape that nobody recorded.
            let batches = if step == 5 { &both[..1] } else { &both[..] };
            let report = pollster::block_on(trainer.step(batches, None, 1.0)).expect("steps");
            measured.push((report.loss.to_bits(), report.grad_norm.to_bits()));
        }
        if records {
            pollster::block_on(trainer.check_recording(&micro_batches(1), &micro_batches(2), None))
                .expect("a good recording passes its check");
            assert!(!trainer.has_recording(), "what was checked is given up");
            trainer.record(&micro_batches(0), None).expect("records again");
            // A parameter that somebody holds is updated elsewhere.
            let held = trainer.parameters().next().map(|(_, tensor)| tensor.clone());
            pollster::block_on(trainer.step(&micro_batches(3), None, 1.0)).expect("steps");
            assert!(!trainer.has_recording());
            drop(held);
            trainer
                .record(&micro_batches(0), None)
                .expect("records once more");
            // What was put in from outside is read, too.
            let parameters = trainer.parameters().map(|(_, tensor)| tensor.clone()).collect();
            trainer.set_parameters(parameters);
            assert!(!trainer.is_recorded(&micro_batches(5), None));
        }
        measured
    };
    assert_eq!(steps(true), steps(false));
}

fn every_gradient(name: &str, device: &Device, cpu: &Device) {
    let fixture = Fixture::open(name);
    let gradients = |device: &Device| {
        let mut trainer = fixture.trainer(device);
        trainer
            .loss_and_gradients(&[fixture.batch(0)], None)
            .expect("computes")
            .1
    };
    let (expected, found) = (gradients(cpu), gradients(device));
    let mut worst = 0.0f32;
    for ((parameter, expected), found) in fixture.names().iter().zip(expected).zip(found) {
        let error = largest_error(&values(found), &values(expected));
        worst = worst.max(error);
        assert!(
            f64::from(error) < TOLERANCE,
            "{name}: gradient of {parameter} is off by {error:e}"
        );
    }
    println!("{name}: largest error of a gradient {worst:e}");
}

/// The losses of fifty steps, on the device with products in `half`, on the CPU in f32.
fn fifty_steps(name: &str, device: &Device, cpu: &Device, half: Option<FloatDType>, bound: f64) {
    let fixture = Fixture::open(name);
    let losses = |device: &Device, half| -> Vec<f64> {
        let mut trainer = fixture.trainer(device).with_half(half);
        let step = |step: usize| {
            pollster::block_on(trainer.step(&[fixture.batch(step % 10)], None, 1.0))
                .expect("steps")
                .loss
        };
        (0..50).map(step).collect()
    };
    let (expected, found) = (losses(cpu, None), losses(device, half));
    let worst = expected
        .iter()
        .zip(&found)
        .map(|(e, f)| (e - f).abs())
        .fold(0.0, f64::max);
    println!(
        "{name}, half {half:?}: largest difference of 50 losses {worst:e}, from {:.4} to {:.4}",
        expected[0], expected[49]
    );
    assert!(worst < bound, "{expected:?}\n{found:?}");
    assert!(
        expected[49] < expected[0],
        "fifty steps on ten batches learn something"
    );
}
