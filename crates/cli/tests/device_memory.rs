//! A device that has no memory for a step.
#![cfg(target_os = "linux")]

mod common;

use std::io;
use std::os::unix::process::CommandExt;
use std::process::Command;

use common::{SMALL, blueberry, finish, place, set};
use serde_json::Value;

/// Software Vulkan where the process may have 4 GiB of address space, and a step of which every tensor takes half of that.
#[test]
fn a_device_without_memory_for_a_step_names_a_micro_batch() {
    let listed = finish(blueberry(["devices", "--json"])).expect_code(0);
    let devices: Vec<Value> = serde_json::from_str(&listed.stdout).expect("a list");
    let Some(software) = devices.into_iter().find(|device| device["software"] == true) else {
        eprintln!("skipped: no software adapter on this machine");
        return;
    };
    let place = place();
    let out = place.path().join("run");
    let id = software["id"].as_str().expect("an id");
    let mut command = blueberry(["train", "--device", id, "--unchecked-device", "--out"]);
    command
        .arg(&out)
        .env("CUBECL_AUTOTUNE_LEVEL", "minimal")
        .env("RUST_BACKTRACE", "0");
    set(&mut command, &SMALL);
    // Every product is of one shape, so that few are compiled before the step ends.
    let one_shape = [
        "model.n_heads=1",
        "model.head_dim=32",
        "model.d_ff=32",
        "train.micro_batch=500_000",
        "train.tokens=16_000_000",
    ];
    set(&mut command, &one_shape);
    limit_address_space(&mut command, 4 << 30);
    let failed = finish(command).expect_code(1);
    let failed = failed.expect_error(&[
        &format!("micro_batch = 500000 does not fit into the memory of `{id}`"),
        "--set train.micro_batch=",
        "keeps the tokens of a step",
    ]);
    assert!(!failed.stderr.contains("panicked"), "{failed:#?}");
    assert!(!out.exists());
}

/// As `ulimit -v` does.
fn limit_address_space(command: &mut Command, bytes: u64) {
    let limit = libc::rlimit {
        rlim_cur: bytes,
        rlim_max: bytes,
    };
    let apply = move || {
        // SAFETY: reads the struct that it is given.
        match unsafe { libc::setrlimit(libc::RLIMIT_AS, &raw const limit) } {
            0 => Ok(()),
            _ => Err(io::Error::last_os_error()),
        }
    };
    // SAFETY: the child makes one system call before it becomes the program.
    unsafe { command.pre_exec(apply) };
}
