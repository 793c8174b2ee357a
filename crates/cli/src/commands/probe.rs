//! `blueberry probe`.

use std::path::PathBuf;

use anyhow::Result;
use blueberry_train::native::probe_run;

use crate::exit::Done;

/// How far from 1 a sum of probabilities may be, and how far later tokens may move a logit: rounding in half precision.
const TOLERANCE: f64 = 0.02;

/// Asks the last saved model of a run whether it sees later tokens, and whether its probabilities sum to 1.
#[derive(Debug, clap::Args)]
pub struct ProbeArgs {
    /// A run's folder.
    pub run: PathBuf,
    /// auto, cuda[:i], wgpu[:i], metal, vulkan[:i] or cpu [default: the run's].
    #[arg(long, value_name = "DEVICE")]
    pub device: Option<String>,
    /// For machines.
    #[arg(long)]
    pub json: bool,
}

/// Exit code 0 where the model is clean, 1 where it is not.
pub fn run(args: &ProbeArgs) -> Result<Done> {
    let report = probe_run(&args.run, args.device.as_deref())?;
    let (sum, influence) = (report.worst_probability_sum, report.worst_future_influence);
    if args.json {
        // JSON has neither NaN nor infinity.
        let number = |value: f64| if value.is_finite() { value } else { f64::MAX };
        let json = serde_json::json!({
            "worst_probability_sum": number(sum),
            "worst_future_influence": number(influence),
        });
        outln!("{json}");
    } else {
        outln!("probabilities sum to     {sum:.6} where that is farthest from 1");
        outln!("later tokens move a logit by {influence:.2e} at most");
    }
    // Written so that what is no number is not clean.
    let clean = sum.ln().abs() <= TOLERANCE && influence <= TOLERANCE;
    Ok(if clean { Done::Yes } else { Done::No })
}
