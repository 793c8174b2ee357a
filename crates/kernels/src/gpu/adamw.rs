//! AdamW: one launch for a large parameter and for each group of small ones, which are many, reads and writes each value
//! once.
#![allow(clippy::too_many_arguments)] // A kernel takes its tensors and sizes one by one.

use burn::backend::tensor::FloatTensor;
use burn::backend::{Backend, ExtensionType};
use burn::tensor::DType;
use burn_cubecl::CubeBackend;
use burn_cubecl::tensor::CubeTensor;
use cubecl::prelude::*;

use super::launch::{UNITS, flat, owned, whole};
use crate::adamw::AdamwStep;

/// Parameters of a group: as many as the 30 buffers of Metal, and the 31 of llvmpipe, let a kernel have.
pub(super) const GROUP: usize = 7;

/// Values of the largest parameter that is one of a group.
pub(super) const SMALL: usize = 1 << 16;

/// Buffers that a launch of a group binds: of each member four, the clip, and the kernel's own.
pub(super) const BINDINGS: usize = 4 * GROUP + 2;

/// A parameter before its update, and its gradient.
#[derive(ExtensionType)]
#[extension_type(fusion)]
pub(crate) struct Member<B: Backend> {
    pub parameter: FloatTensor<B>,
    pub mean: FloatTensor<B>,
    pub square: FloatTensor<B>,
    pub gradient: FloatTensor<B>,
}

/// A parameter after its update.
#[derive(ExtensionType)]
#[extension_type(fusion)]
pub(crate) struct Updated<B: Backend> {
    pub parameter: FloatTensor<B>,
    pub mean: FloatTensor<B>,
    pub square: FloatTensor<B>,
}

/// Declares a struct of [`GROUP`] of something, since an operation of Burn's takes no list.
macro_rules! seven {
    ($(#[$doc:meta])* $name:ident of $of:ident) => {
        $(#[$doc])*
        #[derive(ExtensionType)]
        #[extension_type(fusion)]
        pub(crate) struct $name<B: Backend> {
            #[extension_type]
            pub a: $of<B>,
            #[extension_type]
            pub b: $of<B>,
            #[extension_type]
            pub c: $of<B>,
            #[extension_type]
            pub d: $of<B>,
            #[extension_type]
            pub e: $of<B>,
            #[extension_type]
            pub f: $of<B>,
            #[extension_type]
            pub g: $of<B>,
        }

        impl<B: Backend> $name<B> {
            pub fn of([a, b, c, d, e, f, g]: [$of<B>; GROUP]) -> Self {
                Self { a, b, c, d, e, f, g }
            }

            pub fn into_array(self) -> [$of<B>; GROUP] {
                let Self { a, b, c, d, e, f, g } = self;
                [a, b, c, d, e, f, g]
            }
        }
    };
}

seven! {
    /// Parameters before an update.
    Members of Member
}
seven! {
    /// The same after it.
    UpdatedMembers of Updated
}

/// The shapes and types of the results.
pub(super) fn updated(members: &MembersMetadata) -> UpdatedMembersMetadata {
    let of = |member: &MemberMetadata| UpdatedMetadata {
        parameter: member.parameter.clone(),
        mean: member.mean.clone(),
        square: member.square.clone(),
    };
    UpdatedMembersMetadata {
        a: of(&members.a),
        b: of(&members.b),
        c: of(&members.c),
        d: of(&members.d),
        e: of(&members.e),
        f: of(&members.f),
        g: of(&members.g),
    }
}

/// The numbers of a step as the kernels take them.
#[derive(CubeType, CubeLaunch, Clone, Copy)]
struct Numbers {
    keep: f32,
    rate: f32,
    beta1: f32,
    beta2: f32,
    fresh1: f32,
    fresh2: f32,
    root_correction: f32,
    eps: f32,
}

fn numbers(step: &AdamwStep) -> NumbersLaunch {
    NumbersLaunch::new(
        step.keep as f32,
        step.rate as f32,
        step.beta1 as f32,
        step.beta2 as f32,
        (1.0 - step.beta1) as f32,
        (1.0 - step.beta2) as f32,
        step.root_correction as f32,
        step.eps as f32,
    )
}

#[cube]
fn update(
    parameter: &mut [f32],
    mean: &mut [f32],
    square: &mut [f32],
    gradient: &[f32],
    clip: &[f32],
    at: usize,
    n: &Numbers,
    #[comptime] clipped: bool,
) {
    let mut g = gradient[at];
    if comptime![clipped] {
        g *= clip[0];
    }
    let m = n.beta1 * mean[at] + n.fresh1 * g;
    let s = n.beta2 * square[at] + n.fresh2 * g * g;
    mean[at] = m;
    square[at] = s;
    parameter[at] = n.keep * parameter[at] - n.rate * m / (s.sqrt() / n.root_correction + n.eps);
}

#[cube(launch)]
fn adamw_kernel(
    parameter: &mut [f32],
    mean: &mut [f32],
    square: &mut [f32],
    gradient: &[f32],
    clip: &[f32],
    len: usize,
    numbers: Numbers,
    #[comptime] clipped: bool,
) {
    let at = ABSOLUTE_POS;
    if at < len {
        update(parameter, mean, square, gradient, clip, at, &numbers, clipped);
    }
}

/// The second side of the grid goes over the members.
#[cube(launch)]
fn adamw_group_kernel(
    parameters: &mut Sequence<Box<[f32]>>,
    means: &mut Sequence<Box<[f32]>>,
    squares: &mut Sequence<Box<[f32]>>,
    gradients: &Sequence<Box<[f32]>>,
    lens: &Sequence<usize>,
    clip: &[f32],
    numbers: Numbers,
    #[comptime] clipped: bool,
) {
    let at = ABSOLUTE_POS_X as usize;
    #[unroll]
    for member in 0..GROUP {
        if CUBE_POS_Y as usize == member && at < *lens.index(member) {
            update(
                parameters.index_mut(member),
                means.index_mut(member),
                squares.index_mut(member),
                gradients.index(member),
                clip,
                at,
                &numbers,
                clipped,
            );
        }
    }
}

/// As [`adamw`], for all of a group, whose members have at most [`SMALL`] values.
pub(super) fn adamw_group(
    members: Members<CubeBackend>,
    clip: CubeTensor,
    clipped: bool,
    step: AdamwStep,
) -> UpdatedMembers<CubeBackend> {
    let members = members.into_array().map(|member| {
        let [parameter, mean, square] = [member.parameter, member.mean, member.square].map(owned);
        let gradient = whole(member.gradient);
        Member {
            parameter,
            mean,
            square,
            gradient,
        }
    });
    let len = |member: &Member<CubeBackend>| member.parameter.meta.num_elements();
    let largest = members.iter().map(len).max().unwrap_or(0);
    let client = members[0].parameter.client.clone();
    let all = |of: fn(&Member<CubeBackend>) -> &CubeTensor| {
        members
            .iter()
            .map(|member| of(member).clone().into_buffer_arg())
            .collect()
    };
    adamw_group_kernel::launch(
        &client,
        CubeCount::Static(largest.div_ceil(UNITS as usize) as u32, GROUP as u32, 1),
        CubeDim::new_1d(UNITS),
        all(|member| &member.parameter),
        all(|member| &member.mean),
        all(|member| &member.square),
        all(|member| &member.gradient),
        members.iter().map(len).collect(),
        whole(clip).into_buffer_arg(),
        numbers(&step),
        clipped,
    );
    UpdatedMembers::of(members.map(|member| Updated {
        parameter: member.parameter,
        mean: member.mean,
        square: member.square,
    }))
}

/// Whether a parameter may be one of a group on this device.
pub(super) fn is_small(values: usize, dtype: DType, max_bindings: usize) -> bool {
    values <= SMALL && dtype == DType::F32 && max_bindings >= BINDINGS
}

/// The parameter, the mean and the mean of squares, in f32; written where they lie if nobody else holds them.
pub(super) fn adamw(
    [parameter, mean, square]: [CubeTensor; 3],
    gradient: CubeTensor,
    clip: CubeTensor,
    clipped: bool,
    step: AdamwStep,
) -> (CubeTensor, CubeTensor, CubeTensor) {
    let (parameter, mean, square) = (owned(parameter), owned(mean), owned(square));
    let len = parameter.meta.num_elements();
    let (grid, dim) = flat(len);
    adamw_kernel::launch(
        &parameter.client,
        grid,
        dim,
        parameter.clone().into_buffer_arg(),
        mean.clone().into_buffer_arg(),
        square.clone().into_buffer_arg(),
        whole(gradient).into_buffer_arg(),
        whole(clip).into_buffer_arg(),
        len,
        numbers(&step),
        clipped,
    );
    (parameter, mean, square)
}
