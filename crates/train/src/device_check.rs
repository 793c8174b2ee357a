//! Holds a device against the CPU: the loss and every gradient of a small model.
//!
//! A loss that agrees proves nothing: a release of Burn gave the right loss and wrong key and value
//! gradients on WGPU. So every parameter's gradient is compared.

use blueberry_kernels::{Kernels, Operations, Product, may_round_products, product, product_plain};
use blueberry_model::{Activation, ModelConfig};
use blueberry_optim::{AdamwConfig, MuonConfig, MuonPrecision, OptimConfig};
use burn::tensor::{Device, FloatDType, Tensor, TensorData};

use crate::trainer::read;
use crate::{Activations, Batch, StepError, Trainer};

/// Largest difference that is believed, in f32: the norm of the difference over the norm of the CPU's
/// value. Rounding gives about 1e-6 over this model; a wrong term gives 1e-2 and more.
pub const TOLERANCE: f64 = 1e-4;

/// The same where products of f32 may be those of TF32, whose 10 bits of mantissa are off by up to 5e-4 a factor. Still
/// half of what a gradient that is wrong by 1 % shows.
pub const TF32_TOLERANCE: f64 = 5e-3;

/// The same for products of bf16, whose 7 bits of mantissa are off by up to 4e-3 a factor.
pub const BF16_TOLERANCE: f64 = 5e-2;

/// The same for products of f16, whose 10 bits of mantissa are off by as much as TF32's.
pub const F16_TOLERANCE: f64 = TF32_TOLERANCE;

/// The outcome of a check.
#[derive(Clone, Debug, PartialEq)]
pub struct CheckReport {
    /// The value that differs most.
    pub worst: Disagreement,
    /// Values compared: the loss, every gradient, every parameter after one step.
    pub compared: usize,
}

/// How far one value is from the CPU's.
#[derive(Clone, Debug, PartialEq)]
pub struct Disagreement {
    /// What was compared, as `gradient of layers.1.k`.
    pub what: String,
    /// Norm of the difference over the norm of the CPU's value; infinite where the device's is not finite.
    pub error: f64,
    /// The largest that is believed.
    pub allowed: f64,
}

impl Disagreement {
    /// How bad it is: 1 is what is just believed. An error that is no number is the worst of all.
    fn badness(&self) -> f64 {
        let badness = self.error / self.allowed;
        if badness.is_nan() { f64::INFINITY } else { badness }
    }
}

impl CheckReport {
    /// Whether the device is believed.
    pub fn passed(&self) -> bool {
        self.worst.error <= self.worst.allowed
    }
}

/// The model of the check: grouped queries, both kinds of layer, a window, a value embedding and a cap, at
/// sizes that are no powers of two.
pub fn check_config() -> ModelConfig {
    ModelConfig {
        vocab_size: 89,
        d_model: 36,
        n_layers: 2,
        n_heads: 6,
        n_kv_heads: 2,
        head_dim: 12,
        d_ff: 52,
        activation: Activation::Swiglu,
        tied: true,
        embed_scale: true,
        qk_norm: true,
        softcap: Some(15.0),
        attention_softcap: Some(20.0),
        value_embeddings: vec![1],
        window: vec![0, 9],
        zero_init_outputs: false,
        init_std: 0.2,
        rope_base: 10_000.0,
        norm_eps: f64::from(f32::EPSILON),
    }
}

/// One model of the check, and what it is run on.
struct CheckCase {
    name: &'static str,
    config: ModelConfig,
    z_loss: f64,
    activations: Activations,
    /// Sequences of a micro-batch, and tokens of each.
    rows: usize,
    seq: usize,
}

impl CheckCase {
    /// [`check_config`] on three short sequences.
    fn small(name: &'static str, activation: Activation) -> Self {
        Self {
            name,
            config: ModelConfig {
                activation,
                ..check_config()
            },
            z_loss: 0.0,
            activations: Activations::Keep,
            rows: 3,
            seq: 21,
        }
    }

    /// As presets have it: no cap, which makes other kernels, heads of 64, and sequences of several of attention's tiles.
    fn long(name: &'static str) -> Self {
        Self {
            config: ModelConfig {
                d_model: 48,
                n_heads: 3,
                n_kv_heads: 1,
                head_dim: 64,
                softcap: None,
                attention_softcap: None,
                window: vec![0, 70],
                ..check_config()
            },
            activations: Activations::Recompute,
            rows: 1,
            seq: 130,
            ..Self::small(name, Activation::Swiglu)
        }
    }

    /// With a head of its own and a z-loss.
    fn untied(self) -> Self {
        let config = ModelConfig {
            tied: false,
            ..self.config
        };
        Self {
            config,
            z_loss: 1e-3,
            ..self
        }
    }

    fn trainer(&self, device: &Device, kernels: Kernels) -> Trainer {
        Trainer::new(&self.config, &check_optim(), 1, device, None)
            .with_kernels(kernels)
            .with_z_loss(self.z_loss)
    }

    /// Two micro-batches, made up by a fixed rule so that both devices see the same.
    fn batches(&self) -> [Batch; 2] {
        [0, 1].map(|salt| {
            let count = self.rows * (self.seq + 1);
            let token = |i: usize| ((i * i * 7 + i * 13 + salt * 31) % self.config.vocab_size) as u16;
            // Rows of `seq + 1` tokens by construction.
            #[allow(clippy::expect_used)]
            Batch::new((0..count).map(token).collect(), self.seq).expect("whole rows")
        })
    }
}

/// Trains one step of small models on `device` with `kernels` and on `cpu` with the references, and compares loss,
/// gradients and updated parameters. Both activations are run, with caps and without. The CPU itself is a device like any
/// other: its own operations are held against the references. With `half` loss and gradients are compared once more with
/// products in it, at sizes that tensor cores take, and on CUDA a product of as many rows as a step has.
///
/// # Errors
/// [`StepError`] when the device fails to compute at all.
pub async fn check_device(
    device: &Device,
    cpu: &Device,
    kernels: Kernels,
    half: Option<FloatDType>,
) -> Result<CheckReport, StepError> {
    let mut report = check_operations(device, cpu, kernels, Operations::new(kernels)).await?;
    let Some(half) = half else {
        return Ok(report);
    };
    let (allowed, name) = match half {
        FloatDType::F16 => (F16_TOLERANCE, "f16"),
        _ => (BF16_TOLERANCE, "bf16"),
    };
    let mut small = CheckCase::small(name, Activation::Swiglu);
    small.config.head_dim = 16;
    for case in [small, CheckCase::long(name)] {
        let plain = case.trainer(cpu, Kernels::Plain);
        let tested = case.trainer(device, kernels).with_half(Some(half));
        let expected = loss_and_gradients(&case, plain).await?.0;
        let found = loss_and_gradients(&case, tested).await?.0;
        report.compare(&expected, &found, allowed, case.name);
    }
    // Where products may be rounded they are by a routine of this program's choice, which depends on the size.
    if kernels == Kernels::Fused && may_round_products(device) {
        report.check_product(device, cpu, product, half).await?;
    }
    Ok(report)
}

/// [`check_device`] in f32 with any versions of the model's operations on `device`; `kernels` are the optimiser's.
///
/// # Errors
/// [`StepError`] when the device fails to compute at all.
pub async fn check_operations(
    device: &Device,
    cpu: &Device,
    kernels: Kernels,
    operations: Operations,
) -> Result<CheckReport, StepError> {
    let allowed = if may_round_products(device) {
        TF32_TOLERANCE
    } else {
        TOLERANCE
    };
    let nothing = Disagreement {
        what: "nothing".into(),
        error: 0.0,
        allowed,
    };
    let mut report = CheckReport {
        worst: nothing,
        compared: 0,
    };
    for case in [
        CheckCase::small("Swiglu", Activation::Swiglu),
        CheckCase::small("Relu2", Activation::Relu2).untied(),
        CheckCase::long("long"),
    ] {
        let plain = case.trainer(cpu, Kernels::Plain);
        let tested = case
            .trainer(device, kernels)
            .with_operations(operations)
            .with_activations(case.activations);
        let expected = values(&case, plain).await?;
        let found = values(&case, tested).await?;
        report.compare(&expected, &found, allowed, case.name);
    }
    Ok(report)
}

/// Values by the name of what they are of.
type Named = Vec<(String, Vec<f32>)>;

impl CheckReport {
    /// Holds a product with its gradients against that of f32, of factors that both floats have: what differs is what is
    /// added up, so 16-bit floats are allowed no more than f32.
    async fn check_product(
        &mut self,
        device: &Device,
        cpu: &Device,
        product: Product,
        half: FloatDType,
    ) -> Result<(), StepError> {
        let expected = product_and_gradients(cpu, product_plain, None).await?;
        let found = product_and_gradients(device, product, Some(half)).await?;
        self.compare(&expected, &found, TF32_TOLERANCE, "of 2,304 rows");
        Ok(())
    }

    fn compare(&mut self, expected: &Named, found: &Named, allowed: f64, when: &str) {
        for ((what, expected), (_, found)) in expected.iter().zip(found) {
            self.compared += 1;
            let disagreement = Disagreement {
                what: format!("{what} ({when})"),
                error: relative_error(expected, found),
                allowed,
            };
            if disagreement.badness() > self.worst.badness() {
                self.worst = disagreement;
            }
        }
    }
}

/// The loss and each gradient, by name, and the trainer.
async fn loss_and_gradients(case: &CheckCase, mut trainer: Trainer) -> Result<(Named, Trainer), StepError> {
    let (loss, gradients) = trainer.loss_and_gradients(&case.batches(), None)?;
    let mut values = vec![("loss".to_owned(), read(loss).await?)];
    let names: Vec<String> = trainer.parameters().map(|(spec, _)| spec.name.clone()).collect();
    for (name, gradient) in names.iter().zip(gradients) {
        values.push((format!("gradient of {name}"), read(gradient).await?));
    }
    Ok((values, trainer))
}

/// A product of more rows than 2,048, where the routine of CUDA has another selection, and of so many that its weights'
/// gradient is made of parts.
async fn product_and_gradients(
    device: &Device,
    product: Product,
    half: Option<FloatDType>,
) -> Result<Named, StepError> {
    let (rows, width) = (2304, 512);
    // Multiples of a 64th from -1 to 1, made up by a fixed rule.
    let leaf = |height: usize, salt: usize| {
        let value = |i: usize| ((i * 7919 + i / width * 31 + salt) % 129) as f32 / 64.0 - 1.0;
        let values: Vec<f32> = (0..height * width).map(value).collect();
        let tensor = Tensor::<2>::from_data(TensorData::new(values, [height, width]), device);
        tensor.autodiff().require_grad()
    };
    let (x, w, weight) = (leaf(rows, 0), leaf(width, 1), leaf(rows, 2));
    let out = product(x.clone(), w.clone(), half, true);
    let tape = (out.clone() * weight).sum().backward();
    let mut values = vec![("a product".to_owned(), read(out.inner()).await?)];
    for (name, factor) in [("the first", x), ("the second", w)] {
        let gradient = factor
            .grad(&tape)
            .ok_or_else(|| StepError::Device("a product has no gradient".into()))?;
        values.push((format!("gradient of {name} factor"), read(gradient).await?));
    }
    Ok(values)
}

/// The loss, each gradient and each parameter after one step, by name.
async fn values(case: &CheckCase, trainer: Trainer) -> Result<Named, StepError> {
    let (mut values, mut trainer) = loss_and_gradients(case, trainer).await?;
    trainer.step(&case.batches(), None, 1.0).await?;
    let updated: Vec<(String, Tensor<2>)> = trainer
        .parameters()
        .map(|(spec, tensor)| (spec.name.clone(), tensor.clone()))
        .collect();
    for (name, tensor) in updated {
        values.push((format!("updated {name}"), read(tensor).await?));
    }
    Ok(values)
}

pub(crate) fn check_optim() -> OptimConfig {
    OptimConfig {
        clip: 1.0,
        muon: MuonConfig {
            lr: 0.02,
            momentum: 0.95,
            weight_decay: 0.0,
            method: Default::default(),
            precision: MuonPrecision::F32,
        },
        adamw: AdamwConfig {
            lr: 0.003,
            beta1: 0.9,
            beta2: 0.95,
            // A large one: the first step of Adam is the sign of the gradient, which turns rounding
            // about zero into a difference of the whole step.
            eps: 1e-3,
            weight_decay: 0.1,
            decay_gains: false,
        },
    }
}

fn relative_error(expected: &[f32], found: &[f32]) -> f64 {
    if expected.len() != found.len() || found.iter().any(|value| !value.is_finite()) {
        return f64::INFINITY;
    }
    let square = |x: f64| x * x;
    let norm: f64 = expected.iter().map(|&e| square(e.into())).sum();
    let difference: f64 = expected
        .iter()
        .zip(found)
        .map(|(&e, &f)| square(f64::from(e) - f64::from(f)))
        .sum();
    (difference / norm.max(f64::MIN_POSITIVE)).sqrt()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The right values, and for the keys a gradient that is 1 % too large: the fault that a loss does not
    /// show.
    #[cfg(feature = "native")]
    fn wrong_key_gradient(
        q: Tensor<4>,
        k: Tensor<4>,
        v: Tensor<4>,
        mask: &blueberry_kernels::AttentionMask,
    ) -> Tensor<4> {
        let extra = (k.clone() - k.clone().detach()) * 0.01;
        blueberry_kernels::attention(q, k + extra, v, mask)
    }

    #[test]
    #[cfg(feature = "native")]
    fn a_broken_operation_fails_the_check_and_is_named() {
        let cpu = Device::flex();
        let right = pollster::block_on(check_device(&cpu, &cpu, Kernels::Fused, None)).expect("computes");
        assert!(right.passed(), "{:?}", right.worst);
        let same = pollster::block_on(check_device(&cpu, &cpu, Kernels::Plain, None)).expect("computes");
        // But for the model whose activations are made again.
        assert!(same.worst.error < 1e-6, "{:?}", same.worst);
        let operations = Operations {
            attention: wrong_key_gradient,
            ..Operations::default()
        };
        let wrong =
            pollster::block_on(check_operations(&cpu, &cpu, Kernels::Fused, operations)).expect("computes");
        assert!(!wrong.passed());
        assert!(wrong.worst.what.contains(".k"), "{:?}", wrong.worst);
    }

    #[test]
    #[cfg(feature = "native")]
    fn products_of_16_bits_are_within_what_is_allowed_them_and_not_within_what_is_allowed_more_digits() {
        let cpu = Device::flex();
        for (half, allowed, too_little) in [
            (FloatDType::BF16, BF16_TOLERANCE, TF32_TOLERANCE),
            (FloatDType::F16, F16_TOLERANCE, TOLERANCE),
        ] {
            let report = check_device(&cpu, &cpu, Kernels::Plain, Some(half));
            let report = pollster::block_on(report).expect("computes");
            assert!(report.passed(), "{:?}", report.worst);
            assert_eq!(report.worst.allowed, allowed);
            assert!(report.worst.error > too_little, "{:?}", report.worst);
        }
    }

    /// A product whose second factor's gradient is 1 % too large.
    #[cfg(feature = "native")]
    fn wrong_weight_gradient(x: Tensor<2>, w: Tensor<2>, half: Option<FloatDType>, wide: bool) -> Tensor<2> {
        let extra = (w.clone() - w.clone().detach()) * 0.01;
        product(x, w + extra, half, wide)
    }

    #[test]
    #[cfg(feature = "native")]
    fn a_wrong_product_of_many_rows_is_found() {
        let cpu = Device::flex();
        let mut report = CheckReport {
            worst: Disagreement {
                what: "nothing".into(),
                error: 0.0,
                allowed: 1.0,
            },
            compared: 0,
        };
        for (product, passes) in [
            (product as Product, true),
            (wrong_weight_gradient as Product, false),
        ] {
            pollster::block_on(report.check_product(&cpu, &cpu, product, FloatDType::F16)).expect("computes");
            assert_eq!(report.passed(), passes, "{:?}", report.worst);
        }
        assert_eq!(report.worst.what, "gradient of the second factor (of 2,304 rows)");
    }

    #[test]
    fn an_error_is_relative_to_the_expected_norm() {
        assert_eq!(relative_error(&[3.0, 4.0], &[3.0, 4.5]), 0.1);
        assert_eq!(relative_error(&[1.0], &[f32::NAN]), f64::INFINITY);
        assert_eq!(relative_error(&[1.0], &[1.0, 2.0]), f64::INFINITY);
    }
}
