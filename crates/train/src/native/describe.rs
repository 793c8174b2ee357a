//! The first line of a run's log.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

use blueberry_runlog::{DataDigests, DeviceCheck, Extra, Hardware, ModelCounts, Run};

use crate::native::hardware::{Factors, peak_flops, processor};
use crate::native::{Plan, Start, source_tree};

/// Everything that is known of a run before its first step.
pub(crate) fn describe(plan: &Plan, start: &Start, device_check: DeviceCheck) -> Run {
    let settings = &plan.settings;
    let model = &settings.resolved.model;
    let counts = model.counts();
    let manifest = plan.dataset.manifest();
    let started_unix_s = unix_s();
    // A struct of numbers.
    let memory = serde_json::to_value(plan.memory.predicted).unwrap_or_default();
    Run {
        version: blueberry_runlog::VERSION,
        run_id: run_id(&start.dir, &settings.preset, started_unix_s),
        // Settings are numbers, strings, lists and maps with string keys.
        config: serde_json::to_value(settings).unwrap_or_default(),
        preset: settings.preset.clone(),
        seed: settings.seed,
        model: ModelCounts {
            parameters: counts.parameters,
            matmul_parameters: counts.matmul_parameters,
            table_parameters: counts.table_parameters,
            flops_per_token: model.flops_per_token(settings.resolved.train.seq_len),
            extra: Default::default(),
        },
        data: DataDigests {
            manifest_sha256: plan.dataset.manifest_sha256().to_owned(),
            validation_sha256: manifest.validation.sha256.clone(),
            tokenizer_sha256: manifest.tokenizer.sha256.clone(),
            train_tokens: plan.dataset.train_tokens(),
            extra: Default::default(),
        },
        target_tokens: plan.curriculum.total_tokens(),
        source: source_tree(),
        hardware: hardware(plan),
        device_check,
        user: start.user.clone(),
        started_unix_s,
        kernels: operations(plan),
        attempts_sha256: start.attempts_sha256.clone(),
        extra: [("predicted_memory".to_owned(), memory)].into_iter().collect(),
    }
}

/// The name of the run's folder, by which its owner knows it, with the time where it does not end with one.
fn run_id(dir: &Path, preset: &str, started_unix_s: f64) -> String {
    let preset = Path::new(preset).file_stem().unwrap_or_default();
    let name = dir.file_name().unwrap_or(preset).to_string_lossy();
    let time = name.rsplit('-').next().unwrap_or_default();
    if time.len() == 13 && time.bytes().all(|byte| byte.is_ascii_digit()) {
        name.into_owned()
    } else {
        format!("{name}-{:.0}", started_unix_s * 1e3)
    }
}

/// The version of each operation.
pub(crate) fn operations(plan: &Plan) -> BTreeMap<String, String> {
    let (kernels, half) = (plan.settings.resolved.kernels, plan.halves.products);
    blueberry_kernels::versions(&plan.device.device, kernels, half)
}

/// What the run computes on, and in which precision.
pub(crate) fn hardware(plan: &Plan) -> Hardware {
    let info = &plan.device.info;
    let (cpu, cpus) = processor();
    let mut extra = Extra::new();
    if plan.factors() == Factors::Tf32 {
        extra.insert("products".into(), "tf32".into());
    }
    Hardware {
        device: info.name.clone(),
        backend: info.api.clone(),
        driver: info.driver.clone(),
        compiler: info.compiler.clone(),
        precision: plan.precision().into(),
        cpu,
        cpus,
        memory_bytes: info.memory_bytes.unwrap_or(0),
        peak_flops: peak_flops(&info.name, plan.factors()),
        extra,
    }
}

/// Now, in seconds since the Unix epoch.
pub(crate) fn unix_s() -> f64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0.0, |since| since.as_secs_f64())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_is_known_by_its_folder_and_its_time() {
        let id = |dir: &str| run_id(Path::new(dir), "presets/mine.toml", 1_795_844_204.5);
        assert_eq!(id("runs/mine-1-1795844204123"), "mine-1-1795844204123");
        assert_eq!(id("runs/higher-lr"), "higher-lr-1795844204500");
        assert_eq!(id(".."), "mine-1795844204500");
    }
}
