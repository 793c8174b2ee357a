//! The optimisers by their properties, and by hand where one step can be written down. The whole trajectory against
//! PyTorch is in `crates/train/tests/parity.rs`.

use blueberry_kernels::Kernels;
use blueberry_model::{Init, Kind, ParameterSpec};
use blueberry_optim::{AdamwConfig, MuonConfig, MuonPrecision, OptimConfig, Optimizer};
use burn::tensor::{Device, Tensor, TensorData};

fn config() -> OptimConfig {
    OptimConfig {
        clip: 0.0,
        muon: MuonConfig {
            lr: 0.1,
            momentum: 0.9,
            weight_decay: 0.0,
            method: Default::default(),
            precision: MuonPrecision::F32,
        },
        adamw: AdamwConfig {
            lr: 0.1,
            beta1: 0.9,
            beta2: 0.99,
            eps: 1e-8,
            weight_decay: 0.0,
            decay_gains: false,
        },
    }
}

fn spec(name: &str, shape: [usize; 2], kind: Kind) -> ParameterSpec {
    ParameterSpec {
        name: name.into(),
        shape,
        kind,
        init: Init::Zeros,
    }
}

/// A hidden matrix, a table and a gain.
fn specs() -> Vec<ParameterSpec> {
    vec![
        spec("matrix", [3, 4], Kind::Matrix),
        spec("table", [2, 3], Kind::Embedding),
        spec("gain", [1, 4], Kind::Gain),
    ]
}

fn tensor(values: &[f32], shape: [usize; 2]) -> Tensor<2> {
    Tensor::from_data(TensorData::new(values.to_vec(), shape), &Device::flex())
}

fn filled(specs: &[ParameterSpec], f: impl Fn(usize) -> f32) -> Vec<Tensor<2>> {
    let fill = |spec: &ParameterSpec| tensor(&(0..spec.len()).map(&f).collect::<Vec<_>>(), spec.shape);
    specs.iter().map(fill).collect()
}

fn values(tensor: &Tensor<2>) -> Vec<f32> {
    tensor.to_data().try_into_vec().expect("f32")
}

fn new(config: &OptimConfig, parameters: &[Tensor<2>]) -> Optimizer {
    Optimizer::new(config, specs(), parameters, None)
}

#[test]
fn the_first_step_of_adam_is_the_sign_of_the_gradient() {
    let parameters = filled(&specs(), |_| 1.0);
    let gradients = filled(&specs(), |i| if i % 2 == 0 { 0.3 } else { -7.0 });
    let update = new(&config(), &parameters).step(parameters.clone(), gradients, 1.0);
    for (found, sign) in values(&update.parameters[1])
        .iter()
        .zip([1.0, -1.0, 1.0, -1.0, 1.0, -1.0])
    {
        assert!((found - (1.0 - 0.1 * sign)).abs() < 1e-6, "{found}");
    }
}

#[test]
fn decay_shrinks_matrices_and_tables_and_spares_gains() {
    let mut config = config();
    config.muon.weight_decay = 0.5;
    config.adamw.weight_decay = 0.25;
    let parameters = filled(&specs(), |_| 1.0);
    // Without a gradient only the decay is left: 1 - lr * decay.
    let gradients = filled(&specs(), |_| 0.0);
    let step =
        |config: &OptimConfig| new(config, &parameters).step(parameters.clone(), gradients.clone(), 0.5);
    let update = step(&config);
    let first = |i: usize| values(&update.parameters[i])[0];
    assert!((first(0) - (1.0 - 0.1 * 0.5 * 0.5)).abs() < 1e-6);
    assert!((first(1) - (1.0 - 0.1 * 0.5 * 0.25)).abs() < 1e-6);
    assert_eq!(first(2), 1.0);
    config.adamw.decay_gains = true;
    assert!((values(&step(&config).parameters[2])[0] - (1.0 - 0.1 * 0.5 * 0.25)).abs() < 1e-6);
}

#[test]
fn muon_ignores_the_size_of_the_gradient() {
    let parameters = filled(&specs(), |_| 0.0);
    let step = |scale: f32| {
        let gradients = filled(&specs(), |i| scale * (i as f32 * 1.7).sin());
        let update = new(&config(), &parameters).step(parameters.clone(), gradients, 1.0);
        values(&update.parameters[0])
    };
    for (small, large) in step(1e-2).iter().zip(step(1e3)) {
        assert!((small - large).abs() < 1e-4, "{small} {large}");
    }
}

#[test]
fn the_clip_scales_every_gradient_by_the_global_norm() {
    let mut config = config();
    config.clip = 1.0;
    let parameters = filled(&specs(), |_| 0.0);
    let gradients = filled(&specs(), |_| 2.0);
    let mut optimizer = new(&config, &parameters);
    let update = optimizer.step(parameters.clone(), gradients, 1.0);
    let squares: Vec<f32> = update.squared_norms.into_data().try_into_vec().expect("f32");
    assert_eq!(squares, [48.0, 24.0, 16.0]);
    // Norm sqrt(88); the momentum is (1 - 0.9) of the clipped gradient.
    let state = optimizer.state();
    let (name, momentum) = &state[0];
    assert_eq!(name, "matrix.momentum");
    assert!((values(momentum)[0] - 0.1 * 2.0 / 88f32.sqrt()).abs() < 1e-6);
}

#[test]
fn a_restored_state_goes_on_to_the_last_bit() {
    let gradients = |step: usize| filled(&specs(), |i| ((step * 31 + i) as f32).sin());
    let start = filled(&specs(), |i| i as f32);
    let mut whole = new(&config(), &start);
    let mut parameters = start.clone();
    for step in 0..3 {
        parameters = whole.step(parameters.clone(), gradients(step), 1.0).parameters;
    }
    let mut resumed = new(&config(), &start);
    let saved = whole.state();
    let find = |name: &str| {
        saved
            .iter()
            .find(|(known, _)| known == name)
            .map(|(_, tensor)| tensor.clone())
    };
    resumed.restore(whole.steps(), find).expect("the same parameters");
    let expected = whole.step(parameters.clone(), gradients(3), 0.7);
    let found = resumed.step(parameters.clone(), gradients(3), 0.7);
    for (expected, found) in expected.parameters.iter().zip(&found.parameters) {
        assert_eq!(values(expected), values(found));
    }
}

#[test]
fn a_state_of_another_model_is_refused_by_name() {
    let parameters = filled(&specs(), |_| 0.0);
    let mut optimizer = new(&config(), &parameters);
    let error = optimizer
        .restore(1, |_| None)
        .expect_err("nothing there")
        .to_string();
    assert!(error.contains("matrix.momentum"), "{error}");
    let wrong = optimizer.restore(1, |_| Some(tensor(&[0.0], [1, 1])));
    assert!(wrong.is_err());
}

#[test]
fn both_optimisers_descend_a_bowl() {
    let target = 0.5f32;
    let mut parameters = filled(&specs(), |i| 2.0 * (i as f32 * 2.3).cos());
    let mut optimizer = new(&config(), &parameters);
    let distance = |parameters: &[Tensor<2>]| -> Vec<f32> {
        let mean = |p: &Tensor<2>| {
            let values = values(p);
            values.iter().map(|v| (v - target).abs()).sum::<f32>() / values.len() as f32
        };
        parameters.iter().map(mean).collect()
    };
    let before = distance(&parameters);
    for step in 0..200 {
        let gradients = parameters.iter().map(|p| p.clone() - target).collect();
        // A falling rate, since both step by a size that does not depend on the gradient's.
        parameters = optimizer
            .step(parameters, gradients, 1.0 - step as f64 / 200.0)
            .parameters;
    }
    for (before, after) in before.iter().zip(distance(&parameters)) {
        assert!(after < 0.05 * before, "{before} to {after}");
    }
}

/// Own versions and references take the same steps, from values that repeat nowhere.
#[test]
fn fused_steps_are_plain_steps() {
    let specs = vec![
        spec("wide", [17, 70], Kind::Matrix),
        spec("table", [33, 9], Kind::Embedding),
        spec("tall", [70, 17], Kind::Matrix),
        spec("gain", [1, 17], Kind::Gain),
        spec("square", [19, 19], Kind::Matrix),
        spec("column", [5, 1], Kind::Matrix),
    ];
    let mut config = config();
    config.clip = 1.0;
    config.muon.weight_decay = 0.1;
    config.adamw.weight_decay = 0.1;
    let start = filled(&specs, |i| (i as f32 * 0.77).sin());
    let run = |kernels| {
        let mut optimizer = Optimizer::new(&config, specs.clone(), &start, None).with_kernels(kernels);
        let mut parameters = start.clone();
        let mut norms = Vec::new();
        for step in 0..4 {
            let gradients = filled(&specs, |i| ((step * 1013 + i * i) as f32 * 0.31).sin());
            let update = optimizer.step(parameters, gradients, 0.5);
            parameters = update.parameters;
            norms.extend(
                update
                    .squared_norms
                    .into_data()
                    .try_into_vec::<f32>()
                    .expect("f32"),
            );
        }
        let state = optimizer.state().into_iter().map(|(_, tensor)| tensor);
        let tensors: Vec<Vec<f32>> = parameters.into_iter().chain(state).map(|t| values(&t)).collect();
        (norms, tensors)
    };
    let (fused, plain) = (run(Kernels::Fused), run(Kernels::Plain));
    for (fused, plain) in fused.0.iter().zip(&plain.0) {
        assert!((fused - plain).abs() <= 1e-5 * plain, "norms: {fused} {plain}");
    }
    assert_eq!(fused.1.len(), plain.1.len());
    for (index, (fused, plain)) in fused.1.iter().zip(&plain.1).enumerate() {
        for (fused, plain) in fused.iter().zip(plain) {
            // Singular values near 0 carry the rounding of the iteration, times a rate of 0.1.
            assert!((fused - plain).abs() < 2e-5, "tensor {index}: {fused} {plain}");
        }
    }
}
