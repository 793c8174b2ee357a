//! The machine of a verification: its device is checked in the sandbox before anything runs on it, and what changes there
//! by itself makes no other verification.
#![cfg(unix)]
#![allow(clippy::unwrap_used)] // helpers of tests

mod common;
mod verifying;

use std::path::PathBuf;
use std::process::Command;

use blueberry_records::verify::*;
use verifying::{Place, QUICK, sandbox, silent};

/// In place of the verifier's own program: says how it was called and whether it sees the data, and ends with `code`.
fn own_program(place: &Place, code: u8) -> Option<PathBuf> {
    let data = place.dir.path().join("data").display().to_string();
    let script =
        format!("#!/bin/sh\necho \"called with $*\"\ntest -e {data} && echo sees data\nexit {code}\n");
    let path = place.dir.write("own/blueberry", b"");
    // Written by another process: one that this forks meanwhile for another test could hold the file open, and what is open
    // for writing does not start.
    let write = "printf '%s' \"$1\" >\"$2\" && chmod 755 \"$2\"";
    let written = Command::new("sh")
        .args(["-c", write, "sh", &script])
        .arg(&path)
        .status();
    assert!(written.unwrap().success());
    Some(path)
}

#[test]
fn a_device_that_does_not_work_in_the_sandbox_stops_before_the_first_run() {
    let Some(sandbox) = sandbox() else { return };
    let place = Place::new();
    let mut request = place.request(false, sandbox);
    request.options.conditions.device = "cuda:1".to_owned();
    place.provide(&place.plan(&request), |_, _| QUICK);
    request.own_program = own_program(&place, 1);
    let error = silent(&request).unwrap_err().to_string();
    for words in [
        "nothing was run",
        "`cuda:1`",
        "exit status: 1",
        "called with devices --check --device cuda:1",
    ] {
        assert!(error.contains(words), "{error}");
    }
    // It is the device that is asked about, in a sandbox of its own.
    assert!(!error.contains("sees data"), "{error}");
    assert!(!request.work.join("runs").exists() && !request.work.join("sides").exists());

    // Nothing of it stays: once the device works, the same verification goes on.
    request.own_program = own_program(&place, 0);
    let verification = silent(&request).unwrap();
    assert_eq!(verification.outcome, Outcome::Verified, "{verification:#?}");
    // Who signs runs nothing, so that nothing is checked.
    request.own_program = own_program(&place, 1);
    assert_eq!(silent(&request).unwrap().runs, verification.runs);
}

#[test]
fn the_processor_is_not_checked() {
    let place = Place::new();
    let mut request = place.request(false, Sandbox::None);
    request.options.conditions.device = "cpu".to_owned();
    place.provide(&place.plan(&request), |_, _| QUICK);
    request.own_program = own_program(&place, 1);
    assert_eq!(silent(&request).unwrap().outcome, Outcome::Verified);
}

#[test]
fn a_missing_file_of_nvidias_driver_is_named_with_what_makes_it() {
    let place = Place::new();
    let mut request = place.request(false, Sandbox::None);
    request.options.conditions.device = "cuda".to_owned();
    request.own_program = own_program(&place, 1);
    for (files, named) in [
        (&["/dev/nvidia0", "/dev/nvidiactl"][..], true),
        (&["/dev/nvidia0", "/dev/nvidia-uvm"], false),
        (&["/dev/dri"], false),
    ] {
        request.options.conditions.devices = files.iter().map(PathBuf::from).collect();
        let error = silent(&request).unwrap_err().to_string();
        assert_eq!(
            error.contains("`nvidia-modprobe -u -c=0` makes it"),
            named,
            "{error}"
        );
    }
}

#[test]
fn what_a_machine_changes_by_itself_makes_no_other_verification() {
    let Some(sandbox) = sandbox() else { return };
    let place = Place::new();
    let mut request = place.request(false, sandbox.clone());
    place.provide(&place.plan(&request), |_, _| QUICK);
    let before = silent(&request).unwrap();

    // As after an update of bubblewrap, and the first use of a card.
    let conditions = &mut request.options.conditions;
    conditions.sandbox = Sandbox::Bubblewrap("bubblewrap of tomorrow".to_owned());
    conditions.devices = vec!["/dev/null".into()];
    let after = silent(&request).unwrap();
    assert_eq!(after.runs, before.runs);
    // The runs were in the older one.
    assert_eq!(after.sandbox, sandbox.name());
    let work = Work::open(&request.work).unwrap();
    let resumed = work.resume(place.plan(&request), true).unwrap();
    assert_eq!(resumed.plan.conditions.devices, [PathBuf::from("/dev/null")]);
    drop(work);

    request.options.conditions.sandbox = Sandbox::None;
    let error = silent(&request).unwrap_err().to_string();
    assert!(
        error.contains("another verification (sandbox differs)"),
        "{error}"
    );
}
