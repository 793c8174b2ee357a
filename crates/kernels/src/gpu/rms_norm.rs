//! RMSNorm: one cube a row each way, or several short rows a cube. The result, and so its gradient, may be of another float
//! than what is normalised.
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
    Rows, UNITS, empty, empty_as, empty_like, parts, row_of_unit, row_sum, sum_parts, whole,
};

#[cube]
fn inverse_rms(squares: f32, n: usize, eps: f32) -> f32 {
    1.0f32 / (squares / f32::cast_from(n as u32) + eps).sqrt()
}

#[cube(launch)]
fn rms_norm_kernel<F: Float, O: Float>(
    x: &Tensor<F>,
    gain: &Tensor<F>,
    out: &mut Tensor<O>,
    scales: &mut Tensor<f32>,
    n: usize,
    rows: usize,
    eps: f32,
    #[comptime] units: usize,
    #[define(F, O)] _dtypes: [ElemType; 2],
) {
    let mut scratch = Shared::<[f32]>::new_slice(units);
    let row = row_of_unit();
    let first = row * n;
    let mut squares = 0.0f32;
    if row < rows {
        let mut i = UNIT_POS_X as usize;
        while i < n {
            let value = f32::cast_from(x[first + i]);
            squares += value * value;
            i += CUBE_DIM_X as usize;
        }
    }
    let inverse = inverse_rms(row_sum(squares, &mut scratch), n, eps);
    if row < rows {
        let mut i = UNIT_POS_X as usize;
        while i < n {
            let value = f32::cast_from(x[first + i]);
            out[first + i] = O::cast_from(value * inverse * f32::cast_from(gain[i]));
            i += CUBE_DIM_X as usize;
        }
        if UNIT_POS_X == 0 {
            scales[row] = inverse;
        }
    }
}

#[cube(launch)]
fn add_rms_norm_kernel<F: Float, O: Float>(
    x: &Tensor<F>,
    delta: &Tensor<F>,
    gain: &Tensor<F>,
    sum: &mut Tensor<F>,
    out: &mut Tensor<O>,
    scales: &mut Tensor<f32>,
    n: usize,
    rows: usize,
    eps: f32,
    #[comptime] units: usize,
    #[define(F, O)] _dtypes: [ElemType; 2],
) {
    let mut scratch = Shared::<[f32]>::new_slice(units);
    let row = row_of_unit();
    let first = row * n;
    let mut squares = 0.0f32;
    if row < rows {
        let mut i = UNIT_POS_X as usize;
        while i < n {
            let added = x[first + i] + delta[first + i];
            sum[first + i] = added;
            let value = f32::cast_from(added);
            squares += value * value;
            i += CUBE_DIM_X as usize;
        }
    }
    let inverse = inverse_rms(row_sum(squares, &mut scratch), n, eps);
    if row < rows {
        let mut i = UNIT_POS_X as usize;
        while i < n {
            let value = f32::cast_from(x[first + i] + delta[first + i]);
            out[first + i] = O::cast_from(value * inverse * f32::cast_from(gain[i]));
            i += CUBE_DIM_X as usize;
        }
        if UNIT_POS_X == 0 {
            scales[row] = inverse;
        }
    }
}

/// With `h = x / rms` and `u = upstream * gain`: `dx = (u - h * mean(u * h)) / rms`.
#[cube(launch)]
fn rms_norm_backward_kernel<F: Float, O: Float>(
    x: &Tensor<F>,
    gain: &Tensor<F>,
    upstream: &Tensor<O>,
    scales: &Tensor<f32>,
    dx: &mut Tensor<F>,
    n: usize,
    rows: usize,
    #[comptime] units: usize,
    #[define(F, O)] _dtypes: [ElemType; 2],
) {
    let mut scratch = Shared::<[f32]>::new_slice(units);
    let row = row_of_unit();
    let first = row * n;
    let mut inverse = 0.0f32;
    let mut along = 0.0f32;
    if row < rows {
        inverse = scales[row];
        let mut i = UNIT_POS_X as usize;
        while i < n {
            let u = f32::cast_from(upstream[first + i]) * f32::cast_from(gain[i]);
            along += u * f32::cast_from(x[first + i]);
            i += CUBE_DIM_X as usize;
        }
    }
    let sum = row_sum(along, &mut scratch);
    if row < rows {
        let mean = sum * inverse * inverse / f32::cast_from(n as u32);
        let mut i = UNIT_POS_X as usize;
        while i < n {
            let u = f32::cast_from(upstream[first + i]) * f32::cast_from(gain[i]);
            dx[first + i] = F::cast_from((u - f32::cast_from(x[first + i]) * mean) * inverse);
            i += CUBE_DIM_X as usize;
        }
    }
}

/// A part's rows of `dgain = sum over rows of upstream * x / rms`: one unit a column, so that neighbours read neighbours.
#[cube(launch)]
fn rms_norm_gain_kernel<F: Float, O: Float>(
    x: &Tensor<F>,
    upstream: &Tensor<O>,
    scales: &Tensor<f32>,
    sums: &mut Tensor<f32>,
    n: usize,
    rows: usize,
    chunk: usize,
    #[define(F, O)] _dtypes: [ElemType; 2],
) {
    let column = ABSOLUTE_POS_X as usize;
    let part = CUBE_POS_Y as usize;
    if column < n {
        let first = part * chunk;
        let mut last = first + chunk;
        if last > rows {
            last = rows;
        }
        let mut sum = 0.0f32;
        for row in first..last {
            let at = row * n + column;
            sum += f32::cast_from(upstream[at]) * f32::cast_from(x[at]) * scales[row];
        }
        sums[part * n + column] = sum;
    }
}

fn sizes(x: &CubeTensor, gain: &CubeTensor) -> [usize; 2] {
    let n = gain.meta.shape()[1];
    [x.meta.num_elements() / n, n]
}

/// The result as `dtype`, and `1 / rms` of each row.
pub(super) fn forward(x: CubeTensor, gain: CubeTensor, eps: f32, dtype: DType) -> (CubeTensor, CubeTensor) {
    let (x, gain) = (whole(x), whole(gain));
    let [rows, n] = sizes(&x, &gain);
    let (out, scales) = (empty_as(&x, dtype), empty(&x, [rows], DType::F32));
    let (grid, dtypes) = (Rows::new(rows, n), [x.dtype, dtype].map(dtype_to_storage_type));
    rms_norm_kernel::launch(
        &out.client,
        grid.count,
        grid.dim,
        x.into_tensor_arg(),
        gain.into_tensor_arg(),
        out.clone().into_tensor_arg(),
        scales.clone().into_tensor_arg(),
        n,
        rows,
        eps,
        grid.units,
        dtypes,
    );
    (out, scales)
}

/// The sum, the result as `dtype`, and `1 / rms` of each row.
pub(super) fn add_forward(
    x: CubeTensor,
    delta: CubeTensor,
    gain: CubeTensor,
    eps: f32,
    dtype: DType,
) -> (CubeTensor, CubeTensor, CubeTensor) {
    let (x, delta, gain) = (whole(x), whole(delta), whole(gain));
    let [rows, n] = sizes(&x, &gain);
    let (sum, out) = (empty_like(&x), empty_as(&x, dtype));
    let scales = empty(&x, [rows], DType::F32);
    let (grid, dtypes) = (Rows::new(rows, n), [x.dtype, dtype].map(dtype_to_storage_type));
    add_rms_norm_kernel::launch(
        &out.client,
        grid.count,
        grid.dim,
        x.into_tensor_arg(),
        delta.into_tensor_arg(),
        gain.into_tensor_arg(),
        sum.clone().into_tensor_arg(),
        out.clone().into_tensor_arg(),
        scales.clone().into_tensor_arg(),
        n,
        rows,
        eps,
        grid.units,
        dtypes,
    );
    (sum, out, scales)
}

/// The gradients of `x` and of the gain, the latter in f32.
pub(super) fn backward(
    x: CubeTensor,
    gain: CubeTensor,
    upstream: CubeTensor,
    scales: CubeTensor,
) -> (CubeTensor, CubeTensor) {
    let (x, gain, upstream) = (whole(x), whole(gain), whole(upstream));
    let scales = whole(scales);
    let [rows, n] = sizes(&x, &gain);
    let dx = empty_like(&x);
    let grid = Rows::new(rows, n);
    let dtypes = [x.dtype, upstream.dtype].map(dtype_to_storage_type);
    rms_norm_backward_kernel::launch(
        &dx.client,
        grid.count,
        grid.dim,
        x.clone().into_tensor_arg(),
        gain.into_tensor_arg(),
        upstream.clone().into_tensor_arg(),
        scales.clone().into_tensor_arg(),
        dx.clone().into_tensor_arg(),
        n,
        rows,
        grid.units,
        dtypes,
    );
    let (chunk, count) = parts(rows);
    let sums = empty(&dx, [count, n], DType::F32);
    let columns = n.div_ceil(UNITS as usize) as u32;
    rms_norm_gain_kernel::launch(
        &dx.client,
        CubeCount::Static(columns, count as u32, 1),
        CubeDim::new_1d(UNITS),
        x.into_tensor_arg(),
        upstream.into_tensor_arg(),
        scales.into_tensor_arg(),
        sums.clone().into_tensor_arg(),
        n,
        rows,
        chunk,
        dtypes,
    );
    (dx, sum_parts(sums))
}

#[derive(Debug)]
struct RmsNorm;

impl Backward<Cube, 2> for RmsNorm {
    /// `x`, gain, `1 / rms` of each row.
    type State = [FloatTensor<Cube>; 3];

    fn backward(self, ops: Ops<Self::State, 2>, grads: &mut Gradients, _: &mut Checkpointer) {
        let [x, gain, scales] = ops.state;
        let upstream = grads.consume::<Cube>(&ops.node);
        let (dx, dgain) = Cube::rms_norm_backward(x, gain, upstream, scales);
        register!(grads, ops.parents, [dx, dgain]);
    }
}

type Tracked<C> = FloatTensor<Autodiff<Cube, C>>;

pub(super) fn tracked<C: CheckpointStrategy>(
    x: Tracked<C>,
    gain: Tracked<C>,
    eps: f32,
    dtype: DType,
) -> Tracked<C> {
    let prepared = RmsNorm
        .prepare::<C>([x.node(), gain.node()])
        .compute_bound()
        .stateful();
    let (x, gain) = (x.into_primitive(), gain.into_primitive());
    let (out, scales) = Cube::rms_norm_forward(x.clone(), gain.clone(), eps, dtype);
    match prepared {
        OpsKind::Tracked(prep) => prep.finish([x, gain, scales], out),
        OpsKind::UnTracked(prep) => prep.finish(out),
    }
}

/// The sum's gradient goes to both of its terms.
#[derive(Debug)]
struct Sum;

impl Backward<Cube, 2> for Sum {
    type State = ();

    fn backward(self, ops: Ops<Self::State, 2>, grads: &mut Gradients, _: &mut Checkpointer) {
        let upstream = grads.consume::<Cube>(&ops.node);
        register!(grads, ops.parents, [upstream.clone(), upstream]);
    }
}

/// Two nodes, the sum and its normalisation, filled by one pass.
pub(super) fn add_tracked<C: CheckpointStrategy>(
    x: Tracked<C>,
    delta: Tracked<C>,
    gain: Tracked<C>,
    eps: f32,
    dtype: DType,
) -> (Tracked<C>, Tracked<C>) {
    let prepared = Sum
        .prepare::<C>([x.node(), delta.node()])
        .compute_bound()
        .stateful();
    let gain_node = gain.node();
    let (x, delta, gain) = (x.into_primitive(), delta.into_primitive(), gain.into_primitive());
    let (sum, out, scales) = Cube::add_rms_norm_forward(x, delta, gain.clone(), eps, dtype);
    let summed = match prepared {
        OpsKind::Tracked(prep) => prep.finish((), sum.clone()),
        OpsKind::UnTracked(prep) => prep.finish(sum.clone()),
    };
    let prepared = RmsNorm
        .prepare::<C>([summed.node(), gain_node])
        .compute_bound()
        .stateful();
    let normed = match prepared {
        OpsKind::Tracked(prep) => prep.finish([sum, gain, scales], out),
        OpsKind::UnTracked(prep) => prep.finish(out),
    };
    (summed, normed)
}
