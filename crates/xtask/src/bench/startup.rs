//! Seconds from the start of the program to its first training step: with empty caches, then with full ones.

use serde::{Deserialize, Serialize};

use super::child::{capture, json};
use super::report::{Measured, PartReport, Table};
use super::scratch::Scratch;
use super::stats::Series;
use super::training::{self, TrainingRun};
use super::{Context, Error};

/// Four steps of the preset `tiny`.
const TOKENS: u64 = 2_048;
/// Empty caches are slow to fill.
const MAX_ROUNDS: u32 = 3;
/// A software adapter takes minutes to fill its own.
const MAX_SOFTWARE_ROUNDS: u32 = 1;

/// A device's starts.
#[derive(Serialize)]
struct Device {
    id: String,
    name: String,
    software: bool,
    /// Caches empty: kernels are compiled and tuned, the device is checked, the built-in corpus is made.
    cold: Starts,
    /// The same command again.
    warm: Starts,
}

/// Seconds since the process was started.
#[derive(Serialize)]
struct Starts {
    /// The log's first line: the device is checked, the data is open.
    log_s: Series,
    /// The end of the warm-up.
    warmed_up_s: Series,
    first_step_s: Series,
}

/// A device as `blueberry devices --json` lists it.
#[derive(Clone, Debug, PartialEq, Deserialize)]
struct Listed {
    id: String,
    name: String,
    software: bool,
    unusable: Option<String>,
}

/// Measures the CPU, and WGPU where there is an adapter.
pub fn run(context: &Context) -> Result<PartReport, Error> {
    let name = "blueberry devices --json";
    let (_, text) = capture(name, context.blueberry().args(["devices", "--json"]))?;
    let listed: Vec<Listed> = json(name, &text)?;
    let chosen = ["cpu", "wgpu"].map(|family| (family, choose(&listed, family)));
    let mut devices = Vec::new();
    let mut skipped = Vec::new();
    for (family, found) in chosen {
        match found {
            Some(device) => devices.push(measure(context, device)?),
            None => skipped.push(format!(
                "{family}: no usable device; `blueberry devices` says why"
            )),
        }
    }
    let tables = vec![table(&devices)];
    let part = Measured::new(&devices, skipped, tables)?;
    Ok(PartReport::Measured { part })
}

/// A usable device of a family, a software adapter only where there is no other.
fn choose<'a>(listed: &'a [Listed], family: &str) -> Option<&'a Listed> {
    let of_family = |device: &&Listed| device.id.split(':').next() == Some(family);
    let usable = listed.iter().filter(|device| device.unusable.is_none());
    usable.filter(of_family).min_by_key(|device| device.software)
}

fn measure(context: &Context, device: &Listed) -> Result<Device, Error> {
    let most = if device.software {
        MAX_SOFTWARE_ROUNDS
    } else {
        MAX_ROUNDS
    };
    let rounds = context.rounds.min(most);
    println!("   {}: {}, {rounds} rounds", device.id, device.name);
    let mut cold = Vec::new();
    let mut warm = Vec::new();
    for _ in 0..rounds {
        let caches = Scratch::new()?;
        cold.push(start(context, device, &caches, "cold")?);
        warm.push(start(context, device, &caches, "warm")?);
    }
    Ok(Device {
        id: device.id.clone(),
        name: device.name.clone(),
        software: device.software,
        cold: Starts::of(&cold)?,
        warm: Starts::of(&warm)?,
    })
}

fn start(context: &Context, device: &Listed, caches: &Scratch, run: &str) -> Result<TrainingRun, Error> {
    let mut command = training::command(context, "tiny", &device.id, TOKENS);
    // The home folder too: macOS and the drivers keep their caches there.
    command
        .env("XDG_CACHE_HOME", caches.path())
        .env("HOME", caches.path());
    TrainingRun::take(&mut command, &caches.path().join(run))
}

impl Starts {
    fn of(runs: &[TrainingRun]) -> Result<Self, Error> {
        let seconds_to = |event: &str| {
            let seconds = runs.iter().map(|run| run.seconds_to(event));
            Series::of(seconds.collect::<Result<_, _>>()?)
        };
        Ok(Self {
            log_s: seconds_to("run")?,
            warmed_up_s: seconds_to("warmup")?,
            first_step_s: seconds_to("step")?,
        })
    }
}

fn table(devices: &[Device]) -> Table {
    let head = ["startup", "log begins", "warmed up", "first step", "min .. max"];
    let mut table = Table::new(&head);
    for device in devices {
        for (caches, starts) in [("cold", &device.cold), ("warm", &device.warm)] {
            table.row([
                format!("{}, {caches}", device.id),
                format!("{:.2} s", starts.log_s.median),
                format!("{:.2} s", starts.warmed_up_s.median),
                format!("{:.2} s", starts.first_step_s.median),
                starts.first_step_s.range(2),
            ]);
        }
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;

    fn listed(id: &str, software: bool, unusable: Option<&str>) -> Listed {
        Listed {
            id: id.into(),
            name: "a device".into(),
            software,
            unusable: unusable.map(str::to_owned),
        }
    }

    #[test]
    fn hardware_goes_before_software() {
        let devices = [
            listed("wgpu:0", true, None),
            listed("wgpu:1", false, None),
            listed("cpu", false, None),
        ];
        assert_eq!(choose(&devices, "wgpu"), Some(&devices[1]));
        assert_eq!(choose(&devices[..1], "wgpu"), Some(&devices[0]));
        assert_eq!(choose(&devices, "cpu"), Some(&devices[2]));
    }

    #[test]
    fn what_cannot_be_used_is_not_chosen() {
        assert_eq!(
            choose(&[listed("wgpu:0", false, Some("no driver"))], "wgpu"),
            None
        );
    }

    #[test]
    fn the_list_of_devices_is_read() {
        let text = r#"[{"id": "cpu", "name": "x", "api": "cpu", "software": false, "unusable": null, "check": null}]"#;
        assert_eq!(json::<Vec<Listed>>("test", text).unwrap()[0].unusable, None);
    }
}
