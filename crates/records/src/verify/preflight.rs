//! Whether the device works in the sandbox, found out before hours go into runs that fail for it.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::error::VerifyError;
use super::execute::{Progress, bounds, on_device};
use super::plan::{Conditions, Plan};
use super::process;
use super::state::Work;
use crate::folder::read_at_most;

/// Kernels may have to be compiled for it.
const LIMIT_S: u64 = 1800;
/// What of its output is shown.
const SHOWN_BYTES: usize = 4000;
/// The most that is read of it.
const OUTPUT_BYTES: u64 = 16 << 20;
/// NVIDIA's device file of unified memory, without which CUDA does not start. Nothing makes it before CUDA's first start.
const UVM: &str = "/dev/nvidia-uvm";

/// Has the verifier's own `program` check the device of the plan in the sandbox in which its runs will be. The host's
/// processor needs no check.
pub(super) fn check_device(
    work: &Work,
    plan: &Plan,
    program: &Path,
    progress: &mut dyn FnMut(Progress),
) -> Result<(), VerifyError> {
    let conditions = &plan.conditions;
    if conditions.device == "cpu" {
        return Ok(());
    }
    let words = ["devices", "--check", "--device", device(conditions)].map(OsString::from);
    let job = on_device(conditions, program.to_owned(), words.into(), Vec::new());
    let output = work.dir().join("device.txt");
    let mut command = conditions.sandbox.command(&job);
    let mut tick = |elapsed| {
        let seconds = Duration::as_secs_f64(&elapsed);
        progress(Progress::Checking { seconds });
    };
    let (ended, _) = process::run(&mut command, &bounds(&job, LIMIT_S), &output, &mut tick)?;
    if ended.is_success() {
        return Ok(());
    }
    let said = read_at_most(&output, OUTPUT_BYTES).unwrap_or_default();
    Err(VerifyError::Device {
        device: device(conditions).to_owned(),
        ended: ended.text(),
        said: end_of(&said),
        advice: advice(&conditions.devices),
    })
}

/// What is checked. `auto` goes on to the next device where one does not start, so that with a card it is the card.
fn device(conditions: &Conditions) -> &str {
    if conditions.device == "auto" && conditions.devices.iter().any(|path| is_card(path)) {
        "cuda"
    } else {
        &conditions.device
    }
}

fn is_card(path: &Path) -> bool {
    path.to_string_lossy().starts_with("/dev/nvidia")
}

/// The end of what a program printed, as whole lines where there are some.
fn end_of(said: &[u8]) -> String {
    let start = said.len().saturating_sub(SHOWN_BYTES);
    let text = String::from_utf8_lossy(&said[start..]);
    let text = match text.split_once('\n') {
        Some((_, whole)) if start > 0 => whole,
        _ => &text,
    };
    text.trim_end().to_owned()
}

/// What to do, by the device files that the sandbox has.
fn advice(devices: &[PathBuf]) -> &'static str {
    let has_uvm = devices.iter().any(|path| path == Path::new(UVM));
    if devices.iter().any(|path| is_card(path)) && !has_uvm {
        "There is no /dev/nvidia-uvm yet, which CUDA needs: `nvidia-modprobe -u -c=0` makes it"
    } else {
        "Where `blueberry devices --check` works outside of the sandbox, it lacks a file of the driver's: see \
         `blueberry devices` for the names of devices, and CUDA_PATH or LD_LIBRARY_PATH for folders in /opt"
    }
}
