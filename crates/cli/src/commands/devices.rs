//! `blueberry devices`.

use std::collections::BTreeMap;

use anyhow::Result;
use blueberry_train::native::{DeviceError, DeviceInfo, OpenDevice, check_opened, discover, open};
use blueberry_train::{CheckReport, Kernels, may_round_products, versions};
use serde_json::{Value, json};

use crate::args::DevicesArgs;
use crate::exit::Done;
use crate::format::{bytes, one_line};

/// Lists devices, and checks them if asked to.
pub fn run(args: &DevicesArgs) -> Result<Done> {
    let devices = match &args.device {
        Some(name) => vec![open(name)?.info],
        None => discover(),
    };
    let mut failed = false;
    let mut rows = Vec::new();
    for mut info in devices {
        let usable = info.unusable.is_none();
        let opened = usable.then(|| open(&info.id)).transpose();
        let device = opened.unwrap_or_else(|error| {
            failed |= args.check && (args.device.is_some() || !info.software);
            info.unusable = Some(match error {
                DeviceError::Unusable(_, why) => why,
                other => other.to_string(),
            });
            None
        });
        let computes = device.as_ref().map(Computes::of);
        if !args.json {
            print_info(&info, computes.as_ref());
        }
        // A software adapter is slow to check, and never chosen by itself.
        let checks = args.check && (args.device.is_some() || !info.software);
        let checked = device.filter(|_| checks).map(|device| check(&device));
        failed |= checked
            .as_ref()
            .is_some_and(|result| !matches!(result, Ok(report) if report.passed()));
        if let (Some(result), false) = (&checked, args.json) {
            print_check(result);
        }
        rows.push(describe(&info, computes.as_ref(), checked.as_ref()));
    }
    if args.json {
        outln!("{}", serde_json::to_string_pretty(&rows)?);
    }
    Ok(if failed { Done::No } else { Done::Yes })
}

/// What is known of a device once it is open.
struct Computes {
    precisions: Vec<&'static str>,
    /// f32 products are those of TF32.
    rounds_products: bool,
    operations: BTreeMap<String, String>,
}

impl Computes {
    fn of(device: &OpenDevice) -> Self {
        Self {
            precisions: device.precisions(),
            rounds_products: may_round_products(&device.device),
            operations: versions(&device.device, Kernels::Fused, None),
        }
    }

    /// The operations by version: `cpu: adamw, attention; plain: embedding`.
    fn by_version(&self) -> String {
        let mut groups: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
        for (operation, version) in &self.operations {
            groups.entry(version).or_default().push(operation);
        }
        let group =
            |(version, operations): (&str, Vec<&str>)| format!("{version}: {}", operations.join(", "));
        groups.into_iter().map(group).collect::<Vec<_>>().join("; ")
    }
}

fn check(device: &OpenDevice) -> Result<CheckReport> {
    errln!("  checking {} ..", device.info.id);
    Ok(check_opened(device, Kernels::Fused)?)
}

fn print_info(info: &DeviceInfo, computes: Option<&Computes>) {
    let memory = info.memory_bytes.map_or("memory unknown".to_owned(), bytes);
    outln!(
        "{:<8} {} ({}, {}, kernels by {}, {memory})",
        info.id,
        one_line(&info.name),
        info.api,
        one_line(&info.driver),
        info.compiler
    );
    if let Some(computes) = computes {
        let tf32 = if computes.rounds_products {
            " (factors of its products rounded to TF32)"
        } else {
            ""
        };
        outln!(
            "         computes in {}",
            computes
                .precisions
                .join(", ")
                .replacen("f32", &format!("f32{tf32}"), 1)
        );
        outln!("         operations, {}", computes.by_version());
    }
    match &info.unusable {
        Some(why) => outln!("         cannot be used: {}", one_line(why)),
        None if info.software => outln!(
            "         software, used and checked only if asked for by name: `blueberry devices --check --device {}`",
            info.id
        ),
        None => {}
    }
}

fn print_check(result: &Result<CheckReport>) {
    match result {
        Ok(report) => outln!(
            "         {}: {} values compared, the largest error is {:.1e} of its norm in the {} (allowed {:.0e})",
            if report.passed() { "passed" } else { "FAILED" },
            report.compared,
            report.worst.error,
            report.worst.what,
            report.worst.allowed
        ),
        Err(error) => outln!("         FAILED: {error:#}"),
    }
}

fn describe(info: &DeviceInfo, computes: Option<&Computes>, check: Option<&Result<CheckReport>>) -> Value {
    json!({
        "id": info.id,
        "name": info.name,
        "api": info.api,
        "driver": info.driver,
        "compiler": info.compiler,
        "memory_bytes": info.memory_bytes,
        "precisions": computes.map(|computes| &computes.precisions),
        "f32_products_in_tf32": computes.map(|computes| computes.rounds_products),
        "operations": computes.map(|computes| &computes.operations),
        "software": info.software,
        "unusable": info.unusable,
        "check": check.map(|result| match result {
            Ok(report) => json!({
                "passed": report.passed(),
                "compared": report.compared,
                "worst": report.worst.what,
                "error": report.worst.error.min(f64::MAX),
                "allowed": report.worst.allowed,
            }),
            Err(error) => json!({"passed": false, "failure": format!("{error:#}")}),
        }),
    })
}
