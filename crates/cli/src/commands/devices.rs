//! `blueberry devices`.

use anyhow::Result;
use blueberry_train::native::{DeviceInfo, discover, open, open_cpu};
use blueberry_train::{CheckReport, Kernels, TOLERANCE, check_device};
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
    for info in &devices {
        if !args.json {
            print_info(info);
        }
        let checked = (args.check && wanted(args, info)).then(|| check(info));
        failed |= checked
            .as_ref()
            .is_some_and(|result| !matches!(result, Ok(report) if report.passed()));
        if let (Some(result), false) = (&checked, args.json) {
            print_check(result);
        }
        rows.push(describe(info, checked.as_ref()));
    }
    if args.json {
        println!("{}", serde_json::to_string_pretty(&rows)?);
    }
    Ok(if failed { Done::No } else { Done::Yes })
}

/// A software adapter is slow to check and never chosen by itself.
fn wanted(args: &DevicesArgs, info: &DeviceInfo) -> bool {
    info.unusable.is_none() && (args.device.is_some() || !info.software)
}

fn check(info: &DeviceInfo) -> Result<CheckReport> {
    eprintln!("  checking {} ..", info.id);
    let device = open(&info.id)?;
    Ok(pollster::block_on(check_device(
        &device.device,
        &open_cpu().device,
        Kernels::Fused,
    ))?)
}

fn print_info(info: &DeviceInfo) {
    let memory = info.memory_bytes.map_or("memory unknown".to_owned(), bytes);
    let software = if info.software {
        ", software: only if asked for by name"
    } else {
        ""
    };
    println!(
        "{:<8} {} ({}, {}, kernels by {}, {memory}, computes in f32{software})",
        info.id,
        one_line(&info.name),
        info.api,
        one_line(&info.driver),
        info.compiler
    );
    if let Some(why) = &info.unusable {
        println!("         cannot be used: {}", one_line(why));
    }
}

fn print_check(result: &Result<CheckReport>) {
    match result {
        Ok(report) => println!(
            "         {}: {} values compared, the largest error is {:.1e} of its norm in the {} (allowed {TOLERANCE:.0e})",
            if report.passed() { "passed" } else { "FAILED" },
            report.compared,
            report.worst.error,
            report.worst.what
        ),
        Err(error) => println!("         FAILED: {error:#}"),
    }
}

fn describe(info: &DeviceInfo, check: Option<&Result<CheckReport>>) -> Value {
    json!({
        "id": info.id,
        "name": info.name,
        "api": info.api,
        "driver": info.driver,
        "compiler": info.compiler,
        "memory_bytes": info.memory_bytes,
        "precisions": ["f32"],
        "software": info.software,
        "unusable": info.unusable,
        "check": check.map(|result| match result {
            Ok(report) => json!({
                "passed": report.passed(),
                "compared": report.compared,
                "worst": report.worst.what,
                "error": report.worst.error.min(f64::MAX),
            }),
            Err(error) => json!({"passed": false, "failure": format!("{error:#}")}),
        }),
    })
}
