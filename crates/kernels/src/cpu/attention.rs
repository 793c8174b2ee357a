//! Causal attention by blocks of queries: scores exist for one block at a time, and the backward pass makes them
//! again, so memory grows with the sequence and not with its square (Dao et al., "FlashAttention", 2022).

use burn::backend::autodiff::checkpoint::base::Checkpointer;
use burn::backend::autodiff::checkpoint::strategy::CheckpointStrategy;
use burn::backend::autodiff::grads::Gradients;
use burn::backend::autodiff::ops::{Backward, Ops, OpsKind};
use burn::backend::flex::FlexTensor;
use burn::backend::tensor::FloatTensor;
use burn::backend::{Autodiff, Flex, TensorMetadata};
use rayon::prelude::*;

use super::math::{exp_negative, vectorised};
use super::product::{Matrix, product};
use super::slices::{floats, tensor, uninitialised};

/// Queries of a block.
const BLOCK: usize = 64;

/// Sizes of one call.
#[derive(Clone, Copy, Debug)]
struct Shape {
    batch: usize,
    heads: usize,
    kv_heads: usize,
    seq: usize,
    head_dim: usize,
    window: usize,
}

impl Shape {
    fn of(q: &FlexTensor, k: &FlexTensor, window: usize) -> Self {
        let (q, kv_heads) = (q.shape(), k.shape()[1]);
        Self {
            batch: q[0],
            heads: q[1],
            kv_heads,
            seq: q[2],
            head_dim: q[3],
            window,
        }
    }

    /// Values of one head of one sequence.
    fn head(&self) -> usize {
        self.seq * self.head_dim
    }

    /// Query heads that share a key/value head.
    fn group(&self) -> usize {
        self.heads / self.kv_heads
    }

    fn scale(&self) -> f32 {
        1.0 / (self.head_dim as f32).sqrt()
    }

    /// The blocks of a sequence: queries `from..to`, and the first key that any of them sees.
    fn blocks(&self) -> impl Iterator<Item = Block> + use<> {
        let Self { seq, window, .. } = *self;
        (0..seq).step_by(BLOCK).map(move |from| Block {
            from,
            to: (from + BLOCK).min(seq),
            first_key: (from + 1).saturating_sub(window),
        })
    }
}

#[derive(Clone, Copy)]
struct Block {
    from: usize,
    to: usize,
    first_key: usize,
}

impl Block {
    fn rows(self) -> usize {
        self.to - self.from
    }

    fn keys(self) -> usize {
        self.to - self.first_key
    }

    /// Of the block's keys, those that its `row`-th query sees.
    fn seen(self, row: usize, window: usize) -> std::ops::Range<usize> {
        let query = self.from + row;
        (query + 1).saturating_sub(window).saturating_sub(self.first_key)..query + 1 - self.first_key
    }
}

/// `q` is `[batch, heads, seq, head_dim]`, `k` and `v` are `[batch, kv_heads, seq, head_dim]`; gives the result and
/// for each query the `ln sum exp` of its scores.
pub(super) fn forward(
    q: &FlexTensor,
    k: &FlexTensor,
    v: &FlexTensor,
    window: usize,
) -> (FloatTensor<Flex>, Vec<f32>) {
    let shape = Shape::of(q, k, window);
    let (mut hold_q, mut hold_k, mut hold_v) = (None, None, None);
    let (q, k, v) = (
        floats(q, &mut hold_q),
        floats(k, &mut hold_k),
        floats(v, &mut hold_v),
    );
    let mut out = uninitialised(q.len());
    let mut log_sums = uninitialised(shape.batch * shape.heads * shape.seq);
    out.par_chunks_mut(shape.head())
        .zip(log_sums.par_chunks_mut(shape.seq))
        .enumerate()
        .for_each(|(head, (out, log_sums))| {
            let kv = head / shape.group() * shape.head();
            let q = &q[head * shape.head()..][..shape.head()];
            let (k, v) = (&k[kv..][..shape.head()], &v[kv..][..shape.head()]);
            forward_head(&shape, q, k, v, out, log_sums);
        });
    let Shape {
        batch,
        heads,
        seq,
        head_dim,
        ..
    } = shape;
    (tensor(out, &[batch, heads, seq, head_dim]), log_sums)
}

fn forward_head(shape: &Shape, q: &[f32], k: &[f32], v: &[f32], out: &mut [f32], log_sums: &mut [f32]) {
    let d = shape.head_dim;
    let mut scores = Vec::new();
    for block in shape.blocks() {
        let (rows, keys) = (block.rows(), block.keys());
        scores.resize(rows * keys, 0.0);
        let queries = Matrix::new(&q[block.from * d..block.to * d], rows, d);
        let seen_keys = Matrix::new(&k[block.first_key * d..block.to * d], keys, d);
        product(&mut scores, 0.0, queries, seen_keys.t(), shape.scale());
        for (row, scores) in scores.chunks_exact_mut(keys).enumerate() {
            log_sums[block.from + row] = softmax_seen(scores, block.seen(row, shape.window));
        }
        let values = Matrix::new(&v[block.first_key * d..block.to * d], keys, d);
        product(
            &mut out[block.from * d..block.to * d],
            0.0,
            Matrix::new(&scores, rows, keys),
            values,
            1.0,
        );
    }
}

/// Turns scores into shares, zero outside `seen`; gives the `ln sum exp` of those inside.
fn softmax_seen(scores: &mut [f32], seen: std::ops::Range<usize>) -> f32 {
    scores[..seen.start].fill(0.0);
    scores[seen.end..].fill(0.0);
    let scores = &mut scores[seen];
    let largest = scores.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    exponentials(scores, largest);
    let sum: f32 = scores.iter().sum();
    let inverse = 1.0 / sum;
    scores.iter_mut().for_each(|share| *share *= inverse);
    largest + sum.ln()
}

vectorised! {
    /// `exp(x - shift)` in place; no `x` is above `shift`, but for rounding.
    fn exponentials(values: &mut [f32], shift: f32) {
        for x in values {
            *x = exp_negative(*x - shift);
        }
    }
}

/// What the backward pass needs.
#[derive(Clone, Debug)]
pub(super) struct Saved {
    q: FlexTensor,
    k: FlexTensor,
    v: FlexTensor,
    out: FlexTensor,
    log_sums: Vec<f32>,
    window: usize,
}

/// One key/value head with the query heads that share it, as slices.
struct Group<'a> {
    q: &'a [f32],
    k: &'a [f32],
    v: &'a [f32],
    out: &'a [f32],
    upstream: &'a [f32],
    log_sums: &'a [f32],
}

fn backward(saved: &Saved, upstream: &FlexTensor) -> [FloatTensor<Flex>; 3] {
    let shape = Shape::of(&saved.q, &saved.k, saved.window);
    let mut holds = [None, None, None, None, None];
    let [hold_q, hold_k, hold_v, hold_out, hold_upstream] = &mut holds;
    let (q, k, v) = (
        floats(&saved.q, hold_q),
        floats(&saved.k, hold_k),
        floats(&saved.v, hold_v),
    );
    let (out, upstream) = (floats(&saved.out, hold_out), floats(upstream, hold_upstream));
    let mut dq = uninitialised(q.len());
    let mut dk = vec![0.0; k.len()];
    let mut dv = vec![0.0; v.len()];
    let (head, group) = (shape.head(), shape.group());
    dq.par_chunks_mut(head * group)
        .zip(dk.par_chunks_mut(head))
        .zip(dv.par_chunks_mut(head))
        .enumerate()
        .for_each(|(index, ((dq, dk), dv))| {
            let queries = index * head * group..(index + 1) * head * group;
            let keys = index * head..(index + 1) * head;
            let group = Group {
                q: &q[queries.clone()],
                k: &k[keys.clone()],
                v: &v[keys],
                out: &out[queries.clone()],
                upstream: &upstream[queries],
                log_sums: &saved.log_sums[index * group * shape.seq..][..group * shape.seq],
            };
            backward_group(&shape, &group, dq, dk, dv);
        });
    let Shape {
        batch,
        heads,
        kv_heads,
        seq,
        head_dim,
        ..
    } = shape;
    [
        tensor(dq, &[batch, heads, seq, head_dim]),
        tensor(dk, &[batch, kv_heads, seq, head_dim]),
        tensor(dv, &[batch, kv_heads, seq, head_dim]),
    ]
}

/// With shares `P`, `dP = dO V^T`, `dS = P * (dP - rowsum(dO * O))`: `dQ = dS K`, `dK = dS^T Q`, `dV = P^T dO`, the
/// scale on both of the first.
fn backward_group(shape: &Shape, group: &Group<'_>, dq: &mut [f32], dk: &mut [f32], dv: &mut [f32]) {
    let d = shape.head_dim;
    let (mut shares, mut slopes) = (Vec::new(), Vec::new());
    for head in 0..shape.group() {
        let start = head * shape.head();
        for block in shape.blocks() {
            let (rows, keys) = (block.rows(), block.keys());
            shares.resize(rows * keys, 0.0);
            slopes.resize(rows * keys, 0.0);
            let of_block = start + block.from * d..start + block.to * d;
            let of_keys = block.first_key * d..block.to * d;
            let q = Matrix::new(&group.q[of_block.clone()], rows, d);
            let upstream = Matrix::new(&group.upstream[of_block.clone()], rows, d);
            let k = Matrix::new(&group.k[of_keys.clone()], keys, d);
            let v = Matrix::new(&group.v[of_keys.clone()], keys, d);
            product(&mut shares, 0.0, q, k.t(), shape.scale());
            product(&mut slopes, 0.0, upstream, v.t(), 1.0);
            let outs = group.out[of_block.clone()].chunks_exact(d);
            let upstreams = group.upstream[of_block.clone()].chunks_exact(d);
            let tiles = shares.chunks_exact_mut(keys).zip(slopes.chunks_exact_mut(keys));
            for (row, ((shares, slopes), (out, upstream))) in tiles.zip(outs.zip(upstreams)).enumerate() {
                let log_sum = group.log_sums[head * shape.seq + block.from + row];
                let along: f32 = out.iter().zip(upstream).map(|(o, u)| o * u).sum();
                slopes_of_row(shares, slopes, block.seen(row, shape.window), log_sum, along);
            }
            let (p, ds) = (Matrix::new(&shares, rows, keys), Matrix::new(&slopes, rows, keys));
            product(&mut dq[of_block], 0.0, ds, k, shape.scale());
            product(&mut dk[of_keys.clone()], 1.0, ds.t(), q, shape.scale());
            product(&mut dv[of_keys], 1.0, p.t(), upstream, 1.0);
        }
    }
}

/// `shares` come in as scores and go out as `P`; `slopes` come in as `dP` and go out as `dS`.
fn slopes_of_row(
    shares: &mut [f32],
    slopes: &mut [f32],
    seen: std::ops::Range<usize>,
    log_sum: f32,
    along: f32,
) {
    for values in [&mut *shares, &mut *slopes] {
        values[..seen.start].fill(0.0);
        values[seen.end..].fill(0.0);
    }
    let (shares, slopes) = (&mut shares[seen.clone()], &mut slopes[seen]);
    exponentials(shares, log_sum);
    for (slope, share) in slopes.iter_mut().zip(&*shares) {
        *slope = share * (*slope - along);
    }
}

#[derive(Debug)]
struct Attention;

impl Backward<Flex, 3> for Attention {
    type State = Saved;

    fn backward(self, ops: Ops<Self::State, 3>, grads: &mut Gradients, _: &mut Checkpointer) {
        let upstream = grads.consume::<Flex>(&ops.node);
        let gradients = backward(&ops.state, &upstream);
        for (parent, gradient) in ops.parents.into_iter().zip(gradients) {
            if let Some(parent) = parent {
                grads.register::<Flex>(parent.id, gradient);
            }
        }
    }
}

pub(super) fn tracked<C: CheckpointStrategy>(
    q: FloatTensor<Autodiff<Flex, C>>,
    k: FloatTensor<Autodiff<Flex, C>>,
    v: FloatTensor<Autodiff<Flex, C>>,
    window: usize,
) -> FloatTensor<Autodiff<Flex, C>> {
    let prepared = Attention
        .prepare::<C>([q.node(), k.node(), v.node()])
        .compute_bound()
        .stateful();
    let (q, k, v) = (q.into_primitive(), k.into_primitive(), v.into_primitive());
    let (out, log_sums) = forward(&q, &k, &v, window);
    match prepared {
        OpsKind::Tracked(prep) => {
            let saved = Saved {
                q,
                k,
                v,
                out: out.clone(),
                log_sums,
                window,
            };
            prep.finish(saved, out)
        }
        OpsKind::UnTracked(prep) => prep.finish(out),
    }
}
