//! The whole model and both optimisers against PyTorch, from `tests/reference/*.safetensors`, whose values
//! were computed in f64. Bounds are for f32; see `tests/reference/README.md` for the measured round-off.
#![cfg(feature = "native")]

mod common;

use burn::tensor::Device;
use common::{Fixture, largest_error};

/// Largest difference over the largest value of a tensor. PyTorch's own f32 run of these cases is off by up
/// to 1.8e-6 (README of the fixtures).
const BOUND: f32 = 2e-5;

fn check(name: &str) {
    let fixture = Fixture::open(name);
    let device = Device::flex();

    let mut trainer = fixture.trainer(&device);
    let logits: Vec<f32> = trainer.logits_of(&fixture, 0);
    fixture.assert_close("logits", &logits, BOUND);

    let (loss, gradients) = trainer
        .loss_and_gradients(&[fixture.batch(0)], None)
        .expect("computes");
    fixture.assert_close("loss", &common::values(loss), BOUND);
    let names = fixture.names();
    assert_eq!(names.len(), gradients.len(), "every parameter has a gradient");
    for (name, gradient) in names.iter().zip(gradients) {
        fixture.assert_close(&format!("grad.{name}"), &common::values(gradient), BOUND);
    }

    let mut losses = Vec::new();
    let mut norms = Vec::new();
    for step in 0..10 {
        let report = pollster::block_on(trainer.step(&[fixture.batch(step)], None, 1.0)).expect("steps");
        losses.push(report.loss as f32);
        norms.push(report.grad_norm as f32);
        if step == 0 {
            for (spec, tensor) in trainer.parameters() {
                let name = format!("after_step1.{}", spec.name);
                fixture.assert_close(&name, &common::values(tensor.clone()), BOUND);
            }
        }
    }
    // Round-off grows along a trajectory; measured 1e-6 after ten steps.
    assert!(
        largest_error(&losses, &fixture.tensor("losses")) < 1e-4,
        "{losses:?}"
    );
    assert!(
        largest_error(&norms, &fixture.tensor("grad_norms")) < 1e-4,
        "{norms:?}"
    );
}

trait Logits {
    fn logits_of(&mut self, fixture: &Fixture, step: usize) -> Vec<f32>;
}

impl Logits for blueberry_train::Trainer {
    /// Row by row, since `logits` takes one sequence.
    fn logits_of(&mut self, fixture: &Fixture, step: usize) -> Vec<f32> {
        fixture
            .inputs(step)
            .iter()
            .flat_map(|row| common::values(self.logits(row)))
            .collect()
    }
}

#[test]
fn swiglu_with_grouped_queries_agrees_with_pytorch() {
    check("swiglu");
}

#[test]
fn squared_relu_with_window_value_embeddings_and_cap_agrees_with_pytorch() {
    check("relu2");
}

/// Two passes of half the rows are one pass of all: accumulation changes no gradient.
#[test]
fn accumulated_gradients_are_those_of_the_whole_batch() {
    let fixture = Fixture::open("swiglu");
    let mut trainer = fixture.trainer(&Device::flex());
    let (_, whole) = trainer
        .loss_and_gradients(&[fixture.batch(0)], None)
        .expect("computes");
    let (_, halves) = trainer
        .loss_and_gradients(&fixture.rows(0), None)
        .expect("computes");
    for ((name, whole), halves) in fixture.names().iter().zip(whole).zip(halves) {
        let error = largest_error(&common::values(halves), &common::values(whole));
        assert!(error < BOUND, "{name}: {error}");
    }
}
