//! How long a training step waits for its data, and how fast the loader alone is.

use serde::Serialize;

use super::child::capture;
use super::report::{Measured, PartReport, Table};
use super::scratch::Scratch;
use super::training::{self, TrainingRun};
use super::{Context, Error};

const TOKENS: u64 = 60_000;
/// Both benchmarks of serving rows: with and without reading ahead.
const FILTER: &str = "serve";

#[derive(Serialize)]
struct Loader {
    preset: &'static str,
    tokens: u64,
    data_wait_s: f64,
    /// Of the training time, 0 to 1.
    data_wait_share: f64,
    /// What `cargo bench --workspace --bench data -- serve` printed, line by line.
    serve: Vec<String>,
}

/// Measures both.
pub fn run(context: &Context) -> Result<PartReport, Error> {
    let scratch = Scratch::new()?;
    let mut command = training::command(context, "tiny", "cpu", TOKENS);
    let trained = TrainingRun::take(&mut command, &scratch.path().join("run"))?;
    let serve = serve(context)?;
    println!("{}", serve.join("\n"));
    let loader = Loader {
        preset: "tiny",
        tokens: TOKENS,
        data_wait_s: trained.summary("data_wait_s")?,
        data_wait_share: trained.summary("data_wait_share")?,
        serve,
    };
    let mut table = Table::new(&["loader", "waiting for data", "of training"]);
    table.row([
        format!("{} tokens of {}", loader.tokens, loader.preset),
        format!("{:.4} s", loader.data_wait_s),
        format!("{:.3} %", loader.data_wait_share * 100.0),
    ]);
    let part = Measured::new(&loader, vec![], vec![table])?;
    Ok(PartReport::Measured { part })
}

fn serve(context: &Context) -> Result<Vec<String>, Error> {
    let mut cargo = context.workspace.cargo();
    // The whole workspace, so that nothing is built again with fewer features.
    cargo.args(["bench", "--workspace", "--bench", "data", "--", FILTER]);
    let (_, text) = capture("cargo bench --workspace --bench data", &mut cargo)?;
    Ok(text.lines().map(str::to_owned).collect())
}
