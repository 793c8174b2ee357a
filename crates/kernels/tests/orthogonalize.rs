//! Orthogonalisation against PyTorch (`tests/reference/muon.safetensors`) and against its own promise.

use std::path::Path;

use blueberry_kernels::{MuonIteration, MuonState, MuonStep, MuonUpdate, Orthogonalize, muon, orthogonalize};
use burn::tensor::{Device, FloatDType, Tensor, TensorData};
use safetensors::SafeTensors;

const METHODS: [(&str, Orthogonalize); 2] = [
    ("newton_schulz", Orthogonalize::NewtonSchulz),
    ("polar_express", Orthogonalize::PolarExpress),
];

fn fixture() -> Vec<u8> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/reference/muon.safetensors");
    std::fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn matrix(tensors: &SafeTensors<'_>, name: &str) -> (Vec<f32>, [usize; 2]) {
    let view = tensors.tensor(name).expect(name);
    let values = view
        .data()
        .chunks_exact(4)
        .map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]]));
    (values.collect(), [view.shape()[0], view.shape()[1]])
}

#[test]
fn agrees_with_pytorch_on_every_shape() {
    let bytes = fixture();
    let tensors = SafeTensors::deserialize(&bytes).expect("a fixture");
    let mut compared = 0;
    for name in tensors.names().into_iter().filter(|name| name.starts_with("in.")) {
        let (values, [rows, cols]) = matrix(&tensors, name);
        // A batch of the matrix and its double: scale must not matter, and batches must not mix.
        let double: Vec<f32> = values.iter().map(|value| 2.0 * value).collect();
        let batch = TensorData::new([values, double].concat(), [2, rows, cols]);
        for (method_name, method) in METHODS {
            let input = Tensor::<3>::from_data(batch.clone(), &Device::flex());
            let found: Vec<f32> = orthogonalize(input, method)
                .into_data()
                .try_into_vec()
                .expect("f32");
            let (expected, _) = matrix(&tensors, &name.replace("in", method_name));
            for half in found.chunks(rows * cols) {
                for (found, expected) in half.iter().zip(&expected) {
                    // Measured f32 round-off of this iteration is 2e-6; entries are at most 1.2.
                    assert!(
                        (found - expected).abs() < 2e-5,
                        "{name} {method_name}: {found} {expected}"
                    );
                    compared += 1;
                }
            }
        }
    }
    // 20x7, 7x20, 16x16 and 1x5, twice each, by two methods.
    assert_eq!(compared, (140 + 140 + 256 + 5) * 4);
}

#[test]
fn brings_singular_values_near_one() {
    // Rows of different length, orthogonal: the singular values are the lengths.
    let mut values = vec![0.0f32; 4 * 9];
    for (row, length) in [1.0, 0.5, 0.2, 0.05].into_iter().enumerate() {
        values[row * 9 + 2 * row] = length;
    }
    for (name, method) in METHODS {
        let input = Tensor::<3>::from_data(TensorData::new(values.clone(), [1, 4, 9]), &Device::flex());
        let found: Vec<f32> = orthogonalize(input, method)
            .into_data()
            .try_into_vec()
            .expect("f32");
        for row in 0..4 {
            let length = found[row * 9 + 2 * row];
            // Jordan's coefficients let them settle anywhere in 0.68 to 1.13.
            assert!((0.6..1.2).contains(&length), "{name}, row {row}: {length}");
        }
    }
}

/// What a gradient of a large model is: its squares are nothing in f16. The direction does not depend on the scale.
#[test]
fn small_momenta_in_f16_give_the_directions_of_large_ones() {
    let device = Device::flex();
    let values: Vec<f32> = (0..96)
        .map(|i| ((i * 37 % 101) as f32 / 50.0 - 1.0).sin())
        .collect();
    let update = |scale: f32, half: Option<FloatDType>| -> Vec<f32> {
        let matrix = |values: Vec<f32>| Tensor::<2>::from_data(TensorData::new(values, [8, 12]), &device);
        let zeros = || matrix(vec![0.0; 96]);
        let update = MuonUpdate {
            step: MuonStep {
                momentum: 0.95,
                keep: 1.0,
                rate: 1.0,
            },
            state: MuonState {
                parameter: zeros(),
                momentum: zeros(),
            },
            gradient: matrix(values.iter().map(|value| value * scale).collect()),
        };
        let method = Orthogonalize::NewtonSchulz;
        let mut states = muon(vec![update], None, MuonIteration { method, half });
        states
            .remove(0)
            .parameter
            .into_data()
            .try_into_vec()
            .expect("f32")
    };
    let expected = update(1.0, None);
    for scale in [1.0, 1e-4] {
        let found = update(scale, Some(FloatDType::F16));
        let error = found
            .iter()
            .zip(&expected)
            .map(|(f, e)| (f - e).abs())
            .fold(0.0, f32::max);
        // Ten roundings to f16 of values around 1.
        assert!(error < 0.02, "{error} at {scale}");
    }
}
