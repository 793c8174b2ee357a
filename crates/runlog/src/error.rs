//! What can be wrong with one line.

use thiserror::Error;

use crate::VERSION;

/// Why a line is not a line of a run log.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum ParseError {
    /// It is not JSON, or not the JSON that its event has.
    #[error("column {column}: {message}")]
    Json {
        /// Byte in the line where the parser stopped, from 1; 0 where it does not know.
        column: usize,
        /// The parser's words.
        message: String,
    },
    /// The log's version is not one that this build reads.
    #[error(
        "run log version {found}, this build reads up to {VERSION} (versions count from 1); use a build of its version"
    )]
    Version {
        /// The log's version.
        found: u64,
    },
    /// The first line is another event.
    #[error("the first line is `{found}`, but a run log begins with `run`")]
    NotRun {
        /// The event's name.
        found: String,
    },
    /// A later line is a `run` again.
    #[error("a second `run` line; a log holds one run")]
    SecondRun,
}

impl From<serde_json::Error> for ParseError {
    fn from(error: serde_json::Error) -> Self {
        // The parser sees one line, so its own "at line 1 column 7" would name the wrong line.
        let text = error.to_string();
        let place = format!(" at line {} column {}", error.line(), error.column());
        Self::Json {
            column: error.column(),
            message: shorten(text.strip_suffix(&place).unwrap_or(&text)),
        }
    }
}

/// Most letters of what a message quotes from a log.
const MOST_LETTERS: usize = 200;

/// A text that may hold a stranger's, cut where it is long.
pub(crate) fn shorten(text: &str) -> String {
    match text.char_indices().nth(MOST_LETTERS) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::ParseError;
    use crate::Run;

    #[test]
    fn what_a_message_quotes_is_cut() {
        let long = "ä".repeat(9999);
        let refused = |line: String| Run::parse(line.as_bytes()).unwrap_err();
        let ParseError::Json { message, .. } =
            refused(format!("{{\"event\":\"run\",\"version\":\"{long}\"}}\n"))
        else {
            panic!("a version is a number")
        };
        assert!(
            message.starts_with("invalid type: string") && message.ends_with('…'),
            "{message}"
        );
        assert_eq!(message.chars().count(), 201);
        let found = refused(format!("{{\"event\":\"{long}\"}}\n")).to_string();
        assert!(found.len() < 600, "{found}");
    }
}
