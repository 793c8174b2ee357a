//! Causal attention by blocks of queries: scores exist for one block at a time, and the backward pass makes them
//! again, so memory grows with the sequence and not with its square (Dao et al., "FlashAttention", 2022).
//!
//! Heads lie beside one another in a row, so nothing is transposed on the way in or out. The unit of work is a
//! [`Task`]: some blocks of one query head. Tasks depend on the sizes alone, and what several of them add to one
//! key/value head is summed in their order, so results do not depend on the number of threads.

use burn::backend::autodiff::checkpoint::base::Checkpointer;
use burn::backend::autodiff::checkpoint::strategy::CheckpointStrategy;
use burn::backend::autodiff::grads::Gradients;
use burn::backend::autodiff::ops::{Backward, Ops, OpsKind};
use burn::backend::flex::FlexTensor;
use burn::backend::tensor::FloatTensor;
use burn::backend::{Autodiff, Flex, TensorMetadata};
use rayon::prelude::*;

use super::math::{LANES, dot, exp_negative, tanh, vectorised};
use super::product::{Matrix, Parallelism, Shared, Target, product, product_on};
use super::slices::{floats, tensor, uninitialised};

/// Queries of a block.
const BLOCK: usize = 64;

/// Queries of a task.
const TASK: usize = 256;

/// Tasks for each thread between two sums of what the backward pass found: more wait for each other less, and hold
/// more memory.
const TASKS_A_THREAD: usize = 4;

/// What a score goes through besides the scale.
#[derive(Clone, Copy, Debug)]
pub(super) struct Scores {
    /// Position `i` sees `j` with `i - window < j <= i`.
    pub window: usize,
    /// Scores stay within `-softcap..softcap`.
    pub softcap: Option<f32>,
}

/// Sizes of one call.
#[derive(Clone, Copy, Debug)]
struct Shape {
    batch: usize,
    heads: usize,
    kv_heads: usize,
    seq: usize,
    head_dim: usize,
    scores: Scores,
}

impl Shape {
    fn of(q: &FlexTensor, k: &FlexTensor, scores: Scores) -> Self {
        let (q, kv_heads) = (q.shape(), k.shape()[2]);
        Self {
            batch: q[0],
            seq: q[1],
            heads: q[2],
            kv_heads,
            head_dim: q[3],
            scores,
        }
    }

    fn scale(&self) -> f32 {
        1.0 / (self.head_dim as f32).sqrt()
    }

    /// From a position's queries to the next one's.
    fn q_stride(&self) -> usize {
        self.heads * self.head_dim
    }

    /// From a position's keys to the next one's.
    fn kv_stride(&self) -> usize {
        self.kv_heads * self.head_dim
    }

    /// Where the queries of a position begin.
    fn q_offset(&self, task: &Task, position: usize) -> usize {
        (task.sequence * self.seq + position) * self.q_stride() + task.head * self.head_dim
    }

    /// Where the keys of a position begin that the task's head uses.
    fn kv_offset(&self, task: &Task, position: usize) -> usize {
        let kv_head = task.head / (self.heads / self.kv_heads);
        (task.sequence * self.seq + position) * self.kv_stride() + kv_head * self.head_dim
    }

    /// All of the work, the longest tasks first.
    fn tasks(&self) -> Vec<Task> {
        let starts = (0..self.seq).step_by(TASK).rev();
        starts
            .flat_map(|from| {
                (0..self.batch).flat_map(move |sequence| {
                    (0..self.heads).map(move |head| Task {
                        sequence,
                        head,
                        from,
                        to: (from + TASK).min(self.seq),
                    })
                })
            })
            .collect()
    }

    fn queries<'a>(&self, values: &'a [f32], task: &Task, block: Block) -> Matrix<'a> {
        let values = &values[self.q_offset(task, block.from)..];
        Matrix::strided(values, block.rows(), self.head_dim, self.q_stride())
    }

    fn keys<'a>(&self, values: &'a [f32], task: &Task, block: Block) -> Matrix<'a> {
        let values = &values[self.kv_offset(task, block.first_key)..];
        Matrix::strided(values, block.keys(), self.head_dim, self.kv_stride())
    }

    /// # Safety
    /// As that of [`Shared::target`]; tasks differ in their queries.
    unsafe fn queries_of<'a>(&self, memory: &Shared<'a>, task: &Task, block: Block) -> Target<'a> {
        // SAFETY: the caller's.
        unsafe {
            memory.target(
                self.q_offset(task, block.from),
                block.rows(),
                self.head_dim,
                self.q_stride(),
            )
        }
    }
}

/// Queries `from..to` of one head of one sequence.
#[derive(Clone, Copy, Debug)]
struct Task {
    sequence: usize,
    head: usize,
    from: usize,
    to: usize,
}

impl Task {
    /// The first key that any of its queries sees.
    fn first_key(&self, window: usize) -> usize {
        (self.from + 1).saturating_sub(window)
    }

    fn blocks(self, window: usize) -> impl Iterator<Item = Block> {
        (self.from..self.to).step_by(BLOCK).map(move |from| Block {
            from,
            to: (from + BLOCK).min(self.to),
            first_key: (from + 1).saturating_sub(window),
        })
    }
}

/// Queries `from..to`, and the first key that any of them sees.
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

/// `q` is `[batch, seq, heads, head_dim]`, `k` and `v` are `[batch, seq, kv_heads, head_dim]`; gives the result and
/// of each query the `ln sum exp` of its scores, `[batch, heads, seq]`.
pub(super) fn forward(
    q: &FlexTensor,
    k: &FlexTensor,
    v: &FlexTensor,
    scores: Scores,
) -> (FloatTensor<Flex>, Vec<f32>) {
    let shape = Shape::of(q, k, scores);
    let dims = q.shape();
    let (mut hold_q, mut hold_k, mut hold_v) = (None, None, None);
    let (q, k, v) = (
        floats(q, &mut hold_q),
        floats(k, &mut hold_k),
        floats(v, &mut hold_v),
    );
    let mut out = uninitialised(q.len());
    let mut log_sums = uninitialised(shape.batch * shape.heads * shape.seq);
    let (out_memory, sums_memory) = (Shared::new(&mut out), Shared::new(&mut log_sums));
    shape.tasks().into_par_iter().for_each(|task| {
        let first = (task.sequence * shape.heads + task.head) * shape.seq + task.from;
        // SAFETY: tasks differ in head or queries, so no two have a query's sum in common.
        let sums = unsafe { sums_memory.slice(first, task.to - task.from) };
        forward_task(&shape, &task, [q, k, v], &out_memory, sums);
    });
    (tensor(out, &dims), log_sums)
}

fn forward_task(shape: &Shape, task: &Task, [q, k, v]: [&[f32]; 3], out: &Shared<'_>, log_sums: &mut [f32]) {
    let Scores { window, softcap } = shape.scores;
    let mut scores = Vec::new();
    for block in task.blocks(window) {
        let (rows, keys) = (block.rows(), block.keys());
        scores.resize(rows * keys, 0.0);
        let (queries, seen_keys) = (shape.queries(q, task, block), shape.keys(k, task, block));
        product(&mut scores, 0.0, queries, seen_keys.t(), shape.scale());
        for (row, scores) in scores.chunks_exact_mut(keys).enumerate() {
            let sum = softmax_seen(scores, block.seen(row, window), softcap);
            log_sums[block.from - task.from + row] = sum;
        }
        // SAFETY: no other task has these queries, and this one takes them once.
        let out = unsafe { shape.queries_of(out, task, block) };
        let (shares, values) = (Matrix::new(&scores, rows, keys), shape.keys(v, task, block));
        product_on(Parallelism::None, out, 0.0, shares, values, 1.0);
    }
}

/// Turns scores into shares, zero outside `seen`; gives the `ln sum exp` of those inside.
fn softmax_seen(scores: &mut [f32], seen: std::ops::Range<usize>, softcap: Option<f32>) -> f32 {
    scores[..seen.start].fill(0.0);
    scores[seen.end..].fill(0.0);
    let scores = &mut scores[seen];
    if let Some(cap) = softcap {
        capped(scores, cap);
    }
    let largest = largest(scores);
    let sum = exponentials(scores, largest);
    let inverse = 1.0 / sum;
    scores.iter_mut().for_each(|share| *share *= inverse);
    largest + sum.ln()
}

vectorised! {
    fn capped(scores: &mut [f32], cap: f32) {
        let inverse = 1.0 / cap;
        for x in scores {
            *x = cap * tanh(*x * inverse);
        }
    }
}

vectorised! {
    fn largest(values: &[f32]) -> f32 {
        let mut lanes = [f32::NEG_INFINITY; LANES];
        let (chunks, rest) = values.as_chunks::<LANES>();
        for chunk in chunks {
            for lane in 0..LANES {
                lanes[lane] = if chunk[lane] > lanes[lane] { chunk[lane] } else { lanes[lane] };
            }
        }
        lanes.iter().chain(rest).copied().fold(f32::NEG_INFINITY, f32::max)
    }
}

vectorised! {
    /// `exp(x - shift)` in place, and their sum; no `x` is above `shift`, but for rounding.
    fn exponentials(values: &mut [f32], shift: f32) -> f32 {
        let mut sums = [0.0f32; LANES];
        let (chunks, rest) = values.as_chunks_mut::<LANES>();
        for chunk in chunks {
            for lane in 0..LANES {
                chunk[lane] = exp_negative(chunk[lane] - shift);
                sums[lane] += chunk[lane];
            }
        }
        let mut sum = sums.iter().sum::<f32>();
        for x in rest {
            *x = exp_negative(*x - shift);
            sum += *x;
        }
        sum
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
    scores: Scores,
}

/// [`Saved`] and the upstream gradient as slices.
struct Inputs<'a> {
    q: &'a [f32],
    k: &'a [f32],
    v: &'a [f32],
    out: &'a [f32],
    upstream: &'a [f32],
    log_sums: &'a [f32],
}

/// What one task adds to the gradients of the keys `first_key..to` and of their values, row by row.
struct KeySlopes {
    task: Task,
    first_key: usize,
    k: Vec<f32>,
    v: Vec<f32>,
}

fn backward(saved: &Saved, upstream: &FlexTensor) -> [FloatTensor<Flex>; 3] {
    let shape = Shape::of(&saved.q, &saved.k, saved.scores);
    let mut holds = [None, None, None, None, None];
    let [hold_q, hold_k, hold_v, hold_out, hold_upstream] = &mut holds;
    let inputs = Inputs {
        q: floats(&saved.q, hold_q),
        k: floats(&saved.k, hold_k),
        v: floats(&saved.v, hold_v),
        out: floats(&saved.out, hold_out),
        upstream: floats(upstream, hold_upstream),
        log_sums: &saved.log_sums,
    };
    let mut dq = uninitialised(inputs.q.len());
    let memory = Shared::new(&mut dq);
    let len = shape.batch * shape.seq * shape.kv_stride();
    let (mut dk, mut dv) = (vec![0.0f32; len], vec![0.0f32; len]);
    // What all tasks together add to the keys grows with the square of the sequence, so it is summed up as it comes.
    // The order of the sums is that of the tasks, however many are under way at a time.
    for tasks in shape
        .tasks()
        .chunks(TASKS_A_THREAD * rayon::current_num_threads())
    {
        let parts: Vec<KeySlopes> = tasks
            .par_iter()
            .map(|&task| backward_task(&shape, task, &inputs, &memory))
            .collect();
        add_by_key(&shape, &parts, &mut dk, &mut dv);
    }
    [
        tensor(dq, &saved.q.shape()),
        tensor(dk, &saved.k.shape()),
        tensor(dv, &saved.v.shape()),
    ]
}

/// With shares `P`, `dP = dO V^T`, `dS = P * (dP - rowsum(dO * O))`: `dQ = dS K`, `dK = dS^T Q`, `dV = P^T dO`, the
/// scale on both of the first.
fn backward_task(shape: &Shape, task: Task, inputs: &Inputs<'_>, dq: &Shared<'_>) -> KeySlopes {
    let (d, window) = (shape.head_dim, shape.scores.window);
    let first_key = task.first_key(window);
    let mut sums = KeySlopes {
        task,
        first_key,
        k: vec![0.0; (task.to - first_key) * d],
        v: vec![0.0; (task.to - first_key) * d],
    };
    let (mut shares, mut slopes) = (Vec::new(), Vec::new());
    for block in task.blocks(window) {
        let (rows, keys) = (block.rows(), block.keys());
        shares.resize(rows * keys, 0.0);
        slopes.resize(rows * keys, 0.0);
        let q = shape.queries(inputs.q, &task, block);
        let upstream = shape.queries(inputs.upstream, &task, block);
        let (k, v) = (
            shape.keys(inputs.k, &task, block),
            shape.keys(inputs.v, &task, block),
        );
        product(&mut shares, 0.0, q, k.t(), shape.scale());
        product(&mut slopes, 0.0, upstream, v.t(), 1.0);
        slopes_of_block(shape, &task, block, inputs, &mut shares, &mut slopes);
        let (p, ds) = (Matrix::new(&shares, rows, keys), Matrix::new(&slopes, rows, keys));
        // SAFETY: no other task has these queries, and this one takes them once.
        let dq = unsafe { shape.queries_of(dq, &task, block) };
        product_on(Parallelism::None, dq, 0.0, ds, k, shape.scale());
        let of_keys = (block.first_key - first_key) * d..(block.to - first_key) * d;
        product(&mut sums.k[of_keys.clone()], 1.0, ds.t(), q, shape.scale());
        product(&mut sums.v[of_keys], 1.0, p.t(), upstream, 1.0);
    }
    sums
}

/// `shares` come in as scores and go out as `P`; `slopes` come in as `dP` and go out as `dS`.
fn slopes_of_block(
    shape: &Shape,
    task: &Task,
    block: Block,
    inputs: &Inputs<'_>,
    shares: &mut [f32],
    slopes: &mut [f32],
) {
    let first = (task.sequence * shape.heads + task.head) * shape.seq + block.from;
    let rows = shares
        .chunks_exact_mut(block.keys())
        .zip(slopes.chunks_exact_mut(block.keys()));
    for (row, (shares, slopes)) in rows.enumerate() {
        let at = shape.q_offset(task, block.from + row);
        let at = at..at + shape.head_dim;
        let along = dot(&inputs.out[at.clone()], &inputs.upstream[at]);
        let seen = block.seen(row, shape.scores.window);
        for values in [&mut *shares, &mut *slopes] {
            values[..seen.start].fill(0.0);
            values[seen.end..].fill(0.0);
        }
        let (shares, slopes) = (&mut shares[seen.clone()], &mut slopes[seen]);
        let log_sum = inputs.log_sums[first + row];
        match shape.scores.softcap {
            None => slopes_of_row(shares, slopes, log_sum, along),
            Some(cap) => capped_slopes_of_row(shares, slopes, log_sum, along, cap),
        }
    }
}

vectorised! {
    fn slopes_of_row(shares: &mut [f32], slopes: &mut [f32], log_sum: f32, along: f32) {
        for (share, slope) in shares.iter_mut().zip(slopes) {
            *share = exp_negative(*share - log_sum);
            *slope = *share * (*slope - along);
        }
    }
}

vectorised! {
    fn capped_slopes_of_row(shares: &mut [f32], slopes: &mut [f32], log_sum: f32, along: f32, cap: f32) {
        let inverse = 1.0 / cap;
        for (share, slope) in shares.iter_mut().zip(slopes) {
            let bent = tanh(*share * inverse);
            *share = exp_negative(cap * bent - log_sum);
            *slope = *share * (*slope - along) * (1.0 - bent * bent);
        }
    }
}

/// Adds what the tasks found, one key/value head of one sequence a thread.
fn add_by_key(shape: &Shape, parts: &[KeySlopes], dk: &mut [f32], dv: &mut [f32]) {
    let (dk_memory, dv_memory) = (Shared::new(dk), Shared::new(dv));
    let group = shape.heads / shape.kv_heads;
    (0..shape.batch * shape.kv_heads)
        .into_par_iter()
        .for_each(|index| {
            let (sequence, kv_head) = (index / shape.kv_heads, index % shape.kv_heads);
            let own = |part: &&KeySlopes| part.task.sequence == sequence && part.task.head / group == kv_head;
            for part in parts.iter().filter(own) {
                let rows = part
                    .k
                    .chunks_exact(shape.head_dim)
                    .zip(part.v.chunks_exact(shape.head_dim));
                for (row, (k, v)) in rows.enumerate() {
                    let at = shape.kv_offset(&part.task, part.first_key + row);
                    // SAFETY: no other thread has this key/value head of this sequence.
                    let (dk, dv) = unsafe {
                        (
                            dk_memory.slice(at, shape.head_dim),
                            dv_memory.slice(at, shape.head_dim),
                        )
                    };
                    dk.iter_mut().zip(k).for_each(|(sum, x)| *sum += x);
                    dv.iter_mut().zip(v).for_each(|(sum, x)| *sum += x);
                }
            }
        });
}

#[derive(Debug)]
struct Attention;

impl Backward<Flex, 3> for Attention {
    type State = Saved;

    fn backward(self, ops: Ops<Self::State, 3>, grads: &mut Gradients, _: &mut Checkpointer) {
        let upstream = grads.consume::<Flex>(&ops.node);
        register!(grads, ops.parents, backward(&ops.state, &upstream));
    }
}

pub(super) fn tracked<C: CheckpointStrategy>(
    q: FloatTensor<Autodiff<Flex, C>>,
    k: FloatTensor<Autodiff<Flex, C>>,
    v: FloatTensor<Autodiff<Flex, C>>,
    scores: Scores,
) -> FloatTensor<Autodiff<Flex, C>> {
    let prepared = Attention
        .prepare::<C>([q.node(), k.node(), v.node()])
        .compute_bound()
        .stateful();
    let (q, k, v) = (q.into_primitive(), k.into_primitive(), v.into_primitive());
    let (out, log_sums) = forward(&q, &k, &v, scores);
    match prepared {
        OpsKind::Tracked(prep) => {
            let saved = Saved {
                q,
                k,
                v,
                out: out.clone(),
                log_sums,
                scores,
            };
            prep.finish(saved, out)
        }
        OpsKind::UnTracked(prep) => prep.finish(out),
    }
}
