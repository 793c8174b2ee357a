//! What the machine is.

use std::fs;

/// Name of the processor and how many logical ones there are.
pub fn processor() -> (String, u64) {
    let cpus = std::thread::available_parallelism().map_or(1, |n| n.get() as u64);
    (
        processor_name().unwrap_or_else(|| std::env::consts::ARCH.to_owned()),
        cpus,
    )
}

#[cfg(target_os = "linux")]
fn processor_name() -> Option<String> {
    let info = fs::read_to_string("/proc/cpuinfo").ok()?;
    let line = info.lines().find(|line| line.starts_with("model name"))?;
    Some(line.split_once(':')?.1.trim().to_owned())
}

#[cfg(target_os = "macos")]
fn processor_name() -> Option<String> {
    let output = std::process::Command::new("sysctl")
        .args(["-n", "machdep.cpu.brand_string"])
        .output()
        .ok()?;
    Some(String::from_utf8(output.stdout).ok()?.trim().to_owned())
}

#[cfg(not(any(target_os = "linux", target_os = "macos")))]
fn processor_name() -> Option<String> {
    std::env::var("PROCESSOR_IDENTIFIER").ok()
}

/// Memory of the host in bytes, where the system says it.
pub(crate) fn host_memory_bytes() -> Option<u64> {
    let info = fs::read_to_string("/proc/meminfo").ok()?;
    let line = info.lines().find(|line| line.starts_with("MemTotal:"))?;
    let kib: u64 = line.split_whitespace().nth(1)?.parse().ok()?;
    Some(kib * 1024)
}

/// The most memory that this process ever held, in bytes.
#[cfg(unix)]
pub fn peak_resident_bytes() -> Option<u64> {
    let mut usage = std::mem::MaybeUninit::<libc::rusage>::zeroed();
    // SAFETY: `getrusage` fills the struct that it is given, which is large enough for it.
    let usage = unsafe {
        if libc::getrusage(libc::RUSAGE_SELF, usage.as_mut_ptr()) != 0 {
            return None;
        }
        usage.assume_init()
    };
    // Linux counts in KiB, macOS in bytes.
    let unit = if cfg!(target_os = "macos") { 1 } else { 1024 };
    u64::try_from(usage.ru_maxrss).ok().map(|value| value * unit)
}

/// The most memory that this process ever held, in bytes.
#[cfg(not(unix))]
pub fn peak_resident_bytes() -> Option<u64> {
    None
}

/// Dense peak rates of f32 products (outside tensor cores, or TF32 where it is what f32 products run as),
/// FLOP/s, from the makers' data sheets. A device that is not listed has no MFU, rather than a guessed one.
const PEAKS_F32: [(&str, f64); 5] = [
    ("RTX 4090", 82.6e12),
    ("RTX 3090", 35.6e12),
    ("RTX 4070", 29.1e12),
    ("H100", 66.9e12),
    ("A100", 19.5e12),
];

/// The peak rate of a device in f32, where it is known.
pub(crate) fn peak_flops(device_name: &str) -> Option<f64> {
    PEAKS_F32
        .iter()
        .find(|(name, _)| device_name.contains(name))
        .map(|(_, peak)| *peak)
}
