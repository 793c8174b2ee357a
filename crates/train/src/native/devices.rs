//! The devices of this machine: found without starting them, opened by name.

mod adapters;
mod cuda;

use blueberry_optim::MuonPrecision;
use burn::tensor::{DType, Device, FloatDType};
use cubecl::config::cache::CacheConfig;
use cubecl::config::{CubeClRuntimeConfig, RuntimeConfig};
use thiserror::Error;

use crate::native::hardware::{host_memory_bytes, processor};
use crate::native::panics::caught;
use crate::native::user_cache_dir;
use crate::{Halves, Precision, Preset};

/// Which backend drives a device.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DeviceKind {
    /// Burn's CUDA backend.
    Cuda,
    /// Burn's WGPU backend: Vulkan, Metal or DirectX 12.
    Wgpu,
    /// Burn's CPU backend.
    Cpu,
}

/// What is known of a device.
#[derive(Clone, Debug, PartialEq)]
pub struct DeviceInfo {
    /// What `--device` takes: `cuda:0`, `wgpu:1`, `cpu`.
    pub id: String,
    /// Which backend drives it.
    pub kind: DeviceKind,
    /// Name, as its driver gives it.
    pub name: String,
    /// API: `cuda`, `vulkan`, `metal`, `dx12`, `gl`, `cpu`.
    pub api: String,
    /// Driver and its version.
    pub driver: String,
    /// What compiles its kernels.
    pub compiler: String,
    /// Memory in bytes, where the driver says it.
    pub memory_bytes: Option<u64>,
    /// Whether it is a processor that pretends to be a GPU. `auto` never takes one.
    pub software: bool,
    /// Why it cannot be used, if so.
    pub unusable: Option<String>,
    /// Burn's selector among WGPU adapters.
    adapter: Option<burn::tensor::DeviceKind>,
    index: usize,
}

/// A device ready for tensors.
#[derive(Clone, Debug)]
pub struct OpenDevice {
    /// What it is.
    pub info: DeviceInfo,
    /// Burn's handle, without autodiff.
    pub device: Device,
    /// The 16-bit float that it multiplies faster than f32, if any.
    pub half: Option<FloatDType>,
    /// Devices that `auto` would have taken before it, and why they did not open.
    pub passed_over: Vec<String>,
}

impl OpenDevice {
    /// Names of the floats that it multiplies, as `train.precision` has them.
    pub fn precisions(&self) -> Vec<&'static str> {
        let half = |(name, dtype)| self.device.supports_dtype(dtype).then_some(name);
        let halves = [("bf16", DType::BF16), ("f16", DType::F16)];
        std::iter::once("f32")
            .chain(halves.into_iter().filter_map(half))
            .collect()
    }

    /// The 16-bit floats that a preset asks for on this device.
    ///
    /// # Errors
    /// [`DeviceError::Precision`] for one that the device does not have.
    pub fn halves(&self, preset: &Preset) -> Result<Halves, DeviceError> {
        let wanted = match preset.train.precision {
            Precision::F32 => None,
            Precision::Bf16 => Some(("bf16", FloatDType::BF16)),
            Precision::F16 => Some(("f16", FloatDType::F16)),
            Precision::Auto => (self.half == Some(FloatDType::BF16)).then_some(("bf16", FloatDType::BF16)),
        };
        if let Some((name, _)) = wanted.filter(|(name, _)| !self.precisions().contains(name)) {
            return Err(DeviceError::Precision {
                wanted: name,
                id: self.info.id.clone(),
                found: self.precisions().join(", "),
            });
        }
        let muon = match preset.optim.muon.precision {
            MuonPrecision::F32 => None,
            MuonPrecision::Half => self.half,
        };
        Ok(Halves {
            products: wanted.map(|(_, half)| half),
            muon,
        })
    }
}

/// The name that `train.precision` has for the float of the large products.
pub(crate) fn precision_name(half: Option<FloatDType>) -> &'static str {
    match half {
        Some(FloatDType::BF16) => "bf16",
        Some(FloatDType::F16) => "f16",
        _ => "f32",
    }
}

/// A device that cannot be opened.
#[derive(Debug, Error)]
pub enum DeviceError {
    /// The name means nothing.
    #[error(
        "unknown device `{0}`: use auto, cuda[:i], wgpu[:i], metal, vulkan[:i] or cpu; `blueberry devices` lists what is found"
    )]
    Unknown(String),
    /// There is no such device.
    #[error("no device `{0}` on this machine: {1}; `blueberry devices` lists what is found")]
    Missing(String, String),
    /// It does not multiply the float that is asked for.
    #[error("train.precision = {wanted}: `{id}` computes in {found}; choose one of these, or `auto`")]
    Precision {
        /// The float asked for.
        wanted: &'static str,
        /// The device.
        id: String,
        /// What it has.
        found: String,
    },
    /// It is there, but cannot be used.
    #[error("device `{0}` cannot be used: {1}")]
    Unusable(String, String),
}

/// Every device of this machine, in the order in which `auto` tries them.
pub fn discover() -> Vec<DeviceInfo> {
    let mut devices = cuda::discover();
    devices.extend(adapters::discover());
    devices.push(cpu_info());
    devices
}

/// Opens the device of a name: `auto`, `cuda[:i]`, `wgpu[:i]`, `metal`, `vulkan[:i]`, `cpu`. `auto` goes on to the next
/// device where one does not open.
///
/// # Errors
/// [`DeviceError`].
pub fn open(name: &str) -> Result<OpenDevice, DeviceError> {
    // The CPU needs no looking around, which wakes drivers and takes a second.
    if name == "cpu" {
        Ok(open_cpu())
    } else {
        let (device, passed_over) = open_among(name, discover(), start)?;
        Ok(OpenDevice {
            passed_over,
            ..device
        })
    }
}

fn open_among<T>(
    name: &str,
    mut devices: Vec<DeviceInfo>,
    start: impl Fn(DeviceInfo) -> Result<T, DeviceError>,
) -> Result<(T, Vec<String>), DeviceError> {
    let mut passed_over = Vec::new();
    loop {
        let info = choose(name, &devices)?;
        let id = info.id.clone();
        let failure = match start(info) {
            Err(DeviceError::Unusable(_, why)) if name == "auto" => why,
            result => return result.map(|opened| (opened, passed_over)),
        };
        passed_over.push(format!("`{id}` was passed over: {failure}"));
        for device in devices.iter_mut().filter(|device| device.id == id) {
            device.unusable = Some(failure.clone());
        }
    }
}

/// Opens the CPU.
pub fn open_cpu() -> OpenDevice {
    start_unguarded(cpu_info())
}

/// The device that a name means among `devices`.
fn choose(name: &str, devices: &[DeviceInfo]) -> Result<DeviceInfo, DeviceError> {
    let (family, index) = match name.split_once(':') {
        Some((family, index)) => (
            family,
            Some(
                index
                    .parse::<usize>()
                    .map_err(|_| DeviceError::Unknown(name.into()))?,
            ),
        ),
        None => (name, None),
    };
    match (family, index) {
        ("auto", None) => choose_auto(devices),
        ("cpu", None) => choose_among(name, devices, |d| d.kind == DeviceKind::Cpu, None),
        ("cuda", index) => choose_among(name, devices, |d| d.kind == DeviceKind::Cuda, index),
        ("wgpu", index) => choose_among(name, devices, |d| d.kind == DeviceKind::Wgpu, index),
        ("metal", None) => choose_among(name, devices, |d| d.api == "metal", None),
        ("vulkan", _) => choose_vulkan(name, devices, index),
        _ => Err(DeviceError::Unknown(name.into())),
    }
}

fn choose_auto(devices: &[DeviceInfo]) -> Result<DeviceInfo, DeviceError> {
    let usable = |device: &&DeviceInfo| device.unusable.is_none() && !device.software;
    let missing = || DeviceError::Missing("auto".into(), "nothing usable".into());
    devices.iter().find(usable).cloned().ok_or_else(missing)
}

fn choose_vulkan(
    name: &str,
    devices: &[DeviceInfo],
    index: Option<usize>,
) -> Result<DeviceInfo, DeviceError> {
    if !cfg!(feature = "vulkan") {
        let why = "Burn's SPIR-V compiler is an opt-in, since its gradients were wrong on one driver: build with `--features vulkan`, or use `wgpu`, which drives Vulkan through WGSL";
        return Err(DeviceError::Unusable(name.into(), why.into()));
    }
    choose_among(name, devices, |device| device.api == "vulkan", index)
}

/// Without an index, the first usable hardware device, else the first of all.
fn choose_among(
    name: &str,
    devices: &[DeviceInfo],
    family: impl Fn(&DeviceInfo) -> bool,
    index: Option<usize>,
) -> Result<DeviceInfo, DeviceError> {
    let members: Vec<&DeviceInfo> = devices.iter().filter(|device| family(device)).collect();
    let found = match index {
        Some(index) => members.get(index),
        None => members
            .iter()
            .find(|device| device.unusable.is_none() && !device.software)
            .or(members.first()),
    };
    let Some(device) = found else {
        let why = format!("{} of this kind were found", members.len());
        return Err(DeviceError::Missing(name.into(), why));
    };
    match &device.unusable {
        Some(why) => Err(DeviceError::Unusable(name.into(), why.clone())),
        None => Ok((*device).clone()),
    }
}

/// A backend that cannot have its device (it is full, or another process has it for itself) says so by a panic.
fn start(info: DeviceInfo) -> Result<OpenDevice, DeviceError> {
    let id = info.id.clone();
    let (opened, _) = caught(|| start_unguarded(info));
    opened.map_err(|panic| {
        DeviceError::Unusable(id, format!("its driver is there, but did not open it: {panic}"))
    })
}

fn start_unguarded(info: DeviceInfo) -> OpenDevice {
    keep_what_is_tuned();
    let device = match (info.kind, &info.adapter) {
        (DeviceKind::Cuda, _) => Device::cuda(info.index),
        (DeviceKind::Wgpu, Some(adapter)) => Device::wgpu(adapter.clone()),
        (DeviceKind::Wgpu, None) => Device::wgpu(burn::tensor::DeviceKind::DefaultDevice),
        (DeviceKind::Cpu, _) => Device::flex(),
    };
    let half = match info.kind {
        // From compute capability 8.0 on.
        DeviceKind::Cuda => device.supports_dtype(DType::BF16).then_some(FloatDType::BF16),
        DeviceKind::Wgpu => device.supports_dtype(DType::F16).then_some(FloatDType::F16),
        DeviceKind::Cpu => None,
    };
    OpenDevice {
        info,
        device,
        half,
        passed_over: Vec::new(),
    }
}

/// Has CubeCL keep what it tunes and compiles in the user's cache, so that the next run of any checkout
/// starts warm. Its own choice is the build folder of whatever project the program is started in.
fn keep_what_is_tuned() {
    let mut config = CubeClRuntimeConfig::default().override_from_env();
    config.compilation.cache = true;
    config.environment.path = CacheConfig::Directory(user_cache_dir().join("tuned"));
    // Refused where a device was opened before, which has set it already.
    CubeClRuntimeConfig::try_set(config);
}

fn cpu_info() -> DeviceInfo {
    let (name, cpus) = processor();
    DeviceInfo {
        id: "cpu".into(),
        kind: DeviceKind::Cpu,
        name,
        api: "cpu".into(),
        driver: format!("{cpus} threads"),
        compiler: "rustc".into(),
        memory_bytes: host_memory_bytes(),
        software: false,
        unusable: None,
        adapter: None,
        index: 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn device(id: &str, kind: DeviceKind, software: bool, unusable: Option<&str>) -> DeviceInfo {
        DeviceInfo {
            id: id.into(),
            kind,
            software,
            unusable: unusable.map(Into::into),
            api: if kind == DeviceKind::Wgpu {
                "vulkan".into()
            } else {
                "cpu".into()
            },
            ..cpu_info()
        }
    }

    fn machine(software: bool, cuda: Option<&str>) -> Vec<DeviceInfo> {
        vec![
            device("cuda:0", DeviceKind::Cuda, false, cuda),
            device("wgpu:0", DeviceKind::Wgpu, software, None),
            device("cpu", DeviceKind::Cpu, false, None),
        ]
    }

    fn chosen(name: &str, devices: &[DeviceInfo]) -> String {
        match choose(name, devices) {
            Ok(device) => device.id,
            Err(error) => error.to_string(),
        }
    }

    #[test]
    fn auto_takes_cuda_then_a_hardware_adapter_then_the_cpu() {
        assert_eq!(chosen("auto", &machine(false, None)), "cuda:0");
        assert_eq!(chosen("auto", &machine(false, Some("no driver"))), "wgpu:0");
        assert_eq!(chosen("auto", &machine(true, Some("no driver"))), "cpu");
    }

    #[test]
    fn auto_goes_on_to_the_next_device_where_one_does_not_open() {
        let open_but = |broken: &'static [&str], name: &str, devices| {
            let start = |info: DeviceInfo| match broken.contains(&&*info.id) {
                true => Err(DeviceError::Unusable(info.id, "it is full".into())),
                false => Ok(info.id),
            };
            open_among(name, devices, start)
                .map(|(id, _)| id)
                .map_err(|error| error.to_string())
        };
        assert_eq!(
            open_but(&["cuda:0"], "auto", machine(false, None)),
            Ok("wgpu:0".into())
        );
        assert_eq!(
            open_but(&["cuda:0", "wgpu:0"], "auto", machine(false, None)),
            Ok("cpu".into())
        );
        assert!(
            open_but(&["cuda:0"], "cuda", machine(false, None))
                .is_err_and(|error| error.contains("it is full"))
        );
    }

    #[test]
    fn a_backend_that_panics_is_a_device_that_cannot_be_used() {
        let mut info = device("wgpu:9", DeviceKind::Wgpu, false, None);
        info.adapter = Some(burn::tensor::DeviceKind::DiscreteGpu(99));
        let error = start(info)
            .map(|_| ())
            .expect_err("there are not as many")
            .to_string();
        assert!(
            error.contains("wgpu:9") && error.contains("did not open it"),
            "{error}"
        );
    }

    #[test]
    fn a_software_adapter_is_used_when_it_is_asked_for() {
        assert_eq!(chosen("wgpu", &machine(true, None)), "wgpu:0");
        assert_eq!(chosen("wgpu:0", &machine(true, None)), "wgpu:0");
    }

    #[test]
    fn errors_say_what_is_missing() {
        assert!(chosen("cuda", &machine(true, Some("no driver"))).contains("no driver"));
        assert!(chosen("wgpu:3", &machine(true, None)).contains("1 of this kind"));
        for name in ["gpu", "cpu:1", "cuda:x", "auto:0", ""] {
            assert!(
                chosen(name, &machine(true, None)).starts_with("unknown device"),
                "{name}"
            );
        }
    }
}
