//! `blueberry verify`.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result};
use blueberry_data::{Dataset, Overlap};
use blueberry_records::VERIFIERS_FILE;
use blueberry_records::leaderboard::standing;
use blueberry_records::sign::{PASSPHRASE_VARIABLE, Signer, is_listed};
use blueberry_records::verify::{
    Conditions, Host, Judge, Options, Outcome, Progress, Request, Review, Sandbox, Subject, Verification,
    VerifyError, broken_rules, refuse_no_data, refuse_other_data, refuse_signed, verify, write,
};
use blueberry_rules::{Answer, Categories, Finding, LeakScan};
use blueberry_runlog::DataDigests;

use crate::commands::data::hold_against_digests;
use crate::commands::scan::scan_data;
use crate::exit::{Done, Usage};
use crate::format::{duration, one_line};
use crate::meter::Meter;

/// Between two lines of progress without a terminal, as in a hosted workflow: a run takes many minutes.
const BETWEEN_LINES: Duration = Duration::from_secs(60);

/// Runs a record again: builds its source and runs it in a sandbox, by turns with the record that stands in its category,
/// and writes `verification.toml` into its folder. Refuses a record that breaks a rule as it is. Goes on where it was
/// interrupted.
#[derive(Debug, clap::Args)]
pub struct VerifyRecordArgs {
    /// The record's folder.
    pub record: PathBuf,
    /// The folder of all records with their ledger, by which the record to beat is found.
    #[arg(long, value_name = "DIR", default_value = "records")]
    pub records: PathBuf,
    /// The folder of the record to beat [default: the one that stands, in --records].
    #[arg(long, value_name = "RECORD")]
    pub against: Option<PathBuf>,
    /// Run the challenger alone, where the record that stands cannot run on this machine. Where one stands, the outcome is
    /// at best undecided, and verification.toml says why.
    #[arg(long, conflicts_with = "against")]
    pub alone: bool,
    /// A git repository that has the commits of both.
    #[arg(long, value_name = "DIR", default_value = ".")]
    pub repository: PathBuf,
    /// The folder in which the sources are built and the runs are kept.
    #[arg(long, value_name = "DIR", default_value = "verification")]
    pub work: PathBuf,
    /// A folder made by `blueberry data prepare`; without it, the built-in corpus.
    #[arg(long, value_name = "DIR")]
    pub data: Option<PathBuf>,
    /// auto, cuda[:i], wgpu[:i], metal, vulkan[:i] or cpu.
    #[arg(long, value_name = "DEVICE", default_value = "auto")]
    pub device: String,
    /// Runs of each side [default: what the category asks, at least 4 against a record].
    #[arg(long, value_name = "N", conflicts_with = "seeds")]
    pub runs: Option<usize>,
    /// Their seeds [default: drawn now, so that nobody knew them before]. Who chooses them rehearses: a verdict counts on the
    /// leaderboard with drawn ones only.
    #[arg(long, value_name = "N,N,..", value_delimiter = ',')]
    pub seeds: Vec<u64>,
    /// Ask the challenger's last model, too: whether it sees the future and whether its probabilities sum to 1, by its
    /// program's own word; and, with --data, for logits at places of the validation set that are drawn now, by which its
    /// loss is measured here and held against its log's.
    #[arg(long)]
    pub probe: bool,
    /// A rehearsal: run this program and build nothing. The outcome is at best undecided, and verification.toml says why.
    #[arg(long, value_name = "FILE", conflicts_with = "against")]
    pub program: Option<PathBuf>,
    /// Most seconds that a run may keep off its log's clock, beside the warm-up [default: 300, and with more a verdict does
    /// not count; with less, no rejection].
    #[arg(long, value_name = "SECONDS")]
    pub unclocked_limit: Option<u64>,
    /// Most seconds of warm-up in a run [default: 300, and with more a verdict does not count; with less, no rejection].
    #[arg(long, value_name = "SECONDS")]
    pub warm_up_limit: Option<u64>,
    /// Run a stranger's code without a sandbox; verification.toml says so.
    #[arg(long)]
    pub no_sandbox: bool,
    /// What could not be told and you have looked at, with why it holds: for eval-time, wall-time, verify-evaluations and
    /// verify-clock. It stands in verification.toml, signed by you. May be repeated.
    #[arg(long, value_name = "RULE=REASON", requires = "sign")]
    pub looked_at: Vec<Review>,
    /// Replace a signed verification that is there, as after an appeal.
    #[arg(long)]
    pub replace: bool,
    /// Who verifies, for verification.toml.
    #[arg(long, value_name = "NAME")]
    pub verifier: String,
    /// Sign with this SSH key.
    #[arg(long, value_name = "KEYFILE")]
    pub sign: Option<PathBuf>,
    /// Other categories than the official ones; a verdict counts on the leaderboard that has the same.
    #[arg(long, value_name = "FILE.toml")]
    pub categories: Option<PathBuf>,
}

/// Exit code 0 where the record is verified, 1 where it is rejected, 3 where it is undecided.
pub fn run(args: &VerifyRecordArgs) -> Result<Done> {
    if !args.replace {
        refuse_signed(&args.record)?;
    }
    let categories = categories(args)?;
    let challenger = Subject::read(&args.record)?;
    let category = categories
        .list
        .iter()
        .find(|category| category.id == challenger.category);
    let category = category.ok_or(Usage(
        "the record's category is none of these: name its file by --categories",
    ))?;
    refuse_no_data(category, args.data.is_some())?;
    let signer = args.sign.as_deref().map(signer).transpose()?;
    let options = options(args)?;
    let known = args
        .data
        .as_deref()
        .map(|dir| known_data(dir, &args.record))
        .transpose()?;
    let (data, leak_scan, validation) = match known {
        Some(known) => (Some(known.digests), Some(known.leak_scan), Some(known.validation)),
        None => (None, None, None),
    };
    let broken = broken_rules(
        &args.record,
        category,
        &categories,
        &args.records,
        leak_scan.as_ref(),
    )?;
    if !broken.is_empty() {
        outln!("{}: not run, since it breaks rules as it is", challenger.side.id);
        say(&broken);
        outln!(
            "  `blueberry leaderboard --reject {} --by NAME --reason RULES` enters that into the ledger",
            challenger.side.id
        );
        return Ok(Done::No);
    }
    let standing = standing(&args.records, &categories, category, &challenger.side.id)?;
    let record = to_beat(args, standing.as_deref())?;
    let request = Request {
        challenger: &challenger,
        record: record.as_ref(),
        repository: &args.repository,
        work: args.work.clone(),
        options,
        judge: Judge {
            category,
            plausibility: categories.plausibility.as_ref(),
            leak_scan: leak_scan.as_ref(),
            data: data.as_ref(),
            standing: standing.as_deref(),
            host: &Host::of_this_machine(),
        },
        validation: validation.as_deref().filter(|_| args.probe),
        own_program: Some(std::env::current_exe().context("cannot tell where this program lies")?),
        reviews: args.looked_at.clone(),
        verifier: args.verifier.clone(),
        signer: signer.as_ref(),
    };
    let listed = is_signer_listed(args, signer.as_ref())?;
    warn(&reasons_not_to_count(args, &request.options.conditions, listed));
    carry_out(&request, args)
}

/// What is known before hours of runs of why a leaderboard will not hear the verdict.
fn reasons_not_to_count(args: &VerifyRecordArgs, conditions: &Conditions, listed: bool) -> Vec<&'static str> {
    let usual = Conditions::new(Sandbox::None);
    let reasons = [
        (
            args.sign.is_some() && !listed,
            "its key is not in the list of verifiers, `verifiers` in the folder of records",
        ),
        (
            args.sign.is_none(),
            "it is not signed: once the runs are over, the same command with --sign KEYFILE signs it and runs nothing again",
        ),
        (!args.seeds.is_empty(), "its verifier chose the seeds"),
        (args.no_sandbox, "the code runs without a sandbox"),
        (args.program.is_some(), "nothing is built"),
        (
            conditions.unclocked_limit_s > usual.unclocked_limit_s
                || conditions.warm_up_limit_s > usual.warm_up_limit_s,
            "its limits of time off the clock are higher than a leaderboard's",
        ),
        (
            conditions.unclocked_limit_s < usual.unclocked_limit_s
                || conditions.warm_up_limit_s < usual.warm_up_limit_s,
            "where it rejects: its limits of time off the clock are lower than a leaderboard's",
        ),
    ];
    let true_ones = reasons.into_iter().filter(|(is_so, _)| *is_so);
    true_ones.map(|(_, reason)| reason).collect()
}

/// Whether the key that signs stands in the list of verifiers, where there is either.
fn is_signer_listed(args: &VerifyRecordArgs, signer: Option<&Signer>) -> Result<bool> {
    let list = std::fs::read_to_string(args.records.join(VERIFIERS_FILE));
    Ok(match (list, signer) {
        (Ok(list), Some(signer)) => is_listed(&list, &signer.public_key()?)?,
        _ => false,
    })
}

fn warn(reasons: &[&str]) {
    if !reasons.is_empty() {
        outln!("The verdict will not count on a leaderboard:");
    }
    for reason in reasons {
        outln!("  {reason}");
    }
}

fn carry_out(request: &Request, args: &VerifyRecordArgs) -> Result<Done> {
    let meter = Meter::spinner(BETWEEN_LINES);
    let verification = verify(request, &mut |progress| show(&meter, progress))?;
    meter.clear();
    let written = write(&verification, &args.work, &args.record, request.signer)?;
    print(&verification);
    for path in written {
        outln!("  wrote {}", path.display());
    }
    Ok(match verification.outcome {
        Outcome::Verified => Done::Yes,
        Outcome::Rejected => Done::No,
        Outcome::Undecided => Done::CannotTell,
    })
}

/// The record to run beside the challenger: the one that is named, or that stands. A program that is given is the
/// challenger's alone.
fn to_beat(args: &VerifyRecordArgs, standing: Option<&str>) -> Result<Option<Subject>> {
    let path = match (&args.against, standing) {
        (Some(path), _) => path.clone(),
        (None, Some(id)) if !args.alone && args.program.is_none() => args.records.join(id),
        _ => return Ok(None),
    };
    Ok(Some(Subject::read(&path)?))
}

fn categories(args: &VerifyRecordArgs) -> Result<Categories> {
    let Some(path) = &args.categories else {
        return Ok(Categories::official());
    };
    let text = std::fs::read_to_string(path).with_context(|| format!("cannot read `{}`", path.display()))?;
    Ok(Categories::parse(&text)?)
}

fn signer(path: &Path) -> Result<Signer> {
    let passphrase = std::env::var(PASSPHRASE_VARIABLE).ok();
    Ok(Signer::open(path, passphrase.as_deref())?)
}

fn options(args: &VerifyRecordArgs) -> Result<Options> {
    let sandbox = if args.no_sandbox {
        Sandbox::None
    } else {
        Sandbox::find().ok_or(VerifyError::NoSandbox)?
    };
    let mut conditions = Conditions {
        device: args.device.clone(),
        ..Conditions::new(sandbox)
    };
    if let Some(limit_s) = args.unclocked_limit {
        conditions.unclocked_limit_s = limit_s;
    }
    if let Some(limit_s) = args.warm_up_limit {
        conditions.warm_up_limit_s = limit_s;
    }
    if let Some(dir) = &args.data {
        conditions = conditions.with_data(std::path::absolute(dir).context("no current folder")?);
    }
    if args.probe {
        conditions = conditions.with_probe();
    }
    if let Some(path) = &args.program {
        conditions = conditions.with_program(std::path::absolute(path).context("no current folder")?)?;
    }
    Ok(Options {
        seeds: args.seeds.clone(),
        runs: args.runs,
        conditions,
    })
}

/// The verifier's data, on which every run is.
struct KnownData {
    /// Its digests, once its files were held against them.
    digests: DataDigests,
    /// What a scan of it finds.
    leak_scan: LeakScan,
    /// Its validation set.
    validation: Vec<u16>,
}

/// The data in `dir`, which must be that of `record`.
fn known_data(dir: &Path, record: &Path) -> Result<KnownData> {
    let dataset = Dataset::open(dir)?;
    hold_against_digests(&dataset)?;
    let manifest = dataset.manifest();
    let digests = DataDigests {
        manifest_sha256: dataset.manifest_sha256().to_owned(),
        validation_sha256: manifest.validation.sha256.clone(),
        tokenizer_sha256: manifest.tokenizer.sha256.clone(),
        train_tokens: dataset.train_tokens(),
        extra: Default::default(),
    };
    refuse_other_data(record, &digests)?;
    Ok(KnownData {
        digests,
        leak_scan: leak_scan(&dataset)?,
        validation: dataset.validation_tokens()?,
    })
}

fn leak_scan(dataset: &Dataset) -> Result<LeakScan> {
    let overlap = scan_data(dataset, 1)?;
    Ok(LeakScan {
        first: first_place(&overlap),
        manifest_sha256: overlap.manifest_sha256,
        overlapping_windows: overlap.overlapping_windows,
        covered_targets: overlap.covered_targets,
    })
}

fn first_place(overlap: &Overlap) -> Option<String> {
    let place = overlap.places.first()?;
    Some(format!(
        "{} from token {}: {} tokens",
        place.file, place.offset, place.tokens
    ))
}

fn show(meter: &Meter, progress: Progress) {
    match progress {
        Progress::GoesOn { done, of } if done == of => {
            meter.say("every run is over and none is made again; another --work begins anew");
        }
        Progress::GoesOn { done, of } => meter.say(&format!("goes on: {done} of {of} runs are over")),
        Progress::Checking { seconds } => {
            meter.message(format!("checking the device, {}", duration(seconds)));
        }
        Progress::Preparing { role, step, seconds } => {
            meter.message(format!("{}: {step}, {}", role.name(), duration(seconds)));
        }
        Progress::Running { turn, of, seconds } => {
            let (number, role, seed) = (turn.number + 1, turn.role.name(), turn.seed);
            meter.message(format!(
                "run {number} of {of}: {role}, seed {seed}, {}",
                duration(seconds)
            ));
        }
        Progress::Probing { seconds } => meter.message(format!("probing the model, {}", duration(seconds))),
        Progress::Finished { turn, of, seconds } => {
            let (number, role, seed) = (turn.number + 1, turn.role.name(), turn.seed);
            meter.say(&format!(
                "run {number} of {of}: {role}, seed {seed}: {}",
                duration(seconds)
            ));
        }
    }
}

fn print(verification: &Verification) {
    outln!(
        "{}: {}{}",
        verification.record,
        outcome(verification.outcome),
        match (verification.outcome, verification.short_of()) {
            (Outcome::Verified, Some(_)) =>
                ", but no record: it was not shown to be better than the one that stands",
            _ => "",
        }
    );
    if let Some(figure) = verification
        .challenger
        .as_ref()
        .and_then(|summary| summary.figure.as_ref())
    {
        outln!("  measured  {}", figure.text(4));
    }
    if let Some(claimed) = verification.claimed {
        outln!("  claimed   {claimed:.4}");
    }
    if let Some(comparison) = &verification.comparison {
        let p = comparison
            .test
            .map_or("cannot tell".to_owned(), |test| format!("p = {:.2e}", test.p));
        outln!(
            "  against   {}: {:+.4} over {} pairs, {p}",
            one_line(&comparison.record),
            comparison.difference,
            comparison.pairs
        );
    }
    say(&verification.findings);
    for review in &verification.reviews {
        outln!("  looked at {}: {}", review.rule, one_line(&review.reason));
    }
    outln!(
        "  {} rules hold; sandbox: {}",
        verification.holds.len(),
        verification.sandbox
    );
}

fn say(findings: &[Finding]) {
    for finding in findings {
        let what = match finding.answer {
            Answer::Fail { .. } if finding.rule == "beats-record" => "no record",
            Answer::Fail { .. } => "FAILED",
            _ => "cannot tell",
        };
        let run = finding
            .run
            .as_deref()
            .map_or(String::new(), |run| format!(" ({run})"));
        outln!(
            "  {what}  {}{run}: {}",
            finding.rule,
            one_line(finding.answer.words())
        );
    }
}

fn outcome(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Verified => "verified",
        Outcome::Rejected => "REJECTED",
        Outcome::Undecided => "undecided",
    }
}
