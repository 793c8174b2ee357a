//! Each operation of a step alone, forward and backward, at the sizes of a preset.

use blueberry_kernels::{AttentionMask, Head, Kernels, LossTerms, Operations, RopeTable, versions};
use blueberry_model::{Activation, Kind, ModelConfig, Weights};
use burn::tensor::{Device, Distribution, FloatDType, Int, Tensor};
use serde::Serialize;

use super::ceilings::best;
use crate::{Halves, Preset, StepShape};

/// One operation, forward and backward.
#[derive(Clone, Debug, Serialize)]
pub struct OperationTime {
    /// Its name, as in the log's list of versions, with what it is applied to.
    pub name: String,
    /// How often a step runs it.
    pub per_step: u64,
    /// Seconds of one run, the best of several.
    pub seconds: f64,
    /// Floating-point operations of the products in it; 0 where it is a pass over memory.
    pub flops: f64,
    /// Bytes that it must at least read and write, if every value came and went once.
    pub bytes: f64,
}

/// Times every operation of one step of `preset`. `device` is without autodiff; `progress` is told each name before it
/// is run.
pub fn time_operations(
    preset: &Preset,
    shape: StepShape,
    device: &Device,
    halves: Halves,
    progress: impl Fn(&str),
) -> Vec<OperationTime> {
    let bench = Bench {
        model: &preset.model,
        shape,
        device,
        half: halves.products,
        muon_half: halves.muon,
        kernels: preset.kernels,
        operations: Operations::new(preset.kernels),
    };
    bench
        .cases(preset)
        .into_iter()
        .map(|case| {
            progress(&case.name);
            OperationTime {
                seconds: best(device, &case.run),
                name: case.name,
                per_step: case.per_step,
                flops: case.flops,
                bytes: case.bytes,
            }
        })
        .collect()
}

pub(super) struct Case<'a> {
    pub(super) name: String,
    pub(super) per_step: u64,
    pub(super) flops: f64,
    pub(super) bytes: f64,
    pub(super) run: Box<dyn Fn() + 'a>,
}

pub(super) struct Bench<'a> {
    pub(super) model: &'a ModelConfig,
    shape: StepShape,
    pub(super) device: &'a Device,
    half: Option<FloatDType>,
    /// The 16-bit float of Muon's iteration.
    pub(super) muon_half: Option<FloatDType>,
    pub(super) kernels: Kernels,
    operations: Operations,
}

/// Bytes of so many f32 values.
pub(super) fn bytes(values: usize) -> f64 {
    4.0 * values as f64
}

/// Runs the backward pass from a sum, which stands for whatever follows.
fn differentiate<const D: usize>(out: Tensor<D>) {
    drop(out.sum().backward());
}

impl<'a> Bench<'a> {
    /// Tokens of a pass.
    fn tokens(&self) -> usize {
        self.shape.micro_batch * self.shape.seq_len
    }

    pub(super) fn random<const D: usize>(&self, shape: [usize; D]) -> Tensor<D> {
        Tensor::random(shape, Distribution::Uniform(-1.0, 1.0), self.device)
    }

    fn leaf<const D: usize>(&self, shape: [usize; D]) -> Tensor<D> {
        self.random(shape).autodiff().require_grad()
    }

    /// A leaf in the type that activations have.
    fn narrowed<const D: usize>(&self, x: Tensor<D>) -> Tensor<D> {
        match (self.operations.activations_in)(self.device, self.half) {
            Some(half) => x.inner().cast(half).autodiff().require_grad(),
            None => x,
        }
    }

    /// Made-up token ids, `[tokens]`.
    fn ids(&self) -> Tensor<1, Int> {
        let vocab = self.model.vocab_size;
        let ids: Vec<i32> = (0..self.tokens())
            .map(|i| ((i * 31 + i / 7) % vocab) as i32)
            .collect();
        Tensor::from_data(ids.as_slice(), self.device)
    }

    pub(super) fn case(&self, name: &str, per_layer: usize, run: impl Fn() + 'a) -> Case<'a> {
        let passes = (self.shape.accumulation * per_layer) as u64;
        let version = versions(self.device, self.kernels, self.half).get(name).cloned();
        Case {
            name: version.map_or(name.to_owned(), |version| format!("{name} ({version})")),
            per_step: passes,
            flops: 0.0,
            bytes: 0.0,
            run: Box::new(run),
        }
    }

    fn cases(&self, preset: &Preset) -> Vec<Case<'a>> {
        let mut cases = self.products();
        cases.push(self.attention());
        cases.push(self.qk_norm_rope("queries", self.model.n_heads));
        cases.push(self.qk_norm_rope("keys", self.model.n_kv_heads));
        cases.push(self.rms_norm());
        cases.push(self.add_rms_norm());
        cases.push(self.activation());
        cases.push(self.embedding());
        cases.push(self.head_loss());
        cases.extend(self.optimizer(&preset.optim));
        cases
    }

    /// The shapes of the hidden matrices, `[in, out]`, each with how many there are.
    pub(super) fn matrices(&self) -> Vec<([usize; 2], usize)> {
        let mut shapes: Vec<([usize; 2], usize)> = Vec::new();
        for spec in Weights::specs(self.model).into_vec() {
            if spec.kind != Kind::Matrix {
                continue;
            }
            match shapes.iter_mut().find(|(shape, _)| *shape == spec.shape) {
                Some((_, count)) => *count += 1,
                None => shapes.push((spec.shape, 1)),
            }
        }
        shapes
    }

    /// Projections and feed-forward, by the sizes of their matrices.
    fn products(&self) -> Vec<Case<'a>> {
        let case = |([fan_in, fan_out], count): ([usize; 2], usize)| {
            let (tokens, half) = (self.tokens(), self.half);
            let (x, w) = (self.leaf([tokens, fan_in]), self.leaf([fan_in, fan_out]));
            let (product, x) = (self.operations.product, self.narrowed(x));
            let run = move || differentiate(product(x.clone(), w.clone(), half, false));
            Case {
                name: format!("product {tokens} x {fan_in} x {fan_out}"),
                flops: 6.0 * (tokens * fan_in * fan_out) as f64,
                // Forward: both in, one out; backward: all three and the two gradients.
                bytes: bytes(3 * tokens * fan_in + 2 * tokens * fan_out + 3 * fan_in * fan_out),
                ..self.case("product", count, run)
            }
        };
        self.matrices().into_iter().map(case).collect()
    }

    fn attention(&self) -> Case<'a> {
        let m = self.model;
        let StepShape {
            seq_len, micro_batch, ..
        } = self.shape;
        let heads = |n| self.leaf([micro_batch, seq_len, n, m.head_dim]);
        let (q, k, v) = (heads(m.n_heads), heads(m.n_kv_heads), heads(m.n_kv_heads));
        let [q, k, v] = [q, k, v].map(|x| self.narrowed(x));
        let mask = AttentionMask::new(seq_len, None, self.device).with_softcap(m.attention_softcap);
        let attention = self.operations.attention;
        let run = move || differentiate(attention(q.clone(), k.clone(), v.clone(), &mask));
        let (own, shared) = (m.n_heads * m.head_dim, m.n_kv_heads * m.head_dim);
        Case {
            // As `ModelConfig::flops_per_token` counts it, without a window.
            flops: 12.0 * (own * self.tokens()) as f64 * seq_len as f64 / 2.0,
            bytes: bytes(self.tokens() * (5 * own + 6 * shared)),
            ..self.case("attention", m.n_layers, run)
        }
    }

    fn qk_norm_rope(&self, what: &str, heads: usize) -> Case<'a> {
        let m = self.model;
        let StepShape {
            seq_len, micro_batch, ..
        } = self.shape;
        let x = self.narrowed(self.leaf([micro_batch, seq_len, heads, m.head_dim]));
        let gain = m.qk_norm.then(|| self.leaf([1, m.head_dim]));
        let table = RopeTable::new(seq_len, m.head_dim, m.rope_base, self.device);
        let (operation, eps) = (self.operations.qk_norm_rope, m.norm_eps);
        let run = move || differentiate(operation(x.clone(), gain.clone(), &table, eps));
        let case = self.case("qk_norm_rope", m.n_layers, run);
        Case {
            name: format!("{} of {what}", case.name),
            bytes: bytes(5 * self.tokens() * heads * m.head_dim),
            ..case
        }
    }

    /// Before the first block; the others come with the addition.
    fn rms_norm(&self) -> Case<'a> {
        let m = self.model;
        let StepShape {
            seq_len, micro_batch, ..
        } = self.shape;
        let (x, gain) = (
            self.leaf([micro_batch, seq_len, m.d_model]),
            self.leaf([1, m.d_model]),
        );
        let (operation, eps) = (self.operations.rms_norm, m.norm_eps);
        let narrow = (self.operations.activations_in)(self.device, self.half);
        let run = move || differentiate(operation(x.clone(), gain.clone(), eps, narrow));
        Case {
            bytes: bytes(5 * self.tokens() * m.d_model),
            ..self.case("rms_norm", 1, run)
        }
    }

    fn add_rms_norm(&self) -> Case<'a> {
        let m = self.model;
        let StepShape {
            seq_len, micro_batch, ..
        } = self.shape;
        let stream = || self.leaf([micro_batch, seq_len, m.d_model]);
        let (x, delta, gain) = (stream(), stream(), self.leaf([1, m.d_model]));
        let (operation, eps) = (self.operations.add_rms_norm, m.norm_eps);
        let narrow = (self.operations.activations_in)(self.device, self.half);
        let run = move || {
            let [sum, normed] = operation(x.clone(), delta.clone(), gain.clone(), eps, narrow);
            differentiate(sum + normed.cast(FloatDType::F32));
        };
        Case {
            bytes: bytes(8 * self.tokens() * m.d_model),
            ..self.case("add_rms_norm", 2 * m.n_layers, run)
        }
    }

    fn activation(&self) -> Case<'a> {
        let m = self.model;
        let StepShape {
            seq_len, micro_batch, ..
        } = self.shape;
        let inner = || self.narrowed(self.leaf([micro_batch, seq_len, m.d_ff]));
        let values = self.tokens() * m.d_ff;
        match m.activation {
            Activation::Swiglu => {
                let (gate, up, operation) = (inner(), inner(), self.operations.swiglu);
                let run = move || differentiate(operation(gate.clone(), up.clone()));
                Case {
                    bytes: bytes(8 * values),
                    ..self.case("swiglu", m.n_layers, run)
                }
            }
            Activation::Relu2 => {
                let (x, operation) = (inner(), self.operations.relu_squared);
                let run = move || differentiate(operation(x.clone()));
                Case {
                    bytes: bytes(5 * values),
                    ..self.case("relu_squared", m.n_layers, run)
                }
            }
        }
    }

    fn embedding(&self) -> Case<'a> {
        let m = self.model;
        let (table, ids) = (self.leaf([m.vocab_size, m.d_model]), self.ids());
        let operation = self.operations.embedding;
        let run = move || differentiate(operation(table.clone(), ids.clone()));
        Case {
            // Rows in and out, their gradients in, the table's gradient out.
            bytes: bytes(3 * self.tokens() * m.d_model + m.vocab_size * m.d_model),
            ..self.case("embedding", 1, run)
        }
    }

    fn head_loss(&self) -> Case<'a> {
        let m = self.model;
        let head = if m.tied {
            Head::Tied(self.leaf([m.vocab_size, m.d_model]))
        } else {
            Head::Own(self.leaf([m.d_model, m.vocab_size]))
        };
        let (x, targets) = (self.leaf([self.tokens(), m.d_model]), self.ids());
        let terms = LossTerms {
            softcap: m.softcap,
            z_loss: 0.0,
            half: self.half,
        };
        let operation = self.operations.head_loss;
        let run = move || differentiate(operation(x.clone(), head.clone(), targets.clone(), terms));
        Case {
            flops: 6.0 * (self.tokens() * m.d_model * m.vocab_size) as f64,
            bytes: bytes(3 * self.tokens() * m.d_model + 3 * m.vocab_size * m.d_model),
            ..self.case("head_loss", 1, run)
        }
    }
}
