//! Products of 16-bit floats with f32 sums by one routine that is chosen by what the device has. Burn would time each of
//! about twenty for every shape, each compiled for more than a second: minutes before the first step, and another choice
//! every time.

use burn::backend::autodiff::checkpoint::base::Checkpointer;
use burn::backend::autodiff::checkpoint::strategy::CheckpointStrategy;
use burn::backend::autodiff::grads::Gradients;
use burn::backend::autodiff::ops::{Backward, Ops, OpsKind};
use burn::backend::cubecl::dtype_to_storage_type;
use burn::backend::ops::FloatTensorOps;
use burn::backend::tensor::FloatTensor;
use burn::backend::{Autodiff, Cube};
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

use super::GpuKernels;

/// The routines of `client`'s device, the preferred one first. The later ones take the shapes that it does not.
fn routines(client: &Client) -> Vec<Strategy> {
    let tile_matmul = TileMatmulKind::Mma;
    let double = Strategy::DoubleCyclicMma(BlueprintStrategy::Inferred(DoubleBufferingArgs {
        specialized: false,
        tile_matmul,
    }));
    let simple = |multi_rows| SimpleArgs {
        multi_rows,
        tile_matmul,
    };
    let mut routines = vec![
        double,
        Strategy::SimpleCyclicMma(BlueprintStrategy::Inferred(simple(false))),
    ];
    if client.properties().features.tma.contains(Tma::Base) {
        routines.insert(
            0,
            Strategy::SimpleTmaMma(BlueprintStrategy::Inferred(simple(false))),
        );
    }
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

/// `a b` in f32, of tensors of one 16-bit float. Burn chooses where no routine takes the shape.
pub(super) fn product(a: CubeTensor, b: CubeTensor) -> CubeTensor {
    let out = init_matmul_output(&a, &b, DType::F32);
    let taken = routines(&out.client)
        .iter()
        .any(|routine| launch(routine, &a, &b, &out).is_ok());
    if taken {
        out
    } else {
        CubeBackend::float_cast(CubeBackend::float_matmul(a, b), FloatDType::F32)
    }
}

#[derive(Debug)]
struct Product;

impl Backward<Cube, 2> for Product {
    /// Both factors in the 16-bit float.
    type State = [FloatTensor<Cube>; 2];

    fn backward(self, ops: Ops<Self::State, 2>, grads: &mut Gradients, _: &mut Checkpointer) {
        let [x, w] = ops.state;
        let half = FloatDType::from(burn::backend::TensorMetadata::dtype(&x));
        let upstream = Cube::float_cast(grads.consume::<Cube>(&ops.node), half);
        let dx = Cube::half_product(upstream.clone(), Cube::float_transpose(w));
        let dw = Cube::half_product(Cube::float_transpose(x), upstream);
        register!(grads, ops.parents, [dx, dw]);
    }
}

type Tracked<C> = FloatTensor<Autodiff<Cube, C>>;

/// [`crate::product`] of f32 tensors, rounded to `half`.
pub(super) fn tracked<C: CheckpointStrategy>(x: Tracked<C>, w: Tracked<C>, half: FloatDType) -> Tracked<C> {
    let prepared = Product
        .prepare::<C>([x.node(), w.node()])
        .compute_bound()
        .stateful();
    let [x, w] = [x, w].map(|tensor| Cube::float_cast(tensor.into_primitive(), half));
    let out = Cube::half_product(x.clone(), w.clone());
    match prepared {
        OpsKind::Tracked(prep) => prep.finish([x, w], out),
        OpsKind::UnTracked(prep) => prep.finish(out),
    }
}
