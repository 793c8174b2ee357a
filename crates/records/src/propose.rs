//! `blueberry propose`: the text of a request for a sponsored run.

use std::io::Write;
use std::path::PathBuf;

use blueberry_rules::{Category, LoggedRun, Tokens};
use blueberry_shape::ModelConfig;
use serde_json::Value;

use crate::Limits;
use crate::commands::{CommandError, Outcome, find_category, load_categories};
use crate::config::config_text;
use crate::open::open_runs;

/// What `blueberry propose` is told.
#[derive(Debug, Clone)]
pub struct ProposeArgs {
    /// The category that the sponsored run would enter.
    pub category: String,
    /// The settings that the sponsor would run.
    pub config: Value,
    /// A small run on the author's own machine that shows the idea.
    pub run: PathBuf,
    /// The same run without the idea, to compare it with.
    pub baseline: Option<PathBuf>,
    /// Other categories than the official ones.
    pub categories: Option<PathBuf>,
}

/// An RTX 4090's dense bf16 products with f32 sums, in FLOP/s: the floor of a run's cost is counted by it.
const OFFICIAL_FLOPS: f64 = 165.2e12;

/// Writes the text, in Markdown, for an issue.
///
/// # Errors
/// [`CommandError`].
pub fn propose(args: &ProposeArgs, out: &mut dyn Write) -> Result<Outcome, CommandError> {
    let categories = load_categories(args.categories.as_deref())?;
    let category = find_category(&categories, &args.category)?;
    let open = |path: &PathBuf| open_runs(std::slice::from_ref(path), &Limits::default());
    let runs = open(&args.run)?;
    let baseline = args.baseline.as_ref().map(open).transpose()?.unwrap_or_default();
    let baseline = baseline.first();
    writeln!(out, "# Sponsorship: {}\n", category.name)?;
    writeln!(out, "## The idea\n\n{}\n", description(&args.config))?;
    writeln!(
        out,
        "Say here what is new, why it should help, and what would prove you wrong.\n"
    )?;
    writeln!(out, "## What would run\n\n{}", cost(&args.config, category))?;
    for run in &runs {
        writeln!(
            out,
            "## What was seen on a small run\n\n{}",
            seen(run, baseline.filter(|baseline| is_comparable(run, baseline)))
        )?;
    }
    match baseline {
        Some(run) => writeln!(out, "## The same without the idea\n\n{}", about(run))?,
        None => writeln!(
            out,
            "Say here what the same run reaches without the idea (`blueberry propose --baseline RUN`).\n"
        )?,
    }
    if let Some(baseline) = baseline
        && !runs.iter().all(|run| is_comparable(run, baseline))
    {
        writeln!(
            out,
            "The two were evaluated on other text or with another tokenizer, so their losses are not compared.\n"
        )?;
    }
    let config = config_text(&args.config).map_err(|cause| crate::submit::SubmitError::Config {
        run: "the preset".into(),
        cause,
    })?;
    writeln!(out, "## Preset\n\n```toml\n{config}```")?;
    Ok(Outcome::Yes)
}

fn description(config: &Value) -> &str {
    config
        .get("description")
        .and_then(Value::as_str)
        .unwrap_or("(the preset has no description)")
}

/// Size and least cost of the sponsored runs.
fn cost(config: &Value, category: &Category) -> String {
    let Some(model) = config
        .get("model")
        .and_then(|model| serde_json::from_value::<ModelConfig>(model.clone()).ok())
    else {
        return "The model's size is not known to this build.\n".into();
    };
    let (counts, seq_len) = (model.counts(), number(config, "seq_len").unwrap_or(2048));
    let tokens = match category.tokens {
        Some(Tokens::Count(tokens)) => Some(tokens),
        _ => number(config, "tokens"),
    };
    let flops = model.flops_per_token(usize::try_from(seq_len).unwrap_or(2048));
    let floor = tokens.map_or_else(String::new, |tokens| {
        let minutes = tokens as f64 * flops / OFFICIAL_FLOPS / 60.0;
        format!(
            "- {tokens} targets a run: at least {minutes:.1} minutes each at all of an RTX 4090's {:.1} TFLOP/s (dense bf16), \
             evaluations apart\n",
            OFFICIAL_FLOPS / 1e12
        )
    });
    format!(
        "- {} runs with different seeds\n- {} parameters, {} of them in matrix products; {:.0} MFLOP a target\n{floor}",
        category.seeds,
        counts.parameters,
        counts.matmul_parameters,
        flops / 1e6
    )
}

fn number(config: &Value, name: &str) -> Option<u64> {
    config.get("train")?.get(name)?.as_u64()
}

/// Whether losses of both are of the same targets.
fn is_comparable(run: &LoggedRun, other: &LoggedRun) -> bool {
    let (a, b) = (&run.log.run.data, &other.log.run.data);
    a.validation_sha256 == b.validation_sha256 && a.tokenizer_sha256 == b.tokenizer_sha256
}

/// A run's losses, beside those of `baseline` after as many targets.
fn seen(run: &LoggedRun, baseline: Option<&LoggedRun>) -> String {
    let mut text = about(run);
    text += match baseline {
        Some(_) => {
            "| targets | `train_s` | val loss | without the idea | difference |\n|---|---|---|---|---|\n"
        }
        None => "| targets | `train_s` | val loss |\n|---|---|---|\n",
    };
    for eval in run.log.evals() {
        let (at, loss) = (eval.at, eval.val_loss);
        text += &format!("| {} | {:.1} | {loss:.4} |", at.tokens, at.train_s);
        if let Some(baseline) = baseline {
            let beside = baseline.log.evals().find(|other| other.at.tokens == at.tokens);
            text += &beside.map_or(" | |".into(), |beside| {
                format!(" {:.4} | {:+.4} |", beside.val_loss, loss - beside.val_loss)
            });
        }
        text.push('\n');
    }
    text
}

/// What ran, where, and of which source.
fn about(run: &LoggedRun) -> String {
    let (head, log) = (&run.log.run, &run.log);
    let commit = head.source.commit.as_deref().unwrap_or("unknown");
    let changed = if head.source.dirty { ", changed" } else { "" };
    let mut text = format!(
        "Preset `{}`, seed {}, {} parameters, on {} ({}); commit `{commit}`{changed}; log SHA-256 `{}`.\n\n",
        head.preset,
        head.seed,
        head.model.parameters,
        head.hardware.device,
        head.hardware.backend,
        run.sha256
    );
    if log.seals.broken.is_some() || log.torn.is_some() {
        text += "The log is not whole: its seals do not hold, or its end is torn.\n\n";
    }
    text
}
