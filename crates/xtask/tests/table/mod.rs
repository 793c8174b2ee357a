//! Reads the table of crates in ARCHITECTURE.md:
//! `| crates/<folder> | what lives there | may depend on | notes |`.

/// One crate, as the table has it.
#[derive(Debug, PartialEq, Eq)]
pub struct Row {
    /// The crate's folder under `crates/`.
    pub folder: String,
    /// Folders of the workspace crates that it may depend on; `all` stands for every row above.
    pub allowed: Vec<String>,
    /// The notes say "no GPU".
    pub no_gpu: bool,
}

/// A table that cannot be read.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum TableError {
    /// A row of another shape.
    #[error(
        "ARCHITECTURE.md:{line}: {found} columns; write `| crates/<folder> | what | may depend on | notes |`"
    )]
    Columns { line: usize, found: usize },
    /// The third column is blank.
    #[error("ARCHITECTURE.md:{line}: nothing under \"may depend on\"; write folder names, `all` or `none`")]
    Blank { line: usize },
    /// No row begins with `| crates/`.
    #[error("ARCHITECTURE.md: no table row begins with `| crates/`")]
    NoRows,
}

/// The rows of the table, top to bottom; every other line of the document is passed over.
pub fn parse(document: &str) -> Result<Vec<Row>, TableError> {
    let mut rows = Vec::new();
    for (index, line) in document.lines().enumerate() {
        if line.starts_with("| crates/") {
            rows.push(parse_row(line, index + 1, &rows)?);
        }
    }
    if rows.is_empty() {
        Err(TableError::NoRows)
    } else {
        Ok(rows)
    }
}

fn parse_row(text: &str, line: usize, above: &[Row]) -> Result<Row, TableError> {
    let cells: Vec<_> = text.trim().trim_matches('|').split('|').map(str::trim).collect();
    let [place, _, allowed, notes] = cells[..] else {
        return Err(TableError::Columns {
            line,
            found: cells.len(),
        });
    };
    let allowed = match allowed {
        "" => return Err(TableError::Blank { line }),
        "none" => Vec::new(),
        "all" => above.iter().map(|row| row.folder.clone()).collect(),
        names => names.split(',').map(|name| name.trim().to_owned()).collect(),
    };
    Ok(Row {
        folder: place.trim_start_matches("crates/").to_owned(),
        allowed,
        no_gpu: notes.contains("no GPU"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(folder: &str, allowed: &[&str], no_gpu: bool) -> Row {
        let allowed = allowed.iter().map(|&name| name.to_owned()).collect();
        Row {
            folder: folder.to_owned(),
            allowed,
            no_gpu,
        }
    }

    #[test]
    fn reads_rows_and_passes_over_prose() {
        let document = "\
# Map
Text with crates/none in it.
| place | what lives there | may depend on | notes |
|---|---|---|---|
| crates/log | the log | none | no GPU; wasm |
| crates/net | the net | log, maths |  |
| crates/app | the binary | all | |
| shaders/ | WGSL | | |
";
        let expected = [
            row("log", &[], true),
            row("net", &["log", "maths"], false),
            row("app", &["log", "net"], false),
        ];
        assert_eq!(parse(document).unwrap(), expected);
    }

    #[test]
    fn a_row_of_another_shape_is_named_by_its_line() {
        let error = parse("\n| crates/log | the log | none |\n").unwrap_err();
        assert_eq!(error, TableError::Columns { line: 2, found: 3 });
        let error = parse("| crates/log | a | b | c | d |").unwrap_err();
        assert_eq!(error, TableError::Columns { line: 1, found: 5 });
    }

    #[test]
    fn a_blank_column_is_not_none() {
        assert_eq!(
            parse("| crates/log | the log |  | |").unwrap_err(),
            TableError::Blank { line: 1 }
        );
    }

    #[test]
    fn a_document_without_the_table_is_an_error() {
        assert_eq!(parse("# Map\n").unwrap_err(), TableError::NoRows);
    }
}
