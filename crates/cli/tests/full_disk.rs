//! A disk that is full: an error that names the file, nothing half made, and a run that goes on once there is room.
#![cfg(target_os = "linux")]

mod common;

use std::ffi::CString;
use std::fs;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use blueberry_runlog::EndStatus;
use common::checks::{assert_clocks_rise, assert_same_end, names_in, whole_checkpoints};
use common::text::{prepare, write_documents};
use common::{finish, place, read_log, resume, saved, train};

const KIB: u64 = 1 << 10;

/// A file system of its own in memory, unmounted when this is dropped.
struct Disk(PathBuf);

impl Disk {
    /// Mounts one of `bytes`; says why the test is skipped where this process may not.
    fn mount(dir: PathBuf, bytes: u64) -> Option<Self> {
        fs::create_dir(&dir).expect("is made");
        match mount(&dir, bytes, 0) {
            Ok(()) => Some(Self(dir)),
            Err(error) => {
                eprintln!("skipped: only root may mount a small disk ({error})");
                None
            }
        }
    }

    fn resize(&self, bytes: u64) {
        mount(&self.0, bytes, libc::MS_REMOUNT).expect("is resized");
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        let dir = c_string(self.0.as_os_str().as_bytes());
        // SAFETY: a path that ends in a zero byte; the mount is this test's own.
        unsafe { libc::umount2(dir.as_ptr(), libc::MNT_DETACH) };
    }
}

fn mount(dir: &Path, bytes: u64, flags: libc::c_ulong) -> io::Result<()> {
    let (dir, kind) = (c_string(dir.as_os_str().as_bytes()), c"tmpfs");
    let size = c_string(format!("size={bytes}").as_bytes());
    // SAFETY: four strings that end in a zero byte and outlive the call.
    let done = unsafe {
        libc::mount(
            kind.as_ptr(),
            dir.as_ptr(),
            kind.as_ptr(),
            flags,
            size.as_ptr().cast(),
        )
    };
    if done == 0 {
        Ok(())
    } else {
        Err(io::Error::last_os_error())
    }
}

fn c_string(bytes: &[u8]) -> CString {
    CString::new(bytes).expect("no zero byte")
}

fn bytes_in(dir: &Path) -> u64 {
    let entries = fs::read_dir(dir)
        .expect("is listed")
        .map(|entry| entry.expect("an entry"));
    entries
        .map(|entry| entry.metadata().expect("metadata").len())
        .sum()
}

#[test]
fn a_checkpoint_that_does_not_fit_ends_the_run_until_there_is_room() {
    let place = place();
    let settings = [
        "train.tokens=1_280",
        "checkpoint.every_tokens=640",
        "checkpoint.keep=1",
    ];
    let calm = place.path().join("calm");
    finish(train(&calm, &settings)).expect_code(0);
    let checkpoint = bytes_in(&whole_checkpoints(&calm)[0]);
    // One checkpoint and a half, and the log.
    let Some(disk) = Disk::mount(place.path().join("disk"), checkpoint * 3 / 2 + 32 * KIB) else {
        return;
    };
    let dir = disk.0.join("run");
    let words = ["No space left on device", ".safetensors"];
    finish(train(&dir, &settings)).expect_code(2).expect_error(&words);
    assert_eq!(names_in(&dir.join("checkpoints")), ["step-00000010"]);
    whole_checkpoints(&dir);
    let log = read_log(&dir);
    assert_eq!(log.end().map(|end| end.status), Some(EndStatus::Failed));
    assert!(log.torn.is_none());

    disk.resize(64 * checkpoint);
    finish(resume(&dir)).expect_code(0);
    let log = read_log(&dir);
    assert_eq!(saved(&log), 2);
    assert_same_end(&log, &read_log(&calm));
    assert_clocks_rise(&log);
}

#[test]
fn a_log_that_does_not_fit_ends_the_run_until_there_is_room() {
    let place = place();
    let settings = ["train.tokens=12_800"];
    let calm = place.path().join("calm");
    finish(train(&calm, &settings)).expect_code(0);
    // 200 steps make some 50 KB of log.
    let Some(disk) = Disk::mount(place.path().join("disk"), 16 * KIB) else {
        return;
    };
    let dir = disk.0.join("run");
    finish(train(&dir, &settings))
        .expect_code(2)
        .expect_error(&["run.jsonl", "No space left on device"]);
    let log = read_log(&dir);
    assert!(log.steps().next().is_some() && log.end().is_none());

    disk.resize(16 << 20);
    finish(resume(&dir)).expect_code(0);
    assert_same_end(&read_log(&dir), &read_log(&calm));
}

#[test]
fn a_run_that_cannot_begin_leaves_nothing() {
    let place = place();
    let Some(disk) = Disk::mount(place.path().join("disk"), 16 * KIB) else {
        return;
    };
    // As much as fits; that nothing more does is what the run says.
    let _ = fs::write(disk.0.join("full"), vec![0; 64 << 10]);
    let dir = disk.0.join("run");
    finish(train(&dir, &["train.tokens=640"]))
        .expect_code(2)
        .expect_error(&["No space left on device"]);
    assert_eq!(names_in(&disk.0), ["full"]);
}

#[test]
fn a_dataset_that_does_not_fit_leaves_nothing() {
    let place = place();
    let input = place.path().join("a.jsonl");
    write_documents(&input, 2_000);
    let Some(disk) = Disk::mount(place.path().join("disk"), 64 * KIB) else {
        return;
    };
    let out = disk.0.join("data");
    finish(prepare(&input, &out))
        .expect_code(2)
        .expect_error(&["No space left on device", "train_000000.bin"]);
    assert!(
        names_in(&disk.0).iter().all(|name| name == ".data.lock"),
        "{:?}",
        names_in(&disk.0)
    );

    disk.resize(16 << 20);
    finish(prepare(&input, &out)).expect_code(0);
    assert!(out.join("manifest.json").exists());
}
