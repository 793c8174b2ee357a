//! Running a stranger's code where it can do no harm: no network, its inputs read-only, a home of its own.

use std::ffi::{OsStr, OsString};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde::{Deserialize, Serialize};

/// How a stranger's code is kept in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Sandbox {
    /// Bubblewrap, with its version.
    Bubblewrap(String),
    /// Not at all, because the verifier said so.
    None,
}

/// A command and what it may touch. Whatever is not named here is out of its reach, but for the system's programs
/// and libraries, which it can read.
#[derive(Debug, Clone, Default)]
pub struct Job {
    /// The program and its arguments.
    pub command: Vec<OsString>,
    /// Where it runs.
    pub dir: PathBuf,
    /// Files and folders that it reads.
    pub read_only: Vec<PathBuf>,
    /// Folders that it writes.
    pub writable: Vec<PathBuf>,
    /// Its environment, whole.
    pub env: Vec<(String, OsString)>,
    /// Device files and folders of them.
    pub devices: Vec<PathBuf>,
    /// Whether it may use the network: to fetch sources, which starts no program that they name.
    pub network: bool,
    /// What it may use up; those of single processes in a sandbox only.
    pub ceilings: Ceilings,
}

/// What a job may use up; without a number, as much as there is. But for the disk it is what each of its processes may,
/// by the kernel's resource limits (`setrlimit(2)`).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Ceilings {
    /// Seconds of the CPU, all threads together; past it the process is killed.
    pub cpu_s: Option<u64>,
    /// Bytes of private memory; past it the process gets no more. Not the address space, of which GPU drivers reserve
    /// far more than there is.
    pub memory_bytes: Option<u64>,
    /// Processes and threads of the user. The kernel lets root have more.
    pub processes: Option<u64>,
    /// Bytes of any file that it writes, what it prints included; past it the process is killed.
    pub file_bytes: Option<u64>,
    /// Bytes of all that it writes together; the verifier measures them every second, and past them ends the job.
    pub disk_bytes: Option<u64>,
}

impl Ceilings {
    /// For a program that may run for `seconds`: every core all that time, the memory of this machine, 8,192 threads,
    /// files of 64 GiB, which is more than any checkpoint, and 256 GiB of them together.
    #[must_use]
    pub fn of_this_machine(seconds: u64) -> Self {
        let cores = std::thread::available_parallelism().map_or(1, |cores| cores.get() as u64);
        Self {
            cpu_s: Some(seconds.saturating_mul(cores)),
            memory_bytes: fs::read_to_string("/proc/meminfo")
                .ok()
                .and_then(|text| total(&text)),
            processes: Some(8192),
            file_bytes: Some(64 << 30),
            disk_bytes: Some(256 << 30),
        }
    }

    /// The words before a command that set them; none where nothing is limited.
    fn words(self) -> Vec<String> {
        let limits = [
            ("cpu", self.cpu_s),
            ("data", self.memory_bytes),
            ("nproc", self.processes),
            ("fsize", self.file_bytes),
        ];
        let set = limits
            .iter()
            .filter_map(|(name, most)| most.map(|most| format!("--{name}={most}:{most}")));
        let set: Vec<String> = set.collect();
        if set.is_empty() {
            return set;
        }
        let prlimit = std::iter::once("prlimit".to_owned());
        prlimit.chain(set).chain(["--".to_owned()]).collect()
    }
}

/// The memory that `/proc/meminfo` names.
fn total(meminfo: &str) -> Option<u64> {
    let line = meminfo.lines().find_map(|line| line.strip_prefix("MemTotal:"))?;
    let kibibytes: u64 = line.split_whitespace().next()?.parse().ok()?;
    kibibytes.checked_mul(1024)
}

/// What any program needs to start. Nothing of it is secret on a usual system. Not `/opt`, where hosted runners keep
/// their credentials: of it a job is given what it names.
const SYSTEM: &[&str] = &["/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/nix/store"];
/// Of `/etc` only what finds libraries and drivers: the rest may hold keys.
const SYSTEM_SETTINGS: &[&str] = &[
    "/etc/alternatives",
    "/etc/ld.so.cache",
    "/etc/ld.so.conf",
    "/etc/ld.so.conf.d",
    "/etc/localtime",
    "/etc/vulkan",
    "/etc/glvnd",
    "/etc/OpenCL",
];
/// What finds and trusts a host.
const NETWORK_SETTINGS: &[&str] = &[
    "/etc/resolv.conf",
    "/etc/hosts",
    "/etc/nsswitch.conf",
    "/etc/ssl",
    "/etc/pki",
    "/etc/ca-certificates",
];
/// Where programs in the sandbox are at home: a folder in memory that ends with them.
const HOME: &str = "/home/runner";
/// The folders in memory that can be written.
const IN_MEMORY: [&str; 3] = ["/tmp", "/dev/shm", HOME];
/// Each may take this part of a job's memory, so that all of them leave it most.
const PART_IN_MEMORY: u64 = 8;
/// Without a number for the memory.
const BYTES_IN_MEMORY: u64 = 1 << 30;

impl Sandbox {
    /// The sandbox of this machine; `None` where it has none that works.
    #[must_use]
    pub fn find() -> Option<Self> {
        let version = Command::new("bwrap").arg("--version").output().ok()?;
        let version = String::from_utf8_lossy(&version.stdout).trim().to_owned();
        let sandbox = Self::Bubblewrap(version);
        // Installed is not enough: many systems forbid the namespaces that it is made of.
        let job = Job {
            command: vec!["true".into()],
            dir: "/".into(),
            ceilings: Ceilings::of_this_machine(60),
            ..Job::default()
        };
        let status = sandbox
            .command(&job)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status();
        status.is_ok_and(|status| status.success()).then_some(sandbox)
    }

    /// Whether it keeps code in at all.
    pub(super) fn is_one(&self) -> bool {
        *self != Self::None
    }

    /// Its name for people.
    #[must_use]
    pub fn name(&self) -> &str {
        match self {
            Self::Bubblewrap(version) => version,
            Self::None => "none",
        }
    }

    /// The command that runs a job, with nothing on its standard input.
    #[must_use]
    pub fn command(&self, job: &Job) -> Command {
        let mut command = match self {
            Self::Bubblewrap(_) => bubblewrap(job),
            Self::None => bare(job),
        };
        command.stdin(Stdio::null());
        command
    }
}

fn bare(job: &Job) -> Command {
    let mut words = job.command.iter();
    let mut command = Command::new(words.next().map_or(OsStr::new("true"), OsString::as_os_str));
    command.args(words).current_dir(&job.dir).env_clear();
    command.env("HOME", std::env::temp_dir());
    command.envs(job.env.iter().map(|(name, value)| (name, value)));
    command
}

fn bubblewrap(job: &Job) -> Command {
    let mut command = Command::new("bwrap");
    command.args([
        "--unshare-all",
        "--die-with-parent",
        "--new-session",
        "--clearenv",
    ]);
    command.args(["--cap-drop", "ALL", "--hostname", "blueberry"]);
    system(&mut command, job.network);
    command.args(["--proc", "/proc", "--dev", "/dev", "--setenv", "HOME", HOME]);
    let memory = job.ceilings.memory_bytes;
    let size = memory
        .map_or(BYTES_IN_MEMORY, |bytes| bytes / PART_IN_MEMORY)
        .max(1);
    for folder in IN_MEMORY {
        command.args(["--size", &size.to_string(), "--tmpfs", folder]);
    }
    if !job.devices.is_empty() {
        // Drivers find their device by its place on the bus.
        bind(&mut command, "--ro-bind-try", Path::new("/sys"));
    }
    let mounts = [
        ("--ro-bind", &job.read_only),
        ("--bind", &job.writable),
        ("--dev-bind", &job.devices),
    ];
    for (how, path) in mounts
        .iter()
        .flat_map(|(how, paths)| paths.iter().map(move |path| (how, path)))
    {
        bind(&mut command, how, path);
    }
    // These hold the places of all others, and are folders in memory themselves.
    command.args(["--remount-ro", "/dev", "--remount-ro", "/"]);
    for (name, value) in &job.env {
        command.arg("--setenv").arg(name).arg(value);
    }
    command.arg("--chdir").arg(&job.dir).arg("--");
    command.args(job.ceilings.words()).args(&job.command);
    command
}

/// Under the same path inside as outside.
fn bind(command: &mut Command, how: &str, path: &Path) {
    command.arg(how).arg(path).arg(path);
}

fn system(command: &mut Command, network: bool) {
    let settings = if network {
        command.arg("--share-net");
        NETWORK_SETTINGS
    } else {
        &[]
    };
    for path in SYSTEM
        .iter()
        .chain(SYSTEM_SETTINGS)
        .chain(settings)
        .map(Path::new)
    {
        match fs::read_link(path) {
            // `/bin` is a link to `/usr/bin` on most systems.
            Ok(target) if !path.starts_with("/etc") => {
                command.arg("--symlink").arg(target).arg(path);
            }
            _ => bind(command, "--ro-bind-try", path),
        }
    }
}

/// The GPUs of this machine, as device files: NVIDIA's, and those of the kernel's own drivers.
#[must_use]
pub fn gpus() -> Vec<PathBuf> {
    let entries = fs::read_dir("/dev").into_iter().flatten().flatten();
    let mut found: Vec<PathBuf> = entries
        .map(|entry| entry.path())
        .filter(|path| is_gpu(path))
        .collect();
    found.sort();
    found
}

fn is_gpu(path: &Path) -> bool {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    name.starts_with("nvidia") || ["dri", "kfd"].contains(&name.as_ref())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The sandbox, or a line that says why the test is skipped.
    fn sandbox() -> Option<Sandbox> {
        let found = Sandbox::find();
        if found.is_none() {
            eprintln!("skipped: no bubblewrap (bwrap) that works on this machine");
        }
        found
    }

    fn shell(script: &str, job: Job) -> Job {
        let words = ["/bin/sh", "-c", script].map(OsString::from);
        Job {
            command: words.into(),
            dir: "/".into(),
            env: vec![("PATH".into(), "/usr/bin:/bin".into())],
            ..job
        }
    }

    fn succeeds(sandbox: &Sandbox, script: &str, job: Job) -> bool {
        sandbox.command(&shell(script, job)).status().unwrap().success()
    }

    #[test]
    fn inside_there_is_no_network_no_home_and_no_other_file() {
        let Some(sandbox) = sandbox() else { return };
        let secret = tempfile::tempdir().unwrap();
        fs::write(secret.path().join("key"), "secret").unwrap();
        let path = secret.path().display();
        let home = PathBuf::from(std::env::var_os("HOME").unwrap_or_else(|| "/root".into())).join(".ssh");
        for (script, why) in [
            (format!("! test -e {path}"), "another folder of /tmp"),
            (
                "test -z \"$(ls -A $HOME)\" && touch $HOME/a".into(),
                "an empty home of its own",
            ),
            (
                format!("! test -e {} && ! test -e /etc/shadow", home.display()),
                "keys of the system",
            ),
            (
                "test \"$(grep -c : /proc/net/dev)\" = 1".into(),
                "no interface but loopback",
            ),
            ("! touch /usr/a 2>/dev/null".into(), "the system is read-only"),
            ("test -z \"$SECRET\"".into(), "the environment"),
            ("test ! -e /dev/vda && test ! -e /dev/sda".into(), "disks"),
            ("! test -e /opt".into(), "what is installed beside the system"),
            (
                "! touch /a 2>/dev/null && ! touch /dev/a 2>/dev/null && touch /dev/shm/a && echo >/dev/null"
                    .into(),
                "no memory that nobody measures",
            ),
        ] {
            let mut command = sandbox.command(&shell(&script, Job::default()));
            let status = command.env("SECRET", "1").status().unwrap();
            assert!(status.success(), "{why}: {script}");
        }
    }

    #[test]
    fn what_is_given_is_read_only_or_writable_as_said() {
        let Some(sandbox) = sandbox() else { return };
        let (input, output) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        fs::write(input.path().join("a"), "text").unwrap();
        let job = || Job {
            read_only: vec![input.path().into()],
            writable: vec![output.path().into()],
            ..Job::default()
        };
        let (from, to) = (input.path().display(), output.path().display());
        assert!(succeeds(&sandbox, &format!("cp {from}/a {to}/b"), job()));
        assert_eq!(fs::read_to_string(output.path().join("b")).unwrap(), "text");
        assert!(!succeeds(
            &sandbox,
            &format!("echo x >{from}/a 2>/dev/null"),
            job()
        ));
        assert_eq!(fs::read_to_string(input.path().join("a")).unwrap(), "text");
    }

    /// Runs `script` under these limits.
    fn limited(sandbox: &Sandbox, ceilings: Ceilings, script: &str) -> std::process::Output {
        let job = Job {
            ceilings,
            ..Job::default()
        };
        sandbox.command(&shell(script, job)).output().unwrap()
    }

    #[test]
    fn a_program_that_uses_up_more_than_it_may_is_stopped() {
        let Some(sandbox) = sandbox() else { return };
        let (cpu, memory, file) = (
            Ceilings {
                cpu_s: Some(1),
                ..Ceilings::default()
            },
            Ceilings {
                memory_bytes: Some(64 << 20),
                ..Ceilings::default()
            },
            Ceilings {
                file_bytes: Some(1 << 20),
                ..Ceilings::default()
            },
        );
        // Each ends by itself without the limit, so that a limit that does not hold fails and does not hang.
        let spin = "i=0; while test $i -lt 20000000; do i=$((i+1)); done; echo whole";
        let fill = "dd if=/dev/zero of=/dev/null bs=128M count=1 2>/dev/null && echo whole";
        let write = "dd if=/dev/zero of=/tmp/a bs=64k count=32 2>/dev/null && echo whole";
        for (ceilings, script) in [(cpu, spin), (memory, fill), (file, write)] {
            let output = limited(&sandbox, ceilings, script);
            assert!(!output.status.success(), "{script}: {output:?}");
            assert!(
                !String::from_utf8_lossy(&output.stdout).contains("whole"),
                "{script}"
            );
        }
        for (ceilings, script) in [
            (cpu, "echo whole"),
            (memory, "dd if=/dev/zero of=/dev/null bs=1M count=1"),
            (file, "dd if=/dev/zero of=/tmp/a bs=64k count=8"),
        ] {
            assert!(limited(&sandbox, ceilings, script).status.success(), "{script}");
        }
    }

    #[test]
    fn folders_in_memory_hold_a_part_of_the_memory() {
        let Some(sandbox) = sandbox() else { return };
        let ceilings = Ceilings {
            memory_bytes: Some(64 << 20),
            ..Ceilings::default()
        };
        for folder in ["/tmp", "/dev/shm", "$HOME"] {
            let write = |count| {
                format!("dd if=/dev/zero of={folder}/a bs=1M count={count} 2>/dev/null && echo whole")
            };
            let whole = limited(&sandbox, ceilings, &write(7)).stdout;
            assert_eq!(whole, b"whole\n", "{folder}");
            assert_eq!(limited(&sandbox, ceilings, &write(9)).stdout, b"", "{folder}");
        }
    }

    #[test]
    fn processes_are_limited_for_all_but_root() {
        let Some(sandbox) = sandbox() else { return };
        let processes = Ceilings {
            processes: Some(16),
            ..Ceilings::default()
        };
        let limit = limited(&sandbox, processes, "grep '^Max processes' /proc/self/limits");
        let text = String::from_utf8_lossy(&limit.stdout).into_owned();
        assert_eq!(text.split_whitespace().nth(2), Some("16"), "{text}");
        let id = Command::new("id").arg("-u").output().unwrap();
        if id.stdout == b"0\n" {
            eprintln!("skipped: the kernel does not hold root to a number of processes");
            return;
        }
        let many =
            "for i in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18; do sleep 1 & done; wait; echo whole";
        assert!(!limited(&sandbox, processes, many).status.success());
    }

    #[test]
    fn the_machines_memory_is_read() {
        assert_eq!(total("Foo: 1 kB\nMemTotal:       16 kB\n"), Some(16384));
        assert_eq!(total("MemTotal: many"), None);
    }

    #[test]
    fn without_a_sandbox_the_environment_is_as_clean() {
        let mut command =
            Sandbox::None.command(&shell("test -z \"$SECRET\" && test -n \"$HOME\"", Job::default()));
        assert!(!command.get_envs().any(|(name, _)| name == "SECRET"));
        assert!(command.status().unwrap().success());
        assert_eq!(Sandbox::None.name(), "none");
    }

    #[test]
    fn gpus_are_told_by_name() {
        assert!(
            ["/dev/nvidia0", "/dev/nvidia-uvm", "/dev/dri", "/dev/kfd"]
                .map(Path::new)
                .into_iter()
                .all(is_gpu)
        );
        assert!(
            !["/dev/vda", "/dev/mem", "/dev"]
                .map(Path::new)
                .into_iter()
                .any(is_gpu)
        );
    }
}
