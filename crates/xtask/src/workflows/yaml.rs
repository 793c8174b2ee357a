//! YAML as a list of its scalars, each with the path to it: what a lint needs, and nothing to look up in a tree.

use std::collections::BTreeSet;

use saphyr_parser::{Event, Parser, ScanError};

/// A scalar, or an empty mapping or sequence.
#[derive(Debug, PartialEq)]
pub struct Leaf {
    /// Keys and indices from the root: `jobs`, `check`, `steps`, `0`, `uses`.
    pub path: Vec<String>,
    /// The scalar; `{}` and `[]` for what is empty.
    pub value: String,
    /// Its line, from 1: of a block, the first of its text.
    pub line: usize,
}

impl Leaf {
    /// The last part of the path.
    pub fn key(&self) -> &str {
        self.path.last().map_or("", String::as_str)
    }

    /// Whether the path begins with `parts`.
    pub fn is_below(&self, parts: &[&str]) -> bool {
        self.path.len() >= parts.len() && self.path.iter().zip(parts).all(|(a, b)| a == b)
    }
}

/// Text that is not the YAML of a workflow.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("line {}: {}", .0.marker().line(), .0.info())]
    Syntax(#[from] ScanError),
    #[error("line {line}: the key `{key}` comes twice; one of them is not read")]
    Twice { line: usize, key: String },
    #[error("line {line}: an alias (`*name`), behind which this check does not see; write it out")]
    Alias { line: usize },
    #[error("line {line}: a key that is no text")]
    Key { line: usize },
}

/// A collection that is open.
enum Open {
    /// With the key whose value comes next.
    Mapping {
        key: Option<String>,
        seen: BTreeSet<String>,
    },
    /// With the number of items so far.
    Sequence(usize),
}

/// The leaves of `text` in order.
///
/// # Errors
/// [`Error`], with the line.
pub fn leaves(text: &str) -> Result<Vec<Leaf>, Error> {
    let mut flattener = Flattener::default();
    for event in Parser::new_from_str(text) {
        let (event, span) = event?;
        flattener.take(event, span.start.line())?;
    }
    Ok(flattener.leaves)
}

#[derive(Default)]
struct Flattener {
    open: Vec<Open>,
    leaves: Vec<Leaf>,
    /// Number of leaves when each open collection began.
    began: Vec<usize>,
}

impl Flattener {
    fn take(&mut self, event: Event, line: usize) -> Result<(), Error> {
        match event {
            Event::Alias(_) => return Err(Error::Alias { line }),
            Event::Scalar(text, ..) => self.scalar(text.into_owned(), line)?,
            Event::MappingStart(..) => {
                let seen = BTreeSet::new();
                self.begin(Open::Mapping { key: None, seen }, line)?;
            }
            Event::SequenceStart(..) => self.begin(Open::Sequence(0), line)?,
            Event::MappingEnd => self.end("{}", line),
            Event::SequenceEnd => self.end("[]", line),
            _ => {}
        }
        Ok(())
    }

    fn scalar(&mut self, text: String, line: usize) -> Result<(), Error> {
        if let Some(Open::Mapping {
            key: key @ None,
            seen,
        }) = self.open.last_mut()
        {
            if !seen.insert(text.clone()) {
                return Err(Error::Twice { line, key: text });
            }
            *key = Some(text);
            return Ok(());
        }
        self.leaf(text, line);
        self.value_done();
        Ok(())
    }

    fn begin(&mut self, collection: Open, line: usize) -> Result<(), Error> {
        if let Some(Open::Mapping { key: None, .. }) = self.open.last() {
            return Err(Error::Key { line });
        }
        self.open.push(collection);
        self.began.push(self.leaves.len());
        Ok(())
    }

    fn end(&mut self, empty: &str, line: usize) {
        self.open.pop();
        if self.began.pop() == Some(self.leaves.len()) {
            self.leaf(empty.to_owned(), line);
        }
        self.value_done();
    }

    fn leaf(&mut self, value: String, line: usize) {
        let path = self.open.iter().map(|open| match open {
            Open::Mapping { key, .. } => key.clone().unwrap_or_default(),
            Open::Sequence(index) => index.to_string(),
        });
        let path = path.collect();
        self.leaves.push(Leaf { path, value, line });
    }

    fn value_done(&mut self) {
        match self.open.last_mut() {
            Some(Open::Mapping { key, .. }) => *key = None,
            Some(Open::Sequence(index)) => *index += 1,
            None => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn flat(text: &str) -> Vec<String> {
        let leaves = leaves(text).unwrap();
        leaves
            .iter()
            .map(|leaf| format!("{} {}={}", leaf.line, leaf.path.join("."), leaf.value))
            .collect()
    }

    #[test]
    fn scalars_have_their_path_and_line() {
        let text = "on:\n  push:\njobs:\n  a:\n    steps:\n      - uses: x\n      - run: |\n          one\n          two\n    needs: [b, c]\n";
        assert_eq!(
            flat(text),
            [
                "2 on.push=",
                "6 jobs.a.steps.0.uses=x",
                "8 jobs.a.steps.1.run=one\ntwo\n",
                "10 jobs.a.needs.0=b",
                "10 jobs.a.needs.1=c",
            ]
        );
    }

    #[test]
    fn what_is_empty_shows() {
        assert_eq!(
            flat("permissions: {}\nb: []\nc: {d: {}}\n"),
            ["1 permissions={}", "2 b=[]", "3 c.d={}"]
        );
    }

    #[test]
    fn what_cannot_be_judged_is_an_error_with_its_line() {
        for (text, part) in [
            ("a: 1\nb: [", "line "),
            ("a: 1\nb: 2\na: 3\n", "line 3: the key `a` comes twice"),
            ("a: &x 1\nb: *x\n", "line 2: an alias"),
            ("? {a: 1}\n: 2\n", "line 1: a key that is no text"),
        ] {
            let error = leaves(text).unwrap_err().to_string();
            assert!(error.contains(part), "{error}");
        }
    }
}
