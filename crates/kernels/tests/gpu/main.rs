//! The kernels of GPUs against the references on the CPU: values and gradients, at shapes that fill no tile, on inputs
//! that are drawn anew in every run (the seed is printed, and `BLUEBERRY_SEED` repeats it). They run on the software
//! driver, so that every machine with Vulkan can; `BLUEBERRY_TEST_GPU=1` takes the default device instead.
//!
//! A driver can hang for good (seen on llvmpipe), so a watchdog ends the process with the cause.
#![cfg(feature = "gpu")]

mod attention;
#[allow(dead_code)] // These tests need only some of it.
#[path = "../common/mod.rs"]
mod common;
mod device;
mod half;
mod loss;
mod optim;
mod passes;
mod product;
mod recording;

use blueberry_kernels::{Kernels, may_round_products, unwritten, versions};

use crate::device::Gpu;

/// Else no test here would see what a kernel leaves out.
#[test]
fn what_no_kernel_has_written_is_no_number() {
    let gpu = Gpu::open();
    for len in [1, 1000, 70_000] {
        assert!(
            common::values(unwritten(len, &gpu.device))
                .iter()
                .all(|x| x.is_nan()),
            "{len}"
        );
    }
}

#[test]
fn every_operation_says_which_version_it_uses() {
    let gpu = Gpu::open();
    let versions = |kernels| versions(&gpu.device, kernels, None);
    let own = versions(Kernels::Fused);
    for name in [
        "attention",
        "adamw",
        "head_loss",
        "embedding",
        "rms_norm",
        "swiglu",
        "qk_norm_rope",
        "global_norm",
        "muon_momentum",
    ] {
        assert_eq!(own[name], "gpu", "{name}");
    }
    // What has tensor cores has products of its own.
    let product = if may_round_products(&gpu.device) {
        "gpu"
    } else {
        "plain"
    };
    for name in ["orthogonalize", "product"] {
        assert_eq!(own[name], product, "{name}");
    }
    assert!(
        versions(Kernels::Plain)
            .values()
            .all(|version| version == "plain")
    );
}
