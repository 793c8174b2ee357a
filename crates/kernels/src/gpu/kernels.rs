//! The kernels as operations on plain tensors, which Burn's fusion registers among its own.

use burn::backend::fusion::custom::TensorSpec;
use burn::backend::ops::FloatTensorOps;
use burn::backend::tensor::{FloatTensor, IntTensor};
use burn::backend::{Backend, backend_extension};
use burn::tensor::{DType, FloatDType, Shape};
use burn_cubecl::CubeBackend;
use burn_cubecl::tensor::CubeTensor;

use super::adamw::{Members, UpdatedMembers};
use super::attention::{self, Given, Scores};
use super::product;
use super::qk_norm_rope::{self, Angles, Normed};
use super::{
    activation, adamw, embedding, global_norm, head_loss, launch, muon, refill, rms_norm, weight_gradient,
};
use crate::adamw::AdamwStep;
use crate::muon::MuonStep;

/// Forward passes give what their backward passes read besides the result. Shapes are those of the public functions.
#[backend_extension(Cube, Fusion)]
pub(crate) trait GpuKernels: Backend {
    /// As `dtype`; also `1 / rms` of each row.
    #[fusion(meta = |x, gain, _eps, dtype| (TensorSpec::new(x.shape.clone(), *dtype), rows(x, gain)))]
    fn rms_norm_forward(
        x: FloatTensor<Self>,
        gain: FloatTensor<Self>,
        eps: f32,
        dtype: DType,
    ) -> (FloatTensor<Self>, FloatTensor<Self>);
    /// The sum, its norm as `dtype`, and `1 / rms` of each row.
    #[fusion(meta = |x, _delta, gain, _eps, dtype| {
        (x.clone(), TensorSpec::new(x.shape.clone(), *dtype), rows(x, gain))
    })]
    fn add_rms_norm_forward(
        x: FloatTensor<Self>,
        delta: FloatTensor<Self>,
        gain: FloatTensor<Self>,
        eps: f32,
        dtype: DType,
    ) -> (FloatTensor<Self>, FloatTensor<Self>, FloatTensor<Self>);
    #[fusion(meta = |x, gain, _upstream, _scales| (x.clone(), gain.clone()))]
    fn rms_norm_backward(
        x: FloatTensor<Self>,
        gain: FloatTensor<Self>,
        upstream: FloatTensor<Self>,
        scales: FloatTensor<Self>,
    ) -> (FloatTensor<Self>, FloatTensor<Self>);
    /// Also `1 / rms` of each head.
    #[fusion(meta = |x, gain, _cos, _sin, _eps| (x.clone(), rows(x, gain)))]
    fn qk_norm_rope_forward(
        x: FloatTensor<Self>,
        gain: FloatTensor<Self>,
        cos: FloatTensor<Self>,
        sin: FloatTensor<Self>,
        eps: f32,
    ) -> (FloatTensor<Self>, FloatTensor<Self>);
    #[fusion(meta = |x, gain, _cos, _sin, _upstream, _scales| (x.clone(), gain.clone()))]
    fn qk_norm_rope_backward(
        x: FloatTensor<Self>,
        gain: FloatTensor<Self>,
        cos: FloatTensor<Self>,
        sin: FloatTensor<Self>,
        upstream: FloatTensor<Self>,
        scales: FloatTensor<Self>,
    ) -> (FloatTensor<Self>, FloatTensor<Self>);
    #[fusion(dtype = x, shape = x)]
    fn rope_forward(
        x: FloatTensor<Self>,
        cos: FloatTensor<Self>,
        sin: FloatTensor<Self>,
    ) -> FloatTensor<Self>;
    #[fusion(dtype = upstream, shape = upstream)]
    fn rope_backward(
        upstream: FloatTensor<Self>,
        cos: FloatTensor<Self>,
        sin: FloatTensor<Self>,
    ) -> FloatTensor<Self>;
    #[fusion(dtype = gate, shape = gate)]
    fn swiglu_forward(gate: FloatTensor<Self>, up: FloatTensor<Self>) -> FloatTensor<Self>;
    #[fusion(meta = |gate, up, _upstream| (gate.clone(), up.clone()))]
    fn swiglu_backward(
        gate: FloatTensor<Self>,
        up: FloatTensor<Self>,
        upstream: FloatTensor<Self>,
    ) -> (FloatTensor<Self>, FloatTensor<Self>);
    #[fusion(dtype = x, shape = x)]
    fn relu_squared_forward(x: FloatTensor<Self>) -> FloatTensor<Self>;
    #[fusion(dtype = x, shape = x)]
    fn relu_squared_backward(x: FloatTensor<Self>, upstream: FloatTensor<Self>) -> FloatTensor<Self>;
    #[fusion(meta = |upstream, _tokens, vocab| {
        TensorSpec::new(Shape::from([*vocab, upstream.shape[1]]), upstream.dtype)
    })]
    fn embedding_backward(
        upstream: FloatTensor<Self>,
        tokens: IntTensor<Self>,
        vocab: usize,
    ) -> FloatTensor<Self>;
    /// The loss of each row, and its gradient of the logits as `dtype`.
    #[fusion(meta = |logits, targets, _softcap, _z_loss, dtype| {
        (TensorSpec::new(targets.shape.clone(), DType::F32), TensorSpec::new(logits.shape.clone(), *dtype))
    })]
    fn cross_entropy(
        logits: FloatTensor<Self>,
        targets: IntTensor<Self>,
        softcap: Option<f64>,
        z_loss: f64,
        dtype: DType,
    ) -> (FloatTensor<Self>, FloatTensor<Self>);
    /// Also `ln sum exp` of each query's scores.
    #[fusion(meta = |q, _k, _v, _scores| (q.clone(), heads(q)))]
    fn attention_forward(
        q: FloatTensor<Self>,
        k: FloatTensor<Self>,
        v: FloatTensor<Self>,
        scores: Scores,
    ) -> (FloatTensor<Self>, FloatTensor<Self>);
    #[fusion(meta = |q, k, v, _upstream, _log_sums, _means, _scores| (q.clone(), k.clone(), v.clone()))]
    fn attention_backward(
        q: FloatTensor<Self>,
        k: FloatTensor<Self>,
        v: FloatTensor<Self>,
        upstream: FloatTensor<Self>,
        log_sums: FloatTensor<Self>,
        means: FloatTensor<Self>,
        scores: Scores,
    ) -> (FloatTensor<Self>, FloatTensor<Self>, FloatTensor<Self>);
    /// The sum of `a * b` over the last of four dimensions.
    #[fusion(meta = |a, _b| heads(a))]
    fn row_products(a: FloatTensor<Self>, b: FloatTensor<Self>) -> FloatTensor<Self>;
    /// The product of two tensors of one float, in f32 where it is `wide`, else in theirs.
    #[fusion(meta = |a, b, wide| product_of(a, b, *wide))]
    fn product(a: FloatTensor<Self>, b: FloatTensor<Self>, wide: bool) -> FloatTensor<Self>;
    /// The gradient of a product's weights, in f32, of `parts` of the rows.
    #[fusion(meta = |x, upstream, _parts| {
        TensorSpec::new(Shape::from([x.shape[1], upstream.shape[1]]), DType::F32)
    })]
    fn weight_gradient(x: FloatTensor<Self>, upstream: FloatTensor<Self>, parts: usize) -> FloatTensor<Self>;
    /// The parameter, the mean and the mean of squares; `clip` is read where `clipped` says so.
    #[fusion(meta = |parameter, mean, square, _gradient, _clip, _clipped, _step| {
        (parameter.clone(), mean.clone(), square.clone())
    })]
    fn adamw_step(
        parameter: FloatTensor<Self>,
        mean: FloatTensor<Self>,
        square: FloatTensor<Self>,
        gradient: FloatTensor<Self>,
        clip: FloatTensor<Self>,
        clipped: bool,
        step: AdamwStep,
    ) -> (FloatTensor<Self>, FloatTensor<Self>, FloatTensor<Self>);
    /// The same for all of a group.
    #[fusion(meta = |members, _clip, _clipped, _step| adamw::updated(members))]
    fn adamw_group(
        #[extension_type] members: Members<Self>,
        clip: FloatTensor<Self>,
        clipped: bool,
        step: AdamwStep,
    ) -> UpdatedMembers<Self>;
    /// The momentum and the batch of look-aheads, of which matrix `index` is new; `clip` is read where `clipped` says so.
    #[fusion(meta = |momentum, batch, _gradient, _clip, _clipped, _index, _step| {
        (momentum.clone(), batch.clone())
    })]
    fn muon_momentum(
        momentum: FloatTensor<Self>,
        batch: FloatTensor<Self>,
        gradient: FloatTensor<Self>,
        clip: FloatTensor<Self>,
        clipped: bool,
        index: usize,
        step: MuonStep,
    ) -> (FloatTensor<Self>, FloatTensor<Self>);
    /// The parameter after a step along matrix `index` of the directions.
    #[fusion(dtype = parameter, shape = parameter)]
    fn muon_apply(
        parameter: FloatTensor<Self>,
        directions: FloatTensor<Self>,
        index: usize,
        step: MuonStep,
    ) -> FloatTensor<Self>;
    /// The same values row by row.
    #[fusion(dtype = x, shape = x)]
    fn whole(x: FloatTensor<Self>) -> FloatTensor<Self>;
    /// Memory of the shape and type of `like` that nothing has written.
    #[fusion(dtype = like, shape = like)]
    fn unwritten(like: FloatTensor<Self>) -> FloatTensor<Self>;
    /// The table, `[tensors, parts]`, with sums of squares of `x` in row `row`.
    #[fusion(dtype = table, shape = table)]
    fn squares_into(table: FloatTensor<Self>, x: FloatTensor<Self>, row: usize) -> FloatTensor<Self>;
    /// The sum of each row of a matrix.
    #[fusion(meta = |table| TensorSpec::new(Shape::from([table.shape[0]]), table.dtype))]
    fn row_sums(table: FloatTensor<Self>) -> FloatTensor<Self>;
    /// The target, with the values of `source` where it lies, whoever else reads it there.
    #[fusion(dtype = target, shape = target)]
    fn refill(target: IntTensor<Self>, source: IntTensor<Self>) -> IntTensor<Self>;
}

/// One f32 for each row of the gain's length.
fn rows(x: &TensorSpec, gain: &TensorSpec) -> TensorSpec {
    let rows = x.shape.num_elements() / gain.shape[1];
    TensorSpec::new(Shape::from([rows]), DType::F32)
}

/// One f32 for each head of each position.
fn heads(q: &TensorSpec) -> TensorSpec {
    TensorSpec::new(Shape::from([q.shape[0], q.shape[1], q.shape[2]]), DType::F32)
}

/// Of two matrices, or as many of each.
fn product_of(a: &TensorSpec, b: &TensorSpec, wide: bool) -> TensorSpec {
    let mut shape = a.shape.clone();
    let last = shape.rank() - 1;
    shape[last] = b.shape[last];
    TensorSpec::new(shape, if wide { DType::F32 } else { a.dtype })
}

/// A gain's gradient, summed in f32, in the gain's own type.
fn in_type(gradient: CubeTensor, dtype: DType) -> CubeTensor {
    if dtype == DType::F32 {
        gradient
    } else {
        CubeBackend::float_cast(gradient, FloatDType::from(dtype))
    }
}

impl GpuKernels for CubeBackend {
    fn rms_norm_forward(x: CubeTensor, gain: CubeTensor, eps: f32, dtype: DType) -> (CubeTensor, CubeTensor) {
        rms_norm::forward(x, gain, eps, dtype)
    }

    fn add_rms_norm_forward(
        x: CubeTensor,
        delta: CubeTensor,
        gain: CubeTensor,
        eps: f32,
        dtype: DType,
    ) -> (CubeTensor, CubeTensor, CubeTensor) {
        rms_norm::add_forward(x, delta, gain, eps, dtype)
    }

    fn rms_norm_backward(
        x: CubeTensor,
        gain: CubeTensor,
        upstream: CubeTensor,
        scales: CubeTensor,
    ) -> (CubeTensor, CubeTensor) {
        let dtype = gain.dtype;
        let (dx, dgain) = rms_norm::backward(x, gain, upstream, scales);
        (dx, in_type(dgain, dtype))
    }

    fn qk_norm_rope_forward(
        x: CubeTensor,
        gain: CubeTensor,
        cos: CubeTensor,
        sin: CubeTensor,
        eps: f32,
    ) -> (CubeTensor, CubeTensor) {
        qk_norm_rope::forward(x, Some(gain), Angles { cos, sin }, eps)
    }

    fn qk_norm_rope_backward(
        x: CubeTensor,
        gain: CubeTensor,
        cos: CubeTensor,
        sin: CubeTensor,
        upstream: CubeTensor,
        scales: CubeTensor,
    ) -> (CubeTensor, CubeTensor) {
        let dtype = gain.dtype;
        let normed = Normed {
            x,
            gain: gain.clone(),
            scales,
        };
        let (dx, dgain) = qk_norm_rope::backward(upstream, Angles { cos, sin }, Some(normed));
        // There is one, since there is a normalisation.
        (dx, dgain.map_or(gain, |dgain| in_type(dgain, dtype)))
    }

    fn rope_forward(x: CubeTensor, cos: CubeTensor, sin: CubeTensor) -> CubeTensor {
        qk_norm_rope::forward(x, None, Angles { cos, sin }, 0.0).0
    }

    fn rope_backward(upstream: CubeTensor, cos: CubeTensor, sin: CubeTensor) -> CubeTensor {
        qk_norm_rope::backward(upstream, Angles { cos, sin }, None).0
    }

    fn swiglu_forward(gate: CubeTensor, up: CubeTensor) -> CubeTensor {
        activation::swiglu(gate, up)
    }

    fn swiglu_backward(gate: CubeTensor, up: CubeTensor, upstream: CubeTensor) -> (CubeTensor, CubeTensor) {
        activation::swiglu_backward(gate, up, upstream)
    }

    fn relu_squared_forward(x: CubeTensor) -> CubeTensor {
        activation::relu_squared(x)
    }

    fn relu_squared_backward(x: CubeTensor, upstream: CubeTensor) -> CubeTensor {
        activation::relu_squared_backward(x, upstream)
    }

    fn embedding_backward(upstream: CubeTensor, tokens: CubeTensor, vocab: usize) -> CubeTensor {
        embedding::backward(upstream, tokens, vocab)
    }

    fn cross_entropy(
        logits: CubeTensor,
        targets: CubeTensor,
        softcap: Option<f64>,
        z_loss: f64,
        dtype: DType,
    ) -> (CubeTensor, CubeTensor) {
        head_loss::cross_entropy(logits, targets, softcap, z_loss, dtype)
    }

    fn attention_forward(
        q: CubeTensor,
        k: CubeTensor,
        v: CubeTensor,
        scores: Scores,
    ) -> (CubeTensor, CubeTensor) {
        attention::forward(q, k, v, scores)
    }

    fn attention_backward(
        q: CubeTensor,
        k: CubeTensor,
        v: CubeTensor,
        upstream: CubeTensor,
        log_sums: CubeTensor,
        means: CubeTensor,
        scores: Scores,
    ) -> (CubeTensor, CubeTensor, CubeTensor) {
        let given = Given {
            q,
            k,
            v,
            upstream,
            log_sums,
            means,
        };
        attention::backward(given, scores)
    }

    fn row_products(a: CubeTensor, b: CubeTensor) -> CubeTensor {
        attention::row_products(a, b)
    }

    fn product(a: CubeTensor, b: CubeTensor, wide: bool) -> CubeTensor {
        product::product(a, b, wide)
    }

    fn weight_gradient(x: CubeTensor, upstream: CubeTensor, parts: usize) -> CubeTensor {
        weight_gradient::weight_gradient(x, upstream, parts)
    }

    fn adamw_step(
        parameter: CubeTensor,
        mean: CubeTensor,
        square: CubeTensor,
        gradient: CubeTensor,
        clip: CubeTensor,
        clipped: bool,
        step: AdamwStep,
    ) -> (CubeTensor, CubeTensor, CubeTensor) {
        adamw::adamw([parameter, mean, square], gradient, clip, clipped, step)
    }

    fn muon_momentum(
        momentum: CubeTensor,
        batch: CubeTensor,
        gradient: CubeTensor,
        clip: CubeTensor,
        clipped: bool,
        index: usize,
        step: MuonStep,
    ) -> (CubeTensor, CubeTensor) {
        muon::momentum(momentum, batch, gradient, clip, clipped, index, step)
    }

    fn muon_apply(parameter: CubeTensor, directions: CubeTensor, index: usize, step: MuonStep) -> CubeTensor {
        muon::apply(parameter, directions, index, step)
    }

    fn whole(x: CubeTensor) -> CubeTensor {
        launch::whole(x)
    }

    fn adamw_group(
        members: Members<Self>,
        clip: CubeTensor,
        clipped: bool,
        step: AdamwStep,
    ) -> UpdatedMembers<Self> {
        adamw::adamw_group(members, clip, clipped, step)
    }

    fn unwritten(like: CubeTensor) -> CubeTensor {
        launch::empty_like(&like)
    }

    fn squares_into(table: CubeTensor, x: CubeTensor, row: usize) -> CubeTensor {
        global_norm::squares(table, x, row)
    }

    fn row_sums(table: CubeTensor) -> CubeTensor {
        global_norm::row_sums(table)
    }

    fn refill(target: CubeTensor, source: CubeTensor) -> CubeTensor {
        refill::refill(target, source)
    }
}
