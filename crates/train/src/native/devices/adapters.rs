//! WGPU adapters, in the order in which Burn counts them.

use burn::tensor::DeviceKind as Selector;
use wgpu::{Adapter, AdapterInfo, Backend, DeviceType, Instance, InstanceDescriptor};

use super::{DeviceInfo, DeviceKind};
use crate::native::hardware::host_memory_bytes;

/// The graphics APIs in the order in which Burn tries them; it takes the first with a hardware adapter.
const APIS: &[Backend] = if cfg!(target_os = "macos") {
    &[Backend::Metal]
} else {
    &[Backend::Vulkan, Backend::Dx12, Backend::Gl]
};

pub fn discover() -> Vec<DeviceInfo> {
    let mut software_only = Vec::new();
    for &api in APIS {
        let found = probe(api);
        if found
            .iter()
            .any(|(adapter, _)| adapter.device_type != DeviceType::Cpu)
        {
            return describe_all(found);
        }
        if software_only.is_empty() {
            software_only = found;
        }
    }
    if software_only.is_empty() {
        vec![none_found()]
    } else {
        describe_all(software_only)
    }
}

/// Adapters with their memory in bytes.
fn probe(api: Backend) -> Vec<(AdapterInfo, Option<u64>)> {
    let descriptor = InstanceDescriptor {
        backends: api.into(),
        ..InstanceDescriptor::new_without_display_handle()
    };
    let adapters = pollster::block_on(Instance::new(descriptor).enumerate_adapters(api.into()));
    adapters
        .iter()
        .map(|adapter| (adapter.get_info(), memory_bytes(adapter)))
        .collect()
}

/// WGPU itself does not say it. A processor's graphics have the machine's memory; of others the driver is asked, where
/// it is Vulkan's.
fn memory_bytes(adapter: &Adapter) -> Option<u64> {
    match adapter.get_info().device_type {
        DeviceType::IntegratedGpu | DeviceType::Cpu => host_memory_bytes(),
        _ => vulkan_memory_bytes(adapter),
    }
}

/// The largest heap that is the device's own.
#[cfg(any(windows, target_os = "linux"))]
fn vulkan_memory_bytes(adapter: &Adapter) -> Option<u64> {
    /// `VK_MEMORY_HEAP_DEVICE_LOCAL_BIT` of the Vulkan specification.
    const DEVICE_LOCAL: u32 = 1;
    // SAFETY: nothing of it is destroyed or kept.
    let adapter = unsafe { adapter.as_hal::<wgpu::hal::api::Vulkan>() }?;
    let instance = adapter.shared_instance().raw_instance();
    // SAFETY: the physical device is this instance's, and both are held by `adapter`.
    let memory = unsafe { instance.get_physical_device_memory_properties(adapter.raw_physical_device()) };
    let heaps = memory.memory_heaps.iter().take(memory.memory_heap_count as usize);
    heaps
        .filter(|heap| heap.flags.as_raw() & DEVICE_LOCAL != 0)
        .map(|heap| heap.size)
        .max()
}

#[cfg(not(any(windows, target_os = "linux")))]
fn vulkan_memory_bytes(_: &Adapter) -> Option<u64> {
    None
}

fn describe_all(found: Vec<(AdapterInfo, Option<u64>)>) -> Vec<DeviceInfo> {
    let mut counts = [0; 3];
    let mut next = |kind: usize| {
        counts[kind] += 1;
        counts[kind] - 1
    };
    found
        .into_iter()
        .enumerate()
        .map(|(index, (adapter, memory_bytes))| {
            // Burn counts each type of device from zero, and knows one CPU.
            let selector = match adapter.device_type {
                DeviceType::DiscreteGpu => Some(Selector::DiscreteGpu(next(0))),
                DeviceType::IntegratedGpu => Some(Selector::IntegratedGpu(next(1))),
                DeviceType::VirtualGpu => Some(Selector::VirtualGpu(next(2))),
                DeviceType::Cpu => Some(Selector::Cpu),
                DeviceType::Other => None,
            };
            DeviceInfo {
                memory_bytes,
                ..describe(index, adapter, selector)
            }
        })
        .collect()
}

fn describe(index: usize, adapter: AdapterInfo, selector: Option<Selector>) -> DeviceInfo {
    let unusable = selector
        .is_none()
        .then(|| "the driver does not say what kind of device it is".to_owned());
    DeviceInfo {
        id: format!("wgpu:{index}"),
        kind: DeviceKind::Wgpu,
        name: adapter.name,
        api: adapter.backend.to_string(),
        driver: format!("{} {}", adapter.driver, adapter.driver_info)
            .trim()
            .to_owned(),
        compiler: compiler(adapter.backend).to_owned(),
        memory_bytes: None,
        software: adapter.device_type == DeviceType::Cpu,
        unusable,
        adapter: selector,
        index,
    }
}

fn compiler(api: Backend) -> &'static str {
    if cfg!(feature = "vulkan") && api == Backend::Vulkan {
        "SPIR-V"
    } else {
        "WGSL"
    }
}

fn none_found() -> DeviceInfo {
    let why = "no Vulkan, Metal or DirectX 12 adapter was found: install the GPU's driver";
    DeviceInfo {
        id: "wgpu".into(),
        kind: DeviceKind::Wgpu,
        name: "GPU".into(),
        api: "wgpu".into(),
        driver: "none".into(),
        compiler: "WGSL".into(),
        memory_bytes: None,
        software: false,
        unusable: Some(why.into()),
        adapter: None,
        index: 0,
    }
}
