//! The device, and what is held against it.

use std::process::exit;
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use blueberry_kernels::poison_unwritten;
use burn::tensor::{Device, DeviceKind, FloatDType, Int, Tensor};
use cubecl::config::autotune::AutotuneLevel;
use cubecl::config::cache::CacheConfig;
use cubecl::config::{CubeClRuntimeConfig, RuntimeConfig};

use crate::common::{assert_close, values};

/// The longest of these takes a minute or two with nothing tuned yet.
const PATIENCE: Duration = Duration::from_secs(600);

/// One process must not tune a device from several threads at once.
static ALONE: Mutex<()> = Mutex::new(());

/// The device, alone on it, under a watchdog.
pub struct Gpu {
    pub device: Device,
    _alone: MutexGuard<'static, ()>,
    _watchdog: Sender<()>,
}

impl Gpu {
    pub fn open() -> Self {
        let alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
        let (sender, receiver) = channel();
        std::thread::spawn(move || {
            if receiver.recv_timeout(PATIENCE) == Err(RecvTimeoutError::Timeout) {
                eprintln!("the device did not answer for {PATIENCE:?}; its driver hangs");
                exit(101);
            }
        });
        tune_little();
        poison_unwritten();
        let device = if std::env::var_os("BLUEBERRY_TEST_GPU").is_some() {
            Device::default()
        } else {
            Device::wgpu(DeviceKind::Cpu)
        };
        Self {
            device,
            _alone: alone,
            _watchdog: sender,
        }
    }

    pub fn run<R>(&self, run: impl Fn(&Device, Option<FloatDType>) -> R) -> (R, R) {
        (run(&self.device, None), run(&Device::flex(), None))
    }
}

/// Burn times its products' candidates before it takes one, which a software driver is slow at. What was found is kept
/// beside what was built.
fn tune_little() {
    let mut config = CubeClRuntimeConfig::default().override_from_env();
    config.autotune.level = AutotuneLevel::Minimal;
    config.environment.path = CacheConfig::Directory(env!("CARGO_TARGET_TMPDIR").into());
    // Refused where a device was opened before, which has set it already.
    CubeClRuntimeConfig::try_set(config);
}

pub fn on<const D: usize>(tensor: &Tensor<D>, device: &Device) -> Tensor<D> {
    Tensor::from_data(tensor.to_data(), device)
}

pub fn ids_on(tensor: &Tensor<1, Int>, device: &Device) -> Tensor<1, Int> {
    Tensor::from_data(tensor.to_data(), device)
}

pub fn leaf<const D: usize>(tensor: &Tensor<D>, device: &Device, half: Option<FloatDType>) -> Tensor<D> {
    let tensor = on(tensor, device);
    let tensor = half.map_or(tensor.clone(), |half| tensor.cast(half));
    tensor.autodiff().require_grad()
}

pub fn gradient<const D: usize>(leaf: &Tensor<D>, tape: &burn::tensor::Gradients) -> Vec<f32> {
    values(leaf.grad(tape).expect("a gradient"))
}

pub fn check(what: &str, names: &[&str], (found, expected): (Vec<Vec<f32>>, Vec<Vec<f32>>), bound: f32) {
    assert_eq!(found.len(), expected.len());
    for ((name, found), expected) in names.iter().zip(found).zip(expected) {
        assert_close(&format!("{name}, {what}"), &found, &expected, bound);
    }
}

/// Whether this is the GPU's side of a comparison.
pub fn is_own(device: &Device) -> bool {
    *device != Device::flex()
}
