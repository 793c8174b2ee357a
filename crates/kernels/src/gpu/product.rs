//! Products on CUDA by one routine that is chosen by what the device has, with f32 sums. Burn would time each of about
//! twenty for every shape, each compiled for more than a second: minutes before the first step, and another choice every
//! time. Factors of f32 are rounded to TF32, as Burn's fastest routines do too.

use burn::backend::autodiff::checkpoint::base::Checkpointer;
use burn::backend::autodiff::checkpoint::strategy::CheckpointStrategy;
use burn::backend::autodiff::grads::Gradients;
use burn::backend::autodiff::ops::{Backward, Ops, OpsKind};
use burn::backend::cubecl::dtype_to_storage_type;
use burn::backend::ops::FloatTensorOps;
use burn::backend::tensor::FloatTensor;
use burn::backend::{Autodiff, Cube, TensorMetadata};
use burn::tensor::{DType, FloatDType};
use burn_cubecl::CubeBackend;
use burn_cubecl::kernel::matmul::init_matmul_output;
use burn_cubecl::tensor::CubeTensor;
use cubecl::client::Client;
use cubecl::ir::features::Tma;
use cubek::matmul::definition::{MatmulElems, MatmulGlobalElems, MatmulSetupError};
use cubek::matmul::launch::launch_ref;
use cubek::matmul::multi_level::Strategy;
use cubek::matmul::multi_level::components::tile::TileMatmulKind;
use cubek::matmul::multi_level::routines::batch::double_buffering::DoubleBufferingArgs;
use cubek::matmul::multi_level::routines::batch::simple::SimpleArgs;
use cubek::matmul::routine::BlueprintStrategy;
use cubek::std::InputBinding;

use super::fallback::fell_back;
use super::{GpuKernels, drives_cuda, weight_gradient};

/// The routines of `client`'s device for factors of `dtype`, the preferred one first. The later ones take the shapes that
/// it does not.
fn routines(client: &Client, dtype: DType) -> Vec<Strategy> {
    let tile_matmul = TileMatmulKind::Mma;
    let simple = SimpleArgs {
        multi_rows: false,
        tile_matmul,
    };
    let double = DoubleBufferingArgs {
        specialized: false,
        tile_matmul,
    };
    let mut routines = Vec::new();
    if dtype != DType::F32 && client.properties().features.tma.contains(Tma::Base) {
        routines.push(Strategy::SimpleTmaMma(BlueprintStrategy::Inferred(
            simple.clone(),
        )));
    }
    routines.push(Strategy::DoubleCyclicMma(BlueprintStrategy::Inferred(double)));
    routines.push(Strategy::SimpleCyclicMma(BlueprintStrategy::Inferred(simple)));
    routines
}

fn launch(
    routine: &Strategy,
    a: &CubeTensor,
    b: &CubeTensor,
    out: &CubeTensor,
) -> Result<(), MatmulSetupError> {
    let dtype = dtype_to_storage_type(a.dtype);
    let mut dtypes = MatmulElems::from_globals(&MatmulGlobalElems {
        lhs: dtype,
        rhs: dtype,
        out: dtype_to_storage_type(out.dtype),
    });
    launch_ref(
        &routine.clone().into(),
        &out.client,
        InputBinding::new(a.clone().binding(), dtype),
        InputBinding::new(b.clone().binding(), dtype),
        out.clone().binding(),
        &mut dtypes,
    )
}

/// `a b` of tensors of one float, in f32 where it is `wide`, else in theirs. Burn chooses on other devices, and where no
/// routine takes the shape.
pub(super) fn product(a: CubeTensor, b: CubeTensor, wide: bool) -> CubeTensor {
    let dtype = if wide { DType::F32 } else { a.dtype };
    if drives_cuda(&a.device) {
        let out = init_matmul_output(&a, &b, dtype);
        let words = || {
            let (a, b, factors) = (a.meta.shape(), b.meta.shape(), a.dtype);
            format!("the product of {a:?} and {b:?} of {factors:?}")
        };
        for (choice, routine) in routines(&out.client, a.dtype).into_iter().enumerate() {
            if launch(&routine, &a, &b, &out).is_ok() {
                if choice > 0 {
                    let words = words();
                    fell_back(format!(
                        "{words} is by `{routine}`, since what is preferred refused it"
                    ));
                }
                return out;
            }
        }
        fell_back(format!("{} is Burn's, which tunes it", words()));
    }
    CubeBackend::float_cast(CubeBackend::float_matmul(a, b), FloatDType::from(dtype))
}

/// In `half`, where it is given and not so yet.
pub(super) fn rounded(x: FloatTensor<Cube>, half: Option<FloatDType>) -> FloatTensor<Cube> {
    match half {
        Some(half) if x.dtype() != half.into() => Cube::float_cast(x, half),
        _ => x,
    }
}

#[derive(Debug)]
struct Product;

impl Backward<Cube, 2> for Product {
    /// Both factors, rounded, and whether the first one was f32.
    type State = ([FloatTensor<Cube>; 2], bool);

    fn backward(self, ops: Ops<Self::State, 2>, grads: &mut Gradients, _: &mut Checkpointer) {
        let ([x, w], wide) = ops.state;
        let upstream = rounded(grads.consume::<Cube>(&ops.node), Some(x.dtype().into()));
        let dx = Cube::product(upstream.clone(), Cube::float_transpose(w), wide);
        let parts = weight_gradient::parts(x.shape()[0], [x.shape()[1], upstream.shape()[1]]);
        let dw = Cube::weight_gradient(x, upstream, parts);
        register!(grads, ops.parents, [dx, dw]);
    }
}

type Tracked<C> = FloatTensor<Autodiff<Cube, C>>;

/// [`crate::product`]; `x` is f32 or in `half` already.
pub(super) fn tracked<C: CheckpointStrategy>(
    x: Tracked<C>,
    w: Tracked<C>,
    half: Option<FloatDType>,
    wide: bool,
) -> Tracked<C> {
    let prepared = Product
        .prepare::<C>([x.node(), w.node()])
        .compute_bound()
        .stateful();
    let [x, w] = [x, w].map(|tensor| tensor.into_primitive());
    let was_wide = x.dtype() == DType::F32;
    let [x, w] = [x, w].map(|tensor| rounded(tensor, half));
    let out = Cube::product(x.clone(), w.clone(), wide);
    match prepared {
        OpsKind::Tracked(prep) => prep.finish(([x, w], was_wide), out),
        OpsKind::UnTracked(prep) => prep.finish(out),
    }
}
