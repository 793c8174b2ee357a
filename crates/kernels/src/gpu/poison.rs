//! For tests: memory that a kernel has still to write holds NaN, so that what it leaves out shows. A driver hands out zeros,
//! or what another kernel has left there.

use std::sync::atomic::{AtomicBool, Ordering};

use burn::tensor::{Device, Tensor};

use super::operations;

static POISONED: AtomicBool = AtomicBool::new(false);

/// From now on, in this process.
pub fn poison_unwritten() {
    POISONED.store(true, Ordering::Relaxed);
}

pub(super) fn is_poisoned() -> bool {
    POISONED.load(Ordering::Relaxed)
}

/// What no kernel has written, `[1, len]`, in f32.
pub fn unwritten(len: usize, device: &Device) -> Tensor<2> {
    operations::unwritten(Tensor::zeros([1, len], device))
}
