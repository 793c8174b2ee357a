//! A head's normalisation and its rotation in one pass each way: a row is a head of a position.
#![allow(clippy::too_many_arguments)] // A kernel takes its tensors and sizes one by one.

use burn::backend::autodiff::checkpoint::base::Checkpointer;
use burn::backend::autodiff::checkpoint::strategy::CheckpointStrategy;
use burn::backend::autodiff::grads::Gradients;
use burn::backend::autodiff::ops::{Backward, Ops, OpsKind};
use burn::backend::cubecl::dtype_to_storage_type;
use burn::backend::tensor::FloatTensor;
use burn::backend::{Autodiff, Cube};
use burn::tensor::DType;
use burn_cubecl::tensor::CubeTensor;
use cubecl::ir::ElemType;
use cubecl::prelude::*;

use super::GpuKernels;
use super::launch::{
    Rows, UNITS, column_sum, empty, empty_like, parts, row_of_unit, row_sum, sum_parts, whole,
};

/// Turns each pair `(x[i], x[i + half])` of `gain * x / rms`, or of `x` where nothing is normalised.
#[cube(launch)]
fn qk_norm_rope_kernel<F: Float>(
    x: &Tensor<F>,
    gain: &Tensor<f32>,
    cos: &Tensor<f32>,
    sin: &Tensor<f32>,
    out: &mut Tensor<F>,
    scales: &mut Tensor<f32>,
    half: usize,
    heads: usize,
    seq: usize,
    rows: usize,
    eps: f32,
    #[comptime] normed: bool,
    #[comptime] units: usize,
    #[define(F)] _dtype: ElemType,
) {
    let mut scratch = Shared::<[f32]>::new_slice(units);
    let row = row_of_unit();
    let first = row * half * 2;
    let mut squares = 0.0f32;
    if comptime![normed] {
        if row < rows {
            let mut i = UNIT_POS_X as usize;
            while i < half * 2 {
                let value = f32::cast_from(x[first + i]);
                squares += value * value;
                i += CUBE_DIM_X as usize;
            }
        }
        squares = row_sum(squares, &mut scratch);
    }
    if row < rows {
        let angles = ((row / heads) % seq) * half;
        let mut inverse = 1.0f32;
        if comptime![normed] {
            inverse = 1.0f32 / (squares / f32::cast_from((half * 2) as u32) + eps).sqrt();
            if UNIT_POS_X == 0 {
                scales[row] = inverse;
            }
        }
        let mut i = UNIT_POS_X as usize;
        while i < half {
            let mut a = f32::cast_from(x[first + i]) * inverse;
            let mut b = f32::cast_from(x[first + half + i]) * inverse;
            if comptime![normed] {
                a *= gain[i];
                b *= gain[half + i];
            }
            let c = cos[angles + i];
            let s = sin[angles + i];
            out[first + i] = F::cast_from(a * c - b * s);
            out[first + half + i] = F::cast_from(b * c + a * s);
            i += CUBE_DIM_X as usize;
        }
    }
}

/// Turns the upstream gradient back, then as the backward pass of RMSNorm.
#[cube(launch)]
fn qk_norm_rope_backward_kernel<F: Float>(
    x: &Tensor<F>,
    gain: &Tensor<f32>,
    cos: &Tensor<f32>,
    sin: &Tensor<f32>,
    upstream: &Tensor<F>,
    scales: &Tensor<f32>,
    dx: &mut Tensor<F>,
    half: usize,
    heads: usize,
    seq: usize,
    rows: usize,
    #[comptime] normed: bool,
    #[comptime] units: usize,
    #[define(F)] _dtype: ElemType,
) {
    let mut scratch = Shared::<[f32]>::new_slice(units);
    let row = row_of_unit();
    let first = row * half * 2;
    let angles = ((row / heads) % seq) * half;
    let mut along = 0.0f32;
    if comptime![normed] {
        if row < rows {
            let mut i = UNIT_POS_X as usize;
            while i < half {
                let c = cos[angles + i];
                let s = sin[angles + i];
                let a = f32::cast_from(upstream[first + i]);
                let b = f32::cast_from(upstream[first + half + i]);
                along += (a * c + b * s) * gain[i] * f32::cast_from(x[first + i]);
                along += (b * c - a * s) * gain[half + i] * f32::cast_from(x[first + half + i]);
                i += CUBE_DIM_X as usize;
            }
        }
        along = row_sum(along, &mut scratch);
    }
    if row < rows {
        let mut inverse = 1.0f32;
        let mut mean = 0.0f32;
        if comptime![normed] {
            inverse = scales[row];
            mean = along * inverse * inverse / f32::cast_from((half * 2) as u32);
        }
        let mut i = UNIT_POS_X as usize;
        while i < half {
            let c = cos[angles + i];
            let s = sin[angles + i];
            let a = f32::cast_from(upstream[first + i]);
            let b = f32::cast_from(upstream[first + half + i]);
            let mut da = a * c + b * s;
            let mut db = b * c - a * s;
            if comptime![normed] {
                da = (da * gain[i] - f32::cast_from(x[first + i]) * mean) * inverse;
                db = (db * gain[half + i] - f32::cast_from(x[first + half + i]) * mean) * inverse;
            }
            dx[first + i] = F::cast_from(da);
            dx[first + half + i] = F::cast_from(db);
            i += CUBE_DIM_X as usize;
        }
    }
}

/// A part's rows of the gain's gradient: a few units a column, since a head is narrow and the rows are many.
#[cube(launch)]
fn qk_norm_rope_gain_kernel<F: Float>(
    x: &Tensor<F>,
    cos: &Tensor<f32>,
    sin: &Tensor<f32>,
    upstream: &Tensor<F>,
    scales: &Tensor<f32>,
    sums: &mut Tensor<f32>,
    half: usize,
    heads: usize,
    seq: usize,
    rows: usize,
    chunk: usize,
    #[comptime] units: usize,
    #[define(F)] _dtype: ElemType,
) {
    let mut scratch = Shared::<[f32]>::new_slice(units);
    let column = (CUBE_POS_X * CUBE_DIM_X + UNIT_POS_X) as usize;
    let part = CUBE_POS_Y as usize;
    let n = half * 2;
    let mut own = 0.0f32;
    if column < n {
        let first = part * chunk;
        let mut last = first + chunk;
        if last > rows {
            last = rows;
        }
        let mut other = column + half;
        let mut angle = column;
        let mut sign = 1.0f32;
        if column >= half {
            other = column - half;
            angle = column - half;
            sign = 0.0f32 - 1.0f32;
        }
        let mut row = first + UNIT_POS_Y as usize;
        while row < last {
            let at = row * n;
            let angles = ((row / heads) % seq) * half + angle;
            let turned = f32::cast_from(upstream[at + column]) * cos[angles]
                + sign * f32::cast_from(upstream[at + other]) * sin[angles];
            own += turned * f32::cast_from(x[at + column]) * scales[row];
            row += CUBE_DIM_Y as usize;
        }
    }
    let sum = column_sum(own, &mut scratch);
    if column < n && UNIT_POS_Y == 0 {
        sums[part * n + column] = sum;
    }
}

/// `1, seq, 1, half` cosines and sines.
pub(super) struct Angles {
    pub cos: CubeTensor,
    pub sin: CubeTensor,
}

struct Sizes {
    half: usize,
    heads: usize,
    seq: usize,
    rows: usize,
}

impl Sizes {
    fn of(x: &CubeTensor) -> Self {
        let shape = x.meta.shape();
        Self {
            half: shape[3] / 2,
            heads: shape[2],
            seq: shape[1],
            rows: shape[0] * shape[1] * shape[2],
        }
    }
}

/// The result, and `1 / rms` of each head, which is not written without a gain.
pub(super) fn forward(
    x: CubeTensor,
    gain: Option<CubeTensor>,
    angles: Angles,
    eps: f32,
) -> (CubeTensor, CubeTensor) {
    let x = whole(x);
    let Sizes {
        half,
        heads,
        seq,
        rows,
    } = Sizes::of(&x);
    let normed = gain.is_some();
    let (cos, sin) = (whole(angles.cos), whole(angles.sin));
    // What is not read still has to be something.
    let gain = gain.map_or_else(|| cos.clone(), whole);
    let (out, scales) = (
        empty_like(&x),
        empty(&x, [if normed { rows } else { 1 }], DType::F32),
    );
    let (grid, dtype) = (Rows::new(rows, half), dtype_to_storage_type(x.dtype));
    qk_norm_rope_kernel::launch(
        &out.client,
        grid.count,
        grid.dim,
        x.into_tensor_arg(),
        gain.into_tensor_arg(),
        cos.into_tensor_arg(),
        sin.into_tensor_arg(),
        out.clone().into_tensor_arg(),
        scales.clone().into_tensor_arg(),
        half,
        heads,
        seq,
        rows,
        eps,
        normed,
        grid.units,
        dtype,
    );
    (out, scales)
}

/// What the backward pass needs of a normalisation.
pub(super) struct Normed {
    pub x: CubeTensor,
    pub gain: CubeTensor,
    pub scales: CubeTensor,
}

/// The gradient of `x`, and of the gain (`[1, head_dim]`, f32) where there is one.
pub(super) fn backward(
    upstream: CubeTensor,
    angles: Angles,
    normed: Option<Normed>,
) -> (CubeTensor, Option<CubeTensor>) {
    let upstream = whole(upstream);
    let Sizes {
        half,
        heads,
        seq,
        rows,
    } = Sizes::of(&upstream);
    let (cos, sin) = (whole(angles.cos), whole(angles.sin));
    let (dx, dtype) = (empty_like(&upstream), dtype_to_storage_type(upstream.dtype));
    let grid = Rows::new(rows, half);
    let is_normed = normed.is_some();
    let [x, gain, scales] = match normed {
        Some(normed) => [whole(normed.x), whole(normed.gain), whole(normed.scales)],
        None => [upstream.clone(), cos.clone(), empty(&cos, [1], DType::F32)],
    };
    qk_norm_rope_backward_kernel::launch(
        &dx.client,
        grid.count,
        grid.dim,
        x.clone().into_tensor_arg(),
        gain.into_tensor_arg(),
        cos.clone().into_tensor_arg(),
        sin.clone().into_tensor_arg(),
        upstream.clone().into_tensor_arg(),
        scales.clone().into_tensor_arg(),
        dx.clone().into_tensor_arg(),
        half,
        heads,
        seq,
        rows,
        is_normed,
        grid.units,
        dtype,
    );
    if !is_normed {
        return (dx, None);
    }
    let (chunk, count) = parts(rows);
    let sums = empty(&dx, [count, half * 2], DType::F32);
    let width = UNITS.min((half as u32 * 2).next_power_of_two().max(32));
    let columns = (half * 2).div_ceil(width as usize) as u32;
    qk_norm_rope_gain_kernel::launch(
        &dx.client,
        CubeCount::Static(columns, count as u32, 1),
        CubeDim::new_2d(width, UNITS / width),
        x.into_tensor_arg(),
        cos.into_tensor_arg(),
        sin.into_tensor_arg(),
        upstream.into_tensor_arg(),
        scales.into_tensor_arg(),
        sums.clone().into_tensor_arg(),
        half,
        heads,
        seq,
        rows,
        chunk,
        UNITS as usize,
        dtype,
    );
    (dx, Some(sum_parts(sums)))
}

/// Normalisation and rotation.
#[derive(Debug)]
struct QkNormRope;

impl Backward<Cube, 2> for QkNormRope {
    /// `x`, gain, cosines, sines, `1 / rms` of each head.
    type State = [FloatTensor<Cube>; 5];

    fn backward(self, ops: Ops<Self::State, 2>, grads: &mut Gradients, _: &mut Checkpointer) {
        let [x, gain, cos, sin, scales] = ops.state;
        let upstream = grads.consume::<Cube>(&ops.node);
        let (dx, dgain) = Cube::qk_norm_rope_backward(x, gain, cos, sin, upstream, scales);
        register!(grads, ops.parents, [dx, dgain]);
    }
}

/// Rotation alone.
#[derive(Debug)]
struct Rope;

impl Backward<Cube, 1> for Rope {
    /// Cosines, sines.
    type State = [FloatTensor<Cube>; 2];

    fn backward(self, ops: Ops<Self::State, 1>, grads: &mut Gradients, _: &mut Checkpointer) {
        let [cos, sin] = ops.state;
        let upstream = grads.consume::<Cube>(&ops.node);
        let dx = Cube::rope_backward(upstream, cos, sin);
        register!(grads, ops.parents, [dx]);
    }
}

type Tracked<C> = FloatTensor<Autodiff<Cube, C>>;

pub(super) fn rope_tracked<C: CheckpointStrategy>(
    x: Tracked<C>,
    cos: Tracked<C>,
    sin: Tracked<C>,
) -> Tracked<C> {
    let prepared = Rope.prepare::<C>([x.node()]).compute_bound().stateful();
    let (x, cos, sin) = (x.into_primitive(), cos.into_primitive(), sin.into_primitive());
    let out = Cube::rope_forward(x, cos.clone(), sin.clone());
    match prepared {
        OpsKind::Tracked(prep) => prep.finish([cos, sin], out),
        OpsKind::UnTracked(prep) => prep.finish(out),
    }
}

pub(super) fn tracked<C: CheckpointStrategy>(
    x: Tracked<C>,
    gain: Tracked<C>,
    cos: Tracked<C>,
    sin: Tracked<C>,
    eps: f32,
) -> Tracked<C> {
    let prepared = QkNormRope
        .prepare::<C>([x.node(), gain.node()])
        .compute_bound()
        .stateful();
    let (x, gain) = (x.into_primitive(), gain.into_primitive());
    let (cos, sin) = (cos.into_primitive(), sin.into_primitive());
    let (out, scales) = Cube::qk_norm_rope_forward(x.clone(), gain.clone(), cos.clone(), sin.clone(), eps);
    match prepared {
        OpsKind::Tracked(prep) => prep.finish([x, gain, cos, sin, scales], out),
        OpsKind::UnTracked(prep) => prep.finish(out),
    }
}
