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
    /// Whether it may use the network: to fetch sources, which runs none of them.
    pub network: bool,
}

/// What any program needs to start. Nothing of it is secret on a usual system.
const SYSTEM: &[&str] = &[
    "/usr",
    "/bin",
    "/sbin",
    "/lib",
    "/lib32",
    "/lib64",
    "/opt",
    "/nix/store",
];
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
            ..Job::default()
        };
        let status = sandbox
            .command(&job)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status();
        status.is_ok_and(|status| status.success()).then_some(sandbox)
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
    command.args(["--proc", "/proc", "--dev", "/dev", "--tmpfs", "/tmp"]);
    command.args(["--tmpfs", HOME, "--setenv", "HOME", HOME]);
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
    for (name, value) in &job.env {
        command.arg("--setenv").arg(name).arg(value);
    }
    command.arg("--chdir").arg(&job.dir).arg("--").args(&job.command);
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
        for (script, why) in [
            (format!("! test -e {path}"), "another folder of /tmp"),
            (
                "test -z \"$(ls -A $HOME)\" && touch $HOME/a".into(),
                "an empty home of its own",
            ),
            (
                "! test -e /root/.ssh && ! test -e /etc/shadow".into(),
                "keys of the system",
            ),
            (
                "test \"$(grep -c : /proc/net/dev)\" = 1".into(),
                "no interface but loopback",
            ),
            ("! touch /usr/a 2>/dev/null".into(), "the system is read-only"),
            ("test -z \"$SECRET\"".into(), "the environment"),
            ("test ! -e /dev/vda && test ! -e /dev/sda".into(), "disks"),
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
