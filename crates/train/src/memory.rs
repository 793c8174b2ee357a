//! How much memory a run holds, by formula, before anything is allocated.
//!
//! Memory is highest at one of a few moments of a step; each is added up from the tensors that are alive then, and the
//! largest counts. Held against measurements on the CPU only; of GPUs and of the references (`kernels = "plain"`) it is an
//! estimate.
//!
//! On the CPU the allocator keeps what was freed for a while, where `train.activations` is `keep` (`native::hardware`); that
//! part is fitted to measurements, not derived, and between presets it varies by up to a tenth of the whole.
//!
//! Symbols in the formulas: `t` tokens of a pass, `d` d_model, `q` and `kv` widths of all queries and of all keys, `f`
//! d_ff, `v` the vocabulary. All numbers are f32 unless a 16-bit float is asked for.

use blueberry_kernels::{Kernels, head_chunk};
use blueberry_model::{Activation, ModelConfig, ParameterSpec, Weights};
use blueberry_optim::Algorithm;
use serde::{Deserialize, Serialize};

use crate::{Activations, Curriculum, Precision, Preset, SettingsError, StepShape};

const F32: u64 = 4;
/// Of a 16-bit float.
const HALF: u64 = 2;

/// Resident pages of the program, its threads' stacks and the allocator's own: measured (`bench/LOG.md`, 2026-11-28).
const PROCESS: u64 = 50_000_000;

/// Freed memory that the allocator keeps: some, so many percent of what is held at the peak, and so many of what the head has,
/// whose buffers are the largest. Fitted to runs of `bench/results/memory-cpu-2-threads.json`.
const FREED: u64 = 10_000_000;
const FREED_PERCENT: u64 = 12;
const FREED_PERCENT_OF_HEAD: u64 = 40;

/// What a thread computes of a pass in a second: two did 80 to 130 GFLOP/s together (`bench/results`).
const THREAD_FLOPS_PER_S: f64 = 5e10;

/// What the CPU's head makes of logits at a time, in values (`LOGITS` of `kernels/src/cpu/head_loss.rs`).
const LOGITS: u64 = 6 << 20;

/// Depth to which the CPU's products pack a matrix at a time.
const PACKED_DEPTH: u64 = 512;

/// Bytes of a data shard that a read of one block brings in: the pages around it that the system already has.
const READ_AROUND: u64 = 64 << 10;

/// Beyond it nothing fits anywhere, and the formulas would overflow.
const LARGEST_BATCH: u64 = 1 << 24;

/// Where a run's memory is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// Whether it is the CPU, whose memory holds the process too.
    pub cpu: bool,
    /// Whether CUDA drives it.
    pub cuda: bool,
    /// Threads.
    pub threads: usize,
    /// Whether the large products are in a 16-bit float.
    pub half: bool,
}

/// Bytes that are held at the moment when it is most.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Memory {
    /// The parameters.
    pub weights: u64,
    /// Their gradients, with the sums over earlier passes of the step.
    pub gradients: u64,
    /// Muon's momentum, AdamW's two means.
    pub optimizer: u64,
    /// What the forward pass keeps for the backward pass.
    pub activations: u64,
    /// What the largest operation of that moment needs besides.
    pub temporaries: u64,
    /// Freed memory that the allocator keeps for what comes next (CPU only).
    pub freed: u64,
    /// Pages of the training data (CPU only).
    pub data: u64,
    /// The program itself (CPU only).
    pub process: u64,
}

impl Memory {
    /// The sum.
    pub fn total(&self) -> u64 {
        self.rows().iter().map(|(_, bytes)| bytes).sum()
    }

    /// Every part with its name.
    pub fn rows(&self) -> [(&'static str, u64); 8] {
        [
            ("weights", self.weights),
            ("gradients", self.gradients),
            ("optimizer", self.optimizer),
            ("activations", self.activations),
            ("temporaries", self.temporaries),
            ("freed", self.freed),
            ("data", self.data),
            ("process", self.process),
        ]
    }

    /// Bytes of a checkpoint: weights and the optimiser's state.
    pub fn checkpoint(&self) -> u64 {
        self.weights + self.optimizer
    }
}

/// The most that a run of `preset` holds in any stage of its curriculum.
///
/// # Errors
/// [`SettingsError`] of a curriculum that is none.
pub fn predict_memory(preset: &Preset, place: Place) -> Result<Memory, SettingsError> {
    let curriculum = Curriculum::new(preset)?;
    let shapes = curriculum.stages().iter().map(|stage| stage.shape);
    let most = shapes
        .map(|shape| {
            let held = of_shape(preset, shape, place);
            let freed = if place.cpu {
                freed(preset, shape, &held, place)
            } else {
                0
            };
            Memory { freed, ..held }
        })
        .max_by_key(Memory::total)
        .unwrap_or_default();
    Ok(if place.cpu {
        Memory {
            data: data(&curriculum),
            process: PROCESS,
            ..most
        }
    } else {
        most
    })
}

/// The largest `train.micro_batch` up to the preset's own with which a run holds at most `available` bytes.
pub fn fitting_micro_batch(preset: &Preset, place: Place, available: u64) -> Option<usize> {
    let fits = |micro_batch: usize| {
        let mut smaller = preset.clone();
        smaller.train.micro_batch = micro_batch;
        for stage in &mut smaller.curriculum {
            stage.micro_batch = stage.micro_batch.map(|own| own.min(micro_batch));
        }
        predict_memory(&smaller, place).is_ok_and(|memory| memory.total() <= available)
    };
    // Memory rises with the micro-batch, but for the data's last pages in a very short run, so the border is found by
    // halving.
    let (mut fit, mut too_large) = (0, preset.train.micro_batch + 1);
    while too_large - fit > 1 {
        let middle = fit + (too_large - fit) / 2;
        if fits(middle) {
            fit = middle;
        } else {
            too_large = middle;
        }
    }
    (fit > 0).then_some(fit)
}

/// What the allocator has of freed memory where activations are kept: it waits a while before it gives pages back, in which
/// a short pass frees all that it ever does, and a long one only the part of its activations, and of the gradients of as many,
/// that it is done with.
fn freed(preset: &Preset, shape: StepShape, held: &Memory, place: Place) -> u64 {
    if preset.train.activations == Activations::Recompute {
        return 0;
    }
    let pass = Pass::new(preset, shape, place);
    let tokens = shape.micro_batch as f64 * shape.seq_len as f64;
    let pass_s = tokens * preset.model.flops_per_token(shape.seq_len)
        / (THREAD_FLOPS_PER_S * place.threads.max(1) as f64);
    let in_a_second = 2.0 * held.activations as f64 / pass_s;
    let share = held.total() * FREED_PERCENT + (pass.head_weights() + pass.logits()) * FREED_PERCENT_OF_HEAD;
    FREED + (share / 100).min(in_a_second as u64)
}

/// Data is mapped: at most the whole training set, at least a read's pages for every block.
fn data(curriculum: &Curriculum) -> u64 {
    let tokens = curriculum.total_tokens();
    let blocks = tokens.div_ceil(curriculum.block_len() as u64);
    let whole = 2 * tokens.max(20_000_000);
    whole.min(blocks.saturating_mul(READ_AROUND))
}

/// Sizes of one pass.
struct Pass<'a> {
    model: &'a ModelConfig,
    place: Place,
    /// Whether the device's own versions run.
    fused: bool,
    /// Whether what is between products is in their 16-bit float (`activations_in`).
    narrow: bool,
    batch: u64,
    seq: u64,
}

fn of_shape(preset: &Preset, shape: StepShape, place: Place) -> Memory {
    let specs = Weights::specs(&preset.model).into_vec();
    let pass = Pass::new(preset, shape, place);
    let held = Memory {
        weights: bytes_of(&specs, |_| 1),
        optimizer: bytes_of(&specs, |spec| Algorithm::of(spec.kind).state_tensors() as u64),
        ..Memory::default()
    };
    // From the second pass of a step on, the sums over those before are held too.
    let sums = if shape.accumulation > 1 { held.weights } else { 0 };
    let all_gradients = sums + held.weights;
    let layers = pass.model.n_layers as u64;
    let stream = pass.stream();
    let block = pass.block() + pass.rounded_weights(&specs) / layers.max(1);
    let (kept, streams, one_block) = match preset.train.activations {
        Activations::Keep => (layers * block + stream, stream, block),
        // The stream before each block and after the last; then one block at a time.
        Activations::Recompute => {
            let streams = (layers + 1) * stream;
            (streams, streams, streams + block)
        }
    };
    let moments = [
        // The head has made its gradients, and holds a chunk of logits.
        Memory {
            gradients: sums + pass.head_weights(),
            activations: kept,
            temporaries: pass.head(),
            ..held
        },
        // The backward pass of the last block begins.
        Memory {
            gradients: sums + pass.head_weights(),
            activations: kept.max(one_block),
            temporaries: pass.block_slopes(),
            ..held
        },
        // That of the first block begins.
        Memory {
            gradients: all_gradients,
            activations: one_block,
            temporaries: pass.block_slopes(),
            ..held
        },
        // It has ended; a tied head's gradient and the embedding's are not yet added up.
        Memory {
            gradients: all_gradients + pass.head_weights(),
            activations: streams,
            temporaries: stream,
            ..held
        },
        Memory {
            gradients: all_gradients,
            temporaries: pass.muon(&specs),
            ..held
        },
        Memory {
            temporaries: pass.evaluation(preset).max(checkpoint_copies(&specs)),
            ..held
        },
    ];
    moments.into_iter().max_by_key(Memory::total).unwrap_or(held)
}

fn bytes_of(specs: &[ParameterSpec], tensors: impl Fn(&ParameterSpec) -> u64) -> u64 {
    specs
        .iter()
        .map(|spec| spec.len() as u64 * tensors(spec) * F32)
        .sum()
}

/// A tensor is written by way of a copy of its values and one of its bytes.
fn checkpoint_copies(specs: &[ParameterSpec]) -> u64 {
    let largest = specs.iter().map(ParameterSpec::len).max().unwrap_or(0);
    2 * largest as u64 * F32
}

impl<'a> Pass<'a> {
    fn new(preset: &'a Preset, shape: StepShape, place: Place) -> Self {
        let fused = preset.kernels == Kernels::Fused;
        Self {
            model: &preset.model,
            place,
            fused,
            narrow: fused && place.cuda && place.half && preset.train.precision != Precision::F16,
            batch: (shape.micro_batch as u64).min(LARGEST_BATCH),
            seq: shape.seq_len as u64,
        }
    }

    fn tokens(&self) -> u64 {
        self.batch * self.seq
    }

    /// The width of all queries, and that of all keys or values.
    fn widths(&self) -> (u64, u64) {
        let head_dim = self.model.head_dim as u64;
        (
            self.model.n_heads as u64 * head_dim,
            self.model.n_kv_heads as u64 * head_dim,
        )
    }

    /// `t * d`.
    fn stream(&self) -> u64 {
        self.tokens() * self.model.d_model as u64 * F32
    }

    /// What a block keeps for its backward pass:
    /// - both normalisations: their input and output, `4 d`, and a scale a row, 2;
    /// - QK-norm with RoPE: its input, `q + kv`, and a scale a head (without QK-norm nothing);
    /// - attention: queries, keys, values and result, `2 q + 2 kv`, and a sum a head;
    /// - SwiGLU: gate, up and the product of both, `3 f`; squared ReLU: `2 f`.
    fn block(&self) -> u64 {
        if self.narrow {
            return self.narrow_block();
        }
        let (q, kv) = self.widths();
        let (d, f) = (self.model.d_model as u64, self.model.d_ff as u64);
        let (heads, kv_heads) = (self.model.n_heads as u64, self.model.n_kv_heads as u64);
        let normed = if self.model.qk_norm {
            q + kv + heads + kv_heads
        } else {
            0
        };
        let values = 4 * d + 2 + normed + 2 * q + 2 * kv + heads + self.inner() * f;
        // The references keep their steps: a normalised copy each, rotated halves, the sigmoid, and three score matrices.
        let plain = if self.fused {
            0
        } else {
            4 * d + 4 * (q + kv) + 2 * f + 3 * heads * self.seq
        };
        let rounded = if self.place.half { (2 * d + q + f) / 2 } else { 0 };
        self.tokens() * (values + plain + rounded) * F32
    }

    /// The same where activations are in 16 bits:
    /// - both normalisations: their input in f32, `4 d` bytes, their output, `2 d`, which the products after them read as it
    ///   is, and a scale a row, 4;
    /// - QK-norm, attention and the feed-forward network: as many values as in f32 in 2 bytes, which products read as they
    ///   are too, and scales and sums of heads in f32.
    fn narrow_block(&self) -> u64 {
        let (q, kv) = self.widths();
        let (d, f) = (self.model.d_model as u64, self.model.d_ff as u64);
        let (heads, kv_heads) = (self.model.n_heads as u64, self.model.n_kv_heads as u64);
        let norms = 2 * ((F32 + HALF) * d + F32);
        let normed = if self.model.qk_norm {
            HALF * (q + kv) + F32 * (heads + kv_heads)
        } else {
            0
        };
        let attention = HALF * (2 * q + 2 * kv) + F32 * heads;
        self.tokens() * (norms + normed + attention + HALF * self.inner() * f)
    }

    /// The weights of all blocks as their products read them, which the backward pass reads again.
    fn rounded_weights(&self, specs: &[ParameterSpec]) -> u64 {
        let matrices = specs
            .iter()
            .filter(|spec| Algorithm::of(spec.kind) == Algorithm::Muon);
        let values: u64 = matrices.map(|spec| spec.len() as u64).sum();
        if self.place.half { HALF * values } else { 0 }
    }

    /// Tensors of the feed-forward network's width.
    fn inner(&self) -> u64 {
        match self.model.activation {
            Activation::Swiglu => 3,
            Activation::Relu2 => 2,
        }
    }

    /// The backward pass of a block besides what the block keeps: the gradient of the stream and of the branch, `2 d`, and
    /// where the feed-forward network is largest, those of its inner tensors, `2 f`.
    fn block_slopes(&self) -> u64 {
        let (q, kv) = self.widths();
        let feed_forward = 2 * self.model.d_ff as u64;
        // dO, dQ, dK and dV; the feed-forward network's own tensors are gone by then.
        let attention = (2 * q + 2 * kv).saturating_sub(self.inner() * self.model.d_ff as u64);
        self.tokens() * (2 * self.model.d_model as u64 + feed_forward.max(attention)) * F32
    }

    /// The gradient of the matrix that makes logits, `v * d`.
    fn head_weights(&self) -> u64 {
        (self.model.vocab_size * self.model.d_model) as u64 * F32
    }

    /// Head and loss: input, its gradient (`2 t d`), a chunk of logits, and the packed head; on a GPU also input and head as
    /// the products read them.
    fn head(&self) -> u64 {
        let rounded = if self.place.half && !self.place.cpu {
            (self.stream() + self.head_weights()) / F32 * HALF
        } else {
            0
        };
        2 * self.stream() + self.logits() + rounded
    }

    fn logits(&self) -> u64 {
        let vocab = self.model.vocab_size as u64;
        if self.fused && !self.place.cpu {
            // A chunk of logits, and its gradient, which is in the 16-bit float where there is one.
            let tokens = usize::try_from(self.tokens()).unwrap_or(usize::MAX);
            let chunk = head_chunk(tokens, self.model.vocab_size, self.place.cuda) as u64;
            let gradient = if self.place.half { HALF } else { F32 };
            chunk.min(self.tokens()) * vocab * (F32 + gradient)
        } else if self.fused && !self.place.half {
            let packed = vocab * (self.model.d_model as u64).min(PACKED_DEPTH);
            let rows = (LOGITS / vocab / 16 * 16).max(16).min(self.tokens());
            (rows * vocab + packed) * F32
        } else {
            // Logits, their logarithms of shares, and the gradient of either.
            4 * self.tokens() * vocab * F32
        }
    }

    /// Muon's iteration: on the CPU a matrix and its next, and four Gram matrices, for each thread.
    fn muon(&self, specs: &[ParameterSpec]) -> u64 {
        let matrices = || {
            specs
                .iter()
                .filter(|spec| Algorithm::of(spec.kind) == Algorithm::Muon)
        };
        let whole = matrices().map(ParameterSpec::len).max().unwrap_or(0) as u64;
        let short = matrices().map(|spec| spec.shape[0].min(spec.shape[1])).max();
        let one = (2 * whole + 4 * (short.unwrap_or(0) as u64).pow(2)) * F32;
        if self.fused && self.place.cpu {
            return one * self.place.threads as u64;
        }
        // Batches of one shape, of at most 32 Mi values, in five tensors.
        5 * (matrices().map(|spec| spec.len() as u64).sum::<u64>()).min(32 << 20) * F32
    }

    /// A forward pass without a graph: the stream and its sum, a normalised copy, and the widest part of a block.
    fn evaluation(&self, preset: &Preset) -> u64 {
        let (batch, seq) = (preset.eval.batch as u64, preset.eval.seq_len as u64);
        let pass = Pass {
            batch: batch.min(preset.eval.tokens / seq.max(1)).max(1),
            seq,
            model: self.model,
            ..*self
        };
        let (q, kv) = pass.widths();
        let inner = (3 * pass.model.d_ff as u64).max(3 * q + 3 * kv);
        let block = pass.tokens() * inner * F32 + 3 * pass.stream();
        block.max(pass.stream() + pass.logits())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::test_preset;

    const CPU: Place = Place {
        cpu: true,
        cuda: false,
        threads: 2,
        half: false,
    };

    fn total(preset: &Preset) -> u64 {
        predict_memory(preset, CPU).expect("a curriculum").total()
    }

    #[test]
    fn weights_gradients_and_states_are_those_of_the_parameters() {
        let preset = test_preset();
        let memory = predict_memory(&preset, CPU).expect("a curriculum");
        let specs = Weights::specs(&preset.model).into_vec();
        let count = |muon: bool| -> u64 {
            let kind = |spec: &&ParameterSpec| (Algorithm::of(spec.kind) == Algorithm::Muon) == muon;
            specs.iter().filter(kind).map(|spec| spec.len() as u64).sum()
        };
        assert_eq!(memory.weights, 4 * preset.model.counts().parameters);
        assert_eq!(memory.optimizer, 4 * count(true) + 8 * count(false));
    }

    /// Worked out by hand for a layer of `reference`: 512 wide, 8 heads for 4 of keys and values of 64, 2,048 inner values.
    #[test]
    fn a_layer_of_16_bits_holds_what_its_backward_pass_reads() {
        let mut preset = test_preset();
        let model = &mut preset.model;
        (model.d_model, model.n_heads, model.n_kv_heads) = (512, 8, 4);
        (model.head_dim, model.d_ff) = (64, 2048);
        let bytes = |model: &ModelConfig, narrow: bool| {
            let place = Place {
                cpu: false,
                cuda: true,
                half: true,
                ..CPU
            };
            let pass = Pass {
                model,
                place,
                fused: true,
                narrow,
                batch: 3,
                seq: 7,
            };
            assert_eq!(pass.block() % 21, 0);
            pass.block() / 21
        };
        (model.activation, model.qk_norm) = (Activation::Swiglu, true);
        // Norms 2 (2,048 + 1,024 + 4); heads before QK-norm 1,024 + 512 and scales 48; attention 4 x 768 and sums 32;
        // gate, up and their product 3 x 4,096.
        assert_eq!(bytes(model, true), 6152 + 1584 + 3104 + 12_288);
        // The same values in f32, and the copies in 16 bits that products read.
        assert_eq!(bytes(model, false), 42_072 + 7_168);
        (model.activation, model.qk_norm) = (Activation::Relu2, false);
        assert_eq!(bytes(model, true), 6152 + 3104 + 8192);
    }

    #[test]
    fn recomputing_takes_less_and_accumulating_takes_one_gradient_more() {
        let mut preset = test_preset();
        preset.train.micro_batch = 64;
        let kept = held(&preset);
        preset.train.accumulation = 2;
        assert_eq!(held(&preset), kept + 4 * preset.model.counts().parameters);
        preset.train.activations = Activations::Recompute;
        assert!(held(&preset) < kept);
    }

    /// Without the pages of the data and those that were freed.
    fn held(preset: &Preset) -> u64 {
        let memory = predict_memory(preset, CPU).expect("a curriculum");
        memory.total() - memory.data - memory.freed
    }

    #[test]
    fn the_micro_batch_that_fits_is_the_largest() {
        let mut preset = test_preset();
        preset.train.micro_batch = 1000;
        // So many that rounding them up to whole steps adds no pages of data.
        preset.train.tokens = 100_000_000;
        let with = |micro_batch| {
            let mut preset = preset.clone();
            preset.train.micro_batch = micro_batch;
            total(&preset)
        };
        let fit = fitting_micro_batch(&preset, CPU, with(37));
        assert_eq!(fit, Some(37));
        assert_eq!(fitting_micro_batch(&preset, CPU, with(1) - 1), None);
        assert_eq!(fitting_micro_batch(&preset, CPU, u64::MAX), Some(1000));
    }
}
