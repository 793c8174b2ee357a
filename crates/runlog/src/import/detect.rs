//! The format by the first bytes.

use super::{ImportError, csv, llmc, tensorboard};

/// What a file seems to be.
pub(super) enum Found {
    RunLog,
    TensorBoard,
    Reference,
    LlmC,
    Csv {
        delimiter: u8,
    },
    /// Text in which steps may come late, as behind a program's source.
    Text,
}

/// Tells the format.
///
/// # Errors
/// [`ImportError::Unknown`] for nothing at all, and for bytes that are no text of any kind.
pub(super) fn detect(start: &[u8]) -> Result<Found, ImportError> {
    if tensorboard::is_start(start) {
        return Ok(Found::TensorBoard);
    }
    let text = start
        .strip_prefix(b"\xef\xbb\xbf")
        .unwrap_or(start)
        .trim_ascii_start();
    if text.is_empty() {
        return Err(ImportError::Unknown {
            why: "there is nothing in it",
        });
    }
    if text.contains(&0) {
        return Err(ImportError::Unknown {
            why: "it is binary, and no TensorBoard events",
        });
    }
    let line = text.split(|&byte| byte == b'\n').next().unwrap_or_default();
    if text.starts_with(b"{") {
        // Only our logs are an object a line, and each of them has an event.
        let is_own = line.windows(7).any(|window| window == b"\"event\"");
        return Ok(if is_own { Found::RunLog } else { Found::Reference });
    }
    if llmc::is_line(&String::from_utf8_lossy(line)) {
        return Ok(Found::LlmC);
    }
    Ok(csv::delimiter(line).map_or(Found::Text, |delimiter| Found::Csv { delimiter }))
}
