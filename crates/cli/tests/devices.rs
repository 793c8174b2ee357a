//! `devices` and `info`.

mod common;

use std::fs;

use common::text::prepared;
use common::{blueberry, finish, place, read_log, train};
use serde_json::Value;

fn devices() -> Vec<Value> {
    let finished = finish(blueberry(["devices", "--json"])).expect_code(0);
    serde_json::from_str(&finished.stdout).expect("a list")
}

#[test]
fn every_machine_has_its_cpu() {
    let devices = devices();
    let cpu = devices
        .iter()
        .find(|device| device["id"] == "cpu")
        .expect("a CPU");
    assert!(cpu["unusable"].is_null());
    assert_eq!(cpu["software"], false);
    assert!(cpu["name"].as_str().is_some_and(|name| !name.is_empty()));
}

#[test]
fn people_read_the_same_list() {
    let finished = finish(blueberry(["devices"])).expect_code(0);
    for device in devices() {
        let id = device["id"].as_str().expect("an id");
        assert!(
            finished.stdout.lines().any(|line| line.starts_with(id)),
            "no {id}: {finished:#?}"
        );
        if let Some(why) = device["unusable"].as_str() {
            assert!(!why.is_empty());
            assert!(
                finished.stdout.contains(&format!("cannot be used: {why}")),
                "{finished:#?}"
            );
        }
    }
}

#[test]
fn an_open_device_names_its_precisions_and_the_version_of_every_operation() {
    let devices = devices();
    let cpu = devices
        .iter()
        .find(|device| device["id"] == "cpu")
        .expect("a CPU");
    let precisions = cpu["precisions"].as_array().expect("a list");
    assert!(precisions.contains(&"f32".into()), "{precisions:?}");
    let operations = cpu["operations"].as_object().expect("an object");
    for name in ["adamw", "attention", "head_loss", "orthogonalize", "qk_norm_rope"] {
        assert_eq!(operations[name], "cpu", "{name}");
    }
    let text = finish(blueberry(["devices", "--device", "cpu"]))
        .expect_code(0)
        .stdout;
    for part in ["computes in f32", "operations, cpu: ", "orthogonalize"] {
        assert!(text.contains(part), "no {part:?}: {text}");
    }
}

#[test]
fn a_family_without_a_device_has_a_reason() {
    let devices = devices();
    for family in ["cuda", "wgpu"] {
        let of_family = |device: &&Value| device["id"].as_str().is_some_and(|id| id.starts_with(family));
        let found: Vec<_> = devices.iter().filter(of_family).collect();
        assert!(!found.is_empty(), "nothing about {family}");
        // Devices are numbered; without a number, the entry is about there being none.
        for device in found.iter().filter(|device| device["id"] == family) {
            assert!(device["unusable"].is_string(), "{device}");
        }
    }
}

#[test]
fn software_vulkan_has_the_memory_of_the_machine_and_says_what_it_computes_in() {
    let devices = devices();
    let of = |wanted: &dyn Fn(&Value) -> bool| devices.iter().find(|device| wanted(device)).cloned();
    let cpu = of(&|device| device["id"] == "cpu").expect("a CPU");
    let Some(software) = of(&|device| device["software"] == true) else {
        eprintln!("skipped: no software adapter on this machine");
        return;
    };
    assert_eq!(software["memory_bytes"], cpu["memory_bytes"], "{software}");
    let precisions = software["precisions"].as_array().expect("a list");
    assert!(precisions.contains(&"f32".into()), "{software}");
}

/// A device whose check failed, as the cache remembers it: nothing but the check makes this processor compute wrongly.
#[test]
fn a_device_that_failed_its_check_is_refused_unless_it_is_wanted_unchecked() {
    let place = place();
    let (cache, data) = (place.path().join("cache"), place.path().join("data"));
    prepared(&data, 100);
    let run = |name: &str, flags: &[&str]| {
        let mut command = train(&place.path().join(name), &["train.tokens=640"]);
        command.env("XDG_CACHE_HOME", &cache).args(flags);
        command.arg("--data").arg(&data);
        finish(command)
    };
    run("first", &[]).expect_code(0);
    let file = cache.join("blueberry/device-checks.json");
    let text = fs::read_to_string(&file).expect("the cache");
    let mut checks: Value = serde_json::from_str(&text).expect("JSON");
    let check = checks.as_object_mut().and_then(|all| all.values_mut().next());
    let check = check.expect("the check of the first run");
    check["passed"] = false.into();
    check["worst_parameter"] = "gradient of layers.0.k".into();
    check["worst_error"] = 9.6.into();
    fs::write(&file, checks.to_string()).expect("is written");

    let refused = run("refused", &[]).expect_code(1);
    refused.expect_error(&[
        "wrong values",
        "gradient of layers.0.k is off by 9.6",
        "--unchecked-device",
    ]);
    assert!(!place.path().join("refused").exists());
    run("unchecked", &["--unchecked-device"])
        .expect_code(0)
        .expect_error(&["failed its check"]);
    let log = read_log(&place.path().join("unchecked"));
    assert_eq!(log.run.config["unchecked_device"], true);
    assert_eq!(
        log.run.device_check.worst_parameter.as_deref(),
        Some("gradient of layers.0.k")
    );
}

#[test]
fn the_cpu_passes_its_check() {
    let finished = finish(blueberry(["devices", "--check", "--device", "cpu", "--json"])).expect_code(0);
    let devices: Vec<Value> = serde_json::from_str(&finished.stdout).expect("a list");
    assert_eq!(devices.len(), 1);
    let check = &devices[0]["check"];
    assert_eq!(check["passed"], true);
    assert!(
        check["compared"].as_u64().is_some_and(|compared| compared > 0),
        "{check}"
    );
}

#[test]
fn info_names_status_and_losses() {
    let place = place();
    let dir = place.path().join("run");
    finish(train(&dir, &["train.tokens=640", "eval.every_tokens=320"])).expect_code(0);
    let mut command = blueberry(["info"]);
    command.arg(&dir);
    let finished = finish(command).expect_code(0);
    assert!(finished.stdout.contains("(completed)"), "{finished:#?}");
    let log = read_log(&dir);
    assert_eq!(log.evals().count(), 3);
    for eval in log.evals() {
        let line = format!("{:.4} at {} tokens", eval.val_loss, eval.at.tokens);
        assert!(finished.stdout.contains(&line), "no {line:?}: {finished:#?}");
    }
}

#[test]
fn info_for_machines_has_the_log_s_numbers() {
    let place = place();
    let dir = place.path().join("run");
    finish(train(&dir, &["train.tokens=64"])).expect_code(0);
    let mut command = blueberry(["info", "--json"]);
    command.arg(dir.join("run.jsonl"));
    let info: Value = serde_json::from_str(&finish(command).expect_code(0).stdout).expect("JSON");
    let log = read_log(&dir);
    let evals: Vec<_> = log.evals().map(|eval| eval.val_loss).collect();
    let found = info["evals"]
        .as_array()
        .expect("a list")
        .iter()
        .map(|eval| eval["val_loss"].as_f64());
    assert_eq!(found.collect::<Option<Vec<_>>>(), Some(evals));
    assert_eq!(
        (&info["status"], &info["resumes"]),
        (&"completed".into(), &0.into())
    );
    assert!(info["broken_seal_line"].is_null() && info["torn"].is_null());
}

/// Every operation of a step is measured, each with what it is held against, and the table says the same.
#[test]
fn a_benchmark_measures_each_operation_of_a_step() {
    let place = place();
    let out = place.path().join("bench.json");
    let mut command = blueberry([
        "bench", "--preset", "tiny", "--device", "cpu", "--steps", "1", "--warmup", "0",
    ]);
    // One layer, so that it is over soon.
    command.args(["--set", "model.n_layers=1"]).arg("--out").arg(&out);
    let table = finish(command).expect_code(0).stdout;
    let report: Value = serde_json::from_str(&fs::read_to_string(&out).expect("a report")).expect("JSON");
    for number in ["tokens_per_s", "utilisation", "floor_s"] {
        assert!(
            report[number].as_f64().is_some_and(|x| x > 0.0),
            "{number} in {report}"
        );
    }
    let operations = report["profile"]["operations"].as_array().expect("operations");
    for name in [
        "product",
        "attention",
        "qk_norm_rope",
        "rms_norm",
        "add_rms_norm",
        "swiglu",
        "embedding",
        "head_loss",
        "global_norm",
        "muon",
        "adamw",
    ] {
        let of_name = |operation: &&Value| {
            let found = operation["name"].as_str().unwrap_or_default();
            found.split(' ').next() == Some(name)
        };
        let found = operations
            .iter()
            .find(of_name)
            .unwrap_or_else(|| panic!("no {name} in {report}"));
        assert!(found["seconds"].as_f64().is_some_and(|s| s > 0.0), "{found}");
        assert!(found["bytes"].as_f64().is_some_and(|b| b > 0.0), "{found}");
        assert!(table.contains(found["name"].as_str().expect("a name")), "{table}");
    }
}
