//! NVRTC and CUDA's headers as Python packages, for the test that compiles every kernel for CUDA without a GPU.

use std::path::PathBuf;
use std::process::Command;

use crate::process;
use crate::workspace::Workspace;

/// Tested together; the headers of one must be those of the other.
const PACKAGES: [&str; 4] = [
    "nvidia-cuda-nvrtc>=13,<14",
    "nvidia-cuda-runtime>=13,<14",
    "nvidia-cuda-crt>=13,<14",
    "nvidia-cuda-cccl>=13,<14",
];

/// The folder with `include` and `lib`, installed once under the target folder. Where that fails the reason is printed, and
/// the test is skipped: nothing else needs it.
pub fn ensure(workspace: &Workspace) -> Option<PathBuf> {
    if !cfg!(all(target_os = "linux", target_arch = "x86_64")) {
        return None;
    }
    let folder = workspace.target.join("nvrtc");
    let root = folder.join("nvidia/cu13");
    if root.join("include/cuda_fp16.h").is_file() {
        return Some(root);
    }
    println!(
        "installing NVRTC and CUDA's headers (100 MB) into {}",
        folder.display()
    );
    let mut pip = Command::new("python3");
    pip.args([
        "-m",
        "pip",
        "install",
        "--quiet",
        "--disable-pip-version-check",
        "--target",
    ]);
    pip.arg(&folder).args(PACKAGES);
    match process::run(&mut pip) {
        Ok(()) => Some(root),
        Err(error) => {
            println!("kernels are not compiled for CUDA: {error}");
            None
        }
    }
}
