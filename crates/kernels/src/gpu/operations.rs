//! The operations with their gradients, on tensors that are all on a GPU.

use burn::backend::autodiff::checkpoint::strategy::CheckpointStrategy;
use burn::backend::ops::FloatTensorOps;
use burn::backend::tensor::{FloatTensor, IntTensor};
use burn::backend::{Autodiff, Backend, Cube, Dispatch, backend_extension};
use burn::tensor::{DType, FloatDType, Int, Tensor};

use super::attention::{self as attend, Scores};
use super::{GpuKernels, adamw as adam, max_bindings};
use super::{
    activation, embedding as table_rows, global_norm, head_loss as loss, product as products,
    qk_norm_rope as heads, rms_norm as norm,
};
use crate::adamw::{AdamwState, AdamwUpdate};
use crate::muon::{MuonIteration, MuonState, MuonUpdate, batches};
use crate::orthogonalize::orthogonalize_in;
use crate::{Head, LossTerms};

/// The operations, on primitives of one backend. The functions of the same names at the crate's root say what each
/// computes; numbers stand for the structs that they take.
#[backend_extension(Cube, Autodiff)]
pub(crate) trait GpuOperations: Backend {
    fn attention(
        q: FloatTensor<Self>,
        k: FloatTensor<Self>,
        v: FloatTensor<Self>,
        scores: Scores,
    ) -> FloatTensor<Self>;
    fn embedding(table: FloatTensor<Self>, tokens: IntTensor<Self>) -> FloatTensor<Self>;
    /// `tied` says which of [`Head`]'s layouts `head` has.
    fn head_loss(
        x: FloatTensor<Self>,
        head: FloatTensor<Self>,
        targets: IntTensor<Self>,
        tied: bool,
        terms: LossTerms,
    ) -> FloatTensor<Self>;
    fn qk_norm_rope(
        x: FloatTensor<Self>,
        gain: FloatTensor<Self>,
        cos: FloatTensor<Self>,
        sin: FloatTensor<Self>,
        eps: f32,
    ) -> FloatTensor<Self>;
    /// [`crate::qk_norm_rope`] without a gain.
    fn rope(x: FloatTensor<Self>, cos: FloatTensor<Self>, sin: FloatTensor<Self>) -> FloatTensor<Self>;
    /// The result is as `dtype`.
    fn rms_norm(x: FloatTensor<Self>, gain: FloatTensor<Self>, eps: f32, dtype: DType) -> FloatTensor<Self>;
    /// The second result is as `dtype`.
    fn add_rms_norm(
        x: FloatTensor<Self>,
        delta: FloatTensor<Self>,
        gain: FloatTensor<Self>,
        eps: f32,
        dtype: DType,
    ) -> (FloatTensor<Self>, FloatTensor<Self>);
    fn swiglu(gate: FloatTensor<Self>, up: FloatTensor<Self>) -> FloatTensor<Self>;
    fn relu_squared(x: FloatTensor<Self>) -> FloatTensor<Self>;
    /// `x` and `w` are rounded to `half`, if any; the result is f32 where it is `wide`.
    fn product(
        x: FloatTensor<Self>,
        w: FloatTensor<Self>,
        half: Option<FloatDType>,
        wide: bool,
    ) -> FloatTensor<Self>;
}

impl GpuOperations for Cube {
    fn attention(
        q: FloatTensor<Self>,
        k: FloatTensor<Self>,
        v: FloatTensor<Self>,
        scores: Scores,
    ) -> FloatTensor<Self> {
        Self::attention_forward(q, k, v, scores).0
    }

    fn embedding(table: FloatTensor<Self>, tokens: IntTensor<Self>) -> FloatTensor<Self> {
        Self::float_select(table, 0, tokens)
    }

    fn head_loss(
        x: FloatTensor<Self>,
        head: FloatTensor<Self>,
        targets: IntTensor<Self>,
        tied: bool,
        terms: LossTerms,
    ) -> FloatTensor<Self> {
        loss::value(&x, &head, &targets, tied, terms)
    }

    fn qk_norm_rope(
        x: FloatTensor<Self>,
        gain: FloatTensor<Self>,
        cos: FloatTensor<Self>,
        sin: FloatTensor<Self>,
        eps: f32,
    ) -> FloatTensor<Self> {
        Self::qk_norm_rope_forward(x, gain, cos, sin, eps).0
    }

    fn rope(x: FloatTensor<Self>, cos: FloatTensor<Self>, sin: FloatTensor<Self>) -> FloatTensor<Self> {
        Self::rope_forward(x, cos, sin)
    }

    fn rms_norm(x: FloatTensor<Self>, gain: FloatTensor<Self>, eps: f32, dtype: DType) -> FloatTensor<Self> {
        Self::rms_norm_forward(x, gain, eps, dtype).0
    }

    fn add_rms_norm(
        x: FloatTensor<Self>,
        delta: FloatTensor<Self>,
        gain: FloatTensor<Self>,
        eps: f32,
        dtype: DType,
    ) -> (FloatTensor<Self>, FloatTensor<Self>) {
        let (sum, normed, _) = Self::add_rms_norm_forward(x, delta, gain, eps, dtype);
        (sum, normed)
    }

    fn swiglu(gate: FloatTensor<Self>, up: FloatTensor<Self>) -> FloatTensor<Self> {
        Self::swiglu_forward(gate, up)
    }

    fn relu_squared(x: FloatTensor<Self>) -> FloatTensor<Self> {
        Self::relu_squared_forward(x)
    }

    fn product(
        x: FloatTensor<Self>,
        w: FloatTensor<Self>,
        half: Option<FloatDType>,
        wide: bool,
    ) -> FloatTensor<Self> {
        let [x, w] = [x, w].map(|tensor| products::rounded(tensor, half));
        <Self as GpuKernels>::product(x, w, wide)
    }
}

impl<C: CheckpointStrategy> GpuOperations for Autodiff<Cube, C> {
    fn attention(
        q: FloatTensor<Self>,
        k: FloatTensor<Self>,
        v: FloatTensor<Self>,
        scores: Scores,
    ) -> FloatTensor<Self> {
        attend::tracked::<C>(q, k, v, scores)
    }

    fn embedding(table: FloatTensor<Self>, tokens: IntTensor<Self>) -> FloatTensor<Self> {
        table_rows::tracked::<C>(table, tokens)
    }

    fn head_loss(
        x: FloatTensor<Self>,
        head: FloatTensor<Self>,
        targets: IntTensor<Self>,
        tied: bool,
        terms: LossTerms,
    ) -> FloatTensor<Self> {
        loss::tracked::<C>(x, head, &targets, tied, terms)
    }

    fn qk_norm_rope(
        x: FloatTensor<Self>,
        gain: FloatTensor<Self>,
        cos: FloatTensor<Self>,
        sin: FloatTensor<Self>,
        eps: f32,
    ) -> FloatTensor<Self> {
        heads::tracked::<C>(x, gain, cos, sin, eps)
    }

    fn rope(x: FloatTensor<Self>, cos: FloatTensor<Self>, sin: FloatTensor<Self>) -> FloatTensor<Self> {
        heads::rope_tracked::<C>(x, cos, sin)
    }

    fn rms_norm(x: FloatTensor<Self>, gain: FloatTensor<Self>, eps: f32, dtype: DType) -> FloatTensor<Self> {
        norm::tracked::<C>(x, gain, eps, dtype)
    }

    fn add_rms_norm(
        x: FloatTensor<Self>,
        delta: FloatTensor<Self>,
        gain: FloatTensor<Self>,
        eps: f32,
        dtype: DType,
    ) -> (FloatTensor<Self>, FloatTensor<Self>) {
        norm::add_tracked::<C>(x, delta, gain, eps, dtype)
    }

    fn swiglu(gate: FloatTensor<Self>, up: FloatTensor<Self>) -> FloatTensor<Self> {
        activation::swiglu_tracked::<C>(gate, up)
    }

    fn relu_squared(x: FloatTensor<Self>) -> FloatTensor<Self> {
        activation::relu_squared_tracked::<C>(x)
    }

    fn product(
        x: FloatTensor<Self>,
        w: FloatTensor<Self>,
        half: Option<FloatDType>,
        wide: bool,
    ) -> FloatTensor<Self> {
        products::tracked::<C>(x, w, half, wide)
    }
}

pub(crate) fn attention(
    q: Tensor<4>,
    k: Tensor<4>,
    v: Tensor<4>,
    window: usize,
    softcap: Option<f64>,
) -> Tensor<4> {
    let [q, k, v] = [q, k, v].map(Tensor::into_dispatch);
    let softcap = softcap.map(|cap| cap as f32);
    let scores = Scores { window, softcap };
    Tensor::from_dispatch(<Dispatch as GpuOperations>::attention(q, k, v, scores))
}

pub(crate) fn embedding(table: Tensor<2>, tokens: Tensor<1, Int>) -> Tensor<2> {
    let rows = <Dispatch as GpuOperations>::embedding(table.into_dispatch(), tokens.into_dispatch());
    Tensor::from_dispatch(rows)
}

pub(crate) fn head_loss(x: Tensor<2>, head: Head, targets: Tensor<1, Int>, terms: LossTerms) -> Tensor<1> {
    let (head, tied) = match head {
        Head::Tied(table) => (table, true),
        Head::Own(matrix) => (matrix, false),
    };
    let (x, head, targets) = (x.into_dispatch(), head.into_dispatch(), targets.into_dispatch());
    Tensor::from_dispatch(<Dispatch as GpuOperations>::head_loss(
        x, head, targets, tied, terms,
    ))
}

pub(crate) fn qk_norm_rope(
    x: Tensor<4>,
    gain: Option<Tensor<2>>,
    cos: Tensor<4>,
    sin: Tensor<4>,
    eps: f64,
) -> Tensor<4> {
    let [x, cos, sin] = [x, cos, sin].map(Tensor::into_dispatch);
    Tensor::from_dispatch(match gain {
        Some(gain) => {
            <Dispatch as GpuOperations>::qk_norm_rope(x, gain.into_dispatch(), cos, sin, eps as f32)
        }
        None => <Dispatch as GpuOperations>::rope(x, cos, sin),
    })
}

pub(crate) fn rms_norm<const D: usize>(
    x: Tensor<D>,
    gain: Tensor<2>,
    eps: f64,
    half: Option<FloatDType>,
) -> Tensor<D> {
    let dtype = half.map_or(x.dtype(), DType::from);
    let (x, gain) = (x.into_dispatch(), gain.into_dispatch());
    Tensor::from_dispatch(<Dispatch as GpuOperations>::rms_norm(x, gain, eps as f32, dtype))
}

pub(crate) fn add_rms_norm<const D: usize>(
    x: Tensor<D>,
    delta: Tensor<D>,
    gain: Tensor<2>,
    eps: f64,
    half: Option<FloatDType>,
) -> [Tensor<D>; 2] {
    let dtype = half.map_or(x.dtype(), DType::from);
    let [x, delta] = [x, delta].map(Tensor::into_dispatch);
    let (sum, normed) =
        <Dispatch as GpuOperations>::add_rms_norm(x, delta, gain.into_dispatch(), eps as f32, dtype);
    [sum, normed].map(Tensor::from_dispatch)
}

pub(crate) fn swiglu<const D: usize>(gate: Tensor<D>, up: Tensor<D>) -> Tensor<D> {
    let [gate, up] = [gate, up].map(Tensor::into_dispatch);
    Tensor::from_dispatch(<Dispatch as GpuOperations>::swiglu(gate, up))
}

pub(crate) fn relu_squared<const D: usize>(x: Tensor<D>) -> Tensor<D> {
    Tensor::from_dispatch(<Dispatch as GpuOperations>::relu_squared(x.into_dispatch()))
}

/// Tensors are on a device that CUDA drives; `x` is f32 or in `half`.
pub(crate) fn product(x: Tensor<2>, w: Tensor<2>, half: Option<FloatDType>, wide: bool) -> Tensor<2> {
    let (x, w) = (x.into_dispatch(), w.into_dispatch());
    Tensor::from_dispatch(<Dispatch as GpuOperations>::product(x, w, half, wide))
}

/// [`crate::weight_gradient`]; tensors are plain ones of one float on a GPU.
pub(crate) fn weight_gradient(x: Tensor<2>, upstream: Tensor<2>, parts: usize) -> Tensor<2> {
    let (x, upstream) = (x.into_dispatch(), upstream.into_dispatch());
    Tensor::from_dispatch(<Dispatch as GpuKernels>::weight_gradient(x, upstream, parts))
}

/// Tensors are plain ones of one float on a device that CUDA drives; the result is f32.
pub(crate) fn plain_product(a: Tensor<3>, b: Tensor<3>) -> Tensor<3> {
    let (a, b) = (a.into_dispatch(), b.into_dispatch());
    Tensor::from_dispatch(<Dispatch as GpuKernels>::product(a, b, true))
}

/// Tensors are on a GPU, and in f32. What nobody else holds is updated where it lies. Small parameters of one step, the
/// gains of all layers, are updated by groups, since a launch takes longer than they do.
pub(crate) fn adamw(updates: Vec<AdamwUpdate>, clip: Option<&Tensor<1>>) -> Vec<AdamwState> {
    let mut states: Vec<Option<AdamwState>> = vec![None; updates.len()];
    let (groups, singles) = grouped(updates);
    for group in groups {
        let (places, updates): (Vec<usize>, Vec<AdamwUpdate>) = group.into_iter().unzip();
        for (place, state) in places.into_iter().zip(adamw_group(updates, clip)) {
            states[place] = Some(state);
        }
    }
    for (place, update) in singles {
        states[place] = Some(adamw_single(update, clip));
    }
    states.into_iter().flatten().collect()
}

type Placed = Vec<(usize, AdamwUpdate)>;

/// Whole groups of small parameters with the same numbers, and what is left; each with its place in the list.
fn grouped(updates: Vec<AdamwUpdate>) -> (Vec<Placed>, Placed) {
    let (mut open, mut groups, mut singles) = (Vec::<Placed>::new(), Vec::new(), Vec::new());
    for (place, update) in updates.into_iter().enumerate() {
        let parameter = &update.state.parameter;
        if !adam::is_small(
            parameter.shape().num_elements(),
            parameter.dtype(),
            max_bindings(&parameter.device()),
        ) {
            singles.push((place, update));
            continue;
        }
        let same = |group: &Placed| group[0].1.step == update.step;
        let at = open.iter().position(same).unwrap_or_else(|| {
            open.push(Vec::new());
            open.len() - 1
        });
        open[at].push((place, update));
        if open[at].len() == adam::GROUP {
            groups.push(open.swap_remove(at));
        }
    }
    singles.extend(open.into_iter().flatten());
    (groups, singles)
}

/// What is not read still has to be something.
fn clip_or(clip: Option<&Tensor<1>>, gradient: &Tensor<2>) -> FloatTensor<Dispatch> {
    clip.map_or_else(
        || gradient.clone().into_dispatch(),
        |clip| clip.clone().into_dispatch(),
    )
}

fn adamw_group(updates: Vec<AdamwUpdate>, clip: Option<&Tensor<1>>) -> Vec<AdamwState> {
    let (step, factor) = (updates[0].step, clip_or(clip, &updates[0].gradient));
    let member = |update: AdamwUpdate| {
        let state = update.state;
        let [parameter, mean, square, gradient] =
            [state.parameter, state.mean, state.square, update.gradient].map(Tensor::into_dispatch);
        adam::Member {
            parameter,
            mean,
            square,
            gradient,
        }
    };
    let members: Vec<adam::Member<Dispatch>> = updates.into_iter().map(member).collect();
    // `grouped` gives whole groups only.
    let Ok(members) = members.try_into() else {
        return Vec::new();
    };
    let updated =
        <Dispatch as GpuKernels>::adamw_group(adam::Members::of(members), factor, clip.is_some(), step);
    let state = |updated: adam::Updated<Dispatch>| AdamwState {
        parameter: Tensor::from_dispatch(updated.parameter),
        mean: Tensor::from_dispatch(updated.mean),
        square: Tensor::from_dispatch(updated.square),
    };
    updated.into_array().map(state).into()
}

fn adamw_single(update: AdamwUpdate, clip: Option<&Tensor<1>>) -> AdamwState {
    let factor = clip_or(clip, &update.gradient);
    let AdamwState {
        parameter,
        mean,
        square,
    } = update.state;
    let [parameter, mean, square, gradient] =
        [parameter, mean, square, update.gradient].map(Tensor::into_dispatch);
    let (parameter, mean, square) = <Dispatch as GpuKernels>::adamw_step(
        parameter,
        mean,
        square,
        gradient,
        factor,
        clip.is_some(),
        update.step,
    );
    let [parameter, mean, square] = [parameter, mean, square].map(Tensor::from_dispatch);
    AdamwState {
        parameter,
        mean,
        square,
    }
}

/// Tensors are on a GPU, and in f32. What nobody else holds is updated where it lies.
pub(crate) fn muon(
    updates: Vec<MuonUpdate>,
    clip: Option<&Tensor<1>>,
    iteration: MuonIteration,
) -> Vec<MuonState> {
    let shapes: Vec<[usize; 2]> = updates.iter().map(|update| update.gradient.dims()).collect();
    let mut updates: Vec<Option<MuonUpdate>> = updates.into_iter().map(Some).collect();
    let mut states: Vec<Option<MuonState>> = vec![None; shapes.len()];
    for batch in batches(&shapes) {
        let members = batch.iter().filter_map(|&i| updates[i].take()).collect();
        for (&i, state) in batch.iter().zip(muon_batch(members, clip, iteration)) {
            states[i] = Some(state);
        }
    }
    states.into_iter().flatten().collect()
}

/// [`muon`] of matrices of one shape.
fn muon_batch(
    updates: Vec<MuonUpdate>,
    clip: Option<&Tensor<1>>,
    iteration: MuonIteration,
) -> Vec<MuonState> {
    let [rows, cols] = updates[0].gradient.dims();
    let factors = iteration.half.unwrap_or(FloatDType::F32);
    // The batch is of the same float where that has the range: f16 begins at 6e-8, and a look-ahead may be less.
    let float = match factors {
        FloatDType::F16 => FloatDType::F32,
        factors => factors,
    };
    let dtype = DType::from(float);
    let device = updates[0].gradient.device();
    let ahead = Tensor::<3>::empty([updates.len(), rows, cols], (&device, dtype));
    let mut ahead = ahead.into_dispatch();
    let mut advanced = Vec::with_capacity(updates.len());
    for (index, update) in updates.into_iter().enumerate() {
        let MuonState { parameter, momentum } = update.state;
        let [momentum, gradient] = [momentum, update.gradient].map(Tensor::into_dispatch);
        // What is not read still has to be something.
        let factor = clip.map_or_else(|| gradient.clone(), |clip| clip.clone().into_dispatch());
        let clips = clip.is_some();
        let (momentum, filled) = <Dispatch as GpuKernels>::muon_momentum(
            momentum,
            ahead,
            gradient,
            factor,
            clips,
            index,
            update.step,
        );
        ahead = filled;
        advanced.push((parameter, momentum, update.step));
    }
    let directions = orthogonalize_in(factors, Tensor::from_dispatch(ahead), iteration.method).cast(float);
    // Once for all of them, where a product left room between its rows.
    let directions = <Dispatch as GpuKernels>::whole(directions.into_dispatch());
    let apply = |(index, (parameter, momentum, step)): (usize, (Tensor<2>, _, _))| {
        let (parameter, directions) = (parameter.into_dispatch(), directions.clone());
        let parameter = <Dispatch as GpuKernels>::muon_apply(parameter, directions, index, step);
        let [parameter, momentum] = [parameter, momentum].map(Tensor::from_dispatch);
        MuonState { parameter, momentum }
    };
    advanced.into_iter().enumerate().map(apply).collect()
}

/// [`crate::squared_norms`] of tensors on a GPU, in f32.
pub(crate) fn squared_norms(gradients: &[Tensor<2>]) -> Tensor<1> {
    let shape = [gradients.len(), global_norm::PARTS];
    let mut table = Tensor::<2>::zeros(shape, &gradients[0].device()).into_dispatch();
    for (row, gradient) in gradients.iter().enumerate() {
        table = <Dispatch as GpuKernels>::squares_into(table, gradient.clone().into_dispatch(), row);
    }
    Tensor::from_dispatch(<Dispatch as GpuKernels>::row_sums(table))
}

/// [`crate::dense`].
pub(crate) fn dense(x: Tensor<2>) -> Tensor<2> {
    Tensor::from_dispatch(<Dispatch as GpuKernels>::whole(x.into_dispatch()))
}

/// See [`super::unwritten`].
pub(super) fn unwritten(like: Tensor<2>) -> Tensor<2> {
    Tensor::from_dispatch(<Dispatch as GpuKernels>::unwritten(like.into_dispatch()))
}

/// `target`, a plain tensor on a GPU that no view is taken of, with the values of `source` where it lies.
pub(crate) fn refill(target: Tensor<2, Int>, source: Tensor<2, Int>) -> Tensor<2, Int> {
    let (target, source) = (target.into_dispatch(), source.into_dispatch());
    Tensor::from_dispatch(<Dispatch as GpuKernels>::refill(target, source))
}
