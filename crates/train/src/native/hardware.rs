//! What the machine is.

use std::fs;
use std::sync::Once;

use crate::Activations;

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
    sysctl("machdep.cpu.brand_string")
}

/// What the kernel of macOS says of itself.
#[cfg(target_os = "macos")]
fn sysctl(name: &str) -> Option<String> {
    let output = std::process::Command::new("sysctl")
        .args(["-n", name])
        .output()
        .ok()?;
    Some(String::from_utf8(output.stdout).ok()?.trim().to_owned())
}

#[cfg(not(any(target_os = "linux", target_os = "macos")))]
fn processor_name() -> Option<String> {
    std::env::var("PROCESSOR_IDENTIFIER").ok()
}

/// Memory of the host in bytes, where the system says it.
#[cfg(target_os = "macos")]
pub(crate) fn host_memory_bytes() -> Option<u64> {
    sysctl("hw.memsize")?.parse().ok()
}

/// Memory of the host in bytes, where the system says it.
#[cfg(not(target_os = "macos"))]
pub(crate) fn host_memory_bytes() -> Option<u64> {
    let info = fs::read_to_string("/proc/meminfo").ok()?;
    field_kib(&info, "MemTotal:")
}

/// Memory that a process can still have: what the system has free or can free, within the limits of the process and of
/// its control groups. `None` where the system does not say it.
pub(crate) fn available_memory_bytes() -> Option<u64> {
    let info = fs::read_to_string("/proc/meminfo").unwrap_or_default();
    let free = field_kib(&info, "MemAvailable:");
    [free, address_space_limit()]
        .into_iter()
        .chain(group_limits())
        .flatten()
        .min()
}

fn field_kib(info: &str, name: &str) -> Option<u64> {
    let line = info.lines().find(|line| line.starts_with(name))?;
    let kib: u64 = line.split_whitespace().nth(1)?.parse().ok()?;
    Some(kib * 1024)
}

/// The limits of this process's control group and of those that it is in (version 2).
fn group_limits() -> Vec<Option<u64>> {
    let groups = fs::read_to_string("/proc/self/cgroup").unwrap_or_default();
    let Some(own) = groups.lines().find_map(|line| line.strip_prefix("0::/")) else {
        return Vec::new();
    };
    let root = std::path::Path::new("/sys/fs/cgroup");
    let folders = std::path::Path::new(own)
        .ancestors()
        .map(|group| root.join(group));
    // A group without a limit says `max`.
    let limit = |folder: std::path::PathBuf| {
        fs::read_to_string(folder.join("memory.max"))
            .ok()?
            .trim()
            .parse()
            .ok()
    };
    folders.map(limit).collect()
}

/// The limit that `ulimit -v` sets.
#[cfg(unix)]
fn address_space_limit() -> Option<u64> {
    let mut limit = libc::rlimit {
        rlim_cur: libc::RLIM_INFINITY,
        rlim_max: libc::RLIM_INFINITY,
    };
    // SAFETY: `getrlimit` fills the struct that it is given.
    let known = unsafe { libc::getrlimit(libc::RLIMIT_AS, &raw mut limit) } == 0;
    (known && limit.rlim_cur != libc::RLIM_INFINITY).then_some(limit.rlim_cur)
}

#[cfg(not(unix))]
fn address_space_limit() -> Option<u64> {
    None
}

/// Has freed memory go back to the system at once, for the rest of the process: where a command promises to hold little.
pub fn return_freed_memory() {
    set_purge_delay(0);
}

fn set_purge_delay(delay_ms: std::ffi::c_long) {
    /// `mi_option_purge_delay` of mimalloc 2.
    const PURGE_DELAY: libmimalloc_sys::mi_option_t = 15;
    // SAFETY: sets a number of the allocator. Where the program has another one, nobody reads it.
    unsafe { libmimalloc_sys::mi_option_set(PURGE_DELAY, delay_ms) };
}

/// How long freed memory is kept for what comes next: fresh pages for every buffer cost a third of the speed of `nano`, and
/// pages that are kept are a third to a half more than what is held. Where a preset wants little memory rather than speed
/// they go back at once; then the peak is what is held, to a few percent.
pub(crate) fn keep_freed_memory(activations: Activations) {
    /// Of address space, in one piece, in which holes are filled again. It costs nothing but of a limit on it; more than
    /// that the allocator asks for.
    const RESERVED: usize = 8 << 30;
    static RESERVE: Once = Once::new();
    let delay_ms = match activations {
        Activations::Keep => 1000,
        Activations::Recompute => 0,
    };
    set_purge_delay(delay_ms);
    // Linux alone gives memory out only when it is written to.
    let has_room = address_space_limit().is_none_or(|limit| limit >= 4 * RESERVED as u64);
    if has_room && cfg!(all(target_os = "linux", target_pointer_width = "64")) {
        RESERVE.call_once(|| {
            // SAFETY: the allocator takes no pointer from it. A refusal changes nothing.
            unsafe {
                libmimalloc_sys::mi_reserve_os_memory_ex(RESERVED, true, false, false, std::ptr::null_mut());
            }
        });
    }
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

/// Which floats the large products multiply.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Factors {
    F32,
    /// f32, rounded to 10 bits of mantissa for tensor cores.
    Tf32,
    /// bf16 or f16.
    Half,
}

/// Dense peak rates of a device in FLOP/s: of f32 outside the tensor cores, and of TF32, bf16 and f16 in them with sums in
/// f32.
struct Peak {
    /// Words of the device's name; the first row that fits counts.
    name: &'static str,
    f32: f64,
    tf32: f64,
    half: f64,
}

/// From NVIDIA's data sheets and architecture papers. A device that is not listed has no MFU, rather than a guessed one.
const PEAKS: [Peak; 8] = [
    peak("RTX 5090", 104.8, 104.8, 209.5),
    peak("RTX 4090", 82.6, 82.6, 165.2),
    peak("RTX 3090 Ti", 40.0, 40.0, 80.0),
    peak("RTX 3090", 35.6, 35.6, 71.2),
    peak("H100 PCIe", 51.2, 378.0, 756.0),
    peak("H100 80GB HBM3", 66.9, 494.7, 989.4),
    peak("H200", 66.9, 494.7, 989.4),
    peak("A100", 19.5, 156.0, 312.0),
];

/// Relatives with the name of a listed device in theirs and other rates.
const RELATIVES: [&str; 3] = ["Laptop", "D", "NVL"];

/// Rates in TFLOP/s.
const fn peak(name: &'static str, f32: f64, tf32: f64, half: f64) -> Peak {
    Peak {
        name,
        f32: f32 * 1e12,
        tf32: tf32 * 1e12,
        half: half * 1e12,
    }
}

/// The peak rate of a device in FLOP/s, where it is known.
pub(crate) fn peak_flops(device_name: &str, factors: Factors) -> Option<f64> {
    // `A100-SXM4-80GB` has three words, and `A1000` is another device.
    let words: Vec<&str> = device_name.split([' ', '-']).collect();
    if words.iter().any(|word| RELATIVES.contains(word)) {
        return None;
    }
    let has = |name: &str| {
        let name: Vec<&str> = name.split(' ').collect();
        words.windows(name.len()).any(|part| part == name)
    };
    let peak = PEAKS.iter().find(|peak| has(peak.name))?;
    Some(match factors {
        Factors::F32 => peak.f32,
        Factors::Tf32 => peak.tf32,
        Factors::Half => peak.half,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_peak_is_that_of_the_precision_and_of_the_closest_name() {
        let half = |name| peak_flops(name, Factors::Half);
        assert_eq!(half("NVIDIA GeForce RTX 4090"), Some(165.2e12));
        assert_eq!(half("NVIDIA GeForce RTX 3090"), Some(71.2e12));
        assert_eq!(half("NVIDIA GeForce RTX 3090 Ti"), Some(80e12));
        assert_eq!(half("NVIDIA H200"), Some(989.4e12));
        assert_eq!(peak_flops("NVIDIA H100 PCIe", Factors::F32), Some(51.2e12));
        assert_eq!(peak_flops("NVIDIA H100 80GB HBM3", Factors::Tf32), Some(494.7e12));
        assert_eq!(peak_flops("NVIDIA A100-SXM4-80GB", Factors::Tf32), Some(156e12));
    }

    #[test]
    fn a_relative_of_a_listed_device_has_no_peak() {
        for name in [
            "llvmpipe",
            "NVIDIA RTX A1000",
            "NVIDIA GeForce RTX 4090 Laptop GPU",
            "NVIDIA GeForce RTX 4090 D",
            "NVIDIA H100 NVL",
            "NVIDIA H200 NVL",
        ] {
            assert_eq!(peak_flops(name, Factors::Half), None, "{name}");
        }
    }
}
