//! Every kernel of GPUs, compiled for CUDA by NVRTC on a machine that needs no GPU: the code that launches them runs in a
//! child process against a driver that runs nothing (`ptx/driver.c`), once for each architecture.
//!
//! It wants a C compiler and NVRTC with CUDA's headers: a CUDA toolkit, or what `cargo xtask ci` installs from Python
//! packages and names in BLUEBERRY_NVRTC. Elsewhere the test says what is missing and is skipped.
#![cfg(feature = "native")]

#[allow(dead_code)] // This file needs only some of it.
mod common;

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use blueberry_kernels::{
    AdamwState, AdamwStep, AdamwUpdate, AttentionMask, Head, LossTerms, MuonIteration, MuonState, MuonStep,
    MuonUpdate, Orthogonalize, RopeTable, activations_in, adamw, add_rms_norm, attention, embedding,
    head_loss, muon, orthogonalize, product, qk_norm_rope, refill, relu_squared, rms_norm, squared_norms,
    swiglu,
};
use burn::tensor::{Device, FloatDType, Int, Tensor};
use common::{Random, values};
use cubecl::config::cache::CacheConfig;
use cubecl::config::{CubeClRuntimeConfig, RuntimeConfig};

/// Compute capabilities: A100, RTX 4090, H100.
const ARCHITECTURES: [&str; 3] = ["80", "89", "90"];

/// What must be compiled besides every kernel in `src/gpu`: types that are in a model, and products.
const VARIANTS: [&str; 13] = [
    "attention_keys_kernel_f_f32",
    "attention_keys_mma_kernel_f_bf16_n_8",
    "attention_mma_kernel_f_bf16_n_8",
    "attention_mma_kernel_f_f16_n_8",
    "attention_queries_kernel_f_f32",
    "attention_queries_mma_kernel_f_bf16_n_8",
    "cross_entropy_kernel_f_bf16",
    "matmul_entry_lhs_bf16",
    "matmul_entry_lhs_f32",
    "qk_norm_rope_backward_kernel_f_bf16",
    "rms_norm_backward_kernel_f_f32_o_bf16",
    "rms_norm_kernel_f_f32_o_bf16",
    "swiglu_backward_kernel_f_bf16",
];

/// Whether a program's name is that of a kernel, its types and constants behind it.
fn is_of(name: &str, kernel: &str) -> bool {
    name.strip_prefix(kernel)
        .is_some_and(|rest| rest.is_empty() || rest.starts_with('_'))
}

#[test]
fn every_kernel_compiles_for_cuda() {
    let folder = tempfile::tempdir().expect("a folder");
    let (toolkit, libraries) = match toolkit() {
        Some(found) => found,
        None => {
            return println!("skipped: no NVRTC with CUDA's headers was found (BLUEBERRY_NVRTC, CUDA_PATH)");
        }
    };
    if !build_driver(folder.path()) {
        return println!("skipped: no C compiler (cc) builds the driver");
    }
    let mut wanted = BTreeSet::new();
    kernels_in(
        &Path::new(env!("CARGO_MANIFEST_DIR")).join("src/gpu"),
        &mut wanted,
    );
    assert!(wanted.contains("adamw_kernel"), "{wanted:?}");
    wanted.extend(VARIANTS.map(str::to_owned));
    // A process each, at once: a compiler runs on one thread.
    std::thread::scope(|scope| {
        for architecture in ARCHITECTURES {
            let (wanted, folder, toolkit, libraries) = (&wanted, folder.path(), &toolkit, &libraries);
            scope.spawn(move || {
                let names = compile(architecture, folder, toolkit, libraries);
                for kernel in wanted {
                    assert!(
                        names.iter().any(|name| is_of(name, kernel)),
                        "sm_{architecture}: no {kernel} among {names:?}"
                    );
                }
                println!("sm_{architecture}: {} programs", names.len());
            });
        }
    });
}

/// The names of the functions that are launched as kernels, so that none is forgotten here.
fn kernels_in(folder: &Path, names: &mut BTreeSet<String>) {
    for entry in fs::read_dir(folder).expect("a folder").flatten() {
        let path = entry.path();
        if path.is_dir() {
            kernels_in(&path, names);
            continue;
        }
        let text = fs::read_to_string(&path).expect("a source file");
        for kernel in text.split("#[cube(launch)]\nfn ").skip(1) {
            let name = kernel.split(['<', '(']).next().unwrap_or_default();
            // Two of one name would pass for each other.
            assert!(
                names.insert(name.to_owned()),
                "another {name}: {}",
                path.display()
            );
        }
    }
}

/// CUDA's folder with `include`, and the one with NVRTC.
fn toolkit() -> Option<(PathBuf, PathBuf)> {
    let named = ["BLUEBERRY_NVRTC", "CUDA_PATH"].map(std::env::var_os);
    let usual = PathBuf::from("/usr/local/cuda");
    let all = named.into_iter().flatten().map(PathBuf::from).chain([usual]);
    let holds = |folder: &Path| {
        let entries = fs::read_dir(folder).into_iter().flatten().flatten();
        entries
            .map(|entry| entry.file_name())
            .any(|name| name.to_string_lossy().starts_with("libnvrtc.so"))
    };
    all.filter(|root| root.join("include/cuda_fp16.h").is_file())
        .find_map(|root| {
            let libraries = ["lib64", "lib"].map(|name| root.join(name));
            let found = libraries.into_iter().find(|folder| holds(folder))?;
            Some((root, found))
        })
}

fn build_driver(folder: &Path) -> bool {
    let source = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/ptx/driver.c");
    Command::new("cc")
        .args(["-shared", "-fPIC", "-w", "-Wl,-soname,libcuda.so", "-o"])
        .arg(folder.join("libcuda.so"))
        .arg(source)
        .status()
        .is_ok_and(|status| status.success())
}

/// Runs [`launch_everything`] in a process with the driver; the names of the programs that it loaded.
fn compile(architecture: &str, driver: &Path, toolkit: &Path, libraries: &Path) -> BTreeSet<String> {
    let programs = tempfile::tempdir().expect("a folder");
    let mut path = OsString::from(driver);
    path.push(":");
    path.push(libraries);
    let output = Command::new(std::env::current_exe().expect("this test"))
        .args(["--exact", "launch_everything", "--ignored", "--nocapture"])
        .env("LD_LIBRARY_PATH", path)
        .env("CUDA_PATH", toolkit)
        .env("PTX_DRIVER_SM", architecture)
        .env("PTX_DRIVER_DIR", programs.path())
        .output()
        .expect("starts");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "sm_{architecture}: {said}");
    let files = fs::read_dir(programs.path()).expect("a folder").flatten();
    files.map(|file| entry_of(&file.path(), architecture)).collect()
}

/// The name of the kernel in a PTX file, which must be of the architecture.
fn entry_of(file: &Path, architecture: &str) -> String {
    let text = fs::read_to_string(file).expect("PTX");
    assert!(
        text.contains(&format!(".target sm_{architecture}")),
        "{}",
        file.display()
    );
    let (_, rest) = text.split_once(".entry ").expect("a kernel");
    rest.split('(').next().unwrap_or_default().to_owned()
}

/// What the child runs. Its values mean nothing; a kernel that does not compile fails when its result is read.
#[test]
#[ignore = "started by every_kernel_compiles_for_cuda"]
fn launch_everything() {
    let mut config = CubeClRuntimeConfig::default();
    let kept = tempfile::tempdir().expect("a folder");
    config.environment.path = CacheConfig::Directory(kept.path().to_owned());
    CubeClRuntimeConfig::try_set(config);
    let launch = Launch {
        device: Device::cuda(0),
        random: Random::new(),
    };
    launch.run();
}

struct Launch {
    device: Device,
    random: Random,
}

impl Launch {
    fn run(mut self) {
        for half in [None, Some(FloatDType::BF16), Some(FloatDType::F16)] {
            for (head_dim, softcap) in [(20, None), (64, Some(5.0)), (64, None), (128, None)] {
                let [q, k, v] = [4, 2, 2].map(|heads| self.leaf([1, 70, heads, head_dim], half));
                let mask = AttentionMask::new(70, Some(9), &self.device).with_softcap(softcap);
                let out = attention(q.clone(), k.clone(), v.clone(), &mask);
                read(out, &[&q, &k, &v]);
            }
            let x = self.leaf([2, 35, 4, 64], half);
            let table = RopeTable::new(35, 64, 10_000.0, &self.device);
            let gain = self.leaf([1, 64], None);
            read(qk_norm_rope(x.clone(), Some(gain), &table, 1e-6), &[&x]);
            read(qk_norm_rope(x.clone(), None, &table, 1e-6), &[&x]);
            let [gate, up] = [0, 0].map(|_| self.leaf([2, 35, 48], half));
            read(swiglu(gate.clone(), up.clone()), &[&gate, &up]);
            read(relu_squared(up.clone()), &[&up]);
        }
        for half in [None, Some(FloatDType::BF16), Some(FloatDType::F16)] {
            for [rows, width, columns] in [[128, 64, 192], [33, 20, 7]] {
                let (x, w) = (self.leaf([rows, width], None), self.leaf([width, columns], None));
                for wide in [false, true] {
                    let out = product(x.clone(), w.clone(), half, wide);
                    let narrow = activations_in(&self.device, half).filter(|_| !wide);
                    assert_eq!(out.dtype(), narrow.unwrap_or(FloatDType::F32).into());
                    read(out, &[&x, &w]);
                }
            }
            self.head_loss(half);
            let x = self.leaf([2, 48, 64], half).inner();
            values(orthogonalize(x, Orthogonalize::NewtonSchulz));
        }
        self.products_of_a_step();
        self.rest();
    }

    /// Of more than 2,048 rows the routine has another selection, and the weights' gradient is of parts. The first factor
    /// is in the type of activations.
    fn products_of_a_step(&mut self) {
        let half = Some(FloatDType::BF16);
        for columns in [512, 256] {
            let (x, w) = (self.leaf([2304, 512], half), self.leaf([512, columns], None));
            for wide in [false, true] {
                read(product(x.clone(), w.clone(), half, wide), &[&x, &w]);
            }
        }
    }

    fn leaf<const D: usize>(&mut self, shape: [usize; D], half: Option<FloatDType>) -> Tensor<D> {
        let tensor = Tensor::<D>::from_data(self.random.tensor(shape, 1.0).to_data(), &self.device);
        half.map_or(tensor.clone(), |half| tensor.cast(half))
            .autodiff()
            .require_grad()
    }

    fn ids(&self, count: usize) -> Tensor<1, Int> {
        let ids: Vec<i32> = (0..count as i32).map(|id| id % 7).collect();
        Tensor::from_data(ids.as_slice(), &self.device)
    }

    fn head_loss(&mut self, half: Option<FloatDType>) {
        let (x, table) = (self.leaf([70, 64], None), self.leaf([90, 64], None));
        for softcap in [None, Some(15.0)] {
            let terms = LossTerms {
                softcap,
                z_loss: 1e-4,
                half,
            };
            let loss = head_loss(x.clone(), Head::Tied(table.clone()), self.ids(70), terms);
            read(loss, &[&x, &table]);
        }
    }

    /// What reads f32 always.
    fn rest(mut self) {
        let (x, delta) = (self.leaf([2, 35, 48], None), self.leaf([2, 35, 48], None));
        let gain = self.leaf([1, 48], None);
        for half in [None, Some(FloatDType::BF16), Some(FloatDType::F16)] {
            read(rms_norm(x.clone(), gain.clone(), 1e-6, half), &[&x]);
            let [sum, normed] = add_rms_norm(x.clone(), delta.clone(), gain.clone(), 1e-6, half);
            read(sum + normed.cast(FloatDType::F32), &[&x, &delta]);
        }
        let table = self.leaf([90, 64], None);
        read(embedding(table.clone(), self.ids(70)), &[&table]);
        let [parameter, mean, square, gradient] = [0; 4].map(|_| self.leaf([33, 47], None).inner());
        let step = AdamwStep {
            keep: 0.99,
            rate: 0.03,
            beta1: 0.8,
            beta2: 0.95,
            root_correction: 0.7,
            eps: 1e-8,
        };
        let state = AdamwState {
            parameter,
            mean,
            square,
        };
        let update = AdamwUpdate {
            step,
            state,
            gradient,
        };
        let clip = Tensor::<1>::from_data([0.5f32], &self.device);
        for clip in [None, Some(&clip)] {
            // A group, and one that is left over.
            for state in adamw(vec![update.clone(); 8], clip) {
                values(state.parameter);
            }
        }
        self.muon();
        let old = self.ids(70).reshape([2, 35]);
        let new = self.ids(70).reshape([2, 35]);
        refill(old, new).into_data();
    }

    fn muon(&mut self) {
        for half in [None, Some(FloatDType::BF16)] {
            let [parameter, momentum, gradient] = [0; 3].map(|_| self.leaf([48, 64], None).inner());
            let clip = Tensor::<1>::from_data([0.5f32], &self.device);
            values(squared_norms(std::slice::from_ref(&gradient)));
            let step = MuonStep {
                momentum: 0.9,
                keep: 0.99,
                rate: 0.1,
            };
            let update = MuonUpdate {
                step,
                state: MuonState { parameter, momentum },
                gradient,
            };
            let method = Orthogonalize::NewtonSchulz;
            for state in muon(vec![update], Some(&clip), MuonIteration { method, half }) {
                values(state.parameter);
            }
        }
    }
}

/// Has the result and the gradients of its leaves computed.
fn read<const D: usize, const L: usize>(out: Tensor<D>, leaves: &[&Tensor<L>]) {
    let tape = out.backward();
    values(out.inner());
    for leaf in leaves {
        values(leaf.grad(&tape).expect("a gradient"));
    }
}
