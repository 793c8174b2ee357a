//! LEADERBOARD.md.

use std::collections::BTreeMap;
use std::fmt::Write;

use super::reference::Reference;
use super::text::{cell, grouped, link, millions, row, seconds};
use super::{Leaderboard, Part, PublishedHead};
use crate::ranking::Flag;
use crate::{AskedBenchmark, Category, Entry, Figures, Ledger, Metric, Pin, RecordStatus, Tokens};

type Flags<'a> = BTreeMap<&'a str, Vec<Flag>>;

const OPENING: &str = "\
# Leaderboard

Four ways to race one model of about 151 million parameters. This page is made by `blueberry leaderboard` from the
folders in `records/`; whoever runs that gets the same bytes.

`train_s` counts training steps and pauses for validation, samples and checkpoints; `wall_s` does not pause. Both start
after the warm-up (kernel compilation and tuning), which stands in its own column. Losses are nats per token on the
validation set that the data's manifest fixes. A figure is the mean over all declared seeds with its 95 % interval. Only
what a verifier has run again has a rank, and the verifier's figures stand. A record falls to what is better than it at
p < 0.01, in runs by turns on one machine; what is not shown to be better shares its rank at best.
";

const CLOSING: &str = "\
## How to enter

[CONTRIBUTING.md](CONTRIBUTING.md#enter-a-category) has the steps: declare the seeds, train, check, submit.
";

/// The leaderboard for people.
#[must_use]
pub fn leaderboard_markdown(board: &Leaderboard) -> String {
    let flags = board.flags();
    let mut page = String::from(OPENING);
    for (index, part) in board.parts().iter().enumerate() {
        page.push_str(&format!("\n## {}. {}\n\n", index + 1, part.category.name));
        page.push_str(&section(part, &flags));
    }
    page.push('\n');
    page.push_str(CLOSING);
    page.push_str(&ledger(board));
    page
}

const LEDGER: &str = "The [ledger](records/ledger.jsonl) of submissions and verdicts has ";
const NO_ENTRIES: &str = "no entries yet.";
const ENDS_IN: &str = " entries and ends in\n`";

fn ledger(board: &Leaderboard) -> String {
    match board.ledger.entries().len() {
        0 => format!("\n{LEDGER}{NO_ENTRIES}\n"),
        entries => format!(
            "\n{LEDGER}{}{ENDS_IN}{}`.\n",
            grouped(entries as u64),
            board.ledger.head()
        ),
    }
}

/// Where the ledger was when a LEADERBOARD.md was made; `None` where its last sentence does not say so.
#[must_use]
pub fn page_head(page: &str) -> Option<PublishedHead> {
    let (_, sentence) = page.rsplit_once(LEDGER)?;
    if sentence.trim_end() == NO_ENTRIES {
        let ledger_sha256 = Ledger::default().head().to_owned();
        return Some(PublishedHead {
            ledger_entries: 0,
            ledger_sha256,
        });
    }
    let (entries, rest) = sentence.split_once(ENDS_IN)?;
    Some(PublishedHead {
        ledger_entries: entries.replace(',', "").parse().ok()?,
        ledger_sha256: rest.split_once('`')?.0.to_owned(),
    })
}

fn section(part: &Part, flags: &Flags) -> String {
    let category = part.category;
    let mut text = asks(category) + "\n\n" + &table_head(category);
    for ranked in &part.ranked {
        text += &entry_row(category, &ranked.rank.to_string(), ranked.entry, flags);
    }
    for entry in &part.pending {
        text += &entry_row(category, "", entry, flags);
    }
    if part.ranked.is_empty() && part.pending.is_empty() {
        let mut cells = vec![String::new(); columns(category).len() + 8];
        cells[1] = "no record yet".into();
        text += &row(cells);
    }
    if let Some(reference) = part.reference {
        text += &reference_row(category, reference);
    }
    text += &progression(part);
    text + &history(part, flags)
}

/// What a category asks, in sentences.
fn asks(category: &Category) -> String {
    let mut text = match (category.metric, category.loss_below) {
        (Metric::TrainS, _) => "Ranked by `train_s`.".to_owned(),
        (Metric::ValLoss, _) => "Ranked by the final validation loss.".to_owned(),
        (Metric::WallSToLoss, bar) => format!(
            "Ranked by `wall_s` at the end of the first scheduled evaluation under {}.",
            bar.unwrap_or_default()
        ),
    };
    let mut add = |sentence: String| text.extend([" ", &sentence]);
    match category.tokens {
        Some(Tokens::Count(tokens)) => add(format!("{} targets.", grouped(tokens))),
        Some(Tokens::WholeDataset(_)) => add("The whole data set.".into()),
        None => {}
    }
    if let Some(band) = category.parameters {
        add(format!(
            "{} to {} parameters.",
            grouped(band.least),
            grouped(band.most)
        ));
    }
    if let (Some(bar), Metric::TrainS | Metric::ValLoss) = (category.loss_below, category.metric) {
        add(format!("Final validation loss under {bar}."));
    }
    if let Some(limit) = category.time {
        let word = if limit.inclusive { "At most" } else { "Under" };
        add(format!("{word} {} s of `wall_s`.", grouped(limit.seconds as u64)));
    }
    if category.manifest != Pin::Any {
        add("Official data only.".into());
    }
    if !category.benchmarks.is_empty() {
        let names = category.benchmarks.iter().map(|asked| asked.name.as_str());
        let names = names.collect::<Vec<_>>().join(", ");
        add(format!("Then the benchmarks: {names}."));
    }
    add(format!("At least {} seeds", category.seeds));
    if let Some(hardware) = &category.hardware {
        text += &format!(" on one {hardware}");
    }
    text + "."
}

/// The columns between author and parameters: heading and figure.
fn columns(category: &Category) -> Vec<(&'static str, &'static str)> {
    let warmup = ("warm-up (s)", "warmup_s");
    match category.metric {
        Metric::TrainS => vec![
            ("`train_s`", ""),
            ("`wall_s`", "wall_s"),
            warmup,
            ("val loss", "val_loss"),
        ],
        Metric::WallSToLoss => vec![
            ("`wall_s` to the loss", ""),
            ("targets", "tokens_to_loss"),
            ("`train_s`, whole run", "train_s"),
            warmup,
            ("final val loss", "val_loss"),
        ],
        Metric::ValLoss => {
            let mut columns = vec![("val loss", "")];
            columns.extend((!category.benchmarks.is_empty()).then_some(("benchmarks", "benchmarks")));
            columns.extend([("`wall_s`", "wall_s"), ("`train_s`", "train_s"), warmup]);
            columns
        }
    }
}

fn table_head(category: &Category) -> String {
    let figures = columns(category)
        .into_iter()
        .map(|(heading, _)| heading.to_owned());
    let mut cells = vec!["rank".to_owned(), "author".to_owned()];
    cells.extend(figures);
    let last = [
        "parameters (in products)",
        "seeds",
        "hardware",
        "status",
        "date",
        "record",
    ];
    cells.extend(last.map(String::from));
    let line = "|---".repeat(cells.len()) + "|\n";
    row(cells) + &line
}

fn entry_row(category: &Category, rank: &str, entry: &Entry, flags: &Flags) -> String {
    let figures = entry.standing();
    let mut cells = vec![rank.to_owned(), cell(&entry.author)];
    cells.extend(
        columns(category)
            .iter()
            .map(|(_, name)| figure_cell(category, figures, name)),
    );
    let mean = |name: &str| {
        figures
            .means
            .get(name)
            .map_or_else(|| "?".into(), |&value| millions(value))
    };
    cells.push(format!("{} ({})", mean("parameters"), mean("matmul_parameters")));
    // The seeds of the figure that stands: a verifier runs its own.
    let seeds = figures
        .figure
        .as_ref()
        .map_or(entry.seeds.len(), |figure| figure.values.len());
    cells.push(seeds.to_string());
    cells.push(cell(&figures.hardware));
    cells.push(status(entry, flags));
    cells.push(cell(&entry.date));
    cells.push(link(&entry.title, entry.link.as_deref()));
    row(cells)
}

fn figure_cell(category: &Category, figures: &Figures, name: &str) -> String {
    match name {
        "" => figures
            .figure
            .as_ref()
            .map_or_else(String::new, |figure| figure.text(category.metric.decimals())),
        "benchmarks" => benchmarks(category, figures),
        name => figures
            .means
            .get(name)
            .map_or_else(String::new, |&value| number(name, value)),
    }
}

fn number(name: &str, value: f64) -> String {
    match name {
        "val_loss" => format!("{value:.3}"),
        "tokens_to_loss" => millions(value),
        _ => seconds(value),
    }
}

fn benchmarks(category: &Category, figures: &Figures) -> String {
    let result = |asked: &AskedBenchmark| {
        let name = &asked.name;
        Some(format!("{name} {:.3}", figures.benchmarks.get(name)?))
    };
    category
        .benchmarks
        .iter()
        .filter_map(result)
        .collect::<Vec<_>>()
        .join(", ")
}

fn status(entry: &Entry, flags: &Flags) -> String {
    let mut text = match entry.status {
        RecordStatus::Pending => "pending",
        RecordStatus::Verified => "verified",
        RecordStatus::Rejected => "rejected",
        RecordStatus::Revoked => "revoked",
    }
    .to_owned();
    if let Some(record) = &entry.short_of
        && entry.status == RecordStatus::Verified
    {
        text += &format!("; not shown to be better than {}", cell(record));
    }
    for rule in &entry.looked_at {
        text += &format!("; {} looked at", cell(rule));
    }
    for flag in flags.get(entry.id.as_str()).into_iter().flatten() {
        text += &match flag {
            Flag::BuiltOnRevoked { record } => format!("; built on {}, which was revoked", cell(record)),
            Flag::UnknownParent { record } => format!("; built on {}, which is not here", cell(record)),
            Flag::SameLogs { record } => format!("; has a log of {}", cell(record)),
            Flag::NotCompared { record } => format!("; not compared with {}", cell(record)),
            Flag::BetterBeside { record } => format!("; better than {} in runs beside it", cell(record)),
            Flag::SameRecipe { record } => format!("; has the source and settings of {}", cell(record)),
        };
    }
    text
}

fn reference_row(category: &Category, reference: &Reference) -> String {
    let mut cells = vec![String::new(), "*the reference system*".into()];
    cells.extend(
        columns(category)
            .into_iter()
            .map(|(_, name)| match (name, category.metric) {
                ("", Metric::ValLoss) | ("val_loss", _) => format!("{:.3}", reference.val_loss),
                ("wall_s", _) => seconds(reference.clock_s),
                _ => String::new(),
            }),
    );
    cells.extend(["151.0M (151.0M)", "1", reference.hardware, "unverified", ""].map(String::from));
    cells.push(format!(
        "{} targets; {}",
        millions(reference.tokens as f64),
        reference.note
    ));
    row(cells)
}

fn progression(part: &Part) -> String {
    let mut text = String::new();
    if part.progression.is_empty() {
        return text;
    }
    let decimals = part.category.metric.decimals();
    let _ = write!(
        text,
        "\nThe record over time ([picture](records/{}/progression.svg)):\n\n| date | {} | author | record |\n|---|---|---|---|\n",
        part.category.id,
        columns(part.category)[0].0
    );
    for entry in &part.progression {
        let figure = entry
            .standing()
            .figure
            .as_ref()
            .map_or_else(String::new, |figure| figure.text(decimals));
        text += &row([
            cell(entry.since()),
            figure,
            cell(&entry.author),
            link(&entry.title, entry.link.as_deref()),
        ]);
    }
    text
}

fn history(part: &Part, flags: &Flags) -> String {
    if part.history.is_empty() {
        return String::new();
    }
    let head = "\nOutside the table: beaten by a later run of the same author, rejected or revoked.\n\n";
    let rows = part
        .history
        .iter()
        .map(|entry| entry_row(part.category, "", entry, flags));
    format!("{head}{}{}", table_head(part.category), rows.collect::<String>())
}
