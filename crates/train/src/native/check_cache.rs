//! The result of a device's check, kept in the user's cache until device, driver or build change.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use blueberry_kernels::{Kernels, take_fallbacks};
use blueberry_runlog::{CheckStatus, DeviceCheck};
use serde::{Deserialize, Serialize};

use crate::native::files::sha256;
use crate::native::warmup::attempt;
use crate::native::{DeviceInfo, OpenDevice, open_cpu, source_tree};
use crate::{CheckReport, StepError, check_device};

const FILE: &str = "device-checks.json";
/// Larger caches are not ours.
const MAX_BYTES: u64 = 1 << 20;

#[derive(Clone, Debug, Serialize, Deserialize)]
struct Entry {
    device: String,
    passed: bool,
    worst_parameter: String,
    worst_error: f64,
    allowed_error: f64,
}

/// Where this program may keep what it can make again.
pub fn user_cache_dir() -> PathBuf {
    dirs::cache_dir()
        .unwrap_or_else(std::env::temp_dir)
        .join("blueberry")
}

/// The check of `open` with `kernels`, from the cache in `cache_dir` or made now. `before_check` is called before one is
/// made. A cache that cannot be read or written only costs the next run a check.
///
/// # Errors
/// [`StepError`] when the device fails to compute at all.
pub fn checked(
    open: &OpenDevice,
    kernels: Kernels,
    cache_dir: &Path,
    before_check: impl FnOnce(&DeviceInfo),
) -> Result<DeviceCheck, StepError> {
    if let Some(verdict) = remembered(open, kernels, cache_dir) {
        return Ok(verdict);
    }
    before_check(&open.info);
    let report = check(open, kernels)?;
    let entry = Entry::new(&open.info, &report);
    let verdict = entry.verdict(false);
    let file = cache_dir.join(FILE);
    let mut entries = load(&file);
    entries.insert(key(&open.info, kernels), entry);
    // Losing the cache costs a check, nothing else.
    let _ = store(&file, &entries);
    Ok(verdict)
}

/// The check of `open` with `kernels` from the cache in `cache_dir`, where there is one.
pub(crate) fn remembered(open: &OpenDevice, kernels: Kernels, cache_dir: &Path) -> Option<DeviceCheck> {
    let entries = load(&cache_dir.join(FILE));
    Some(entries.get(&key(&open.info, kernels))?.verdict(true))
}

/// [`check_device`] against this machine's CPU. A driver that breaks down speaks for its own device alone.
///
/// # Errors
/// What the device could not compute.
pub fn check(open: &OpenDevice, kernels: Kernels) -> Result<CheckReport, StepError> {
    let report =
        attempt(|| pollster::block_on(check_device(&open.device, &open_cpu().device, kernels, open.half)));
    // Its shapes are odd on purpose: what they need is nothing that a run has to tell.
    drop(take_fallbacks());
    report
}

impl Entry {
    fn new(info: &DeviceInfo, report: &CheckReport) -> Self {
        Self {
            device: format!("{} ({}, {})", info.name, info.api, info.driver),
            passed: report.passed(),
            worst_parameter: report.worst.what.clone(),
            // JSON has no infinity.
            worst_error: report.worst.error.min(f64::MAX),
            allowed_error: report.worst.allowed,
        }
    }

    fn verdict(&self, cached: bool) -> DeviceCheck {
        DeviceCheck {
            status: if self.passed {
                CheckStatus::Passed
            } else {
                CheckStatus::Failed
            },
            worst_parameter: Some(self.worst_parameter.clone()),
            worst_error: Some(self.worst_error),
            allowed_error: Some(self.allowed_error),
            cached,
            extra: Default::default(),
        }
    }
}

/// Changes with anything that may change what the device computes.
fn key(info: &DeviceInfo, kernels: Kernels) -> String {
    let (source, kernels) = (source_tree().sha256, format!("{kernels:?}"));
    sha256(
        [
            &info.name,
            &info.api,
            &info.driver,
            &info.compiler,
            &source,
            &kernels,
        ]
        .map(String::as_str)
        .join("\n")
        .as_bytes(),
    )
}

fn load(file: &Path) -> BTreeMap<String, Entry> {
    let small = fs::metadata(file).is_ok_and(|metadata| metadata.len() <= MAX_BYTES);
    let bytes = if small {
        fs::read(file).unwrap_or_default()
    } else {
        Vec::new()
    };
    serde_json::from_slice(&bytes).unwrap_or_default()
}

fn store(file: &Path, entries: &BTreeMap<String, Entry>) -> std::io::Result<()> {
    let folder = file.parent().unwrap_or(Path::new("."));
    fs::create_dir_all(folder)?;
    // Beside and renamed, so that two runs at once cannot leave half a file.
    let mut beside = tempfile::NamedTempFile::new_in(folder)?;
    serde_json::to_writer(&mut beside, entries)?;
    beside.persist(file)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_check_is_made_once_and_then_remembered() {
        let cache = tempfile::tempdir().expect("a folder");
        let cpu = open_cpu();
        let mut made = 0;
        let first = checked(&cpu, Kernels::Fused, cache.path(), |_| made += 1).expect("computes");
        let second = checked(&cpu, Kernels::Fused, cache.path(), |_| made += 1).expect("computes");
        assert_eq!(made, 1);
        assert_eq!((first.cached, second.cached), (false, true));
        assert_eq!(first.status, CheckStatus::Passed);
        assert_eq!(first.worst_error, second.worst_error);
        assert_eq!(first.allowed_error, Some(crate::TOLERANCE));
    }

    #[test]
    fn a_broken_cache_is_replaced() {
        let cache = tempfile::tempdir().expect("a folder");
        fs::write(cache.path().join("device-checks.json"), b"{\"a\": [").expect("writes");
        let verdict = checked(&open_cpu(), Kernels::Fused, cache.path(), |_| ()).expect("computes");
        assert!(!verdict.cached);
        assert_eq!(load(&cache.path().join("device-checks.json")).len(), 1);
    }

    #[test]
    fn another_driver_or_other_kernels_are_another_device() {
        let info = open_cpu().info;
        let mut other = info.clone();
        other.driver = "other".into();
        assert_ne!(key(&info, Kernels::Fused), key(&other, Kernels::Fused));
        assert_ne!(key(&info, Kernels::Fused), key(&info, Kernels::Plain));
    }
}
