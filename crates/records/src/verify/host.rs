//! What the verifier's own system says of the machine: a log is what a stranger's program chose to write.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use serde::{Deserialize, Serialize};

/// The machine by the words of its system; what it does not say is left out.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Host {
    /// Model of the processor.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cpu: Option<String>,
    /// NVIDIA's driver.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub driver: Option<String>,
    /// The version of CUDA that the driver has.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cuda: Option<String>,
    /// Names of NVIDIA's GPUs.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub gpus: BTreeSet<String>,
}

impl Host {
    /// Asks the system, by `/proc` and `nvidia-smi`.
    #[must_use]
    pub fn of_this_machine() -> Self {
        let asked = Command::new("nvidia-smi").arg("-q").stdin(Stdio::null()).output();
        let said = asked.ok().filter(|output| output.status.success());
        let said = said.map_or(String::new(), |output| {
            String::from_utf8_lossy(&output.stdout).into_owned()
        });
        let mut host = Self::of_nvidia_smi(&said);
        // Where the kernel names no model, a run log has the architecture, too.
        host.cpu = fs::read_to_string("/proc/cpuinfo")
            .ok()
            .map(|text| value(&text, "model name").unwrap_or_else(|| std::env::consts::ARCH.to_owned()));
        if host.gpus.is_empty() {
            host.gpus = gpus_of(Path::new("/proc/driver/nvidia/gpus"));
        }
        host
    }

    fn of_nvidia_smi(said: &str) -> Self {
        Self {
            cpu: None,
            driver: value(said, "Driver Version"),
            cuda: value(said, "CUDA Version"),
            gpus: values(said, "Product Name").collect(),
        }
    }
}

/// By the kernel's driver, where its tool is missing.
fn gpus_of(folder: &Path) -> BTreeSet<String> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let texts = entries.filter_map(|entry| fs::read_to_string(entry.path().join("information")).ok());
    texts.filter_map(|text| value(&text, "Model")).collect()
}

/// The texts behind `name` and a colon.
fn values<'a>(text: &'a str, name: &'a str) -> impl Iterator<Item = String> + 'a {
    let lines = text.lines().filter_map(|line| line.split_once(':'));
    let named = lines.filter(move |(found, _)| found.trim() == name);
    named.map(|(_, value)| value.trim().to_owned())
}

fn value(text: &str, name: &str) -> Option<String> {
    values(text, name).next()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The beginning of what `nvidia-smi -q` prints.
    const SAID: &str = "
==============NVSMI LOG==============

Timestamp                                 : Wed Nov 25 10:00:00 2026
Driver Version                            : 570.133.20
CUDA Version                              : 12.8

Attached GPUs                             : 2
GPU 00000000:01:00.0
    Product Name                          : NVIDIA GeForce RTX 4090
    Product Brand                         : GeForce
GPU 00000000:02:00.0
    Product Name                          : NVIDIA GeForce RTX 4090
";

    #[test]
    fn nvidias_tool_names_gpus_and_driver() {
        let host = Host::of_nvidia_smi(SAID);
        assert_eq!(host.driver.as_deref(), Some("570.133.20"));
        assert_eq!(host.cuda.as_deref(), Some("12.8"));
        assert_eq!(host.gpus, BTreeSet::from(["NVIDIA GeForce RTX 4090".to_owned()]));
        assert_eq!(Host::of_nvidia_smi(""), Host::default());
    }

    #[test]
    fn the_kernels_driver_names_gpus() {
        let dir = tempfile::tempdir().unwrap();
        let gpu = dir.path().join("0000:01:00.0");
        fs::create_dir(&gpu).unwrap();
        fs::write(
            gpu.join("information"),
            "Model: \t\t NVIDIA H200\nIRQ:   \t\t 16\n",
        )
        .unwrap();
        assert_eq!(gpus_of(dir.path()), BTreeSet::from(["NVIDIA H200".to_owned()]));
        assert!(gpus_of(&dir.path().join("none")).is_empty());
    }
}
