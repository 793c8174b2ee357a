//! A record's README: its table of figures is held against the logs, the prose around it is the author's.

use blueberry_rules::{Claim, Summary};

use crate::figures::figure_text;
use crate::record::Record;

/// Name of the file.
pub const README_FILE: &str = "README.md";

const BEGIN: &str = "<!-- figures: made from the logs and checked against them -->";
const END: &str = "<!-- end of figures -->";
const MEAN: &str = "mean";

/// The README of a new record.
#[must_use]
pub fn readme(record: &Record, summary: &Summary, category_name: &str) -> String {
    let title = escaped(&record.title);
    let signed = if record.public_key.is_some() {
        "signed (`record.toml.sig`)"
    } else {
        "not signed"
    };
    let patch = if record.source.patch_sha256.is_some() {
        ", with `source.patch` on top"
    } else {
        ""
    };
    let parent = record
        .parent
        .as_ref()
        .map_or_else(String::new, |parent| format!("\nBuilds on `{parent}`.\n"));
    format!(
        "# {title}\n\n{category_name}, by {author}, {date}.\n{parent}\n![Loss over targets consumed](curve.png)\n\n{table}\n\
         ## What is new\n\nSay here what you changed and why it helps. Everything outside the table of figures is yours.\n\n\
         ## Check it\n\n```sh\nblueberry check records/{id}      # runs nothing\n\
         blueberry verify records/{id} --verifier NAME --data DATA --probe --sign KEY      # runs it again\n```\n\n\
         The source is commit `{commit}`{patch}. The record is {signed}.\n",
        author = escaped(&record.author),
        date = record.date,
        table = table(summary),
        id = record.id(),
        commit = record.source.commit,
    )
}

/// The table of figures, its markers included.
#[must_use]
pub fn table(summary: &Summary) -> String {
    let names: Vec<&str> = names(summary);
    let mut rows = vec![
        row(["run", "seed"].into_iter().chain(names.iter().copied())),
        "|---".repeat(names.len() + 2) + "|",
    ];
    for run in &summary.runs {
        let seed = run.seed.to_string();
        let figures = names.iter().map(|name| {
            run.figures
                .get(*name)
                .map_or_else(String::new, |&value| figure_text(name, value))
        });
        rows.push(row([run.run.clone(), seed].into_iter().chain(figures)));
    }
    let means = summary.figures();
    let figures = names.iter().map(|name| {
        means
            .get(*name)
            .map_or_else(String::new, |figure| figure_text(name, figure.mean))
    });
    rows.push(row([MEAN.to_owned(), String::new()].into_iter().chain(figures)));
    format!("{BEGIN}\n\n{}\n\n{END}\n", rows.join("\n"))
}

/// The names of figures that some run has, in order.
fn names(summary: &Summary) -> Vec<&str> {
    let mut names: Vec<&str> = summary
        .runs
        .iter()
        .flat_map(|run| run.figures.keys().map(String::as_str))
        .collect();
    names.sort_unstable();
    names.dedup();
    names
}

fn row<T: AsRef<str>>(cells: impl IntoIterator<Item = T>) -> String {
    let cells: Vec<String> = cells
        .into_iter()
        .map(|cell| format!(" {} |", cell.as_ref()))
        .collect();
    format!("|{}", cells.concat())
}

/// The part of a README between the markers, these included; `None` where they are not there exactly once.
#[must_use]
pub fn table_of(readme: &str) -> Option<&str> {
    let once = |marker| {
        let mut places = readme.match_indices(marker);
        places
            .next()
            .filter(|_| places.next().is_none())
            .map(|(at, _)| at)
    };
    let (begin, end) = (once(BEGIN)?, once(END)?);
    readme.get(begin..end + END.len())
}

/// Columns and rows of a table that are read: as many figures and runs no record has, and the check `record-readme` finds a
/// table that is not the one of the logs.
const MOST_COLUMNS: usize = 32;
const MOST_ROWS: usize = 256;
/// Characters of a cell that are read.
const MOST_CHARACTERS: usize = 128;

/// The figures that a README's table states, for the judge.
#[must_use]
pub fn claims(readme: &str) -> Vec<Claim> {
    let Some(table) = table_of(readme) else {
        return Vec::new();
    };
    let first_line = readme[..readme.find(BEGIN).unwrap_or_default()].lines().count() + 1;
    let mut names: Vec<&str> = Vec::new();
    let mut claims = Vec::new();
    for (index, line) in table
        .lines()
        .enumerate()
        .filter(|(_, line)| line.starts_with('|'))
        .take(MOST_ROWS)
    {
        let cells = line.trim_matches('|').split('|').take(MOST_COLUMNS);
        let cells: Vec<&str> = cells.map(|cell| start(cell.trim())).collect();
        if names.is_empty() {
            names = cells;
        } else if !line.starts_with("|---") {
            claims.extend(row_claims(&names, &cells, first_line + index));
        }
    }
    claims
}

fn start(cell: &str) -> &str {
    cell.char_indices()
        .nth(MOST_CHARACTERS)
        .map_or(cell, |(end, _)| &cell[..end])
}

/// The figures of a row, whose first two cells are run and seed.
fn row_claims<'a>(names: &'a [&str], cells: &'a [&str], line: usize) -> impl Iterator<Item = Claim> + 'a {
    let run = cells
        .first()
        .copied()
        .filter(|&run| run != MEAN)
        .map(str::to_owned);
    names
        .iter()
        .zip(cells)
        .skip(2)
        .filter(|(_, text)| !text.is_empty())
        .map(move |(name, text)| Claim {
            place: format!("{README_FILE}:{line}"),
            run: run.clone(),
            name: (*name).to_owned(),
            text: (*text).to_owned(),
        })
}

/// A stranger's line without the power to format or link.
fn escaped(text: &str) -> String {
    let mut safe = String::new();
    for letter in text.chars() {
        match letter {
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '&' => safe.push_str("&amp;"),
            '@' => safe.push_str("&#64;"),
            letter if letter.is_ascii_punctuation() && !",.:+-%".contains(letter) => {
                safe.extend(['\\', letter])
            }
            letter => safe.push(letter),
        }
    }
    safe
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::tests::record;
    use crate::testing::{categories, claim_runs};

    fn text() -> (String, Summary) {
        let categories = categories();
        let summary = Summary::of(&categories.list[0], &claim_runs());
        (readme(&record(), &summary, "Small"), summary)
    }

    #[test]
    fn the_table_is_found_again_and_every_figure_is_a_claim() {
        let (readme, summary) = text();
        assert_eq!(
            table_of(&readme).map(|table| table.to_owned() + "\n"),
            Some(table(&summary))
        );
        let claims = claims(&readme);
        let figures: usize = summary.runs.iter().map(|run| run.figures.len()).sum();
        assert_eq!(claims.len(), figures + summary.figures().len());
        let mean = claims
            .iter()
            .find(|claim| claim.run.is_none() && claim.name == "tokens")
            .unwrap();
        assert_eq!(mean.text, "1024");
        let line: usize = mean.place.strip_prefix("README.md:").unwrap().parse().unwrap();
        assert!(
            readme.lines().nth(line - 1).unwrap().starts_with("| mean |"),
            "{}",
            mean.place
        );
    }

    /// 300 KB of which every row would repeat a long name.
    #[test]
    fn a_hostile_table_makes_few_and_short_claims() {
        let name = "x".repeat(1_000);
        let head = format!("| run | seed |{}", format!(" {name} |").repeat(200));
        let rows = format!("| 1 | 1 |{}\n", "1|".repeat(200)).repeat(400);
        let claims = claims(&format!("{BEGIN}\n{head}\n{rows}\n{END}\n"));
        assert_eq!(claims.len(), (MOST_COLUMNS - 2) * (MOST_ROWS - 1));
        let bytes: usize = claims
            .iter()
            .map(|claim| claim.name.len() + claim.text.len() + claim.place.len())
            .sum();
        assert!(bytes < 4 << 20, "{bytes} bytes");
    }

    #[test]
    fn a_table_without_markers_or_with_two_is_none() {
        let (readme, _) = text();
        assert_eq!(table_of(&readme.replace(END, "")), None);
        assert_eq!(table_of(&format!("{readme}{BEGIN}")), None);
        assert_eq!(table_of(&format!("{END}{}", readme.replace(END, ""))), None);
        assert!(claims("| no | table |").is_empty());
    }

    #[test]
    fn a_title_cannot_format_or_link() {
        let mut record = record();
        record.title = "[x](http://e) <img> @bob a|b".into();
        let (_, summary) = text();
        let first = readme(&record, &summary, "Small")
            .lines()
            .next()
            .unwrap()
            .to_owned();
        assert_eq!(first, r"# \[x\]\(http:\/\/e\) &lt;img&gt; &#64;bob a\|b");
    }
}
