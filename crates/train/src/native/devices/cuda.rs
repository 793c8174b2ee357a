//! NVIDIA devices, through the driver library that is loaded at run time.

use cudarc::driver::{CudaContext, result, sys};

use super::{DeviceInfo, DeviceKind};

pub fn discover() -> Vec<DeviceInfo> {
    // SAFETY: only tries to load the driver library.
    if !unsafe { sys::is_culib_present() } {
        let why = "no NVIDIA driver library (libcuda) was found";
        return vec![unusable(why.into())];
    }
    let count = match result::init().and_then(|()| CudaContext::device_count()) {
        Ok(count) if count > 0 => count as usize,
        Ok(_) => return vec![unusable("the driver finds no device".into())],
        Err(error) => return vec![unusable(format!("the driver does not start: {error}"))],
    };
    // SAFETY: only tries to load the compiler library.
    let compiles = unsafe { cudarc::nvrtc::sys::is_culib_present() };
    let missing = if compiles {
        (!has_headers()).then_some(
            "CUDA's headers (include/cuda_fp16.h), which kernels are compiled with, were not found: install the CUDA toolkit, or its `cuda-cudart-dev`, `cuda-crt` and `cuda-cccl` packages, and name its folder in CUDA_PATH if that is not /usr/local/cuda",
        )
    } else {
        Some(
            "the NVRTC library (libnvrtc), which compiles kernels, was not found: install the CUDA toolkit's `cuda-nvrtc` package",
        )
    };
    let missing = missing.map(str::to_owned);
    (0..count).map(|index| describe(index, missing.clone())).collect()
}

/// Where CubeCL looks for them; it panics without.
fn has_headers() -> bool {
    cubecl::cuda::install::cuda_path().is_some_and(|root| root.join("include/cuda_fp16.h").is_file())
}

fn describe(index: usize, missing: Option<String>) -> DeviceInfo {
    let mut info = unusable(String::new());
    info.id = format!("cuda:{index}");
    info.index = index;
    info.unusable = missing;
    info.driver = driver_version().unwrap_or_else(|| "unknown".into());
    match result::device::get(index as i32) {
        Ok(device) => {
            info.name = result::device::get_name(device).unwrap_or_else(|_| "unknown".into());
            // SAFETY: `device` was just given by the driver.
            info.memory_bytes = unsafe { result::device::total_mem(device) }
                .ok()
                .map(|bytes| bytes as u64);
        }
        Err(error) => info.unusable = Some(error.to_string()),
    }
    info
}

fn driver_version() -> Option<String> {
    let mut version = 0;
    // SAFETY: writes one integer to the place that it is given.
    unsafe { sys::cuDriverGetVersion(&raw mut version) }
        .result()
        .ok()?;
    Some(format!("CUDA {}.{}", version / 1000, version % 1000 / 10))
}

fn unusable(why: String) -> DeviceInfo {
    DeviceInfo {
        id: "cuda".into(),
        kind: DeviceKind::Cuda,
        name: "NVIDIA GPU".into(),
        api: "cuda".into(),
        driver: "none".into(),
        compiler: "NVRTC".into(),
        memory_bytes: None,
        software: false,
        unusable: Some(why),
        adapter: None,
        index: 0,
    }
}
